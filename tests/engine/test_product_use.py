"""The use of products in a plan: counted live or in the mirror, the same; and where it cannot be counted, said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete

from reconciler.adapters.offline_api import OfflineApi
from reconciler.adapters.routed_api import RoutedApi
from reconciler.core.guards import Guards
from reconciler.core.product_use import ACTIVE_STATUSES, ProductUse
from reconciler.emulator.history import grow
from reconciler.emulator.key import Key
from reconciler.engine.aftermath import doubt_applied
from reconciler.engine.drift import tell, with_vanished
from reconciler.engine.look import RefreshMode
from reconciler.engine.make_plan import PlanOptions, make_plan
from reconciler.engine.product_use import use_as_mirrored
from reconciler.errors import BillplanError
from reconciler.kinds import BY_NAME
from reconciler.store.mirror_tables import TABLES
from tests.account import Account, Bodies, api_of, specs_of
from tests.engine.test_look import Mirroring
from tests.kinds.plans import by_hand, change

TERMS: dict[str, Any] = {"collection_method": "send_invoice", "days_until_due": 30}
MONTH = {"interval": "month"}
SPECS: dict[str, Any] = {
    "product.pro": {"name": "Pro"},
    "product.team": {"name": "Team"},
    "price.pro": {"product": "product.pro", "currency": "usd", "unit_amount": 100, "recurring": MONTH},
    "price.team": {"product": "product.team", "currency": "usd", "unit_amount": 100, "recurring": MONTH},
    "feature.sso": {"name": "SSO", "type": "boolean"},
    "feature.seats": {"name": "Seats", "type": "limit"},
    "product_mapping.pro": {
        "name": "Pro",
        "stripe_products": ["product.pro"],
        "features": {"sso": True, "seats": 5},
    },
}
NARROWED = {**SPECS, "product_mapping.pro": {**SPECS["product_mapping.pro"], "features": {"sso": True, "seats": 4}}}
REMOVED = {a: b for a, b in SPECS.items() if a.startswith(("product.", "price."))}


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Mirroring]:
    opened = Mirroring(tmp_path)
    yield opened
    opened.close()


def subscribe(account: Account, count: int, *products: str) -> list[str]:
    prices = {p["product"]: p["id"] for p in account.live("price")}
    made = []
    for _ in range(count):
        customer = by_hand(account, "/v1/customers", name="Ann")["id"]
        items = [{"price": prices[f"acme-{product}"]} for product in products]
        made.append(by_hand(account, "/v1/subscriptions", customer=customer, items=items, **TERMS)["id"])
    return made


def told(use: ProductUse | None) -> list[tuple[str, str | None, int | None]]:
    assert use is not None
    return [(one.id, one.mapping, one.subscriptions) for one in use.products]


@pytest.mark.parametrize("mode", RefreshMode)
def test_the_plan_tells_what_each_product_has_and_what_is_lost(account: Mirroring, mode: RefreshMode) -> None:
    account.converge(SPECS)
    subscribe(account, 3, "pro")
    subscribe(account, 4, "team")
    subscribe(account, 1, "pro", "team")
    gone = subscribe(account, 1, "team")[0]
    account.api.request("delete", f"/v1/subscriptions/{gone}", {})
    account.sync()
    account.requests()
    plan = account.see(NARROWED, mode)
    assert ("GET /v1/subscriptions" in account.requests()) is (mode is RefreshMode.LIVE)
    assert told(plan.product_use) == [("acme-team", None, 5), ("acme-pro", "pro", 4)]
    assert plan.product_use is not None
    assert plan.product_use.left_out == 4
    assert change(plan, "product_mapping.pro").notes == ("4 customers get less of seats",)
    plan = account.see(REMOVED, mode)
    assert told(plan.product_use) == [("acme-team", None, 5), ("acme-pro", None, 4)]
    assert plan.product_use is not None
    assert plan.product_use.left_out == 8
    assert change(plan, "product_mapping.pro").notes == (
        "4 customers do not have pro any more",
        "4 customers lose seats",
        "4 customers lose sso",
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_mirror_counts_as_live_lists_do(account: Mirroring, seed: int) -> None:
    grow(account.world, 40, seed)
    products = [p["id"] for p in account.live("product")]
    bodies = {"product_mapping.some": {"name": "Some", "stripe_products": products[::2]}}
    account.converge(bodies)
    account.sync()
    live, mirrored = account.see(bodies, RefreshMode.LIVE), account.see(bodies, RefreshMode.AUTO)
    assert mirrored.header.mirror_as_of is not None
    assert live.product_use == mirrored.product_use
    assert live.product_use == use_as_mirrored(account.outside.api, account.mirror)
    prices = {p["id"]: p["product"] for p in account.live("price")}
    held: dict[str, set[str]] = {}
    for one in account.live("subscription"):
        if one["status"] in ACTIVE_STATUSES:
            items = account.api.request("get", "/v1/subscription_items", {"subscription": one["id"], "limit": 100})
            held[one["id"]] = {prices[item["price"]["id"]] for item in items.body["data"]}
    assert held
    for id, _, count in told(live.product_use):
        assert count == sum(id in products for products in held.values())


def test_a_plan_that_is_not_to_count_use_asks_for_no_subscriptions_and_plans_the_same(account: Mirroring) -> None:
    account.converge(SPECS)
    subscribe(account, 2, "pro")
    whole = account.see(NARROWED, RefreshMode.LIVE)
    account.requests()
    plan = account.see(NARROWED, RefreshMode.LIVE, count_use=False)
    assert "GET /v1/subscriptions" not in account.requests()
    assert plan.product_use is None
    assert plan.steps == whole.steps
    assert plan.changes == tuple(replace(change, notes=()) for change in whole.changes)


def test_a_project_without_mappings_asks_for_no_subscriptions_and_shows_nothing(account: Mirroring) -> None:
    bodies = {a: b for a, b in SPECS.items() if not a.startswith("product_mapping")}
    account.converge(bodies)
    account.requests()
    plan = account.see(bodies, RefreshMode.LIVE)
    assert plan.product_use is None
    assert "GET /v1/subscriptions" not in account.requests()


def test_the_status_shows_products_that_nothing_maps_yet(account: Mirroring) -> None:
    account.converge({a: b for a, b in SPECS.items() if not a.startswith("product_mapping")})
    assert use_as_mirrored(account.outside.api, account.mirror) is None
    subscribe(account, 2, "team")
    account.sync()
    use = use_as_mirrored(account.outside.api, account.mirror)
    assert told(use) == [("acme-team", None, 2), ("acme-pro", None, 0)]
    assert use is not None
    assert (use.unmapped, use.left_out) == (2, 2)


def test_a_subscription_whose_price_no_list_has_counts(account: Mirroring) -> None:
    account.converge(SPECS)
    subscribe(account, 3, "pro")
    account.sync()
    # A plan that was deleted before the first sync.
    with account.database.write() as connection:
        connection.execute(delete(TABLES["price"]))
    plan = account.see(NARROWED, RefreshMode.NONE)
    assert told(plan.product_use) == [("acme-pro", "pro", 3), ("acme-team", None, 0)]
    assert change(plan, "product_mapping.pro").notes == ("3 customers get less of seats",)


def test_a_loss_by_a_selected_change_is_told_at_it(account: Mirroring) -> None:
    big = {**SPECS["product_mapping.pro"], "stripe_products": ["product.pro", "product.team"]}
    small = {"name": "Small", "stripe_products": ["product.extra"], "features": {"seats": 5}}
    bodies = {**SPECS, "product.extra": {"name": "Extra"}, "product_mapping.pro": big, "product_mapping.a_small": small}
    account.converge(bodies)
    subscribe(account, 3, "pro")
    account.sync()
    moved = {
        **bodies,
        "product_mapping.pro": {**big, "stripe_products": ["product.team"]},
        "product_mapping.a_small": {**small, "stripe_products": ["product.extra", "product.pro"]},
    }
    options = PlanOptions(
        pins=account.pins, guards=Guards(), refresh=RefreshMode.AUTO, select=("product_mapping.a_small",)
    )
    plan = make_plan(specs_of(moved), account.outside, options)
    assert [str(one.address) for one in plan.changes] == ["product_mapping.a_small"]
    assert plan.changes[0].notes == ("3 customers do not have pro any more", "3 customers lose sso")
    assert told(plan.product_use) == [("acme-pro", "a_small", 3), ("acme-extra", "a_small", 0), ("acme-team", "pro", 0)]
    whole = account.see(moved, RefreshMode.AUTO)
    assert change(whole, "product_mapping.pro").notes == plan.changes[0].notes
    assert change(whole, "product_mapping.a_small").notes == ()


def test_a_key_that_may_not_read_subscriptions_plans_and_says_what_it_does_not_know(account: Mirroring) -> None:
    account.converge(SPECS)
    allowed = ("accounts_kyc_basic", "product", "plan", "coupon", "promotion_code", "tax_rate", "billing_meter")
    account.world.keys["rk_test_plan"] = Key(frozenset(f"rak_{name}_read" for name in allowed))
    account.api = api_of(account.world, "rk_test_plan")
    plan = account.see(NARROWED, RefreshMode.LIVE)
    assert told(plan.product_use) == [("acme-team", None, None), ("acme-pro", "pro", None)]
    assert change(plan, "product_mapping.pro").notes == (
        "how many customers lose something by it was not counted: the key lacks rak_subscription_read",
    )


def test_a_mirror_without_subscriptions_says_so(account: Mirroring) -> None:
    account.converge(SPECS)
    account.sync("product", "price", "coupon", "promotion_code", "tax_rate", "meter")
    plan = account.see(SPECS, RefreshMode.NONE)
    assert plan.product_use is not None
    assert plan.product_use.unknown == "the mirror lacks subscription (billplan sync)"
    assert plan.empty


def test_what_lives_in_the_store_is_seen_without_a_word_to_stripe(account: Mirroring) -> None:
    account.converge(SPECS)
    account.sync()
    account.requests()
    api = RoutedApi(OfflineApi(False), account.store_api, account.clock, lambda: account.world.account_id)
    options = PlanOptions(pins=account.pins, guards=Guards(), refresh=RefreshMode.NONE)
    plan = make_plan(specs_of(NARROWED), replace(account.outside, api=api), options)
    assert [str(c.address) for c in plan.changes] == ["product_mapping.pro"]
    assert account.requests() == []


def test_stripes_own_features_in_the_mirror_are_not_taken_for_the_projects(account: Mirroring) -> None:
    account.converge(SPECS)
    by_hand(account, "/v1/entitlements/features", lookup_key="sso", name="Theirs")
    account.sync()
    for mode in RefreshMode:
        plan = account.see(SPECS, mode)
        assert plan.empty
        assert "feature" not in plan.unmanaged
    assert account.apply(account.see(NARROWED, RefreshMode.AUTO)).complete


def test_a_store_that_cannot_be_read_stops_only_what_needs_it(account: Mirroring) -> None:
    def broken(account: str, now: object) -> Any:
        raise BillplanError("the environment variable BILLPLAN_STORE is not set")

    outside = replace(account.outside, api=RoutedApi(account.api, broken, account.clock))
    options = PlanOptions(pins=account.pins, guards=Guards(), refresh=RefreshMode.LIVE)
    assert make_plan(specs_of({"product.pro": {"name": "Pro"}}), outside, options).applicable
    with pytest.raises(BillplanError, match="BILLPLAN_STORE"):
        make_plan(specs_of({"feature.sso": SPECS["feature.sso"]}), outside, options)
    with pytest.raises(BillplanError, match="BILLPLAN_STORE"):
        make_plan(specs_of({}, removed={"feature.sso": "delete"}), outside, options)


def test_an_apply_of_features_puts_none_of_stripes_in_doubt(account: Mirroring) -> None:
    account.sync()
    plan = account.plan({"feature.sso": SPECS["feature.sso"]})
    applied = account.apply(plan)
    assert applied.complete
    mirrors = account.outside.mirrors
    assert mirrors is not None
    doubt_applied(mirrors, plan.header, applied.results)
    assert account.mirror.doubts() == ()
    product = account.plan({**SPECS})
    doubt_applied(mirrors, product.header, account.apply(product).results)
    assert {doubt.type for doubt in account.mirror.doubts()} == {"product", "price"}


def test_events_about_a_product_tell_nothing_of_a_mapping_with_the_same_id(account: Mirroring) -> None:
    product = {"name": "Pro", "id": "pro"}
    bodies: Bodies = {
        "product.pro": product,
        "product_mapping.pro": {"name": "Pro", "stripe_products": ["product.pro"]},
    }
    account.converge(bodies)
    account.sync()
    account.clock.sleep(100)
    by_hand(account, "/v1/products/pro", name="Renamed")
    api = account.store_api()
    api.request("post", "/billplan/product_mappings/pro", {"name": "Renamed"}, idempotency_key="by-hand")
    plan = tell(account.see(bodies, RefreshMode.AUTO), account.mirror.events_of, BY_NAME)
    told_of = {str(d.address): d.told for d in plan.drift}
    assert told_of["product.pro"] is not None
    assert told_of["product_mapping.pro"] is None


def test_what_is_gone_from_the_store_is_told_so(account: Mirroring) -> None:
    account.converge(SPECS)
    account.store_api().request("delete", "/billplan/features/seats", {})
    ledger = account.ledger
    applied = ledger.applied(account.world.account_id, False, "acme")
    plan = with_vanished(account.plan(SPECS), applied)
    assert change(plan, "feature.seats").reason == "seats was applied and is gone from the store"
    assert [str(d.address) for d in plan.drift] == ["feature.seats"]
