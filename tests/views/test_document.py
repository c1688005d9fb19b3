"""The plan as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.address import Address
from reconciler.core.changes import Action, Change
from reconciler.core.fields import ChangeClass
from reconciler.core.plan import Plan
from reconciler.core.plan_json import Kinds, plan_document
from reconciler.core.values import Ref
from reconciler.kinds import BY_NAME
from reconciler.views.document import json_chunks
from reconciler.views.redact import redact_value
from tests.views import samples


def render_json(plan: Plan, kinds: Kinds, *, emails: bool = False) -> str:
    return "".join(json_chunks(plan, kinds, emails=emails))


def document(plan: Plan) -> Any:
    return json.loads(render_json(plan, BY_NAME))


def change_of(plan: Plan, address: Address) -> Any:
    return next(c for c in document(plan)["resource_changes"] if c["address"] == str(address))


@pytest.mark.parametrize(("name", "plan"), [("everything", samples.EVERYTHING), ("empty", samples.EMPTY)])
def test_a_plan_is_written_as_it_was(name: str, plan: Plan, golden: Callable[[str, str], None]) -> None:
    golden(f"{name}.json", render_json(plan, BY_NAME))


@pytest.mark.parametrize(
    ("change", "actions"),
    [
        (samples.CREATE_PRICE, ["create"]),
        (samples.UPDATE_PRODUCT, ["update"]),
        (samples.REPLACE_PRICE, ["create", "delete"]),
        (samples.ARCHIVE_PRICE, ["delete"]),
        (samples.ADOPT_METER, ["update"]),
        (samples.REFUSED_COUPON, ["no-op"]),
        (replace(samples.UPDATE_PRODUCT, action=Action.NOOP), ["no-op"]),
        (replace(samples.UPDATE_PRODUCT, verb="forget"), ["forget"]),
    ],
)
def test_actions_are_those_of_terraform(change: Change, actions: list[str]) -> None:
    plan = Plan(header=samples.header(), changes=(change,), steps=())
    assert document(plan)["resource_changes"][0]["change"]["actions"] == actions


def test_what_only_the_apply_knows_is_null_and_marked() -> None:
    change = change_of(samples.EVERYTHING, samples.CREATE_PRICE.address)["change"]
    assert change["after"]["product"] is None
    assert change["after_unknown"] == {"product": True}
    assert change["before"] is None


def test_a_reference_to_what_exists_is_its_address() -> None:
    change = change_of(samples.EVERYTHING, samples.MONTHLY)["change"]
    assert change["after"]["product"] == "product.pro"
    assert change["after_unknown"] == {}


def test_a_policy_reads_nested_names_and_whole_amounts() -> None:
    after = change_of(samples.EVERYTHING, samples.CREATE_PRODUCT.address)["change"]["after"]
    assert after["metadata"]["tier"] == "2"
    after = change_of(samples.EVERYTHING, samples.CREATE_PRICE.address)["change"]["after"]
    assert after["currency_options"]["kwd"]["unit_amount"] == 1500500


def test_what_does_not_change_stands_on_both_sides() -> None:
    change = change_of(samples.EVERYTHING, samples.MONTHLY)["change"]
    assert change["before"]["currency"] == change["after"]["currency"] == "usd"
    assert (change["before"]["unit_amount"], change["after"]["unit_amount"]) == (2900, 3900)


def test_an_unset_part_is_null() -> None:
    change = replace(samples.UPDATE_PRODUCT, after={}, diffs=(samples.diff("metadata[a]", "x", None),))
    plan = Plan(header=samples.header(), changes=(change,), steps=())
    shown = document(plan)["resource_changes"][0]["change"]
    assert shown["before"] == {"metadata": {"a": "x"}}
    assert shown["after"] == {"metadata": {"a": None}}


def test_unknowns_inside_lists_and_structs_keep_their_place() -> None:
    change = Change(
        address=Address("coupon", "c"),
        action=Action.CREATE,
        change_class=ChangeClass.MONEY,
        reason="",
        after={"applies_to": {"products": [Ref(samples.PRO), Ref(samples.CREATE_PRODUCT.address)]}},
    )
    plan = Plan(header=samples.header(), changes=(change, samples.CREATE_PRODUCT), steps=())
    shown = document(plan)["resource_changes"][0]["change"]
    assert shown["after"]["applies_to"]["products"] == ["product.pro", None]
    assert shown["after_unknown"] == {"applies_to": {"products": [False, True]}}


def test_a_refused_creation_stays_absent() -> None:
    change = replace(samples.REFUSED_COUPON, remote_id=None)
    plan = Plan(header=samples.header(), changes=(change,), steps=())
    shown = document(plan)["resource_changes"][0]
    assert (shown["change"]["before"], shown["change"]["after"]) == (None, None)
    assert shown["refused"]


def test_a_kind_that_is_not_known_is_written_as_it_is() -> None:
    change = replace(samples.UPDATE_PRODUCT, address=Address("novelty", "n"), after={"limits[a]": 1}, diffs=())
    plan = Plan(header=samples.header(), changes=(change,), steps=())
    assert document(plan)["resource_changes"][0]["change"]["after"] == {"limits": {"a": 1}}


def test_calls_are_exact_and_references_stay_references() -> None:
    step = document(samples.EVERYTHING)["steps"][1]
    assert step["params"]["product"] == {"$ref": "product.team", "attr": "id"}
    assert (step["method"], step["path"]) == ("post", "/v1/prices")


def test_the_document_and_its_text_are_one() -> None:
    assert document(samples.EVERYTHING) == json.loads(
        json.dumps(redact_value(plan_document(samples.EVERYTHING, BY_NAME)))
    )


def test_a_large_plan_is_written_piece_by_piece() -> None:
    chunks = json_chunks(samples.many(50), BY_NAME)
    assert max(map(len, chunks)) < 2_000


def test_mail_addresses_are_redacted_unless_asked_for() -> None:
    assert "john@example.com" not in render_json(samples.EVERYTHING, BY_NAME)
    assert "john@example.com" in render_json(samples.EVERYTHING, BY_NAME, emails=True)
