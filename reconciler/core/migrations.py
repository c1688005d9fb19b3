"""Subscription migrations as declared: the blocks of the specs, and their rows as checked by themselves.

Moments are epoch seconds, UTC; amounts are integers in minor units. A price, product, coupon or tax rate is an id of
Stripe's, or a reference to a resource of the specs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from reconciler.core.address import Address
from reconciler.core.diagnostics import Diagnostic, SourceRange
from reconciler.core.values import Ref, Value, canonical, digest

KIND = "subscription_migration"

# Besides the marker, what a schedule and its subscription carry of their row.
BATCH = "billplan_batch"
ATTEMPT = "billplan_attempt"
BACKDATED = "billplan_backdate_start_date"
# Of a row that replaces a subscription of another account: which one, as `acct_.../sub_...`.
SOURCE = "billplan_source"
# Of a schedule whose prices were replaced: which ones it had before that.
FOLLOWED = "billplan_followed"

Named: TypeAlias = "str | Ref"


def row_address(migration: str, key: str) -> Address:
    """The address of a row: `subscription_migration.zuora-2026["sub_1"]`."""
    return Address(KIND, migration, key)


class Check(StrEnum):
    """What becomes of a row that fails a check of its account: an error, a warning, or nothing."""

    ERROR = "error"
    WARNING = "warning"
    OFF = "off"


# The checks that `checks:` may turn down, and that a row waives by naming them in its `waive` column.
DEFAULT_PAYMENT_METHOD = "default_payment_method"
TAX_LOCATION = "tax_location"
INVOICE_EMAIL = "invoice_email"
EXISTING_SUBSCRIPTION = "existing_subscription"
CHECKS = (DEFAULT_PAYMENT_METHOD, TAX_LOCATION, INVOICE_EMAIL, EXISTING_SUBSCRIPTION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with a row. `reason` is a stable slug that faults are counted by; `column` is called as in the
    file, empty where it is about the whole row; `summary` says what, with the value, `hint` the way out."""

    reason: str
    column: str
    summary: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdHoc:
    """A price made for one row: `price_data` of Stripe's. `amount` is what one of it costs an interval."""

    product: Named
    amount: int
    currency: str
    interval: str
    interval_count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What is subscribed to: a price or an ad-hoc one; `quantity` is None where none is said."""

    price: Named | None = None
    adhoc: AdHoc | None = None
    quantity: int | None = None

    @property
    def named(self) -> Named | None:
        """What it names: the price, or the product of an ad-hoc one."""
        if self.price is not None:
            return self.price
        return None if self.adhoc is None else self.adhoc.product


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """What the first invoice has besides: `add_invoice_items`."""

    product: Named
    amount: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Duration:
    """A length of time in calendar units: day, week, month or year."""

    interval: str
    interval_count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a row says, by the names of the toolkit's columns. `anchor` is billing_cycle_anchor, `backdate`
    backdate_start_date, `prorated` whether proration_behavior is create_prorations. `source_amount` is what the
    subscription comes to at its source each period, where the row tells."""

    customer: str
    start: int
    items: tuple[Item, ...]
    fees: tuple[Fee, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    anchor: int | None = None
    trial_end: int | None = None
    backdate: int | None = None
    prorated: bool = True
    collection_method: str = "charge_automatically"
    days_until_due: int | None = None
    automatic_tax: bool = False
    default_tax_rate: Named | None = None
    coupon: Named | None = None
    currency: str | None = None
    cancel_at_period_end: bool = False
    source_amount: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A declared row. `terms` is None where `faults` say why it cannot be read; faults may also be of rows that can.

    `waives` names checks that the row does without, `adopt` the schedule or subscription that it is already, `filters`
    the batches whose filter it passes. `source_subscription` is the id of what it replaces in another Stripe account.
    """

    key: str
    source: SourceRange
    terms: Terms | None
    faults: tuple[Fault, ...] = ()
    waives: frozenset[str] = frozenset()
    adopt: str | None = None
    filters: frozenset[str] = frozenset()
    source_subscription: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A part of the rows: the first `rows` in file order, `percent` by a hash of the key, those that pass the filter
    `where` (a column's allowed values, by column), or all that is left."""

    name: str
    rows: int | None = None
    percent: Decimal | None = None
    where: Mapping[str, tuple[str, ...]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Then:
    """A further phase: how long it lasts, or when it ends, and what is subscribed to in it. An empty `items` keeps
    those of the phase before; so do None for the others."""

    duration: Duration | None = None
    end: int | None = None
    items: tuple[Item, ...] = ()
    coupon: Named | None = None
    drop_coupon: bool = False
    prorated: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
    source: SourceRange | None = None


class Backdated(StrEnum):
    """What a row is billed for that is backdated and asks for prorations all the same: from which moment on."""

    FROM_START = "from_start_date"
    FROM_BACKDATE = "from_backdate"


class Missing(StrEnum):
    """What becomes of a row whose customer has no default payment method: it is refused, or a planned step makes the
    newest attached one the default."""

    REQUIRE = "require"
    SET_LATEST = "set_latest"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceAccount:
    """The Stripe account that subscriptions come from: where its keys are (env:NAME or file:PATH), never the keys.
    `api_base` is where that account is, None for where this one is."""

    read: str
    write: str | None = None
    api_base: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One block of `subscription_migrations`, with its rows in file order.

    `key` is the metadata name that identifies a row for ever; empty for inline rows that have none. `lead_time` is in
    seconds: a start must be that far ahead when a row is scheduled. `released` names the batches that a plan may
    schedule. `lasts` is how long a row's own terms last where `then` follows, None for one interval of its prices.
    `attempt` is raised to schedule once more what was rolled back. `csv` is the file's name as declared, and
    `delimiter` what separates its cells. `end_source`: each row's subscription at its source ends when the one here
    begins. `mapped` are the sorts of ids that have a map; `unit` is what amounts are written in (major or minor), empty
    where nothing says so.
    """

    name: str
    source: SourceRange
    origin: str = ""
    key: str = ""
    csv: str = ""
    delimiter: str = ","
    lead_time: int = 86400
    checks: Mapping[str, Check] = field(default_factory=dict)
    missing_method: Missing = Missing.REQUIRE
    batches: tuple[Batch, ...] = ()
    released: tuple[str, ...] = ()
    lasts: Duration | None = None
    then: tuple[Then, ...] = ()
    canceled: bool = False
    attempt: int = 1
    follow_prices: bool = False
    mid_cycle_by_subscription: bool = False
    backdated: Backdated | None = None
    source_account: SourceAccount | None = None
    end_source: bool = False
    mapped: frozenset[str] = frozenset()
    unit: str = ""
    rows: tuple[Row, ...] = ()

    def check(self, name: str) -> Check:
        """Say how serious a check is; all are errors unless turned down."""
        return self.checks.get(name, Check.ERROR)


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedMigrations:
    """All migrations that a project declares, by name."""

    migrations: tuple[Migration, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.migrations)

    def rows(self) -> Iterator[tuple[Migration, Row]]:
        """Go through every row with its migration."""
        for migration in self.migrations:
            for row in migration.rows:
                yield migration, row

    def addresses(self) -> Iterator[tuple[Address, SourceRange]]:
        """Go through the addresses of the blocks and their rows, each with its place."""
        for migration in self.migrations:
            yield Address(KIND, migration.name), migration.source
            for row in migration.rows:
                yield row_address(migration.name, row.key), row.source

    def faults(self) -> tuple[Diagnostic, ...]:
        """Say of every row that cannot be used what is wrong with it: an offline check takes them for errors."""
        return tuple(diagnosed(migration, row, fault) for migration, row in self.rows() for fault in row.faults)

    @property
    def said(self) -> Value:
        """What blocks and rows say, for the digest of the specs."""
        return [[m.name, digest(settings_said(m)), _digest_of(m.rows)] for m in self.migrations]


def _digest_of(rows: Iterable[Row]) -> str:
    """Name what rows say, one after the other: all of it at once would be a text of many megabytes."""
    named = hashlib.sha256()
    for row in rows:
        named.update(canonical([row.key, row_said(row)]).encode(errors="surrogatepass"))
    return named.hexdigest()


def diagnosed(migration: Migration, row: Row, fault: Fault) -> Diagnostic:
    """Put a fault as the error that it is, at the row's place."""
    where = f"{fault.column}: " if fault.column and not fault.summary.startswith(fault.column) else ""
    return Diagnostic(
        code="BP1701",
        summary=f"{where}{fault.summary}",
        address=row_address(migration.name, row.key) if row.key else None,
        source=row.source,
        hint=fault.hint,
    )


def row_said(row: Row) -> Value:
    """What a row says by itself: addresses where it names resources. Its place in the file is no part of it."""
    terms = row.terms
    if terms is None:
        return [sorted(f.reason for f in row.faults)]
    return [
        [terms.customer, terms.start, terms.anchor, terms.trial_end, terms.backdate, terms.prorated],
        [_item_said(item) for item in terms.items],
        [[fee.product, fee.amount, fee.currency] for fee in terms.fees],
        dict(terms.metadata),
        [terms.collection_method, terms.days_until_due, terms.automatic_tax, terms.default_tax_rate],
        [terms.coupon, terms.currency, terms.cancel_at_period_end, row.source_subscription],
    ]


def _item_said(item: Item) -> Value:
    if item.adhoc is None:
        return [item.price, item.quantity]
    adhoc = item.adhoc
    return [adhoc.product, adhoc.amount, adhoc.currency, adhoc.interval, adhoc.interval_count, item.quantity]


def course_said(migration: Migration) -> Value:
    """What a block says about the course of every row's schedule."""
    return [
        [
            [
                None if one.duration is None else [one.duration.interval, one.duration.interval_count],
                one.end,
                [_item_said(item) for item in one.items],
                [one.coupon, one.drop_coupon, one.prorated],
                dict(one.metadata),
            ]
            for one in migration.then
        ],
        None if migration.lasts is None else [migration.lasts.interval, migration.lasts.interval_count],
        migration.backdated,
    ]


def settings_said(migration: Migration) -> Value:
    """What a block says besides its rows."""
    account = migration.source_account
    return [
        [migration.origin, migration.key, migration.lead_time, dict(migration.checks), migration.missing_method],
        [
            [b.name, b.rows, b.percent, None if b.where is None else {k: list(v) for k, v in b.where.items()}]
            for b in migration.batches
        ],
        [list(migration.released), migration.canceled, migration.attempt, migration.follow_prices],
        [migration.mid_cycle_by_subscription, migration.end_source],
        None if account is None else [account.read, account.write, account.api_base],
        course_said(migration),
    ]
