"""The scenario of a migration's crash matrix: rows of every sort to schedule, to change and to roll back, in one plan;
and what the account comes to."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from reconciler.core.address import parse_address
from reconciler.core.migrations import (
    AdHoc,
    Duration,
    Fee,
    Item,
    Migration,
    Missing,
    Row,
    Then,
)
from reconciler.core.values import Ref
from reconciler.emulator.rules.billing import attach_payment_method
from reconciler.emulator.world import World
from tests.account import Account, api_of, new_world
from tests.crash.scenario import Scenario
from tests.engine.migration_account import DAY, GUARDS, KEY, START, migrating, migration, row, terms

MONTH = {"interval": "month"}
BEFORE: dict[str, dict[str, Any]] = {
    "product.pro": {"name": "Pro"},
    "price.pro": {"product": "product.pro", "currency": "usd", "unit_amount": 2900, "recurring": MONTH},
    "coupon.welcome": {"percent_off": 50, "duration": "once"},
}
AFTER: dict[str, dict[str, Any]] = {
    **BEFORE,
    "product.team": {"name": "Team"},
    "price.team": {"product": "product.team", "currency": "usd", "unit_amount": 9900, "recurring": MONTH},
}
PRO, TEAM = Ref(parse_address("price.pro")), Ref(parse_address("price.team"))
PRODUCT = Ref(parse_address("product.pro"))
# Who migrates: by the key of their row.
WHO = (
    "full",
    "paid",
    "stub",
    "fee",
    "adhoc",
    "new",
    "less",
    "grows",
    "cardless",
    "runs",
    "more",
    "later",
    "back",
    "off",
)


def rows_before(who: dict[str, str]) -> tuple[Migration, ...]:
    return (
        migration([row("more", terms(who["more"], PRO)), row("later", terms(who["later"], PRO))], "changed"),
        migration([row(key, terms(who[key], PRO)) for key in ("back", "off")], "given-up"),
    )


def rows_after(who: dict[str, str], now: int) -> tuple[Migration, ...]:
    """Everything that a plan can do with rows."""
    changed = [
        row("more", terms(who["more"], PRO, items=(Item(price=PRO, quantity=3),))),
        row("later", terms(who["later"], PRO, start=START + DAY, coupon=Ref(parse_address("coupon.welcome")))),
    ]
    then = Then(duration=Duration(interval="month"), items=(Item(price=TEAM, quantity=2),))
    return (
        migration(_scheduled(who)),
        migration([row("grows", terms(who["grows"], PRO))], "growing", then=(then,)),
        migration([row("cardless", terms(who["cardless"], PRO))], "cardless", missing_method=Missing.SET_LATEST),
        migration(
            [row("runs", terms(who["runs"], PRO, start=now - DAY, anchor=now + 9 * DAY))],
            "running",
            mid_cycle_by_subscription=True,
        ),
        migration(changed, "changed"),
        migration([row(key, terms(who[key], PRO)) for key in ("back", "off")], "given-up", canceled=True),
    )


def _scheduled(who: dict[str, str]) -> list[Row]:
    adhoc = AdHoc(product=PRODUCT, amount=12300, currency="usd", interval="month")
    setup = Fee(product=PRODUCT, amount=5000, currency="usd")
    return [
        row("full", terms(who["full"], PRO)),
        row("paid", terms(who["paid"], PRO, anchor=START + 10 * DAY)),
        row("stub", terms(who["stub"], PRO, anchor=START + 10 * DAY, prorated=True)),
        row("fee", terms(who["fee"], PRO, fees=(setup,))),
        row("adhoc", terms(who["adhoc"], None, items=(Item(adhoc=adhoc, quantity=2),))),
        row("new", terms(who["new"], TEAM)),
        row("less", terms(who["less"], PRO, coupon=Ref(parse_address("coupon.welcome")))),
    ]


def make_migrating(folder: Path) -> Scenario:
    """Bring an account to the state before, by the product itself; plan all the rest."""
    folder.mkdir()
    world = new_world()
    hand, who = api_of(world), {}
    for n, name in enumerate(WHO):
        params = {"email": f"{name}@example.com", "name": name}
        who[name] = str(hand.request("post", "/v1/customers", params, idempotency_key=f"hand-{n}").body["id"])
        attach_payment_method(world, who[name], world.now())
    undefault(world, who["cardless"])
    with Account(folder, world=world) as account:
        before = migrating(*rows_before(who), bodies=BEFORE)
        assert account.apply(account.plan(before, GUARDS)).complete
        assert account.plan(before, GUARDS).empty
        specs = migrating(*rows_after(who, world.now()), bodies=AFTER)
        plan = account.plan(specs, GUARDS, expires_in=7 * DAY)
        assert plan.applicable, [(str(c.address), c.refused) for c in plan.changes if c.refused]
    return Scenario(world=world, store=folder, specs=specs, plan=plan)


def undefault(world: World, customer: str) -> None:
    """Let a card be attached, and not be the default."""
    record = dict(next(c for c in world.tables["customer"] if c["id"] == customer))
    settings = {**record["invoice_settings"], "default_payment_method": None}
    world.tables["customer"].put({**record, "invoice_settings": settings})


def standing(world: World) -> dict[str, Any]:
    """What everybody has: schedules and subscriptions by the key of their row, and who pays with what."""
    who = {c["id"]: c["name"] for c in world.tables["customer"]}
    prices = {p["id"]: (p["product"], p["unit_amount"]) for p in world.tables["price"]}

    def named(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: named(v) for k, v in value.items()}
        if isinstance(value, list):
            return [named(v) for v in value]
        return prices.get(value, who.get(value, value)) if isinstance(value, str) else value

    schedules: dict[str, list[Any]] = {}
    for one in world.tables["subscription_schedule"]:
        shown = {name: one[name] for name in ("customer", "end_behavior", "metadata", "phases", "status")}
        schedules.setdefault(one["metadata"].get(KEY, ""), []).append(named(shown))
    subscriptions: dict[str, list[Any]] = {}
    for one in world.tables["subscription"]:
        shown = {name: one[name] for name in ("customer", "metadata", "status", "billing_cycle_anchor")}
        items = [(prices[item["price"]], item["quantity"]) for item in one["items"]]
        subscriptions.setdefault(one["metadata"].get(KEY, ""), []).append({**named(shown), "items": items})
    paid = {c["name"]: bool(c["invoice_settings"]["default_payment_method"]) for c in world.tables["customer"]}
    return {"schedules": schedules, "subscriptions": subscriptions, "pays": paid}


def made(world: World) -> Counter[tuple[str, str]]:
    """Count what was ever made: the kind of object, and the key of its row."""
    kinds = ("subscription_schedule.created", "customer.subscription.created")
    events = [event for event in world.tables["event"] if event["type"] in kinds]
    objects = [(event["type"], event["data"]["object"]["metadata"].get(KEY, "")) for event in events]
    return Counter(objects)
