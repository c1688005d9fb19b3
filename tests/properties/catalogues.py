"""Random catalogues and random edits of them, from a seed."""

from __future__ import annotations

import copy
from random import Random
from typing import Any

Bodies = dict[str, dict[str, Any]]


def make_catalogue(random: Random) -> Bodies:
    """Make a small catalogue in which everything refers to something declared."""
    bodies: Bodies = {}
    for name in random.sample(["pro", "team", "solo"], random.randint(1, 3)):
        bodies[f"product.{name}"] = _product(random)
        for interval in random.sample(["month", "year"], random.randint(0, 2)):
            bodies[f"price.{name}_{interval}"] = _price(random, name, interval)
    for name in random.sample(["launch", "loyal"], random.randint(0, 2)):
        bodies[f"coupon.{name}"] = {"percent_off": 20, "duration": "once", "name": random.choice(["A", "B"])}
        if random.random() < 0.6:
            promotion = {"coupon": f"coupon.{name}"}
            bodies[f"promotion_code.{name}"] = {"code": name.upper(), "promotion": promotion, "max_redemptions": 5}
    for name in random.sample(["vat", "gst"], random.randint(0, 2)):
        bodies[f"tax_rate.{name}"] = {"display_name": name, "percentage": random.randint(1, 25), "inclusive": False}
    if random.random() < 0.5:
        formula = {"formula": "sum"}
        bodies["meter.calls"] = {"display_name": "Calls", "event_name": "calls", "default_aggregation": formula}
    return sound(bodies, random)


def edit(bodies: Bodies, random: Random) -> Bodies:
    """Change some values, take some resources out, and put others in."""
    edited = copy.deepcopy(bodies)
    for address, body in make_catalogue(random).items():
        if random.random() < 0.3:
            # What a coupon gives cannot change, and one may be there already.
            edited.setdefault(address, body)
    for address in list(edited):
        if random.random() < 0.15:
            del edited[address]
        elif random.random() < 0.6:
            _change(address, edited[address], random)
    return sound(edited, random)


def sound(bodies: Bodies, random: Random) -> Bodies:
    """Drop what refers to nothing; name a default price here and there."""
    kept = {
        a: b
        for a, b in bodies.items()
        if b.get("product", "product.") in ("product.", *bodies) and b.get("promotion", {}).get("coupon", a) in bodies
    }
    for address, body in kept.items():
        if address.startswith("product."):
            own = [a for a, b in kept.items() if b.get("product") == address]
            if body.get("default_price") not in own:
                body.pop("default_price", None)
            if own and random.random() < 0.5:
                body["default_price"] = random.choice(own)
    return dict(random.sample(list(kept.items()), len(kept)))


def _product(random: Random) -> dict[str, Any]:
    return {"name": random.choice(["One", "Two"]), "metadata": {"tier": str(random.randint(1, 3))}}


def _price(random: Random, name: str, interval: str) -> dict[str, Any]:
    amount = 100 * random.randint(1, 90)
    return {"product": f"product.{name}", "currency": "usd", "unit_amount": amount, "recurring": {"interval": interval}}


def _change(address: str, body: dict[str, Any], random: Random) -> None:
    match address.partition(".")[0]:
        case "product":
            body["description"] = random.choice(["For teams", "For one"])
        case "price" if random.random() < 0.7:
            body["unit_amount"] += 100
        case "price":
            body["nickname"] = random.choice(["a", "b"])
        case "coupon":
            body["name"] = random.choice(["A", "B", "C"])
        case "promotion_code":
            body["max_redemptions"] += 1
        case "tax_rate":
            body["percentage"] = random.randint(1, 25)
