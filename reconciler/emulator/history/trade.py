"""What happens to a catalogue: products, prices, coupons, codes, tax rates and meters come, change and go."""

from __future__ import annotations

from random import Random
from typing import Any

from reconciler.emulator.history.draw import draw, title
from reconciler.emulator.history.goods import METERS
from reconciler.emulator.route import Call
from reconciler.emulator.services import (
    coupon,
    feature,
    meter,
    price,
    product,
    product_feature,
    promotion_code,
    tax_rate,
)
from reconciler.emulator.shapes.coupon import is_valid
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

CURRENCIES = ("usd", "usd", "eur", "gbp", "jpy")


def product_created(world: World, random: Random) -> bool:
    product.create(world, Call({"name": title(random), "metadata": {"team": "growth"}}))
    return True


def product_renamed(world: World, random: Random) -> bool:
    found = draw(random, world.tables["product"])
    if found is not None:
        product.update(world, Call({"name": title(random)}, found["id"]))
    return found is not None


def product_switched(world: World, random: Random) -> bool:
    """Archive a product, or sell an archived one again."""
    found = draw(random, world.tables["product"])
    if found is not None:
        product.update(world, Call({"active": not found["active"]}, found["id"]))
    return found is not None


def product_deleted(world: World, random: Random) -> bool:
    """Only a product that never had a price can be deleted, and none that a coupon or a feature names is."""
    used = {id for record in world.tables["coupon"] for id in (record["applies_to"] or {}).get("products", ())}
    found = draw(random, world.tables["product"], lambda record: _deletable(world, record) and record["id"] not in used)
    if found is not None:
        product.delete(world, Call(id=found["id"]))
    return found is not None


def _deletable(world: World, record: Record) -> bool:
    return not any(world.tables[name].having("product", record["id"]) for name in ("price", "product_feature"))


def price_created(world: World, random: Random) -> bool:
    owner = draw(random, world.tables["product"])
    if owner is None:
        return False
    params: dict[str, Any] = {
        "currency": random.choice(CURRENCIES),
        "product": owner["id"],
        "unit_amount": random.randrange(1, 500) * 100,
    }
    if random.randrange(5):
        params["recurring"] = {"interval": random.choice(("month", "month", "year"))}
    made = price.create(world, Call(params))
    assert isinstance(made, dict), "create answers with a record"
    if random.randrange(3) == 0:
        product.update(world, Call({"default_price": made["id"]}, owner["id"]))
    return True


def price_switched(world: World, random: Random) -> bool:
    """Archive a price that is not its product's default, or sell an archived one again."""
    defaults = {owner["default_price"] for owner in world.tables["product"]}
    found = draw(random, world.tables["price"], lambda record: record["id"] not in defaults)
    if found is not None:
        price.update(world, Call({"active": not found["active"]}, found["id"]))
    return found is not None


def price_relabeled(world: World, random: Random) -> bool:
    found = draw(random, world.tables["price"])
    if found is not None:
        price.update(world, Call({"nickname": title(random)}, found["id"]))
    return found is not None


def coupon_created(world: World, random: Random) -> bool:
    params: dict[str, Any] = {
        "name": title(random),
        "percent_off": str(random.randrange(1, 101)),
        "duration": "forever",
    }
    if random.randrange(2):
        params = {"name": title(random), "amount_off": random.randrange(1, 99) * 100, "currency": "usd"}
    coupon.create(world, Call(params))
    return True


def coupon_renamed(world: World, random: Random) -> bool:
    found = draw(random, world.tables["coupon"])
    if found is not None:
        coupon.update(world, Call({"name": title(random)}, found["id"]))
    return found is not None


def coupon_deleted(world: World, random: Random) -> bool:
    """Its codes go first: without their coupon they would be inactive, and no event would tell."""
    found = draw(random, world.tables["coupon"])
    if found is None:
        return False
    for code in world.tables["promotion_code"].having("coupon", found["id"]):
        if code["active"]:
            promotion_code.update(world, Call({"active": False}, code["id"]))
    coupon.delete(world, Call(id=found["id"]))
    return True


def promotion_code_created(world: World, random: Random) -> bool:
    owner = draw(random, world.tables["coupon"], lambda record: is_valid(world, record))
    if owner is None:
        return False
    promotion_code.create(world, Call({"promotion": {"coupon": owner["id"], "type": "coupon"}}))
    return True


def promotion_code_ended(world: World, random: Random) -> bool:
    found = draw(random, world.tables["promotion_code"], lambda record: bool(record["active"]))
    if found is not None:
        promotion_code.update(world, Call({"active": False}, found["id"]))
    return found is not None


def tax_rate_created(world: World, random: Random) -> bool:
    percentage = f"{random.randrange(3, 26)}.{random.randrange(1, 10)}"
    params = {"display_name": "VAT", "percentage": percentage, "inclusive": bool(random.randrange(2)), "country": "DE"}
    tax_rate.create(world, Call(params))
    return True


def tax_rate_switched(world: World, random: Random) -> bool:
    found = draw(random, world.tables["tax_rate"])
    if found is not None:
        tax_rate.update(world, Call({"active": not found["active"]}, found["id"]))
    return found is not None


def tax_rate_described(world: World, random: Random) -> bool:
    found = draw(random, world.tables["tax_rate"])
    if found is not None:
        tax_rate.update(world, Call({"description": title(random)}, found["id"]))
    return found is not None


def meter_created(world: World, random: Random) -> bool:
    event_name = f"{random.choice(list(METERS))}_{random.randrange(10**6):06d}"
    if world.tables["billing.meter"].having("event_name", event_name):
        return False
    params = {"display_name": title(random), "event_name": event_name, "default_aggregation": {"formula": "sum"}}
    meter.create(world, Call(params))
    return True


def meter_renamed(world: World, random: Random) -> bool:
    found = draw(random, world.tables["billing.meter"])
    if found is not None:
        meter.update(world, Call({"display_name": title(random)}, found["id"]))
    return found is not None


def meter_switched(world: World, random: Random) -> bool:
    """Deactivate a meter, or reactivate one whose event name is free."""
    table = world.tables["billing.meter"]
    busy = {record["event_name"] for record in table if record["status"] == "active"}
    found = draw(random, table, lambda record: record["status"] == "active" or record["event_name"] not in busy)
    if found is None:
        return False
    if found["status"] == "active":
        meter.deactivate(world, Call(id=found["id"]))
    else:
        meter.reactivate(world, Call(id=found["id"]))
    return True


def feature_created(world: World, random: Random) -> bool:
    """No event tells of features, nor of what they are attached to."""
    key = f"feature_{random.randrange(10**6):06d}"
    if world.tables["entitlements.feature"].having("lookup_key", key):
        return False
    feature.create(world, Call({"lookup_key": key, "name": title(random)}))
    return True


def feature_renamed(world: World, random: Random) -> bool:
    return _feature_changed(world, random, {"name": title(random)})


def feature_archived(world: World, random: Random) -> bool:
    return _feature_changed(world, random, {"active": False})


def _feature_changed(world: World, random: Random, params: dict[str, Any]) -> bool:
    found = draw(random, world.tables["entitlements.feature"], lambda record: bool(record["active"]))
    if found is not None:
        feature.update(world, Call(params, found["id"]))
    return found is not None


def feature_attached(world: World, random: Random) -> bool:
    chosen = draw(random, world.tables["entitlements.feature"], lambda record: bool(record["active"]))
    if chosen is None:
        return False
    having = world.tables["product_feature"].having("entitlement_feature", chosen["id"])
    holders = {record["product"] for record in having}
    owner = draw(random, world.tables["product"], lambda record: record["id"] not in holders)
    if owner is not None:
        product_feature.create(world, Call({"entitlement_feature": chosen["id"]}, owner["id"]))
    return owner is not None


def feature_detached(world: World, random: Random) -> bool:
    found = draw(random, world.tables["product_feature"])
    if found is not None:
        product_feature.delete(world, Call(id=found["product"], inner=found["id"]))
    return found is not None
