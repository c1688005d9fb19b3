"""`--select`: the part of a plan that was asked for, with all that it needs."""

from __future__ import annotations

from typing import Any

from reconciler.core.plan import Plan
from tests.account import Account
from tests.kinds.plans import PRICE, PRODUCT, addresses, by_hand, steps

OFFERED: dict[str, Any] = {"name": "Pro", "default_price": "price.pro"}
SOLO: dict[str, Any] = {"name": "Solo"}


def whole(plan: Plan) -> bool:
    known = {s.id for s in plan.steps}
    return all(set(s.needs) <= known for s in plan.steps)


def test_a_price_brings_the_product_that_it_needs(account: Account) -> None:
    specs = {"product.pro": PRODUCT, "price.pro": PRICE, "product.solo": SOLO}
    plan = account.plan(specs, select=("price.pro",))
    assert addresses(plan) == ["price.pro", "product.pro"]
    assert not plan.complete
    assert account.apply(plan).complete
    assert addresses(account.plan(specs)) == ["product.solo"]


def test_a_product_does_not_bring_its_prices(account: Account) -> None:
    plan = account.plan({"product.pro": PRODUCT, "price.pro": PRICE}, select=("product.*",))
    assert addresses(plan) == ["product.pro"]


def test_a_product_brings_its_default_price(account: Account) -> None:
    plan = account.plan({"product.pro": OFFERED, "price.pro": PRICE}, select=("product.pro",))
    assert addresses(plan) == ["price.pro", "product.pro"]
    assert whole(plan)


def test_a_replacement_brings_the_product_whose_default_it_is(account: Account) -> None:
    account.converge({"product.pro": OFFERED, "price.pro": PRICE, "product.solo": SOLO})
    changed = {
        "product.pro": OFFERED,
        "price.pro": {**PRICE, "unit_amount": 3900},
        "product.solo": {"name": "Duo"},
    }
    plan = account.plan(changed, select=("price.pro",))
    assert addresses(plan) == ["price.pro", "product.pro"]
    assert whole(plan)
    assert account.apply(plan).complete
    assert addresses(account.plan(changed)) == ["product.solo"]


def test_a_product_that_leaves_brings_the_prices_that_leave_before_it(account: Account) -> None:
    account.converge({"product.pro": PRODUCT, "price.pro": PRICE, "product.solo": SOLO})
    plan = account.plan({}, select=("product.pro",))
    assert addresses(plan) == ["price.pro", "product.pro"]
    assert whole(plan)


def test_a_price_that_leaves_does_not_bring_its_product(account: Account) -> None:
    account.converge({"product.pro": PRODUCT, "price.pro": PRICE})
    plan = account.plan({}, select=("price.*",))
    assert addresses(plan) == ["price.pro"]
    assert len(steps(plan)) == 1


def test_drift_of_what_was_not_asked_for_is_left_out(account: Account) -> None:
    specs = {"product.pro": PRODUCT, "product.solo": SOLO}
    account.converge(specs)
    for product in ("acme-pro", "acme-solo"):
        by_hand(account, f"/v1/products/{product}", name="Oops")
    plan = account.plan(specs, select=("product.solo",))
    assert [str(d.address) for d in plan.drift] == ["product.solo"]
    assert addresses(plan) == ["product.solo"]


def test_nothing_asked_for_is_everything(account: Account) -> None:
    plan = account.plan({"product.pro": PRODUCT})
    assert plan.complete
    assert addresses(plan) == ["product.pro"]
