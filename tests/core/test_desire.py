"""The check of one block: names, types and rules, each with the way out."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.address import parse_address
from reconciler.core.desire import desire
from reconciler.core.kind import Kind
from reconciler.core.resources import Spec
from reconciler.core.shapes import Struct
from reconciler.kinds import BY_NAME, KINDS
from tests.account import NOWHERE
from tests.core.faults import COUPON, FAULTS, METER, MONTHLY, OFF, PRICE, TIERED, without


def said(address: str, body: Any) -> list[tuple[str, str, str]]:
    """What the check of one block reports: code, summary, hint."""
    one = Spec(address=parse_address(address), body=body, source=NOWHERE)
    return [(d.code, d.summary, d.hint) for d in desire(one, BY_NAME[one.address.kind], "acme")[1]]


@pytest.mark.parametrize(
    ("kind", "name"), [(k, f.name) for k in KINDS for f in k.body.fields], ids=lambda v: getattr(v, "name", v)
)
def test_a_misspelt_field_is_an_error_that_names_the_right_one(kind: Kind, name: str) -> None:
    misspelt = name[:-1] + "_x" if len(name) > 3 else f"{name}_"
    found = said(f"{kind.name}.x", {misspelt: "x"})
    assert ("BP1201", f"unknown field {misspelt}", f"did you mean {name}?") in found


@pytest.mark.parametrize(
    ("kind", "field"),
    [(k, f) for k in KINDS for f in k.body.fields if isinstance(f.type, Struct)],
    ids=lambda v: v.name,
)
def test_a_misspelt_field_inside_is_an_error_too(kind: Kind, field: Any) -> None:
    name = max((f.name for f in field.type.fields), key=len)
    found = said(f"{kind.name}.x", {field.name: {f"{name}x": "x"}})
    assert ("BP1201", f"unknown field {name}x", f"did you mean {name}?") in found


@pytest.mark.parametrize(
    ("kind", "name", "reason"),
    [(k, n, r) for k in KINDS for n, r in k.body.excluded],
    ids=lambda v: getattr(v, "name", v),
)
def test_a_parameter_that_is_not_taken_is_an_error_with_the_way_out(kind: Kind, name: str, reason: str) -> None:
    assert ("BP1202", f"{name} is not declared here", reason) in said(f"{kind.name}.x", {name: "x"})


SOUND: dict[str, tuple[str, dict[str, Any]]] = {
    "a one-time price": ("price.x", PRICE),
    "a fraction of a cent": ("price.x", {**without(MONTHLY, "unit_amount"), "unit_amount_decimal": "0.0005"}),
    "a free price": ("price.x", {**PRICE, "unit_amount": 0}),
    "tiers": ("price.x", TIERED),
    "a customer's own amount": ("price.x", {**without(PRICE, "unit_amount"), "custom_unit_amount": {"enabled": True}}),
    "an amount off": ("coupon.x", OFF),
    "for some months": ("coupon.x", {**COUPON, "duration": "repeating", "duration_in_months": 3}),
    "a metadata value of 500 characters": ("product.x", {"name": "X", "metadata": {"k" * 40: "v" * 500}}),
    "an adopted name": ("meter.x", METER),
}


@pytest.mark.parametrize("name", SOUND)
def test_sound_bodies(name: str) -> None:
    assert said(*SOUND[name]) == []


@pytest.mark.parametrize("name", FAULTS)
def test_faults_and_the_way_out(name: str) -> None:
    address, body, code, summary, hint = FAULTS[name]
    assert (code, summary, hint) in said(address, body)


def test_all_that_is_wrong_is_said_at_once() -> None:
    body = {"nam": "X", "active": "yes", "images": [5], "metadata": {"k": 1}}
    assert len(said("product.x", body)) == 5


def test_a_name_that_makes_no_id_is_sound_with_an_id_of_its_own() -> None:
    assert said('product["ü"]', {"name": "X", "id": "u"}) == []
