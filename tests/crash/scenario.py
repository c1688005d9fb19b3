"""The scenario of the crash matrix: one plan that holds a step of every sort."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.core.guards import Guards
from reconciler.core.plan import Plan
from reconciler.core.resources import Specs
from reconciler.emulator.world import World
from reconciler.engine.apply import Applied
from tests.account import KEY, Account, api_of, new_world, specs_of

GUARDS = Guards(allow=("irreversible:*",), max_retire_percent=None)
MONTH = {"interval": "month"}
SUM = {"default_aggregation": {"formula": "sum"}}

BEFORE: dict[str, dict[str, Any]] = {
    "product.pro": {"name": "Pro", "default_price": "price.m"},
    "price.m": {"product": "product.pro", "currency": "usd", "unit_amount": 2900, "recurring": MONTH},
    "price.y": {"product": "product.pro", "currency": "usd", "unit_amount": 29000, "recurring": {"interval": "year"}},
    "product.team": {"name": "Team"},
    "price.t": {"product": "product.team", "currency": "usd", "unit_amount": 500, "recurring": MONTH},
    "product.old": {"name": "Old", "default_price": "price.old"},
    "price.old": {"product": "product.old", "currency": "usd", "unit_amount": 100},
    "product.side": {"name": "Side"},
    "coupon.launch": {"percent_off": 20, "duration": "once"},
    "coupon.bye": {"percent_off": 5, "duration": "once"},
    "promotion_code.l": {"code": "LAUNCH", "promotion": {"coupon": "coupon.launch"}, "max_redemptions": 5},
    "tax_rate.vat": {"display_name": "VAT", "percentage": 19, "inclusive": False, "country": "DE"},
    "meter.calls": {"display_name": "Calls", "event_name": "calls", **SUM},
    "meter.gone": {"display_name": "Gone", "event_name": "gone", **SUM},
    "meter.idle": {"display_name": "Idle", "event_name": "idle", **SUM},
}


@dataclass(frozen=True)
class Scenario:
    """A world as it was before, the store of that time, and the specs to reach."""

    world: World
    store: Path
    specs: Specs
    plan: Plan

    @contextmanager
    def opened(self, folder: Path) -> Iterator[Account]:
        """Open a copy of the world with a copy of the store."""
        shutil.copytree(self.store, folder)
        with Account(folder, world=copy.deepcopy(self.world)) as account:
            yield account

    def replan(self, account: Account) -> Plan:
        """Plan the specs anew."""
        return account.plan(self.specs, GUARDS)


def make_scenario(folder: Path, world: World | None = None) -> Scenario:
    """Bring an account to the state before, by the product itself, then by hands other than its own."""
    folder.mkdir()
    world = world or new_world()
    with Account(folder, world=world) as account:
        account.converge(BEFORE)
        hand = api_of(world)
        product = hand.request("post", "/v1/products", {"id": "prod_hand", "name": "By hand"}, idempotency_key="hand-1")
        rate = {"display_name": "By hand", "percentage": 7, "inclusive": True}
        rate_id = hand.request("post", "/v1/tax_rates", rate, idempotency_key="hand-2").body["id"]
        price = next(p["id"] for p in account.live("price") if p["lookup_key"] == "acme-t")
        hand.request("post", "/v1/products/acme-team", {"default_price": price}, idempotency_key="hand-3")
        meters = {m["event_name"]: m["id"] for m in account.live("billing.meter")}
        hand.request("post", f"/v1/billing/meters/{meters['idle']}/deactivate", {}, idempotency_key="hand-4")
        adopted = {"product": product.body["id"], "tax_rate": rate_id, "meter": meters["idle"]}
        specs = _after(adopted)
        # Longer than Stripe keeps an idempotency key.
        plan = account.plan(specs, GUARDS, expires_in=7 * 86400)
    return Scenario(world=world, store=folder, specs=specs, plan=plan)


def _after(adopted: dict[str, str]) -> Specs:
    bodies: dict[str, dict[str, Any]] = copy.deepcopy(BEFORE)
    for gone in ("product.old", "price.old", "product.side", "coupon.bye", "meter.gone"):
        del bodies[gone]
    bodies["price.yearly"] = bodies.pop("price.y")
    bodies["product.pro"]["description"] = "For teams"
    bodies["coupon.launch"]["name"] = "Launch"
    bodies["price.m"]["unit_amount"] = 3900
    bodies["price.t"]["unit_amount"] = 700
    bodies["promotion_code.l"]["max_redemptions"] = 9
    bodies["tax_rate.vat"]["percentage"] = 20
    bodies["meter.idle"] |= {"adopt": adopted["meter"], "display_name": "Busy"}
    bodies |= {
        "product.hand": {"name": "Adopted", "adopt": adopted["product"]},
        "tax_rate.hand": {"display_name": "Seven", "percentage": 7, "inclusive": True, "adopt": adopted["tax_rate"]},
        "product.new": {"name": "New", "default_price": "price.new", "metadata": {"tier": "3"}},
        "price.new": {
            "product": "product.new",
            "currency": "usd",
            "recurring": {**MONTH, "usage_type": "metered", "meter": "meter.new"},
            "unit_amount": 3,
        },
        "coupon.new": {"percent_off": 50, "duration": "once", "applies_to": {"products": ["product.new"]}},
        "promotion_code.new": {"code": "NEW", "promotion": {"coupon": "coupon.new"}},
        "tax_rate.new": {"display_name": "GST", "percentage": 5, "inclusive": False},
        "meter.new": {"display_name": "New", "event_name": "new", **SUM},
    }
    moved = [("price.y", "price.yearly")]
    return specs_of(bodies, moved=moved, removed={"product.side": "forget", "meter.gone": "deactivate"})


def complete(applied: Applied) -> bool:
    """See that an apply did everything; show what it did not do."""
    left = [(r.step.id, r.outcome.value, r.detail) for r in applied.results if not r.good]
    assert not left, left
    return True


__all__ = ["GUARDS", "KEY", "Scenario", "complete", "make_scenario"]
