"""What a plan sees of an account for its migrations, by itself; and what somebody does there by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reconciler.core.address import parse_address
from reconciler.core.locate import PlanRequest
from reconciler.core.migration_facts import AccountFacts, Held
from reconciler.core.planner import Planner
from reconciler.core.resources import Specs
from reconciler.core.values import Ref
from reconciler.engine.look import RefreshMode, look
from reconciler.engine.make_plan import checked
from reconciler.engine.migrations import TYPES, MigrationsSeen, look_at_migrations
from tests.engine.migration_account import START, MigrationAccount, migrating, migration, row, terms

LIVE, AUTO, NONE = RefreshMode.LIVE, RefreshMode.AUTO, RefreshMode.NONE
MONTH = {"interval": "month"}
PRO = Ref(parse_address("price.pro"))


def see(account: MigrationAccount, specs: Specs, mode: RefreshMode = LIVE) -> MigrationsSeen:
    outside = account.outside
    kinds = {name: kind for name, kind in outside.kinds.items() if not kind.bulk and not kind.derived}
    outside = replace(outside, kinds=kinds, also=TYPES)
    desired = checked(specs, kinds, "acme")
    seen = look(outside, account.pins, mode)
    planner = Planner(desired, seen.snapshot, kinds, PlanRequest(project="acme", moved=specs.moved))
    planner.draft()
    return look_at_migrations(outside, specs, seen, planner, offline=mode is NONE)


def facts(account: MigrationAccount, specs: Specs, mode: RefreshMode = LIVE) -> AccountFacts:
    found = see(account, specs, mode).facts
    assert found is not None
    return found


def one_row(customer: str, price: Any = PRO, key: str = "sub_1", **said: Any) -> Specs:
    return migrating(migration([row(key, terms(customer, price, **said))]))


def told(held: Held) -> dict[str, Any]:
    """What is the same however it was read: all but the moment of that."""
    said = {name: getattr(held, name) for name in Held.__dataclass_fields__ if name != "as_of"}
    return {**said, "keys": dict(held.keys)}


def schedule(account: MigrationAccount, customer: str, price: str, **params: Any) -> str:
    """Schedule a subscription by hand."""
    phases = params.pop("phases", [{"items": [{"price": price}], "duration": MONTH}])
    given = {"customer": customer, "start_date": START, "phases": phases, **params}
    return str(account.by_hand("post", "/v1/subscription_schedules", **given)["id"])


def subscribe(account: MigrationAccount, customer: str, price: str, **params: Any) -> str:
    """Subscribe by hand."""
    return str(
        account.by_hand("post", "/v1/subscriptions", customer=customer, items=[{"price": price}], **params)["id"]
    )
