"""`billplan apply`: what is asked, what is sent, what is told, and how it goes on after trouble."""

from __future__ import annotations

import pytest

from reconciler.emulator.faults import parse_fault
from reconciler.emulator.key import Key
from tests.cli.desk import KEY, PRICED, PRO, PROJECT, Desk

COUPON = "coupons:\n  launch: {percent_off: 20, duration: once}\n"
MANY = "products:\n" + "".join(f"  p{n}: {{name: P{n}}}\n" for n in range(5))

READS = [
    f"rak_{name}_read"
    for name in ("accounts_kyc_basic", "product", "plan", "coupon", "promotion_code", "tax_rate", "billing_meter")
]


@pytest.fixture(autouse=True)
def _specs(desk: Desk) -> None:
    desk.write("specs/a.yaml", PRICED)


def test_a_saved_plan_is_applied_and_again_it_is_done_already(desk: Desk) -> None:
    desk.done("plan", "--out", "p.jsonl")
    first = desk.done("apply", "p.jsonl", "--auto-approve")
    assert "+   create price.monthly" in first.out
    assert "done  create product.pro  acme-pro" in first.out
    assert "Applied: 2 done. A new plan finds nothing left to do" in first.out
    writes = len(desk.writes())
    again = desk.done("apply", "p.jsonl", "--auto-approve")
    assert "Applied: 0 done, 2 already." in again.out
    assert len(desk.writes()) == writes


def test_without_a_file_it_plans_shows_asks_and_applies(desk: Desk) -> None:
    ended = desk.done("apply", typed="yes\n")
    assert ended.out.index("Plan: 2 to create") < ended.out.index("Type yes to apply") < ended.out.index("done  create")
    assert "Nothing to do." in desk.done("apply", typed="").out


@pytest.mark.parametrize("answer", ["no\n", "y\n", "\n", "YES\n", "acme\n"])
def test_any_other_answer_sends_nothing(desk: Desk, answer: str) -> None:
    ended = desk.run("apply", typed=answer)
    assert ended.code == 1
    assert "Nothing was applied." in ended.err
    assert not desk.writes()


def test_an_end_of_input_sends_nothing(desk: Desk) -> None:
    ended = desk.run("apply", typed="")
    assert ended.code == 130
    assert not desk.writes()


def test_without_a_terminal_it_needs_auto_approve_and_reads_nothing_before(desk: Desk) -> None:
    ended = desk.run("apply")
    assert ended.code == 64
    assert "without a terminal to ask on, apply needs --auto-approve" in ended.err
    ended = desk.run("apply", "--format", "json", typed="yes\n")
    assert ended.code == 64
    assert "with --format json nothing is asked" in ended.error["message"]
    assert not desk.requests


def test_a_log_of_an_unasked_apply_shows_what_was_applied(desk: Desk) -> None:
    ended = desk.done("apply", "--auto-approve")
    assert "unit_amount:         29.00 USD" in ended.out
    assert ended.err == ""


def test_json_is_a_stream_of_events_that_begins_with_the_plan_and_ends_with_a_summary(desk: Desk) -> None:
    ended = desk.done("apply", "--auto-approve", "--format", "json")
    first, *steps, last = ended.events
    assert first["type"] == "plan"
    assert first["summary"]["create"] == 2
    assert [s["type"] for s in steps] == ["step", "step"]
    assert {s["outcome"] for s in steps} == {"done"}
    assert all(s["request_id"] for s in steps)
    assert (last["type"], last["plan"], last["complete"]) == ("summary", first["digest"], True)
    assert (last["outcomes"]["done"], last["left"], last["refused"]) == (2, [], 0)
    nothing = desk.done("apply", "--auto-approve", "--format", "json").events
    assert [e["type"] for e in nothing] == ["plan", "summary"]
    assert nothing[-1]["steps"] == 0


def test_json_errors_are_one_document_on_stderr(desk: Desk) -> None:
    ended = desk.run("apply", "none.jsonl", "--auto-approve", "--format", "json")
    assert (ended.code, ended.out) == (1, "")
    assert ended.error["message"].startswith("cannot read the plan file none.jsonl")
    assert ended.error["hint"]


def test_a_guard_refuses_with_the_numbers_and_the_flag_and_the_plan_is_saved_all_the_same(desk: Desk) -> None:
    desk.write("billplan.yaml", f"{PROJECT}guards: {{max_changes: 3}}\n")
    desk.write("specs/a.yaml", MANY)
    planned = desk.run("plan", "--out", "p.jsonl", "--format", "json")
    assert planned.code == 4
    assert planned.document["applicable"] is False
    assert "refused" in planned.err
    ended = desk.run("apply", "p.jsonl", "--auto-approve")
    assert ended.code == 4
    assert "5 changes are over guards.max_changes: 3; if they are meant: --max-changes 5" in ended.err
    assert not desk.writes()
    assert desk.run("apply", typed="yes\n").code == 4
    assert not desk.writes()
    assert "Applied: 5 done." in desk.done("apply", "p.jsonl", "--auto-approve", "--max-changes", "5").out


def test_what_cannot_be_undone_needs_its_flag(desk: Desk) -> None:
    desk.converge(COUPON)
    desk.write("specs/a.yaml", PRO)
    ended = desk.run("apply", "--auto-approve")
    assert ended.code == 4
    assert "--allow 'irreversible:coupon.launch'" in ended.err
    assert len(desk.live("coupon")) == 1
    desk.done("apply", "--auto-approve", "--allow", "irreversible:coupon.*")
    assert not desk.live("coupon")


def test_a_protected_object_is_refused_and_the_rest_goes_on_if_asked(desk: Desk) -> None:
    desk.converge("products:\n  pro: {name: Pro, protect: true}\n")
    desk.write("specs/a.yaml", "products:\n  team: {name: Team}\n")
    ended = desk.run("apply", "--auto-approve")
    assert ended.code == 4
    assert "product.pro: it is protected" in ended.err
    assert "--skip-invalid" in ended.err
    rest = desk.done("apply", "--auto-approve", "--skip-invalid")
    assert "Applied: 1 done. Left out: 1 refused change; the plan says why." in rest.out
    assert "Stripe matches the specs" not in rest.out
    assert {p["id"]: p["active"] for p in desk.live("product")} == {"acme-pro": True, "acme-team": True}
    alone = desk.done("apply", "--auto-approve", "--skip-invalid", "--format", "json")
    assert (alone.events[-1]["refused"], alone.events[-1]["steps"]) == (1, 0)


def test_an_object_of_another_project_is_taken_over_only_by_name(desk: Desk) -> None:
    marks = {"billplan_project": "umbrella", "billplan_address": "product.x"}
    desk.client().products.create({"id": "prod_x", "name": "X", "metadata": marks})
    desk.write("specs/a.yaml", "products:\n  x: {name: X, adopt: prod_x}\n")
    ended = desk.run("apply", "--auto-approve")
    assert ended.code == 4
    assert "umbrella" in ended.both
    assert "billplan apply --takeover 'product.x'" in ended.err
    desk.done("apply", "--auto-approve", "--takeover", "product.x")
    assert desk.live("product")[0]["metadata"]["billplan_project"] == "acme"


def test_takeover_and_select_belong_to_the_making_of_a_plan(desk: Desk) -> None:
    desk.done("plan", "--out", "p.jsonl")
    for option in ("--takeover", "--select"):
        ended = desk.run("apply", "p.jsonl", "--auto-approve", option, "product.pro")
        assert ended.code == 64
        assert f"{option} goes with a new plan" in ended.err


def test_a_selection_is_applied_with_what_it_needs(desk: Desk) -> None:
    desk.write("specs/a.yaml", f"{PRICED}{COUPON}")
    desk.done("apply", "--auto-approve", "--select", "price.*")
    assert (len(desk.live("price")), len(desk.live("product")), len(desk.live("coupon"))) == (1, 1, 0)


def test_a_partial_failure_says_what_is_left_and_the_same_plan_goes_on(desk: Desk) -> None:
    desk.done("plan", "--out", "p.jsonl")
    desk.world.keys["rk_test_narrow"] = Key(frozenset((*READS, "rak_product_write")))
    desk.environ(STRIPE_API_KEY="rk_test_narrow")
    ended = desk.run("apply", "p.jsonl", "--auto-approve")
    assert ended.code == 5
    assert "Applied in part: 1 done of 2 steps." in ended.out
    assert "1 step FAILED (mend the cause, then run the same command again):" in ended.out
    assert "rak_plan_write" in ended.out
    desk.environ(STRIPE_API_KEY=KEY)
    again = desk.done("apply", "p.jsonl", "--auto-approve")
    assert "Applied: 1 done, 1 already." in again.out
    assert len(desk.live("price")) == 1


def test_an_answer_that_is_lost_is_looked_for(desk: Desk) -> None:
    desk.world.add_fault(parse_fault({"kind": "drop_after", "method": "POST", "path": "/v1/prices"}))
    desk.done("apply", "--auto-approve")
    assert len(desk.live("price")) == 1


def test_after_an_apply_a_plan_that_still_finds_something_is_told(desk: Desk) -> None:
    desk.done("plan", "--out", "p.jsonl")

    def meddle(phase: str, request: object, index: int) -> None:
        # Somebody is faster than the check that follows the last step.
        if phase == "received" and desk.live("price") and desk.live("product")[0]["name"] == "Pro":
            desk.world.hooks.clear()
            desk.client().products.update("acme-pro", {"name": "Mine"})

    desk.world.hooks.append(meddle)
    ended = desk.run("apply", "p.jsonl", "--auto-approve")
    assert ended.code == 5
    assert "but a new plan still finds 1 change there; see billplan plan:" in ended.out
    assert "update product.pro" in ended.out


def test_the_amounts_and_e_mail_addresses_of_events_are_clean(desk: Desk) -> None:
    desk.write("specs/a.yaml", "products:\n  pro: {name: Pro of jane.doe@example.com}\n")
    for command in (["plan"], ["plan", "--format", "json"], ["plan", "--format", "markdown"]):
        assert "jane.doe" not in desk.run(*command).both
    assert "jane.doe" not in desk.done("apply", "--auto-approve").both
    assert desk.live("product")[0]["name"] == "Pro of jane.doe@example.com"
