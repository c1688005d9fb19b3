"""The accounts that migrations come from, at plan time: read live with their read keys, and never from a mirror."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from reconciler.core.catalogue_facts import Names, named_in
from reconciler.core.migration_facts import AccountFacts
from reconciler.core.migrations import Migration, WantedMigrations
from reconciler.core.row_names import CUSTOMER
from reconciler.core.source_facts import SourceFacts, SourceSubscription, read_source, source_path
from reconciler.core.values import Value
from reconciler.engine.listing import list_pages
from reconciler.engine.outside import Outside
from reconciler.engine.refresh import missing
from reconciler.engine.source_accounts import declared_sources, open_sources
from reconciler.engine.target import Target
from reconciler.engine.usage import whole_items
from reconciler.errors import RemoteRejected

_MOST = 16
# Ids that are unknown here are asked for there one by one; of more than these, those that come first by their text.
_MOST_UNKNOWN = 100
_PATHS = {
    "price": "/v1/prices",
    "product": "/v1/products",
    "coupon": "/v1/coupons",
    "tax_rate": "/v1/tax_rates",
    CUSTOMER: "/v1/customers",
}


def look_at_sources(
    outside: Outside, wanted: WantedMigrations, facts: AccountFacts, target: Target
) -> dict[str, SourceFacts]:
    """See what rows replace and name of the accounts that they come from, by migration. Raises RemoteError, WrongTarget
    for a key that cannot be a source's, and BillplanError for one that is not there."""
    accounts = open_sources(outside, declared_sources(wanted.migrations), target)
    if not accounts:
        return {}
    look, found = _Look(outside, wanted, accounts, str(target.scope)), {}
    outside.progress.start("reading the source account", None)
    try:
        for migration in wanted.migrations:
            if migration.name in accounts:
                found[migration.name] = look.facts(migration, facts)
    finally:
        outside.progress.finish()
    return found


class _Look:
    """One look; each account's subscriptions are listed once, however many migrations come from it."""

    def __init__(self, outside: Outside, wanted: WantedMigrations, accounts: Mapping[str, str], mover: str) -> None:
        self._outside = outside
        self._accounts = accounts
        self._mover = mover
        self._named: dict[str, set[str]] = {}
        for migration, row in wanted.rows():
            account = accounts.get(migration.name)
            if account is not None and migration.end_source and row.source_subscription is not None:
                self._named.setdefault(account, set()).add(row.source_subscription)
        self._listed: dict[str, tuple[SourceSubscription, ...]] = {}

    def facts(self, migration: Migration, facts: AccountFacts) -> SourceFacts:
        """See one migration's source."""
        account = self._accounts[migration.name]
        held = self._subscriptions(account) if migration.end_source else ()
        return SourceFacts(
            account=account,
            mover=self._mover,
            subscriptions={one.id: one for one in held},
            moved={one.moved_to: one for one in held if one.moved_by == self._mover},
            ids=self._ids(account, unknown_names(migration, facts)),
            listed=migration.end_source,
        )

    def _subscriptions(self, account: str) -> tuple[SourceSubscription, ...]:
        if account not in self._listed:
            self._listed[account] = tuple(self._list(account))
        return self._listed[account]

    def _list(self, account: str) -> Iterator[SourceSubscription]:
        """Read those that rows name, and those that carry a move of ours; ended ones, too."""
        named, api = self._named.get(account, set()), self._outside.api
        path = source_path(account, "/v1/subscriptions")
        for page, _ in list_pages(api, path, {"status": "all"}):
            self._outside.progress.advance(len(page))
            for raw in page:
                one = read_source(raw)
                if one.id not in named and one.moved_by != self._mover:
                    continue
                if raw["items"].get("has_more"):
                    one = read_source(whole_items(api, raw, source_path(account, "/v1/subscription_items")))
                yield one

    def _ids(self, account: str, unknown: Sequence[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        """Find out which of these the account has."""
        if not unknown:
            return frozenset()
        with ThreadPoolExecutor(max_workers=min(len(unknown), _MOST)) as pool:
            there = list(pool.map(lambda one: self._has(account, *one), unknown))
        return frozenset(one for one, known in zip(unknown, there, strict=True) if known)

    def _has(self, account: str, sort: str, id: str) -> bool:
        try:
            self._outside.api.request("get", source_path(account, f"{_PATHS[sort]}/{id}"), {})
        except RemoteRejected as error:
            # A key that may read subscriptions alone tells nothing about the rest, which is no reason to stop.
            if missing(error) or error.status == 403:
                return False
            raise
        return True


def unknown_names(migration: Migration, facts: AccountFacts) -> list[tuple[str, str]]:
    """List the ids that a migration names and this account does not have, as (sort, id): the first hundred of each."""
    names: Names = named_in(WantedMigrations(migrations=(migration,)))
    customers = {row.terms.customer for row in migration.rows if row.terms is not None}
    sorts: Sequence[tuple[str, frozenset[Value], Mapping[Value, object]]] = (
        ("price", names.prices, facts.prices),
        ("product", names.products, facts.products),
        ("coupon", names.coupons, facts.coupons),
        ("tax_rate", names.rates, facts.rates),
        (CUSTOMER, frozenset(customers), facts.payers),
    )
    return [
        (sort, id)
        for sort, named, known in sorts
        for id in sorted(one for one in named if isinstance(one, str) and one not in known and _is_plain(one))[
            :_MOST_UNKNOWN
        ]
    ]


def _is_plain(id: str) -> bool:
    """Say whether a text can stand in a path as an id: rows may name anything."""
    return id.isascii() and id.replace("_", "").replace("-", "").isalnum()
