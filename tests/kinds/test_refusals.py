"""What is refused holds up what needs it, and nothing else."""

from __future__ import annotations

from typing import Any

from reconciler.core.changes import Action
from reconciler.engine.apply import Applied
from tests.account import Account
from tests.kinds.plans import PRICE, PRODUCT, addresses, by_hand, change, ids, steps

LAUNCH: dict[str, Any] = {"percent_off": 20, "applies_to": {"products": ["product.pro"]}}
CODE: dict[str, Any] = {"code": "LAUNCH", "promotion": {"coupon": "coupon.launch"}}
ALONE: dict[str, Any] = {"product.solo": {"name": "Solo"}, "price.solo": {**PRICE, "product": "product.solo"}}


def refused(account: Account, bodies: dict[str, Any]) -> dict[str, str]:
    return {str(c.address): c.refused for c in account.plan(bodies).changes if c.action is Action.REFUSED}


def test_a_chain_of_three_is_refused_link_by_link(account: Account) -> None:
    by_hand(account, "/v1/products", id="acme-pro", name="Pro")
    bodies = {"product.pro": PRODUCT, "coupon.launch": LAUNCH, "promotion_code.l": CODE, **ALONE}
    said = refused(account, bodies)
    assert said["coupon.launch"] == "it needs product.pro, which is refused"
    assert said["promotion_code.l"] == "it needs coupon.launch, which is refused"
    assert set(said) == {"product.pro", "coupon.launch", "promotion_code.l"}


def test_the_rest_goes_on_where_that_is_asked_for(account: Account) -> None:
    by_hand(account, "/v1/products", id="acme-pro", name="Pro")
    plan = account.plan({"product.pro": PRODUCT, "price.pro": PRICE, **ALONE})
    assert steps(plan) == ["product.solo/create", "price.solo/create"]
    applied: Applied = account.apply(plan, skip_refused=True)
    assert applied.complete


def test_what_exists_is_not_compared_anew_because_its_product_is_refused(account: Account) -> None:
    bodies = {"product.pro": PRODUCT, "price.pro": PRICE, "coupon.launch": LAUNCH, "promotion_code.l": CODE}
    account.converge(bodies)
    by_hand(account, "/v1/products", id="prod_2", name="Pro")
    said = refused(account, {**bodies, "product.pro": {**PRODUCT, "adopt": "prod_2"}})
    assert set(said) == {"product.pro"}


def test_a_new_price_waits_for_a_product_that_is_refused_in_what_it_is(account: Account) -> None:
    account.converge({"product.pro": {**PRODUCT, "type": "service"}})
    changed = {"product.pro": {**PRODUCT, "type": "good"}, "price.pro": PRICE}
    said = refused(account, changed)
    assert said["product.pro"] == "type of a product cannot change once it exists"
    assert said["price.pro"] == "it needs product.pro, which is refused"


def test_a_price_is_not_replaced_while_its_product_is_refused(account: Account) -> None:
    account.converge({"product.pro": {**PRODUCT, "type": "service"}, "price.pro": PRICE})
    dear = {**PRICE, "unit_amount": 3900}
    said = refused(account, {"product.pro": {**PRODUCT, "type": "good"}, "price.pro": dear})
    assert said["price.pro"] == "it needs product.pro, which is refused"


def test_a_price_is_renamed_while_its_product_is_refused(account: Account) -> None:
    account.converge({"product.pro": {**PRODUCT, "type": "service"}, "price.pro": PRICE})
    plan = account.plan({"product.pro": {**PRODUCT, "type": "good"}, "price.pro": {**PRICE, "nickname": "Monthly"}})
    assert change(plan, "price.pro").action is Action.UPDATE


def taken_price(account: Account) -> None:
    """Somebody's price has the lookup key that price.pro would get."""
    by_hand(account, "/v1/products", id="theirs", name="Theirs")
    by_hand(account, "/v1/prices", product="theirs", currency="usd", unit_amount=1, lookup_key="acme-pro")


def test_a_product_is_made_without_the_default_price_that_is_refused(account: Account) -> None:
    taken_price(account)
    bodies = {"product.pro": {**PRODUCT, "default_price": "price.pro"}, "price.pro": PRICE}
    plan = account.plan(bodies)
    assert change(plan, "product.pro").notes == ("default_price is not set yet: it needs price.pro, which is refused",)
    assert steps(plan) == ["product.pro/create"]
    assert account.apply(plan, skip_refused=True).complete
    mended = {**bodies, "price.pro": {**PRICE, "lookup_key": "pro"}}
    assert not account.plan(mended).drift
    account.converge(mended)
    assert account.live("product")[-1]["default_price"] == ids(account, "price", lookup_key="pro")[0]


def test_a_product_waits_for_the_default_price_that_is_refused(account: Account) -> None:
    account.converge({"product.pro": PRODUCT})
    taken_price(account)
    said = refused(account, {"product.pro": {"name": "Plus", "default_price": "price.pro"}, "price.pro": PRICE})
    assert said["product.pro"] == "it needs price.pro, which is refused"


def test_one_object_for_two_addresses_is_refused(account: Account) -> None:
    by_hand(account, "/v1/products", id="theirs", name="Theirs")
    body = {"product": "theirs", "currency": "usd", "unit_amount": 1}
    marked = {**body, "lookup_key": "acme-pro", "metadata": {"billplan_project": "zeta"}}
    price = by_hand(account, "/v1/prices", **marked)["id"]
    bodies = {"price.pro": body, "price.plus": {**body, "adopt": price}}
    plan = account.plan(bodies, takeover=frozenset(bodies))
    assert addresses(plan) == ["price.plus", "price.pro"]
    assert change(plan, "price.plus").action is Action.ADOPT
    assert change(plan, "price.pro").refused == f"{price} is claimed by price.plus as well"
    assert change(plan, "price.pro").hint == "one Stripe object belongs to one address"


def test_a_refused_plan_names_what_is_refused(account: Account) -> None:
    by_hand(account, "/v1/products", id="acme-pro", name="Pro")
    plan = account.plan({"product.pro": PRODUCT})
    assert plan.summary["refused"] == 1
    assert not plan.applicable
    assert not plan.empty
