"""What an adversary tried: plans that would take, delete or flip what is not theirs to touch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reconciler.core.changes import Action
from reconciler.core.fields import ChangeClass
from reconciler.core.guards import Guards
from reconciler.core.plan import Plan
from reconciler.core.results import Outcome
from tests.account import Account, specs_of

P: dict[str, Any] = {"product": "product.pro", "currency": "usd"}
PRO = {"product.pro": {"name": "Pro"}}


def refused(plan: Plan) -> dict[str, str]:
    return {str(c.address): c.refused for c in plan.changes if c.action is Action.REFUSED}


def test_a_replacement_never_takes_the_default_key_that_another_price_has(account: Account) -> None:
    account.converge({**PRO, "price.b": {**P, "unit_amount": 100}})
    account.converge(specs_of({**PRO, "price.c": {**P, "unit_amount": 200}}, moved=[("price.b", "price.c")]))
    carrier = next(p for p in account.live("price") if p["lookup_key"] == "acme-b")
    plan = account.plan({**PRO, "price.c": {**P, "unit_amount": 200}, "price.b": {**P, "unit_amount": 300}})
    if plan.applicable:
        account.apply(plan)
    assert next(p for p in account.live("price") if p["lookup_key"] == "acme-b")["id"] == carrier["id"]


def test_nothing_moves_onto_an_address_with_a_past_of_its_own(account: Account) -> None:
    account.converge({"product.p": {"name": "P"}, "product.r": {"name": "R"}})
    account.apply(account.plan({"product.p": {"name": "P"}}, Guards(max_retire_percent=None)))
    plan = account.plan(specs_of({"product.r": {"name": "P"}}, moved=[("product.p", "product.r")]))
    assert refused(plan)["product.r"] == "product.r has a past of its own: acme-r"


def test_what_a_plan_made_and_somebody_deleted_is_not_made_by_a_third_run_either(account: Account) -> None:
    plan = account.plan({"coupon.ten": {"percent_off": 10}}, expires_in=7 * 86400)
    assert account.apply(plan).complete
    account.api.request("delete", "/v1/coupons/acme-ten", {})
    for _ in range(2):
        account.world.clock.advance(86400 + 60)
        assert [r.outcome for r in account.apply(plan).results] == [Outcome.STALE]
    assert not account.live("coupon")


def test_an_old_delete_does_not_hit_what_was_made_anew_under_the_same_id(account: Account, tmp_path: Path) -> None:
    account.converge({"coupon.ten": {"percent_off": 10}})
    delete = account.plan({}, Guards(allow=("irreversible:*",), max_retire_percent=None))
    assert account.apply(delete).complete
    account.converge({"coupon.ten": {"percent_off": 20}})
    (tmp_path / "another").mkdir()
    account.change_store(tmp_path / "another")
    assert [r.outcome for r in account.apply(delete).results] == [Outcome.STALE]
    assert [c["percent_off"] for c in account.live("coupon")] == ["20"]


def test_what_a_declared_resource_goes_on_using_does_not_leave(account: Account) -> None:
    code = {"code": "TEN", "promotion": {"coupon": "coupon.ten"}, "protect": True}
    account.converge({"coupon.ten": {"percent_off": 10}, "coupon.five": {"percent_off": 5}, "promotion_code.c": code})
    moved = {**code, "promotion": {"coupon": "coupon.five"}}
    plan = account.plan(
        {"coupon.five": {"percent_off": 5}, "promotion_code.c": moved}, Guards(allow=("irreversible:*",))
    )
    assert refused(plan)["coupon.ten"] == "promotion_code.c goes on using it"
    literal = {**PRO, "price.m": {**P, "unit_amount": 100}}
    account.apply(account.plan({**literal, "coupon.ten": {"percent_off": 10}, "coupon.five": {"percent_off": 5},
                                "promotion_code.c": code}))  # fmt: skip
    by_id = {"price.m": {**literal["price.m"], "product": "acme-pro"}}
    assert refused(account.plan(by_id))["product.pro"] == "price.m goes on using it"


def test_what_was_protected_after_the_plan_is_not_retired(account: Account) -> None:
    account.converge(PRO)
    retire = account.plan({})
    account.world.clock.advance(10)
    product = account.live("product")[0]
    account.api.request(
        "post", f"/v1/products/{product['id']}", {"metadata": {"billplan_protect": "true"}}, idempotency_key="protect-1"
    )
    assert [r.outcome for r in account.apply(retire).results] == [Outcome.STALE]
    assert account.live("product")[0]["active"]


def test_a_final_tax_behavior_is_irreversible_in_a_currency_option_too(account: Account) -> None:
    price = {**P, "unit_amount": 100, "currency_options": {"eur": {"unit_amount": 90}}}
    account.converge({**PRO, "price.m": price})
    final = {**price, "currency_options": {"eur": {"unit_amount": 90, "tax_behavior": "exclusive"}}}
    plan = account.plan({**PRO, "price.m": final})
    assert [c.change_class for c in plan.changes] == [ChangeClass.IRREVERSIBLE]
    assert plan.refusals


def test_a_default_price_that_moves_to_another_product_lets_its_old_one_go(account: Account) -> None:
    both = {**PRO, "product.max": {"name": "Max"}}
    account.converge({**both, "price.m": {**P, "unit_amount": 100}})
    price = account.live("price")[0]["id"]
    account.api.request("post", "/v1/products/acme-pro", {"default_price": price}, idempotency_key="default-1")
    account.converge({**both, "price.m": {**P, "product": "product.max", "unit_amount": 100}})
    assert [p["active"] for p in account.live("price")] == [False, True]


def test_the_former_default_price_is_let_go_of_before_it_is_set_inactive(account: Account) -> None:
    two = {"price.a": {**P, "unit_amount": 100}, "price.b": {**P, "unit_amount": 200}}
    account.converge({"product.pro": {"name": "Pro", "default_price": "price.a"}, **two})
    off = {**two, "price.a": {**two["price.a"], "active": False}}
    account.converge({"product.pro": {"name": "Pro", "default_price": "price.b"}, **off})


def test_a_lookup_key_comes_back_from_a_predecessor(account: Account) -> None:
    for amount, key in ((100, "x"), (200, "y"), (200, "x")):
        account.converge({**PRO, "price.m": {**P, "unit_amount": amount, "lookup_key": key}})


def test_setting_everything_inactive_counts_as_retiring_it(account: Account) -> None:
    prices = {f"price.p{n}": {**P, "unit_amount": 100 + n} for n in range(12)}
    account.converge({**PRO, **prices})
    plan = account.plan({**PRO, **{a: {**b, "active": False} for a, b in prices.items()}})
    assert "12 of 12 live prices (100%) are over guards.max_retire_percent: 30" in plan.refusals[0]


def test_a_takeover_does_not_lift_another_projects_protection(account: Account, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    with Account(tmp_path / "theirs", world=account.world, project="theirs") as theirs:
        theirs.converge({"product.pro": {"name": "Pro", "id": "pro", "protect": True}})
    wanted = {"product.pro": {"name": "Pro", "id": "pro", "adopt": "pro"}}
    plan = account.plan(wanted, takeover=frozenset({"product.pro"}))
    assert refused(plan)["product.pro"] == "pro is protected by the billplan project 'theirs'"
