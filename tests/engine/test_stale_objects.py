"""Objects that changed between plan and apply: refused alone, with the field and both values; the rest goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from reconciler.core.journal import fold
from reconciler.core.results import Outcome, Result
from reconciler.emulator.faults import Phase
from reconciler.emulator.message import Request
from reconciler.engine.sight import FRESH_SECONDS
from tests.account import Account
from tests.crash.matrix import writes
from tests.crash.real_time import lease_in_real_time

BODIES: dict[str, dict[str, Any]] = {
    "product.pro": {"name": "Pro", "description": "For teams"},
    "product.solo": {"name": "Solo"},
    "price.m": {"product": "product.pro", "currency": "usd", "unit_amount": 2900},
    "tax_rate.vat": {"display_name": "VAT", "percentage": 19, "inclusive": False},
}
EDITED: dict[str, dict[str, Any]] = {
    **BODIES,
    "product.pro": {"name": "Professional", "description": "For firms"},
    "product.solo": {"name": "Single"},
}


def by_hand(account: Account, path: str, params: Mapping[str, Any]) -> None:
    account.api.request("post", path, params, idempotency_key=f"hand-{len(account.world.log)}")


def results(account: Account, plan: Any, **options: Any) -> dict[str, Result]:
    return {r.step.id: r for r in account.apply(plan, **options).results}


def product(account: Account, remote_id: str) -> dict[str, Any]:
    return next(p for p in account.live("product") if p["id"] == remote_id)


def test_object_at_a_third_value_is_refused_alone_with_both_values(account: Account) -> None:
    account.converge(BODIES)
    plan = account.plan(EDITED)
    by_hand(account, "/v1/products/acme-pro", {"name": "Third"})
    done = results(account, plan)
    stale = done["product.pro/update"]
    assert stale.outcome is Outcome.STALE
    assert "acme-pro: name is 'Third', it was 'Pro' when the plan was made" in stale.detail
    assert "description" not in stale.detail
    assert done["product.solo/update"].outcome is Outcome.DONE
    assert product(account, "acme-pro")["name"] == "Third"
    assert product(account, "acme-pro")["description"] == "For teams"
    progress = fold(account.ledger.records(plan.digest))
    assert set(progress.failed) == {"product.pro/update"}
    assert set(progress.done) == {"product.solo/update"}
    last = account.ledger.last_finished("acct_000001", False, "acme")
    assert last is not None
    assert last.outcome == "partial"


def test_half_of_the_fields_at_their_target_already_is_no_obstacle(account: Account) -> None:
    account.converge(BODIES)
    plan = account.plan(EDITED)
    by_hand(account, "/v1/products/acme-pro", {"name": "Professional"})
    assert results(account, plan)["product.pro/update"].outcome is Outcome.DONE
    assert product(account, "acme-pro")["description"] == "For firms"


def test_edit_of_a_field_that_the_plan_does_not_touch_is_no_obstacle(account: Account) -> None:
    account.converge(BODIES)
    plan = account.plan(EDITED)
    by_hand(account, "/v1/products/acme-pro", {"unit_label": "seat", "metadata": {"theirs": "1"}})
    assert results(account, plan)["product.pro/update"].outcome is Outcome.DONE
    assert product(account, "acme-pro")["unit_label"] == "seat"
    assert product(account, "acme-pro")["metadata"]["theirs"] == "1"


def test_target_that_holds_already_is_not_sent(account: Account) -> None:
    account.converge(BODIES)
    plan = account.plan(EDITED)
    for remote_id, address in (("acme-pro", "product.pro"), ("acme-solo", "product.solo")):
        step = next(s for s in plan.steps if s.id == f"{address}/update")
        by_hand(account, f"/v1/products/{remote_id}", step.params)
    sent = writes(account.world)
    assert {r.outcome for r in results(account, plan).values()} == {Outcome.ALREADY}
    assert writes(account.world) == sent


def test_what_depends_on_a_stale_step_is_skipped_and_said_so(account: Account) -> None:
    account.converge(BODIES)
    plan = account.plan({**BODIES, "price.m": {**BODIES["price.m"], "unit_amount": 3900}})
    price = account.live("price")[0]["id"]
    by_hand(account, f"/v1/prices/{price}", {"lookup_key": "other", "metadata": {"billplan_address": "price.other"}})
    done = results(account, plan)
    assert done["price.m/create"].outcome is Outcome.STALE
    assert f"{price} existed when the plan was made, and is gone" in done["price.m/create"].detail
    archive = done[f"price.m/archive {price}"]
    assert archive.outcome is Outcome.SKIPPED
    assert archive.detail == "it needs price.m/create, which was not done"
    assert len(account.live("price")) == 1
    assert f"price.m/archive {price}" not in {r.step_id for r in account.ledger.records(plan.digest)}


def test_object_deleted_before_the_apply_is_stale_and_a_retired_one_is_done(account: Account) -> None:
    account.converge({"product.pro": {"name": "Pro"}, "product.old": {"name": "Old"}})
    plan = account.plan({"product.pro": {"name": "Professional"}})
    account.api.request("delete", "/v1/products/acme-pro", {})
    by_hand(account, "/v1/products/acme-old", {"active": False})
    done = results(account, plan)
    assert done["product.pro/update"].detail == "acme-pro is gone"
    assert done["product.old/archive acme-old"].outcome is Outcome.ALREADY


@pytest.mark.parametrize("seconds", [FRESH_SECONDS + 1, FRESH_SECONDS - 1])
def test_observation_is_read_again_once_it_is_old(account: Account, seconds: int) -> None:
    """The listing says one thing; by the turn of the last step somebody has changed it."""
    account.converge(BODIES)
    plan = account.plan(EDITED)
    first, last = [s.id for s in plan.steps]
    edited: list[str] = []

    def edit_meanwhile(phase: Phase, request: Request, index: int) -> None:
        if request.method == "POST" and phase == "committed" and not edited:
            edited.append("acme-solo" if request.path.endswith("pro") else "acme-pro")
            by_hand(account, f"/v1/products/{edited[0]}", {"name": "Third"})
            account.world.clock.advance(seconds)

    lease_in_real_time(account)
    account.world.hooks.append(edit_meanwhile)
    done = results(account, plan)
    assert done[first].outcome is Outcome.DONE
    reads = [line for line in account.world.log if line["path"].startswith(f"/v1/products/{edited[0]}?")]
    if seconds > FRESH_SECONDS:
        assert done[last].outcome is Outcome.STALE
        assert "'Third'" in done[last].detail
    else:
        assert done[last].outcome is Outcome.DONE
        assert not reads
