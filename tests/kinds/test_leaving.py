"""What leaves: blocks that are gone, `removed:`, and protection that outlives its block."""

from __future__ import annotations

from typing import Any

from reconciler.core.changes import Action
from reconciler.core.fields import ChangeClass
from reconciler.core.guards import Guards
from reconciler.core.resources import Specs
from tests.account import Account, specs_of
from tests.kinds.plans import PRICE, PRODUCT, addresses, by_hand, change, ids, steps

OFFERED: dict[str, Any] = {"name": "Pro", "default_price": "price.pro"}
PROTECTED: dict[str, Any] = {**PRICE, "protect": True}
DEAR: dict[str, Any] = {**PRICE, "unit_amount": 3900}


def removed(bodies: dict[str, Any], **actions: str) -> Specs:
    return specs_of(bodies, removed={a.replace("__", "."): w for a, w in actions.items()})


def test_a_product_leaves_after_its_prices_even_when_one_is_its_default(account: Account) -> None:
    account.converge({"product.pro": OFFERED, "price.pro": PRICE})
    (price,) = ids(account, "price")
    plan = account.converge({})
    repoint, archive_price, archive_product = plan.steps
    assert repoint.id == "price.pro/repoint acme-pro"
    assert repoint.params == {"default_price": ""}
    assert archive_price.id == f"price.pro/archive {price}"
    assert archive_price.needs == (repoint.id,)
    assert archive_product.id == "product.pro/archive acme-pro"
    assert archive_product.needs == (archive_price.id,)


def test_leaving_says_what_leaves(account: Account) -> None:
    account.converge({"product.pro": PRODUCT, "price.pro": PRICE})
    said = change(account.plan({"product.pro": PRODUCT}), "price.pro")
    assert (said.action, said.verb, said.change_class) == (Action.RETIRE, "archive", ChangeClass.MONEY)
    assert said.reason == "no spec declares it any more"
    assert said.before["unit_amount"] == "2900"
    assert str(said.before["product"]) == "product.pro"
    assert not any("billplan_" in name for name in said.before)
    assert said.after == {}


def test_a_product_waits_for_the_declared_price_that_lets_go_of_it(account: Account) -> None:
    account.converge({"product.old": PRODUCT, "price.pro": {**PRICE, "product": "product.old"}})
    (price,) = ids(account, "price")
    plan = account.converge({"product.new": PRODUCT, "price.pro": {**PRICE, "product": "product.new"}})
    archive = next(s for s in plan.steps if s.id == "product.old/archive acme-old")
    assert archive.needs == (f"price.pro/archive {price}",)


def test_protection_outlives_the_block(account: Account) -> None:
    account.converge({"product.pro": PRODUCT, "price.pro": PROTECTED})
    said = change(account.plan({"product.pro": PRODUCT}), "price.pro")
    assert said.refused == "it is protected, and would be archived because no spec declares it any more"
    assert said.hint == "declare price.pro again with protect: false and apply; then take it out"
    account.converge({"product.pro": PRODUCT, "price.pro": PRICE})
    account.converge({"product.pro": PRODUCT})
    assert ids(account, "price", active=True) == []


def test_what_a_protected_price_uses_stays_as_well(account: Account) -> None:
    account.converge({"product.pro": PRODUCT, "price.pro": PROTECTED})
    plan = account.plan({})
    assert not plan.steps
    said = change(plan, "product.pro")
    assert said.refused == "price.pro uses it, and its own leaving is refused"
    assert said.hint == "mend price.pro first"


def test_a_protected_price_is_not_replaced(account: Account) -> None:
    account.converge({"product.pro": PRODUCT, "price.pro": PROTECTED})
    plan = account.plan({"product.pro": PRODUCT, "price.pro": {**DEAR, "protect": True}})
    said = change(plan, "price.pro")
    assert said.refused == "it is protected, and unit_amount cannot change in place: it would be replaced"
    assert said.hint == "set protect: false on price.pro, or declare a new price under another name"
    assert not plan.steps
    account.converge({"product.pro": PRODUCT, "price.pro": {**DEAR, "protect": False}})


def test_a_protected_price_is_changed_in_place(account: Account) -> None:
    account.converge({"product.pro": PRODUCT, "price.pro": PROTECTED})
    account.converge({"product.pro": PRODUCT, "price.pro": {**PROTECTED, "nickname": "Monthly"}})


def test_forgetting_takes_the_marker_off_and_leaves_the_object(account: Account) -> None:
    account.converge({"product.pro": {**PRODUCT, "metadata": {"tier": "2"}}})
    specs = removed({}, product__pro="forget")
    said = change(account.plan(specs), "product.pro")
    assert (said.action, said.verb, said.change_class) == (Action.UPDATE, "forget", ChangeClass.COSMETIC)
    assert said.reason == "removed: forget takes the marker off; the object stays"
    account.converge(specs)
    (product,) = account.live("product")
    assert (product["active"], product["metadata"]) == (True, {"tier": "2"})
    assert account.plan({}).unmanaged == {"product": 1}


def test_forgetting_a_replaced_price_forgets_its_predecessors(account: Account) -> None:
    account.converge({"product.pro": PRODUCT, "price.pro": PRICE})
    account.converge({"product.pro": PRODUCT, "price.pro": DEAR})
    account.converge(removed({"product.pro": PRODUCT}, price__pro="forget"))
    assert not any(p["metadata"] for p in account.live("price"))


def test_something_protected_is_not_forgotten_either(account: Account) -> None:
    account.converge({"product.pro": {**PRODUCT, "protect": True}})
    said = change(account.plan(removed({}, product__pro="forget")), "product.pro")
    assert said.refused == "it is protected, and would be forgotten because removed: says so"


def test_archiving_by_an_entry_is_what_a_missing_block_does(account: Account) -> None:
    account.converge({"product.pro": PRODUCT})
    specs = removed({}, product__pro="archive")
    said = change(account.plan(specs), "product.pro")
    assert (said.action, said.reason) == (Action.RETIRE, "removed: says archive")
    account.converge(specs)
    assert ids(account, "product", active=False) == ["acme-pro"]


def test_a_coupon_is_deleted_only_where_that_is_allowed(account: Account) -> None:
    account.converge({"coupon.launch": {"percent_off": 20}})
    plan = account.plan({})
    said = change(plan, "coupon.launch")
    assert (said.action, said.verb, said.change_class) == (Action.RETIRE, "delete", ChangeClass.IRREVERSIBLE)
    assert plan.refusals == (
        "coupon.launch cannot be undone (a deleted coupon is gone; discounts that customers have already stay); "
        "if it is meant: --allow 'irreversible:coupon.launch', or the same under guards.allow in billplan.yaml",
    )
    assert account.apply(account.plan({}, Guards(allow=("irreversible:coupon.*",)))).complete
    assert account.live("coupon") == []
    assert account.plan({}).empty


def test_a_coupon_leaves_after_its_promotion_codes(account: Account) -> None:
    account.converge(
        {"coupon.launch": {"percent_off": 20}, "promotion_code.l": {"promotion": {"coupon": "coupon.launch"}}}
    )
    plan = account.plan({}, Guards(allow=("irreversible:*",)))
    assert addresses(plan) == ["coupon.launch", "promotion_code.l"]
    archive, delete = plan.steps
    assert delete.id == "coupon.launch/delete acme-launch"
    assert delete.needs == (archive.id,)
    assert account.apply(plan).complete


def test_what_was_archived_by_hand_has_left_already(account: Account) -> None:
    account.converge({"product.pro": PRODUCT})
    by_hand(account, "/v1/products/acme-pro", active=False)
    assert account.plan({}).empty


def test_what_is_gone_from_stripe_is_made_again(account: Account) -> None:
    account.converge({"product.pro": PRODUCT})
    account.api.request("delete", "/v1/products/acme-pro", {}, idempotency_key=None)
    plan = account.converge({"product.pro": PRODUCT})
    assert steps(plan) == ["product.pro/create"]
