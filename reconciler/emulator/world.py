"""A world: everything that one Stripe account in one mode remembers. A value, passed in, never global."""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from reconciler.emulator.clock import Clock, SystemClock
from reconciler.emulator.due import DUES
from reconciler.emulator.faults import Fault, Faults, Hook
from reconciler.emulator.idempotency import IdempotencyRecords
from reconciler.emulator.key import Key, check_prefixes
from reconciler.emulator.limits import LimitMode, Limits
from reconciler.emulator.table import Lookup, Table
from reconciler.emulator.wire import Record

API_VERSION = "2026-10-28.endive"


def _field(name: str) -> Lookup:
    return lambda record: (record[name],)


def _prices_of(subscription: Record) -> Iterable[str]:
    return [line["price"] for line in subscription["items"]]


def _items_of(subscription: Record) -> Iterable[str]:
    return [line["id"] for line in subscription["items"]]


def _expiring(grant: Record) -> Iterable[bool]:
    return (grant["expires_at"] is not None and not grant["ended"],)


LOOKUPS: dict[str, dict[str, Lookup]] = {
    "product": {"active": _field("active")},
    "price": {"active": _field("active"), "product": _field("product"), "lookup_key": _field("lookup_key")},
    "coupon": {},
    "discount": {},
    "promotion_code": {
        "code": lambda record: (record["code"].lower(),),
        "coupon": _field("coupon"),
        "customer": _field("customer"),
    },
    "tax_rate": {"active": _field("active")},
    "test_helpers.test_clock": {},
    "billing.meter": {"status": _field("status"), "event_name": _field("event_name")},
    "billing.meter_event": {"usage": lambda record: ((record["meter"], record["customer"]),)},
    "customer": {"email": _field("email"), "test_clock": _field("test_clock")},
    "subscription": {
        "customer": _field("customer"),
        "item": _items_of,
        "price": _prices_of,
        "status": _field("status"),
    },
    "subscription_schedule": {"customer": _field("customer")},
    "invoice": {"customer": _field("customer"), "status": _field("status"), "subscription": _field("subscription")},
    "charge": {"customer": _field("customer")},
    "payment_method": {"customer": _field("customer")},
    "entitlements.feature": {"active": _field("active"), "lookup_key": _field("lookup_key")},
    "product_feature": {"entitlement_feature": _field("entitlement_feature"), "product": _field("product")},
    "billing.credit_grant": {"customer": _field("customer"), "expiring": _expiring},
    "billing.credit_balance_transaction": {"credit_grant": _field("credit_grant"), "customer": _field("customer")},
    "event": {"type": _field("type")},
}


# What a copy of a world has of its own.
COPIED = (
    "clock",
    "keys",
    "tables",
    "deleted_customers",
    "disabled",
    "sequence",
    "idempotency",
    "limits",
    "faults",
    "tax_places",
)


@dataclass(frozen=True)
class Cause:
    """The request that events are put down to."""

    request_id: str | None = None
    idempotency_key: str | None = None


class World:
    """One account in one mode: its objects, clock, keys and the record of what was asked of it."""

    def __init__(
        self,
        account_id: str = "acct_000001",
        livemode: bool = False,
        clock: Clock | None = None,
        keys: Mapping[str, Key] | None = None,
        country: str = "US",
        default_currency: str = "usd",
    ) -> None:
        self.account_id = account_id
        self.livemode = livemode
        self.clock: Clock = clock or SystemClock()
        # The moment that is being lived while time is made up for, or the time of a test clock.
        self.moment: int | None = None
        self.keys = dict(keys) if keys is not None else {f"sk_{self.mode}_emulator": Key()}
        check_prefixes(self.keys, livemode)
        self.country = country
        self.default_currency = default_currency
        self.created = self.now()
        self.tables = {name: Table(lookups, DUES.get(name)) for name, lookups in LOOKUPS.items()}
        # What Stripe Tax collects: percentages by country or country and state ("DE", "US-NY"). Empty: not set up.
        self.tax_places: dict[str, str] = {}
        self.deleted_customers: set[str] = set()
        # The resources that the account is not set up to use: every request for one is refused.
        self.disabled: set[str] = set()
        self.sequence: dict[str, int] = {}
        self.idempotency = IdempotencyRecords()
        self.limits = Limits()
        self.faults = Faults()
        self.log: list[Record] = []
        self.cause = Cause()
        self.hooks: list[Hook] = []
        self.lock = threading.RLock()

    @property
    def mode(self) -> str:
        return "live" if self.livemode else "test"

    def now(self) -> int:
        """The time in epoch seconds: the moment that is being lived, which may lie before the clock's."""
        return self.real_now() if self.moment is None else self.moment

    def real_now(self) -> int:
        """The time of the world's own clock."""
        return int(self.clock())

    def clock_of(self, customer: Record) -> str:
        """The test clock that a customer lives by; empty for the world's own."""
        return customer.get("test_clock") or ""

    def time_of(self, clock: str) -> int | None:
        """The moment at which what lives by a test clock lives; None for the world's own."""
        record = self.tables["test_helpers.test_clock"].get(clock)
        return None if record is None else int(record["frozen_time"])

    @contextmanager
    def at(self, moment: int | None) -> Iterator[None]:
        """Live another moment for a while; None is the clock's own."""
        before, self.moment = self.moment, moment
        try:
            yield
        finally:
            self.moment = before

    def new_id(self, prefix: str) -> str:
        """The next id of a sequence: `price_000001`."""
        self.sequence[prefix] = self.sequence.get(prefix, 0) + 1
        return f"{prefix}_{self.sequence[prefix]:06d}"

    def free_id(self, prefix: str, table: str) -> str:
        """The next id that no object of a table has: a seed may have taken some."""
        id = self.new_id(prefix)
        while id in self.tables[table]:
            id = self.new_id(prefix)
        return id

    def limit(self, mode: LimitMode | str) -> None:
        """Turn the documented rate limits on or off, with full buckets."""
        self.limits = Limits(LimitMode(mode))

    def add_fault(self, fault: Fault) -> None:
        """Register a scripted fault."""
        self.faults.add(fault, self.tables)

    def seen_through(self, tables: dict[str, Table]) -> World:
        """This world with other tables, for reads that are answered from a snapshot."""
        view = copy.copy(self)
        view.tables = tables
        return view

    def __deepcopy__(self, memo: dict[int, Any]) -> World:
        """A rehearsal: its own clock and tables; no hooks, and nothing running."""
        copied = copy.copy(self)
        copied.lock = threading.RLock()
        copied.hooks = []
        with self.lock:
            for name in COPIED:
                setattr(copied, name, copy.deepcopy(getattr(self, name), memo))
            copied.log = list(self.log)
        copied.idempotency.running.clear()
        return copied
