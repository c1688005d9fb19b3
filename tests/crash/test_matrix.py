"""Killed at each step, at each moment of it, and gone on with in each way: the same account, nothing twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.matrix import Resume, Undisturbed, Wreck, assert_converges, cells_of, try_cells
from tests.crash.mortal import Moment
from tests.crash.scenario import Scenario


@pytest.mark.parametrize("moment", Moment)
def test_apply_that_was_cut_short_is_finished_and_does_nothing_twice(
    scenario: Scenario, told: Undisturbed, moment: Moment, folder: Path
) -> None:
    def go_on(wreck: Wreck, resume: Resume, at: Path) -> None:
        assert_converges(scenario, wreck, resume, told, at)

    assert try_cells(cells_of(scenario, told.sent, moment, folder, go_on)) == len(told.sent) * len(Resume)


def test_scenario_holds_every_sort_of_step(scenario: Scenario) -> None:
    verbs = {step.id.partition("/")[2].partition(" ")[0] for step in scenario.plan.steps}
    assert verbs >= {"create", "update", "archive", "delete", "deactivate", "reactivate", "forget", "repoint"}
    created = {step.kind for step in scenario.plan.steps if step.id.endswith("/create")}
    assert created == {"product", "price", "coupon", "promotion_code", "tax_rate", "meter"}
    assert "product.new/default_price" in {step.id for step in scenario.plan.steps}
