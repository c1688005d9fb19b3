"""Whether a mirror equals its account, object by object, as the emulator would show each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from reconciler.adapters.sql_mirror import SqlMirror
from reconciler.emulator.app import Request, handle
from reconciler.emulator.expand import parse_expand, render
from reconciler.emulator.shapes.invoice import present_line
from reconciler.emulator.shapes.invoice import rows_of as lines_of
from reconciler.emulator.wire import Record, dump_json
from reconciler.emulator.world import World

# name -> the world's table, and what a list page is asked to show
TABLES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "customer": ("customer", ()),
    "product": ("product", ()),
    "price": ("price", ("tiers", "currency_options")),
    "coupon": ("coupon", ("applies_to", "currency_options")),
    "promotion_code": ("promotion_code", ("restrictions.currency_options",)),
    "tax_rate": ("tax_rate", ()),
    "feature": ("entitlements.feature", ()),
    "product_feature": ("product_feature", ()),
    "meter": ("billing.meter", ()),
    "subscription": ("subscription", ()),
    "subscription_schedule": ("subscription_schedule", ()),
    "invoice": ("invoice", ()),
    "charge": ("charge", ()),
    "credit_grant": ("billing.credit_grant", ()),
    "credit_balance_transaction": ("billing.credit_balance_transaction", ()),
}
KEY = "sk_test_emulator"
METERED = "filter[type]=applicability_scope&filter[applicability_scope][price_type]=metered"


def differences(world: World, mirror: SqlMirror) -> list[str]:
    """Say of every object whether the mirror has it as it is; nothing where it has all of them, and no more."""
    found = []
    cards = dict(_shown(world, "payment_method", ()))
    for name, objects in expected(world).items():
        kept = {str(raw.get("id") or raw["customer"]): raw for raw in mirror.raws(name)}
        if name == "payment_method":
            # One that was the default once may stay, as it is now.
            objects |= {id: cards[id] for id in kept.keys() & cards.keys()}
        found += [f"{name} {id} is missing" for id in objects.keys() - kept.keys()]
        found += [f"{name} {id} is gone from the account" for id in kept.keys() - objects.keys()]
        for id in objects.keys() & kept.keys():
            if objects[id] != kept[id]:
                found.append(f"{name} {id}: {_first(objects[id], kept[id])}")
    return found


def expected(world: World) -> dict[str, dict[str, Any]]:
    """Everything that the mirror should have, by type and id, in the form in which it keeps it."""
    ask(world, "/v1/events?limit=1")
    whole = {name: dict(_shown(world, table, expand)) for name, (table, expand) in TABLES.items()}
    default = {
        *(one["invoice_settings"]["default_payment_method"] for one in whole["customer"].values()),
        *(one["default_payment_method"] for one in whole["subscription"].values()),
    }
    cards = dict(_shown(world, "payment_method", ()))
    whole["payment_method"] = {id: cards[id] for id in default if id}
    holders = {one["customer"] for one in whole["credit_grant"].values()}
    whole["credit_balance_summary"] = {
        id: ask(world, f"/v1/billing/credit_balance_summary?customer={id}&{METERED}") for id in holders
    }
    return whole


def ask(world: World, path: str) -> Any:
    """Ask the account, as anybody could."""
    answer = handle(world, Request("GET", path, {"Authorization": f"Bearer {KEY}"}, b""))
    assert answer.status == 200, answer.body
    return json.loads(answer.body, parse_float=Decimal)


def _shown(world: World, table: str, expand: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    tree = parse_expand(expand, table, False)
    for record in world.tables[table]:
        shown = json.loads(dump_json(_whole(world, record, render(world, record, tree))), parse_float=Decimal)
        yield str(record["id"]), _kept(table, shown)


def _whole(world: World, record: Record, shown: Record) -> Record:
    """With all lines, where an answer shows the first ten."""
    if record["object"] == "invoice":
        lines = [present_line(world, row) for row in lines_of(record)]
        return {**shown, "lines": {**shown["lines"], "data": lines, "has_more": False}}
    if record["object"] == "subscription" and shown["items"]["has_more"]:
        rest = ask(world, f"/v1/subscription_items?subscription={record['id']}&limit=100")["data"]
        return {**shown, "items": {**shown["items"], "data": rest, "has_more": False}}
    return shown


def _kept(table: str, shown: dict[str, Any]) -> dict[str, Any]:
    """What has a row of its own is kept as its id."""
    match table:
        case "subscription":
            for item in shown["items"]["data"]:
                item["price"], item["plan"] = item["price"]["id"], item["plan"]["id"]
        case "product_feature":
            shown["entitlement_feature"] = shown["entitlement_feature"]["id"]
    return shown


def _first(wanted: Any, kept: Any, place: str = "") -> str:
    if isinstance(wanted, dict) and isinstance(kept, Mapping):
        for name in [*wanted, *kept]:
            if wanted.get(name) != kept.get(name):
                return _first(wanted.get(name), kept.get(name), f"{place}.{name}")
    return f"{place} is {wanted!r}, the mirror has {kept!r}"
