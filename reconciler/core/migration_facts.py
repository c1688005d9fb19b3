"""What the account tells about migrations: prices and discounts, who pays and how, and what is subscribed to already.

Moments are epoch seconds, UTC; amounts are minor units, as Decimal where a price has fractions of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from reconciler.core.address import Address
from reconciler.core.migrations import Named
from reconciler.core.sent_terms import SentTerms
from reconciler.core.source_facts import SourceFacts
from reconciler.core.values import Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceFacts:
    """A price as it is, or as this plan makes it (`id` None). `amounts` are what one unit costs by currency, None where
    that depends on usage or quantity (metered, tiered, by the customer's choice). `interval` is empty for a one-time
    price."""

    named: Named
    id: str | None
    product: Named
    currency: str
    amounts: Mapping[str, Decimal | None]
    interval: str
    interval_count: int = 1
    metered: bool = False
    active: bool = True
    tax_behavior: str = "unspecified"


@dataclass(frozen=True, slots=True, kw_only=True)
class CouponFacts:
    """A coupon: what it takes off, for how long (forever, once, repeating for `months`), and of which products (ids, or
    references to what this plan makes; empty: of all). `amounts_off` are by currency. `id` is None where this plan
    makes it."""

    id: str | None
    percent_off: Decimal | None = None
    amounts_off: Mapping[str, int] = field(default_factory=dict)
    duration: str = "forever"
    months: int | None = None
    products: frozenset[Named] = frozenset()
    valid: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RateFacts:
    """A tax rate: `percentage` of what is taxed, within the price (`inclusive`) or on top of it. `id` is None where
    this plan makes it."""

    id: str | None
    percentage: Decimal
    inclusive: bool
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Payer:
    """What a migration needs to know of a customer. `method`: has a default payment method or source; `latest` is the
    newest attached one, where it was asked for. `located`: Stripe Tax has enough of an address. `clocked`: is on a test
    clock, and so in no listing of schedules."""

    id: str
    currency: str | None = None
    method: bool = False
    latest: str | None = None
    email: bool = False
    located: bool = False
    clocked: bool = False
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A schedule or a subscription that is there. `object` is Stripe's name of what it is; `address` is the row that
    its marker names, where the marker is this project's; `project` whose marker it has. `keys` are its metadata, as
    far as rows are known by them. `digest`, `batch` and `attempt` are what the marker says of its row.

    `status` is Stripe's. `start` is when a schedule's first phase begins, or a subscription began; `products` what it
    is about, `prices` the ids of their prices, in all phases of a schedule. `schedule` is that of a subscription which
    has one, `subscription` the other way round, also where it was released. `source` is what the marker says of the
    subscription that it replaces in another account, as `acct_.../sub_...`. `shape` is that of the phases of a schedule
    that has not started, and `sent` what those of a row's schedule say.
    """

    object: str
    id: str
    customer: str
    status: str
    created: int
    start: int
    address: Address | None = None
    project: str | None = None
    keys: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""
    batch: str = ""
    attempt: int = 1
    products: frozenset[str] = frozenset()
    prices: frozenset[str] = frozenset()
    schedule: str | None = None
    subscription: str | None = None
    source: str = ""
    shape: int | None = None
    sent: SentTerms | None = None
    as_of: int = 0

    @property
    def waiting(self) -> bool:
        """Say whether it is a schedule that has not started: what can be changed and rolled back."""
        return self.object == "subscription_schedule" and self.status == "not_started"

    @property
    def billing(self) -> bool:
        """Say whether it bills somebody, or will."""
        if self.object == "subscription_schedule":
            return self.status in ("not_started", "active")
        return self.status not in ("canceled", "incomplete_expired")


class Holdings:
    """The schedules and subscriptions of an account, findable by row, by key and by customer."""

    def __init__(self, held: Iterable[Held]) -> None:
        self.by_id: dict[str, Held] = {}
        self.by_address: dict[Address, list[Held]] = {}
        self.by_key: dict[tuple[str, str], list[Held]] = {}
        self.by_customer: dict[str, list[Held]] = {}
        for one in held:
            self.by_id[one.id] = one
            if one.address is not None:
                self.by_address.setdefault(one.address, []).append(one)
            for name, key in one.keys.items():
                self.by_key.setdefault((name, key), []).append(one)
            if one.billing:
                self.by_customer.setdefault(one.customer, []).append(one)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    """All of it. `now` is Stripe's clock. `products` says which are active. `ids` are those of the resources that are
    there already, by reference: what this plan makes has none. `tax_active` is whether Stripe Tax is on, None where
    that is not known; `tax_behavior` is what it takes prices for that do not say whether they include it (inclusive,
    exclusive or inferred_by_currency), empty where nothing is set, or nothing known. `sources` are the accounts that
    rows come from, by migration, where there is one and it was looked at."""

    now: int
    livemode: bool
    prices: Mapping[Named, PriceFacts]
    products: Mapping[Named, bool]
    coupons: Mapping[Named, CouponFacts]
    rates: Mapping[Named, RateFacts]
    payers: Mapping[str, Payer]
    holdings: Holdings
    ids: Mapping[Ref, str] = field(default_factory=dict)
    tax_active: bool | None = None
    tax_behavior: str = ""
    sources: Mapping[str, SourceFacts] = field(default_factory=dict)
