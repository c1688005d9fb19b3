"""The items of a subscription: it shows the first ten, the list has all."""

from __future__ import annotations

import pytest

from reconciler.emulator.key import Key
from reconciler.emulator.world import World
from tests.emulator.client import Caller

PATH = "/v1/subscription_items"


@pytest.fixture
def call(world: World) -> Caller:
    return Caller(world)


def subscribe(call: Caller, items: int) -> str:
    product = call.make("/v1/products", {"name": "Pro"})
    base = {"currency": "usd", "product": product, "recurring": {"interval": "month"}}
    prices = [call.make("/v1/prices", {**base, "unit_amount": 100 + n}) for n in range(items)]
    customer = call.make("/v1/customers", {})
    sent = {"customer": customer, "items": [{"price": price} for price in prices], "trial_period_days": 7}
    return call.make("/v1/subscriptions", sent)


@pytest.mark.parametrize("count", [1, 10, 11, 20])
def test_a_subscription_shows_ten_items_and_says_if_there_are_more(call: Caller, count: int) -> None:
    id = subscribe(call, count)
    items = call.get(f"/v1/subscriptions/{id}").body["items"]
    assert (len(items["data"]), items["has_more"]) == (min(count, 10), count > 10)
    assert items["url"] == f"{PATH}?subscription={id}"
    rest = call.get(PATH, {"subscription": id, "limit": 100}).body
    assert (len(rest["data"]), rest["has_more"]) == (count, False)
    assert rest["data"][:10] == items["data"]


def test_pages_go_both_ways(call: Caller) -> None:
    id = subscribe(call, 7)
    ids = [row["id"] for row in call.get(PATH, {"subscription": id}).body["data"]]
    found = list[str]()
    while True:
        cursor = {"starting_after": found[-1]} if found else {}
        body = call.get(PATH, {"subscription": id, "limit": 3, **cursor}).body
        found += [row["id"] for row in body["data"]]
        if not body["has_more"]:
            break
    assert found == ids
    back = call.get(PATH, {"subscription": id, "limit": 3, "ending_before": ids[5]}).body
    assert ([row["id"] for row in back["data"]], back["has_more"]) == (ids[2:5], True)
    first = call.get(PATH, {"subscription": id, "limit": 3, "ending_before": ids[2]}).body
    assert ([row["id"] for row in first["data"]], first["has_more"]) == (ids[:2], False)


def test_an_item_is_found_by_its_id(call: Caller) -> None:
    id = subscribe(call, 2)
    shown = call.get(f"/v1/subscriptions/{id}").body["items"]["data"]
    for row in shown:
        assert call.get(f"{PATH}/{row['id']}").body == row
    whole = call.get(f"{PATH}/{shown[0]['id']}", {"expand": ["price.product"]}).body
    assert whole["price"]["product"]["name"] == "Pro"
    lost = call.get(f"{PATH}/si_x")
    assert (lost.status, lost.code) == (404, "resource_missing")


def test_what_cannot_be_listed_is_refused(call: Caller) -> None:
    id = subscribe(call, 2)
    assert call.get(PATH).code == "parameter_missing"
    assert call.get(PATH, {"subscription": "sub_x"}).code == "resource_missing"
    assert call.get(PATH, {"subscription": id, "created": 1}).code == "parameter_unknown"
    assert call.get(PATH, {"subscription": id, "starting_after": "si_x"}).param == "starting_after"
    both = {"subscription": id, "starting_after": "si_000001", "ending_before": "si_000002"}
    assert call.get(PATH, both).code == "parameters_exclusive"
    assert call.post(PATH, {"subscription": id}).code == "emulator_gap"


def test_only_keys_with_the_permission_read_them(world: World) -> None:
    id = subscribe(Caller(world), 1)
    world.keys |= {"rk_test_a": Key(frozenset({"rak_subscription_read"})), "rk_test_b": Key(frozenset())}
    assert Caller(world, "rk_test_a").get(PATH, {"subscription": id}).status == 200
    assert Caller(world, "rk_test_b").get(PATH, {"subscription": id}).status == 403
