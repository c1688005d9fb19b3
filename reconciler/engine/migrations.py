"""Migrations at plan time: the account's catalogue, customers, schedules and subscriptions, from the mirror or live."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

from reconciler.core.catalogue_facts import COUPON, PRICE, CatalogueFacts, catalogue_facts, named_in
from reconciler.core.diagnostics import Diagnostic, Severity
from reconciler.core.held_facts import SCHEDULE, SUBSCRIPTION, HeldReading
from reconciler.core.kind import Kind
from reconciler.core.migration_facts import AccountFacts, Held, Holdings, Payer
from reconciler.core.migrations import KIND, Migration, Missing, WantedMigrations, row_address
from reconciler.core.payer_facts import read_payer
from reconciler.core.planner import Planner
from reconciler.core.resources import Specs
from reconciler.core.row_standing import has_started
from reconciler.core.values import Value
from reconciler.engine.left_schedules import LeftSchedules
from reconciler.engine.listing import PAGE, list_pages
from reconciler.engine.look import Seen, stands_as_of
from reconciler.engine.outside import Outside
from reconciler.engine.refresh import missing
from reconciler.engine.source_look import look_at_sources
from reconciler.engine.usage import whole_items
from reconciler.errors import RemoteRejected
from reconciler.kinds.migrated_subscription import MIGRATED_SUBSCRIPTION
from reconciler.kinds.payer import PAYER
from reconciler.kinds.subscription_migration import SUBSCRIPTION_MIGRATION
from reconciler.mirrored import BY_NAME

CUSTOMER = BY_NAME["customer"].name
# What a plan of migrations looks at in the mirror, besides the kinds.
TYPES = (CUSTOMER, SCHEDULE, SUBSCRIPTION)
_DAY_SECONDS = 86400
# So many requests at once.
_MOST = 16
# A listing leaves out who was deleted or is on a test clock. So many are asked for one by one: where more are unknown,
# they are of another account.
_MOST_UNKNOWN = 100

Raw = Mapping[str, Value]
_In = TypeVar("_In")
_Out = TypeVar("_Out")


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationsSeen:
    """What was seen, None where nobody asks for it. `as_of` is the age of what came from the mirror (epoch seconds,
    UTC), None where all is live; `notes` say what could not be looked at."""

    facts: AccountFacts | None = None
    as_of: int | None = None
    notes: tuple[Diagnostic, ...] = ()


def speaks_of_migrations(specs: Specs) -> bool:
    """Say whether specs declare a migration, or say how one leaves or is called now."""
    named = [*(r.address for r in specs.removed), *(a for m in specs.moved for a in (m.before, m.after))]
    return bool(specs.migrations) or any(address.kind == KIND for address in named)


def kinds_for(wanted: WantedMigrations) -> tuple[Kind, ...]:
    """List the kinds that the steps of these migrations write."""
    if not wanted:
        return ()
    pays = any(one.missing_method is Missing.SET_LATEST for one in wanted.migrations)
    begins = any(one.mid_cycle_by_subscription for one in wanted.migrations)
    more = (*((PAYER,) if pays else ()), *((MIGRATED_SUBSCRIPTION,) if begins else ()))
    return (SUBSCRIPTION_MIGRATION, *more)


def look_at_migrations(
    outside: Outside, specs: Specs, seen: Seen, planner: Planner, *, offline: bool, asked: bool = False
) -> MigrationsSeen:
    """See what the rows of migrations name, and what is there of them; `planner` has drafted the catalogue. `asked`:
    somebody wants to know how migrations stand, also those that are declared no more. Raises RemoteError."""
    look = _Look(outside, specs.migrations, seen, planner, offline)
    if speaks_of_migrations(specs):
        return look.whole()
    return look.forsaken(asked=asked)


class _Look:
    """One look; used once."""

    def __init__(self, outside: Outside, wanted: WantedMigrations, seen: Seen, planner: Planner, offline: bool) -> None:
        self._outside = outside
        self._wanted = wanted
        self._seen = seen
        self._planner = planner
        self._offline = offline
        self._project = seen.target.scope.project
        self._customers = {row.terms.customer for _, row in wanted.rows() if row.terms is not None}
        self._reading = HeldReading(wanted, self._project, self._product_of)
        self._notes: list[Diagnostic] = []
        found = {} if seen.mirror is None else {t: stands_as_of(seen.mirror, t, offline=offline) for t in TYPES}
        # As of when the mirror is read, by type; what is not here is listed.
        self._mirrored = {type: as_of for type, as_of in found.items() if as_of is not None}

    def whole(self) -> MigrationsSeen:
        """See everything."""
        payers, held = self._told("reading customers, schedules and subscriptions", self._read)
        holdings = Holdings(held)
        payers = self._with_latest(self._with_unknown(payers), holdings)
        now = self._seen.target.now
        facts = self._with_sources(self._facts(self._catalogue(now), payers, holdings))
        as_of = min(self._mirrored.values(), default=None)
        if self._offline and as_of is not None and now - as_of > _DAY_SECONDS:
            self._notes.append(_aged((now - as_of) // _DAY_SECONDS))
        return MigrationsSeen(facts=facts, as_of=as_of, notes=tuple(self._notes))

    def _with_sources(self, facts: AccountFacts) -> AccountFacts:
        """See the accounts that rows come from; offline nobody asks them."""
        if not self._offline:
            sources = look_at_sources(self._outside, self._wanted, facts, self._seen.target)
            return replace(facts, sources=sources) if sources else facts
        self._notes += [_sourceless(one) for one in self._wanted.migrations if one.source_account is not None]
        return facts

    def forsaken(self, *, asked: bool) -> MigrationsSeen:
        """See what is left of rows whose specs are gone altogether: it starts and charges all the same."""
        left = LeftSchedules(self._outside, self._seen, self._reading)
        held = left.find(asked=asked, offline=self._offline)
        if not held and not asked:
            return MigrationsSeen(notes=tuple(left.notes))
        facts = self._facts(CatalogueFacts(), {}, Holdings(held))
        as_of = self._mirrored.get(SCHEDULE) if asked and self._offline else None
        return MigrationsSeen(facts=facts, as_of=as_of, notes=tuple(left.notes))

    def _facts(self, catalogue: CatalogueFacts, payers: Mapping[str, Payer], holdings: Holdings) -> AccountFacts:
        active, behavior = self._tax()
        return AccountFacts(
            now=self._seen.target.now,
            livemode=self._seen.target.scope.livemode,
            prices=catalogue.prices,
            products=catalogue.products,
            coupons=catalogue.coupons,
            rates=catalogue.rates,
            payers=payers,
            holdings=holdings,
            ids=catalogue.ids,
            tax_active=active,
            tax_behavior=behavior,
        )

    def _read(self) -> tuple[dict[str, Payer], list[Held]]:
        """Read all three types: lists at the same time, since each waits for its pages; the mirror one by one."""
        jobs: tuple[Callable[[], None], ...]
        payers: dict[str, Payer] = {}
        held: dict[str, list[Held]] = {SCHEDULE: [], SUBSCRIPTION: []}
        jobs = (
            lambda: payers.update(self._payers()),
            lambda: held[SCHEDULE].extend(self._held(SCHEDULE)),
            lambda: held[SUBSCRIPTION].extend(self._held(SUBSCRIPTION)),
        )
        lists = len(TYPES) - len(self._mirrored)
        with ThreadPoolExecutor(max_workers=max(lists, 1)) as pool:
            for done in [pool.submit(job) for job in jobs]:
                done.result()
        return payers, [*held[SCHEDULE], *held[SUBSCRIPTION]]

    def _raws(self, type: str) -> Iterator[tuple[Raw, int]]:
        """Go through all objects of a type, each with the time that it is as of."""
        as_of, mirror, progress = self._mirrored.get(type), self._seen.mirror, self._outside.progress
        if mirror is not None and as_of is not None:
            for count, raw in enumerate(mirror.raws(type), 1):
                yield raw, as_of
                if not count % PAGE:
                    progress.advance(PAGE)
            return
        mirrored = BY_NAME[type]
        for listing in mirrored.listings:
            for page, date in list_pages(self._outside.api, mirrored.path, listing):
                progress.advance(len(page))
                yield from ((raw, date) for raw in page)

    def _payers(self) -> dict[str, Payer]:
        """Read the customers that rows name."""
        if not self._customers:
            return {}
        return {id: read_payer(raw) for raw, _ in self._raws(CUSTOMER) if (id := str(raw["id"])) in self._customers}

    def _product_of(self, price: str) -> str | None:
        known = self._seen.snapshot.by_id.get((PRICE, price))
        return None if known is None else str(known.attrs["product"])

    def _held(self, type: str) -> list[Held]:
        """Read the schedules or the subscriptions that matter."""
        found = []
        for raw, as_of in self._raws(type):
            held = self._reading.read(raw, as_of)
            if held is not None and (raw.get("items") or {}).get("has_more"):
                held = self._reading.read(whole_items(self._outside.api, raw), as_of)
            if held is not None:
                found.append(held)
        unknown = {one.id: one.prices for one in found if one.id in self._reading.unknown}
        if not unknown:
            return found
        sold = self._sold(type, unknown)
        return [replace(one, products=one.products | sold[one.id]) if one.id in sold else one for one in found]

    def _sold(self, type: str, unknown: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
        """Find the products of prices that no list has, since they were made for one subscription; by what has them."""
        mirror = self._seen.mirror
        if type == SUBSCRIPTION and mirror is not None and type in self._mirrored:
            entries: dict[str, set[str]] = {id: set() for id in unknown}
            for subscription, _, product in mirror.subscribed(_BILLING):
                if subscription in entries:
                    entries[subscription].add(product)
            return {id: frozenset(products) for id, products in entries.items()}
        prices = sorted({price for ids in unknown.values() for price in ids if self._product_of(price) is None})
        raws = self._each(lambda id: self._one(PRICE, id), prices)
        products = {id: str(raw["product"]) for id, raw in zip(prices, raws, strict=True) if raw is not None}
        return {id: frozenset(products[price] for price in ids if price in products) for id, ids in unknown.items()}

    def _one(self, type: str, id: str) -> Raw | None:
        """Read one object: live, or offline as the mirror has it. None where there is none."""
        if self._offline:
            return None if self._seen.mirror is None else self._seen.mirror.raw(type, id)
        try:
            return self._outside.api.request("get", f"{BY_NAME[type].path}/{id}", {}).body
        except RemoteRejected as error:
            if missing(error):
                return None
            raise

    def _each(self, read: Callable[[_In], _Out], which: Sequence[_In]) -> list[_Out]:
        """Read several at once."""

        def told(one: _In) -> _Out:
            found = read(one)
            self._outside.progress.advance()
            return found

        if not which:
            return []
        with ThreadPoolExecutor(max_workers=min(len(which), _MOST)) as pool:
            return list(pool.map(told, which))

    def _told(self, what: str, work: Callable[[], _Out], total: int | None = None) -> _Out:
        self._outside.progress.start(what, total)
        try:
            return work()
        finally:
            self._outside.progress.finish()

    def _with_unknown(self, payers: Mapping[str, Payer]) -> dict[str, Payer]:
        """Find out of customers that were not listed whether they are deleted, or on a test clock."""
        unknown = sorted(id for id in self._customers if id not in payers and _is_plain(id))[:_MOST_UNKNOWN]
        if not unknown:
            return dict(payers)
        raws = self._told("looking for customers", lambda: self._each(self._customer, unknown), len(unknown))
        return {**payers, **{one.id: one for one in raws if one is not None}}

    def _customer(self, id: str) -> Payer | None:
        raw = self._one(CUSTOMER, id)
        if raw is None:
            return None
        # Of who was deleted, the mirror keeps what it was.
        return Payer(id=id, deleted=True) if self._offline else read_payer(raw)

    def _with_latest(self, payers: dict[str, Payer], holdings: Holdings) -> dict[str, Payer]:
        """Find the newest payment method of those who lack a default one, and are to get one."""
        lacking = [] if self._offline else sorted(self._lacking(payers, holdings))
        if not lacking:
            return payers
        work = "reading payment methods"
        found = self._told(work, lambda: self._each(self._latest, lacking), len(lacking))
        latest = {id: replace(payers[id], latest=method) for id, method in zip(lacking, found, strict=True)}
        return {**payers, **latest}

    def _lacking(self, payers: Mapping[str, Payer], holdings: Holdings) -> set[str]:
        found = set()
        for migration, row in self._wanted.rows():
            if migration.missing_method is not Missing.SET_LATEST or migration.canceled or row.terms is None:
                continue
            payer = payers.get(row.terms.customer)
            charged = row.terms.collection_method == "charge_automatically"
            if payer is None or payer.method or payer.deleted or payer.clocked or not charged:
                continue
            # What has started was looked at when it was scheduled, and so was what is scheduled: those whose default
            # one was taken away since are few.
            held = holdings.by_address.get(row_address(migration.name, row.key), ())
            if not any(has_started(one) for one in held):
                found.add(payer.id)
        return found

    def _latest(self, customer: str) -> str | None:
        path = f"{PAYER.lookup.path}/{customer}/payment_methods"
        methods = self._outside.api.request("get", path, {"limit": 1}).body["data"]
        return str(methods[0]["id"]) if methods else None

    def _catalogue(self, now: int) -> CatalogueFacts:
        found = catalogue_facts(self._planner, named_in(self._wanted), now)
        limited = sorted({one.id for one in found.coupons.values() if one.id is not None and self._is_limited(one.id)})
        spent = {id for id in limited if not (self._one(COUPON, id) or {}).get("valid", True)}
        if not spent:
            return found
        coupons = {name: replace(one, valid=one.valid and one.id not in spent) for name, one in found.coupons.items()}
        return replace(found, coupons=coupons)

    def _is_limited(self, coupon: str) -> bool:
        """Say whether a coupon may be used up: how often it was redeemed is no part of what a plan compares."""
        known = self._seen.snapshot.by_id.get((COUPON, coupon))
        return known is not None and known.attrs.get("max_redemptions") is not None

    def _tax(self) -> tuple[bool | None, str]:
        """Say whether Stripe Tax is on, where a row wants it, None where that cannot be known; and what it takes prices
        for that do not say whether they include it."""
        if self._offline or not any(
            row.terms is not None and row.terms.automatic_tax for _, row in self._wanted.rows()
        ):
            return None, ""
        try:
            settings = self._outside.api.request("get", "/v1/tax/settings", {}).body
        except RemoteRejected as error:
            if error.status != 403:
                raise
            self._notes.append(_untaxed(error))
            return None, ""
        return settings["status"] == "active", str((settings.get("defaults") or {}).get("tax_behavior") or "")


# https://docs.stripe.com/api/subscriptions/object: the others have ended for good.
_BILLING = ("active", "incomplete", "past_due", "paused", "trialing", "unpaid")


def _is_plain(id: str) -> bool:
    """Say whether a text can stand in a path as an id: rows may name anything."""
    return id.isascii() and id.replace("_", "").replace("-", "").isalnum()


def _aged(days: int) -> Diagnostic:
    return Diagnostic(
        code="BP1731",
        summary=f"migrations are planned from the account as it was {days:,} day{'' if days == 1 else 's'} ago: who"
        " pays how, and what is subscribed to, may have changed since",
        severity=Severity.WARNING,
        hint="plan without --refresh=none, or billplan sync first",
    )


def _sourceless(migration: Migration) -> Diagnostic:
    what = "what ends there is not planned" if migration.end_source else "ids of it are not known as such"
    return Diagnostic(
        code="BP1734",
        summary=f"{KIND}.{migration.name}: its source account was not looked at: {what}",
        severity=Severity.WARNING,
        source=migration.source,
        hint="plan without --refresh=none",
    )


def _untaxed(error: RemoteRejected) -> Diagnostic:
    return Diagnostic(
        code="BP1732",
        summary=f"rows have automatic_tax, and whether Stripe Tax is on could not be looked at: {error.message}",
        severity=Severity.WARNING,
        hint=error.hint,
    )
