"""A world's first objects from a JSON document, held to the same rules as requests."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from reconciler.emulator.errors import StripeError
from reconciler.emulator.key import Key, check_prefixes
from reconciler.emulator.route import Answer, Call, Forced
from reconciler.emulator.schema import Hash
from reconciler.emulator.services import (
    coupon,
    credit_grant,
    customer,
    feature,
    meter,
    payment_method,
    price,
    product,
    promotion_code,
    subscription,
    tax_rate,
)
from reconciler.emulator.shapes.registry import SHAPES
from reconciler.emulator.wire import raw_of
from reconciler.emulator.world import World

ACCOUNT = frozenset({"country", "created", "default_currency", "disabled", "id", "tax_places"})


class SeedError(ValueError):
    """Everything that is wrong with a seed: a line a problem, each naming its table and index."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Planting:
    """How the entries of one table become objects, and what an entry may say besides create parameters."""

    schema: Hash
    create: Callable[[World, Call], Answer]
    extra: tuple[str, ...] = ()


# In this order, since later tables refer to earlier ones.
TABLES: Mapping[str, Planting] = {
    "meters": Planting(meter.CREATE, meter.create, ("status",)),
    "products": Planting(product.CREATE, product.create, ("default_price",)),
    "prices": Planting(price.CREATE, price.create),
    "coupons": Planting(coupon.CREATE, coupon.create),
    "customers": Planting(customer.CREATE, customer.create),
    "payment_methods": Planting(payment_method.PLANTED, payment_method.plant),
    "promotion_codes": Planting(promotion_code.CREATE, promotion_code.create),
    "tax_rates": Planting(tax_rate.CREATE, tax_rate.create),
    "features": Planting(feature.CREATE, feature.create),
    "credit_grants": Planting(credit_grant.CREATE, credit_grant.create),
    "subscriptions": Planting(subscription.CREATE, subscription.create, ("status",)),
}


def load_seed(world: World, document: Mapping[str, Any]) -> None:
    """Add a document's objects to a world: all of them, or none and a SeedError that lists every problem."""
    trial = copy.deepcopy(world)
    known = {*TABLES, "account", "keys"}
    problems = [f"{name}: there is no such table" for name in document if name not in known]
    problems += _set_account(trial, document.get("account", {}))
    problems += _set_keys(trial, document.get("keys", {}))
    later: list[tuple[str, Callable[[], Answer]]] = []
    for table, planting in TABLES.items():
        entries = document.get(table, [])
        if not isinstance(entries, list):
            problems.append(f"{table}: must be a list")
            continue
        for index, entry in enumerate(entries):
            place = f"{table}[{index}]"
            problems += _attempt(place, partial(_plant, trial, planting, entry, (place, later)))
    for place, finish in later:
        problems += _attempt(place, finish)
    if problems:
        raise SeedError(problems)
    for name in ("account_id", "country", "created", "default_currency", "disabled", "keys"):
        setattr(world, name, getattr(trial, name))
    for name in ("tables", "tax_places", "sequence"):
        setattr(world, name, getattr(trial, name))


def _attempt(place: str, step: Callable[[], Any]) -> list[str]:
    try:
        step()
    except StripeError as error:
        return [f"{place}: {error.message}" + (f" [{error.param}]" if error.param else "")]
    except ValueError as error:
        return [f"{place}: {error}"]
    return []


def _set_account(world: World, account: Any) -> list[str]:
    if not isinstance(account, dict):
        return ["account: must be an object"]
    problems = [f"account: there is no such field: {name}" for name in account if name not in ACCOUNT]
    world.account_id = account.get("id", world.account_id)
    world.country = account.get("country", world.country)
    world.created = account.get("created", world.created)
    world.default_currency = account.get("default_currency", world.default_currency)
    disabled = account.get("disabled", sorted(world.disabled))
    if not isinstance(disabled, list) or not set(map(str, disabled)) <= set(SHAPES):
        return [*problems, f"account: disabled must be a list of resources, such as billing.credit_grant: {disabled}"]
    world.disabled = set(disabled)
    places = account.get("tax_places", world.tax_places)
    if not isinstance(places, dict) or not all(_is_percentage(rate) for rate in places.values()):
        wanted = 'must say percentages in quotes by country or state, as {"DE": "19", "US-NY": "8.875"}'
        return [*problems, f"account: tax_places {wanted}: {places}"]
    world.tax_places = dict(places)
    return problems


def _is_percentage(rate: Any) -> bool:
    return isinstance(rate, str) and re.fullmatch(r"\d{1,2}(\.\d{1,4})?", rate) is not None


def _set_keys(world: World, keys: Any) -> list[str]:
    """Add restricted keys: {"rk_test_reader": ["rak_product_read", ...]}."""
    if not isinstance(keys, dict) or not all(isinstance(allowed, list) for allowed in keys.values()):
        return ["keys: must be an object of lists of permissions"]
    added = {text: Key(frozenset(map(str, allowed))) for text, allowed in keys.items()}
    try:
        check_prefixes(added, world.livemode)
    except ValueError as error:
        return [f"keys: {error}"]
    world.keys = {**world.keys, **added}
    return []


Later = tuple[str, list[tuple[str, Callable[[], Answer]]]]


def _plant(world: World, planting: Planting, entry: Any, later: Later) -> None:
    if not isinstance(entry, dict):
        raise ValueError("must be an object")
    params = {name: value for name, value in entry.items() if name not in ("id", "created", *planting.extra)}
    created = entry.get("created")
    if created is not None and (not isinstance(created, int) or created > world.now()):
        raise ValueError(f"created must be a time in the past, in epoch seconds: {created!r}")
    id, status = entry.get("id", ""), entry.get("status", "")
    if not isinstance(id, str) or not isinstance(status, str):
        raise ValueError("id and status must be strings")
    if planting.create is subscription.create and status and status not in subscription.STATUSES:
        raise ValueError(f"status must be one of {', '.join(subscription.STATUSES)}: {status!r}")
    if planting.create is meter.create and status not in ("", "active", "inactive"):
        raise ValueError(f"status must be active or inactive: {status!r}")
    raw = raw_of(params)
    parsed = planting.schema.parse(raw, "") or {}
    record = planting.create(world, Call(parsed, forced=Forced(id, created, status)))
    assert isinstance(record, dict), "create answers with a record"
    _finish_later(world, planting, (entry, record["id"]), later)


def _finish_later(world: World, planting: Planting, planted: tuple[dict[str, Any], str], later: Later) -> None:
    """What refers to tables that come later, or would stand in their way: default prices, inactive meters."""
    entry, id = planted
    place, steps = later
    if planting.create is meter.create and entry.get("status") == "inactive":
        steps.append((place, lambda: meter.deactivate(world, Call(id=id))))
    default = entry.get("default_price")
    if planting.create is product.create and default is not None:
        steps.append((place, lambda: product.update(world, Call({"default_price": default}, id))))
