"""Verifies what went live: each row against its subscription, read live, and its first invoice."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from reconciler.core.address import Address
from reconciler.core.catalogue_faults import CatalogueFaults
from reconciler.core.course import Course, Opening
from reconciler.core.migration_facts import Held
from reconciler.core.migration_plan import PlannedRow
from reconciler.core.migrations import Fault, Migration, row_address
from reconciler.core.resources import Specs
from reconciler.core.row_course import lay_course, lay_subscription
from reconciler.core.row_standing import SCHEDULE, RowStanding
from reconciler.core.sold_items import facts_as_sold
from reconciler.core.suggest import suggestion
from reconciler.core.values import Value
from reconciler.core.verified_row import Billed, Deviation, VerifiedRow, WentLive, unverifiable, verify_row
from reconciler.engine.listing import list_pages
from reconciler.engine.look import stands_as_of
from reconciler.engine.make_plan import PlanOptions
from reconciler.engine.migration_rows import RowsSeen, chosen, look_at_rows
from reconciler.engine.outside import Outside
from reconciler.engine.refresh import missing
from reconciler.engine.usage import whole_items
from reconciler.errors import BillplanError, RemoteRejected
from reconciler.mirrored import BY_NAME

INVOICE, SUBSCRIPTION = BY_NAME["invoice"], BY_NAME["subscription"]
_EXPAND = ("data.discounts",)
_WENT_LIVE = (RowStanding.LIVE, RowStanding.ENDED)
# A subscription may be told of a little before its start, by another clock.
_EARLIER = 3600
_MOST = 16

Raw = Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedMigration:
    """A migration with its rows that went live, verified, and how many others have not."""

    migration: Migration
    rows: tuple[VerifiedRow, ...]
    others: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was verified, and of which account at which moment (epoch seconds, UTC)."""

    account: str
    livemode: bool
    now: int
    migrations: tuple[VerifiedMigration, ...]


def verify_migrations(
    specs: Specs, outside: Outside, options: PlanOptions, names: Sequence[str], keys: Collection[str] = ()
) -> Verified:
    """Hold the rows that went live against Stripe, all or those of some keys. Raises BillplanError for a name or a key
    that nothing has."""
    migrations = chosen(specs, names)
    _check_keys(migrations, keys)
    found = look_at_rows(specs, outside, options, also=(INVOICE.name,))
    look = _Look(outside, found, [m.name for m in migrations], keys)
    rows = look.verified()
    target = found.seen.target
    return Verified(
        account=target.scope.account,
        livemode=target.scope.livemode,
        now=target.now,
        migrations=tuple(
            VerifiedMigration(migration=one, rows=tuple(rows[one.name]), others=look.others[one.name])
            for one in migrations
        ),
    )


def _check_keys(migrations: Iterable[Migration], keys: Collection[str]) -> None:
    known = {row.key for migration in migrations for row in migration.rows}
    for key in sorted(keys):
        if key not in known:
            hint = suggestion(key, known) or "a key is what the column of key: says of a row"
            raise BillplanError(f"no row has the key {key!r}", hint=hint)


class _Look:
    """One verification; used once."""

    def __init__(self, outside: Outside, found: RowsSeen, names: Sequence[str], keys: Collection[str]) -> None:
        self._outside = outside
        self._found = found
        self.others = dict.fromkeys(names, 0)
        self._rows: list[PlannedRow] = []
        for one in found.planned:
            if one.migration.name not in self.others or (keys and one.row.key not in keys):
                continue
            if one.standing in _WENT_LIVE:
                self._rows.append(one)
            else:
                self.others[one.migration.name] += 1
        migrations = {one.migration.name: one.migration for one in self._rows}
        coupons = found.facts.coupons.values()
        self._passing = frozenset(one.id for one in coupons if one.id is not None and one.duration != "forever")
        self._checks = {name: CatalogueFaults(one, found.facts, {}) for name, one in migrations.items()}

    def verified(self) -> dict[str, list[VerifiedRow]]:
        """Verify every row that went live, by migration, in their order."""
        wanted: dict[str, list[PlannedRow]] = {}
        for one in self._rows:
            wanted.setdefault(_subscription(one), []).append(one)
        wanted.pop("", None)
        invoices = self._invoices(wanted) if wanted else {}
        done: dict[Address, VerifiedRow] = {}
        # Each is held against its row as it comes: all of them would not fit into memory.
        for raw in self._subscriptions(wanted.keys()):
            id = str(raw["id"])
            for one in wanted[id]:
                verified = self._verified(one, raw, invoices.get(id, ()))
                done[verified.address] = verified
        rows: dict[str, list[VerifiedRow]] = {name: [] for name in self.others}
        for one in self._rows:
            address = row_address(one.migration.name, one.row.key)
            rows[one.migration.name].append(done.get(address) or _lost(address, one))
        return rows

    def _verified(self, one: PlannedRow, raw: Raw, invoices: Sequence[Billed]) -> VerifiedRow:
        address = row_address(one.migration.name, one.row.key)
        course, faults = self._course(one, raw)
        if course is None:
            words = "; ".join(fault.summary for fault in faults) or "what it names is gone from the catalogue"
            deviation = Deviation(what="row", said=words, found=str(raw["status"]))
            return unverifiable(address, one.row, str(raw["id"]), deviation)
        live = WentLive(
            course=course,
            raw=raw,
            invoices=invoices,
            now=self._found.facts.now,
            at_once="end_date" not in course.phases[0],
            adopted=one.row.adopt is not None and not one.row.adopt.startswith("sub_sched_"),
            passing=self._passing,
        )
        return verify_row(address, one.row, live)

    def _course(self, one: PlannedRow, raw: Raw) -> tuple[Course | None, tuple[Fault, ...]]:
        """Lay a row's course out anew, with the prices that it was sold at."""
        row, migration = one.row, one.migration
        if row.terms is None or row.faults or not self._checks[migration.name].all_there(row.terms):
            return None, row.faults
        facts = facts_as_sold(migration, row, raw, self._found.facts)
        course, faults = lay_course(migration, row, facts, {})
        if course is None or not self._made_at_once(one, course):
            return course, faults
        params, course = lay_subscription(migration, row, facts, {})
        return replace(course, phases=(_as_phase(params),)), ()

    def _made_at_once(self, one: PlannedRow, course: Course) -> bool:
        """Say whether a row was made as a subscription: then it never had a schedule."""
        if not one.migration.mid_cycle_by_subscription or course.opening is not Opening.ANCHORED:
            return False
        marked = self._found.facts.holdings.by_address.get(row_address(one.migration.name, one.row.key), ())
        return not any(held.object == SCHEDULE for held in marked)

    def _subscriptions(self, wanted: Set[str]) -> Iterator[Raw]:
        """Read the subscriptions of rows: those that began since the first of them by pages, others one by one."""
        if not wanted:
            return
        api, progress = self._outside.api, self._outside.progress
        since = min(one.row.terms.start if one.row.terms else _held(one).start for one in self._rows) - _EARLIER
        seen: set[str] = set()
        progress.start("verifying subscriptions", len(wanted))
        try:
            params = {"status": "all", "created": {"gte": since}, "expand": list(_EXPAND)}
            for page, _ in list_pages(api, SUBSCRIPTION.path, params):
                for raw in page:
                    if raw["id"] in wanted and raw["id"] not in seen:
                        seen.add(str(raw["id"]))
                        yield whole_items(api, raw)
                        progress.advance()
            with ThreadPoolExecutor(max_workers=_MOST) as pool:
                for found in pool.map(self._one, sorted(wanted - seen)):
                    if found is not None:
                        yield whole_items(api, found)
                    progress.advance()
        finally:
            progress.finish()

    def _one(self, id: str) -> Raw | None:
        try:
            return self._outside.api.request("get", f"{SUBSCRIPTION.path}/{id}", {"expand": ["discounts"]}).body
        except RemoteRejected as error:
            if missing(error):
                return None
            raise

    def _invoices(self, wanted: Collection[str]) -> dict[str, list[Billed]]:
        """Read the invoices of rows' subscriptions: from the mirror where it stands for them, else live since the first
        of these began."""
        found: dict[str, list[Billed]] = {}
        for raw in self._raw_invoices():
            subscription = _subscription_of(raw)
            if subscription in wanted:
                found.setdefault(subscription, []).append(_billed(raw))
        return found

    def _raw_invoices(self) -> Iterator[Raw]:
        mirror, progress = self._found.seen.mirror, self._outside.progress
        progress.start("reading invoices", None)
        try:
            if mirror is not None and stands_as_of(mirror, INVOICE.name, offline=False) is not None:
                yield from mirror.raws(INVOICE.name)
                return
            since = min(_held(one).start for one in self._rows) - _EARLIER
            for page, _ in list_pages(self._outside.api, INVOICE.path, {"created": {"gte": since}}):
                progress.advance(len(page))
                yield from page
        finally:
            progress.finish()


def _lost(address: Address, one: PlannedRow) -> VerifiedRow:
    gone = Deviation(what="subscription", said="one that went live", found="none that can be found")
    return unverifiable(address, one.row, _subscription(one), gone)


def _held(one: PlannedRow) -> Held:
    if one.held is None:
        raise ValueError(f"{one.row.key!r} is {one.standing}, and nothing is there of it")
    return one.held


def _subscription(one: PlannedRow) -> str:
    """Name the subscription that a row has become; empty where nobody knows it."""
    held = _held(one)
    return (held.subscription or "") if held.object == SCHEDULE else held.id


def _as_phase(params: Mapping[str, Value]) -> Mapping[str, Value]:
    """Write what a subscription was made with as a phase says it."""
    due = params.get("days_until_due")
    return {**params, **({} if due is None else {"invoice_settings": {"days_until_due": due}})}


def _subscription_of(raw: Raw) -> str:
    parent = raw.get("parent") or {}
    details = parent.get("subscription_details") or {}
    found = details.get("subscription")
    return str(found["id"]) if isinstance(found, Mapping) else str(found or "")


def _billed(raw: Raw) -> Billed:
    total = int(raw["total"])
    taxes = raw.get("total_taxes") or ()
    on_top = sum(int(tax["amount"]) for tax in taxes if tax.get("tax_behavior") == "exclusive")
    return Billed(
        id=str(raw["id"]), created=int(raw["created"]), total=total, net=total - on_top, status=str(raw["status"])
    )
