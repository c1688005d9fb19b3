"""The crash matrix over what lives in the store: killed at each step and moment, gone on with in each way."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from reconciler.core.journal import fold
from reconciler.core.results import Outcome
from reconciler.store.binding_tables import MAPPED_PRODUCTS, RESOURCES
from tests.account import Account, new_world, specs_of
from tests.crash.matrix import Resume, Wreck, cells_of, try_cells
from tests.crash.mortal import Moment
from tests.crash.scenario import GUARDS, Scenario, complete

BEFORE: dict[str, dict[str, Any]] = {
    "product.pro": {"name": "Pro"},
    "product.team": {"name": "Team"},
    "product.old": {"name": "Old"},
    "feature.sso": {"name": "SSO", "type": "boolean"},
    "feature.seats": {"name": "Seats", "type": "limit"},
    "feature.gone": {"name": "Gone", "type": "boolean"},
    "product_mapping.pro": {
        "name": "Pro",
        "stripe_products": ["product.pro", "product.team"],
        "features": {"sso": True, "gone": True},
    },
    "product_mapping.old": {"name": "Old", "stripe_products": ["product.old"], "features": {"gone": True}},
}
AFTER: dict[str, dict[str, Any]] = {
    "product.pro": {"name": "Pro"},
    "product.team": {"name": "Team"},
    "product.old": {"name": "Old"},
    "product.new": {"name": "New"},
    "feature.sso": {"name": "Single sign-on", "type": "boolean"},
    "feature.seats": {"name": "Seats", "type": "limit", "unit": "seat"},
    "feature.calls": {"name": "Calls", "type": "quota", "reset": "month"},
    "product_mapping.pro": {
        "name": "Pro",
        "stripe_products": ["product.pro", "product.new"],
        "features": {"sso": True, "calls": 100},
    },
    "product_mapping.team": {"name": "Team", "stripe_products": ["product.team"], "features": {"seats": 5}},
}

Rows = list[tuple[Any, ...]]


def rows(account: Account) -> tuple[Rows, Rows]:
    """All that lives in the store, and what the application reads; when it was made does not matter."""
    kept, mapped = RESOURCES.c, MAPPED_PRODUCTS.c
    with account.database.read() as connection:
        resources = connection.execute(select(kept.kind, kept.id, kept.raw).order_by(kept.kind, kept.id)).all()
        products = connection.execute(select(mapped.product, mapped.mapping, mapped.features).order_by(mapped.product))

        return [(row.kind, row.id, _timeless(row.raw)) for row in resources], [tuple(row) for row in products]


def _timeless(raw: str) -> str:
    head, _, tail = raw.partition('"created":')
    return head + tail.partition(",")[2] if tail else raw


@pytest.fixture(scope="module")
def scenario(session_folder: Path) -> Scenario:
    folder = session_folder / "store_kinds"
    folder.mkdir()
    world = new_world()
    with Account(folder, world=world) as account:
        account.converge(BEFORE)
        specs = specs_of(AFTER)
        plan = account.plan(specs, GUARDS, expires_in=7 * 86400)
    return Scenario(world=world, store=folder, specs=specs, plan=plan)


@pytest.fixture(scope="module")
def told(scenario: Scenario, session_folder: Path) -> tuple[tuple[str, ...], tuple[Rows, Rows]]:
    with scenario.opened(session_folder / "store_kinds_told") as account:
        assert complete(account.apply(scenario.plan))
        records = account.ledger.records(scenario.plan.digest)
        sent = tuple(r.step_id for r in records if r.event.value == "sent")
        assert scenario.replan(account).empty
        return sent, rows(account)


def goes_on(scenario: Scenario, wreck: Wreck, resume: Resume, expected: tuple[Rows, Rows], folder: Path) -> None:
    with wreck.opened(folder, empty=resume is Resume.EMPTY_STORE) as account:
        plan = scenario.replan(account) if resume is Resume.ANEW else scenario.plan
        applied = account.apply(plan)
        if resume is Resume.EMPTY_STORE:
            # What is to be changed is gone with the store: nothing is made up in its place.
            assert {r.outcome for r in applied.results if not r.good} <= {Outcome.STALE, Outcome.SKIPPED}
            assert complete(account.apply(scenario.replan(account)))
        else:
            assert complete(applied)
            assert not fold(account.ledger.records(plan.digest)).in_doubt
        assert rows(account) == expected
        assert scenario.replan(account).empty
        products = [p["id"] for p in account.live("product")]
        assert sorted(products) == ["acme-new", "acme-old", "acme-pro", "acme-team"]
        again = account.apply(scenario.plan) if resume is Resume.OLD_STORE else None
        assert again is None or {r.outcome for r in again.results} == {Outcome.ALREADY}
        assert rows(account) == expected


@pytest.mark.parametrize("moment", Moment)
def test_what_lives_in_the_store_arrives_whatever_happens(
    scenario: Scenario, told: tuple[tuple[str, ...], tuple[Rows, Rows]], moment: Moment, folder: Path
) -> None:
    sent, expected = told

    def go_on(wreck: Wreck, resume: Resume, at: Path) -> None:
        goes_on(scenario, wreck, resume, expected, at)

    assert try_cells(cells_of(scenario, sent, moment, folder, go_on)) == len(sent) * len(Resume)


def test_the_scenario_holds_every_sort_of_step(scenario: Scenario) -> None:
    done = {f"{step.kind} {step.id.partition('/')[2].partition(' ')[0]}" for step in scenario.plan.steps}
    verbs = ("create", "update", "delete")
    assert done >= {f"{kind} {verb}" for kind in ("feature", "product_mapping") for verb in verbs}


def test_a_store_lost_after_the_apply_is_filled_again_once(scenario: Scenario, folder: Path) -> None:
    with scenario.opened(folder / "first") as account:
        assert complete(account.apply(scenario.plan))
        expected = rows(account)
        (folder / "second").mkdir()
        world = copy.deepcopy(account.world)
        with Account(folder / "second", world=world) as other:
            plan = scenario.replan(other)
            assert {s.kind for s in plan.steps} == {"feature", "product_mapping"}
            assert complete(other.apply(plan))
            assert rows(other) == expected
            assert complete(other.apply(plan))
            assert rows(other) == expected
    shutil.rmtree(folder / "first")
