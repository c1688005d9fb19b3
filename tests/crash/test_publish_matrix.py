"""The crash matrix over what mappings publish: killed at each step and moment, gone on with in each way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconciler.core.results import Outcome
from reconciler.emulator.world import World
from tests.account import Account, api_of, new_world, specs_of
from tests.crash.likeness import assert_single_markers
from tests.crash.matrix import Resume, Wreck, cells_of, try_cells
from tests.crash.mortal import Moment
from tests.crash.scenario import GUARDS, Scenario, complete

PUBLISHED = {"publish": "stripe_entitlements"}
BEFORE: dict[str, dict[str, Any]] = {
    "product.pro": {"name": "Pro"},
    "product.team": {"name": "Team"},
    "product.old": {"name": "Old"},
    **{f"feature.{name}": {"name": name, "type": "boolean"} for name in ("sso", "audit", "gone", "again")},
    "product_mapping.pro": {
        "name": "Pro",
        "stripe_products": ["product.pro", "product.team"],
        "features": {"sso": True, "audit": True, "again": True},
        **PUBLISHED,
    },
    "product_mapping.old": {
        "name": "Old",
        "stripe_products": ["product.old"],
        "features": {"gone": True, "sso": True},
        **PUBLISHED,
    },
}
AFTER: dict[str, dict[str, Any]] = {
    **{name: body for name, body in BEFORE.items() if name not in ("product_mapping.old", "feature.gone")},
    "feature.sso": {"name": "Single sign-on", "type": "boolean"},
    "feature.calls": {"name": "Calls", "type": "quota", "reset": "month"},
    "feature.legacy": {"name": "Legacy", "type": "boolean"},
    "product.new": {"name": "New"},
    "product_mapping.pro": {
        "name": "Pro",
        "stripe_products": ["product.pro", "product.new"],
        "features": {"sso": True, "audit": False, "calls": 100, "legacy": True, "again": True},
        **PUBLISHED,
    },
}

Standing = tuple[list[tuple[str, str, bool, str]], list[tuple[str, str, bool]]]


def entitlements(world: World) -> Standing:
    """All features, and which of them stand on which products."""
    features = {f["id"]: f for f in world.tables["entitlements.feature"]}
    marked = [
        (f["lookup_key"], f["name"], f["active"], f["metadata"].get("billplan_project", "")) for f in features.values()
    ]
    attached = [
        (a["product"], features[a["entitlement_feature"]]["lookup_key"], features[a["entitlement_feature"]]["active"])
        for a in world.tables["product_feature"]
    ]
    return sorted(marked), sorted(attached)


@pytest.fixture(scope="module")
def scenario(session_folder: Path) -> Scenario:
    folder = session_folder / "published"
    folder.mkdir()
    world = new_world()
    with Account(folder, world=world) as account:
        account.converge(BEFORE)
        hand = api_of(world)
        mine = {f["lookup_key"]: f["id"] for f in account.live("entitlements.feature")}
        legacy = {"name": "By hand", "lookup_key": "legacy"}
        made = hand.request("post", "/v1/entitlements/features", legacy, idempotency_key="hand-1").body["id"]
        attach = {"entitlement_feature": made}
        hand.request("post", "/v1/products/acme-pro/features", attach, idempotency_key="hand-2")
        hand.request("post", f"/v1/entitlements/features/{mine['again']}", {"active": False}, idempotency_key="hand-3")
        plan = account.plan(specs_of(AFTER), GUARDS, expires_in=7 * 86400)
    return Scenario(world=world, store=folder, specs=specs_of(AFTER), plan=plan)


@pytest.fixture(scope="module")
def told(scenario: Scenario, session_folder: Path) -> tuple[tuple[str, ...], Standing]:
    with scenario.opened(session_folder / "published_told") as account:
        assert complete(account.apply(scenario.plan))
        records = account.ledger.records(scenario.plan.digest)
        sent = tuple(r.step_id for r in records if r.event.value == "sent")
        assert scenario.replan(account).empty
        return sent, entitlements(account.world)


def test_the_scenario_comes_to_what_the_mappings_say(told: tuple[tuple[str, ...], Standing]) -> None:
    features, attached = told[1]
    assert features == [
        ("again", "again", False, "acme"),
        ("again", "again", True, "acme"),
        ("audit", "audit", False, "acme"),
        ("calls", "Calls", True, "acme"),
        ("gone", "gone", False, "acme"),
        ("legacy", "Legacy", True, "acme"),
        ("sso", "Single sign-on", True, "acme"),
    ]
    products = ("acme-new", "acme-pro")
    assert attached == [(product, name, True) for product in products for name in ("again", "calls", "legacy", "sso")]


def goes_on(scenario: Scenario, wreck: Wreck, resume: Resume, expected: Standing, folder: Path) -> None:
    with wreck.opened(folder, empty=resume is Resume.EMPTY_STORE) as account:
        plan = scenario.replan(account) if resume is Resume.ANEW else scenario.plan
        applied = account.apply(plan)
        if resume is Resume.EMPTY_STORE:
            # The mapping that is to be changed is gone with the store, and what waits for it waits.
            assert {r.outcome for r in applied.results if not r.good} <= {Outcome.STALE, Outcome.SKIPPED}
            assert complete(account.apply(scenario.replan(account)))
        else:
            assert complete(applied)
        assert entitlements(account.world) == expected
        assert_single_markers(account.world)
        assert scenario.replan(account).empty


@pytest.mark.parametrize("moment", Moment)
def test_what_is_published_arrives_whatever_happens(
    scenario: Scenario, told: tuple[tuple[str, ...], Standing], moment: Moment, folder: Path
) -> None:
    sent, expected = told

    def go_on(wreck: Wreck, resume: Resume, at: Path) -> None:
        goes_on(scenario, wreck, resume, expected, at)

    assert try_cells(cells_of(scenario, sent, moment, folder, go_on)) == len(sent) * len(Resume)


def test_the_scenario_holds_every_sort_of_step(scenario: Scenario) -> None:
    done = {f"{step.kind} {step.id.partition('/')[2].partition(' ')[0]}" for step in scenario.plan.steps}
    features = {f"entitlement_feature {verb}" for verb in ("create", "update", "archive")}
    assert done >= features | {f"product_feature {verb}" for verb in ("create", "detach")}
