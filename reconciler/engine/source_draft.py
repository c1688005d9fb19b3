"""Drafting: rows and maps from the subscriptions of the account that a migration comes from, by its read key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from reconciler.core.migrations import KIND, Migration
from reconciler.core.source_draft import MOVES, DraftForm, Here, Raw, SourceDraft, coupons_of, draft_source
from reconciler.core.source_facts import source_path
from reconciler.core.values import Value
from reconciler.engine.listing import list_pages
from reconciler.engine.outside import Outside
from reconciler.engine.source_accounts import open_sources
from reconciler.engine.target import Pins, check_target
from reconciler.engine.usage import whole_items
from reconciler.errors import BillplanError

# The metadata that has the old id, where a block does not say.
KEY = "old_subscription"
_LISTED = {"customer": "/v1/customers", "coupon": "/v1/coupons"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """A draft: from which account, for which, and how amounts and keys are written in it."""

    source: str
    account: str
    form: DraftForm
    draft: SourceDraft


def draft_migration(outside: Outside, pins: Pins, migration: Migration) -> Drafted:
    """Draft the rows of a migration. Changes nothing; raises BillplanError for one that names no source account."""
    source = migration.source_account
    if source is None:
        message = f"{KIND}.{migration.name} names no account to draft from"
        raise BillplanError(message, hint="source_account: {read: env:OLD_READ_KEY}")
    target = check_target(outside.api, pins, outside.clock)
    account = open_sources(outside, {migration.name: source}, target)[migration.name]
    form = DraftForm(key=migration.key or KEY, unit=migration.unit or "minor")
    outside.progress.start("reading both accounts", None)
    try:
        raws = list(_subscriptions(outside, account))
        named = sorted({id for raw in raws for id in coupons_of(raw)})
        coupons = {id: _coupon(outside, account, id) for id in named}
        draft = draft_source(raws, coupons, _here(outside, raws), form)
    finally:
        outside.progress.finish()
    return Drafted(source=account, account=target.scope.account, form=form, draft=draft)


def _subscriptions(outside: Outside, account: str) -> Iterator[Raw]:
    path = source_path(account, "/v1/subscriptions")
    for status in MOVES:
        for page, _ in list_pages(outside.api, path, {"status": status, "expand": ["data.discounts"]}):
            outside.progress.advance(len(page))
            for raw in page:
                more = raw["items"].get("has_more")
                items = source_path(account, "/v1/subscription_items")
                yield whole_items(outside.api, raw, items) if more else raw


def _coupon(outside: Outside, account: str, id: str) -> Raw:
    params: dict[str, Value] = {"expand": ["applies_to", "currency_options"]}
    return outside.api.request("get", source_path(account, f"/v1/coupons/{id}"), params).body


def _here(outside: Outside, raws: list[Raw]) -> Here:
    """See what this account has under the ids of the old one, and its prices."""
    ids = {sort: frozenset(str(raw["id"]) for raw in _all(outside, path)) for sort, path in _LISTED.items()}
    if any(raw.get("default_tax_rates") for raw in raws):
        ids["tax_rate"] = frozenset(str(raw["id"]) for raw in _all(outside, "/v1/tax_rates"))
    return Here(ids=ids, prices=tuple(_all(outside, "/v1/prices", {"active": True})))


def _all(outside: Outside, path: str, params: Mapping[str, Value] | None = None) -> Iterator[Raw]:
    for page, _ in list_pages(outside.api, path, params or {}):
        outside.progress.advance(len(page))
        yield from page
