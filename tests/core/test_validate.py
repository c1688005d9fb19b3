"""The offline check of all specs together: everything that is wrong, at once, in file order, with the way out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from reconciler.core.address import Address, parse_address
from reconciler.core.diagnostics import Diagnostic, SourceRange
from reconciler.core.fields import Field, Path
from reconciler.core.resources import Lifecycle, Moved, Removed, Spec, Specs
from reconciler.core.shapes import Struct
from reconciler.core.types import Reference
from reconciler.core.validate import MOST_NEAR, check_specs
from reconciler.kinds import BY_NAME
from reconciler.kinds.tax_rate import TAX_RATE

PRODUCT = {"name": "Pro"}
PRICE = {"product": "product.pro", "currency": "usd", "unit_amount": 2900}
METER = {"display_name": "Calls", "event_name": "calls", "default_aggregation": {"formula": "sum"}}
COUPON = {"percent_off": 20}
CODE = {"promotion": {"coupon": "coupon.launch"}}
Bodies = Mapping[str, Mapping[str, Any]]


def line(number: int) -> SourceRange:
    return SourceRange("specs/test.yaml", number, 1)


def spec(address: str, body: Mapping[str, Any], at: int) -> Spec:
    """Make a spec whose fields stand on the lines below it."""
    own = {n: v for n, v in body.items() if n != "adopt"}
    positions: dict[Path, SourceRange] = {
        (name,): SourceRange("specs/test.yaml", at + n, 3) for n, name in enumerate(own, 1)
    }
    return Spec(
        address=parse_address(address),
        body=own,
        source=line(at),
        lifecycle=Lifecycle(adopt=body.get("adopt")),
        positions=positions,
    )


def check(
    bodies: Bodies, moved: Sequence[tuple[str, str]] = (), removed: Sequence[tuple[str, str]] = ()
) -> list[Diagnostic]:
    """Check bodies that stand ten lines apart; moved: entries start at line 1000, removed: entries at line 2000."""
    specs = tuple(spec(address, body, 10 * n) for n, (address, body) in enumerate(bodies.items(), 1))
    moves = [
        Moved(before=parse_address(b), after=parse_address(a), source=line(1000 + n)) for n, (b, a) in enumerate(moved)
    ]
    leaving = [Removed(address=parse_address(a), action=w, source=line(2000 + n)) for n, (a, w) in enumerate(removed)]
    return check_specs(Specs(specs=specs, moved=tuple(moves), removed=tuple(leaving)), BY_NAME, "acme")[1]


def told(found: list[Diagnostic]) -> list[tuple[str, str]]:
    return [(d.code, d.summary) for d in found]


def test_specs_that_hold_are_desired_with_what_they_need() -> None:
    bodies: Bodies = {"price.m": PRICE, "product.pro": {**PRODUCT, "default_price": "price.m"}}
    specs = Specs(specs=tuple(spec(a, b, n) for n, (a, b) in enumerate(bodies.items(), 1)))
    desired, found = check_specs(specs, BY_NAME, "acme")
    assert found == []
    # A default price refers back, and is set later: that is no circle.
    assert {str(d.address): d.depends_on for d in desired} == {
        "price.m": (Address("product", "pro"),),
        "product.pro": (),
    }


def test_an_unknown_reference_is_named_at_its_field_with_the_nearest_declared_one() -> None:
    [found] = check({"product.pro": PRODUCT, "price.m": {**PRICE, "product": "product.prp"}})
    assert (found.code, found.summary) == ("BP1301", "product refers to product.prp, which is not declared")
    assert found.hint == "did you mean product.pro?"
    assert found.source == SourceRange("specs/test.yaml", 21, 3)
    assert found.address == Address("price", "m")


def test_an_unknown_reference_that_is_near_to_nothing_can_be_declared_or_given_as_an_id() -> None:
    [found] = check({"price.m": {**PRICE, "product": "product.something"}})
    assert found.hint == "declare product.something, or give the Stripe id instead"


def test_a_reference_deep_inside_is_found_and_placed_at_the_nearest_line() -> None:
    recurring = {"interval": "month", "usage_type": "metered", "meter": "meter.nope"}
    [found] = check({"product.pro": PRODUCT, "price.m": {**PRICE, "recurring": recurring}})
    assert found.summary == "recurring refers to meter.nope, which is not declared"
    assert found.source == SourceRange("specs/test.yaml", 24, 3)


def test_only_the_first_of_many_unknown_references_are_looked_up() -> None:
    bodies = {f"price.p{n}": {**PRICE, "product": f"product.prp{n}"} for n in range(MOST_NEAR + 5)}
    found = check({"product.prp": PRODUCT, **bodies})
    near = [d for d in found if d.hint == "did you mean product.prp?"]
    assert (len(found), len(near)) == (MOST_NEAR + 5, MOST_NEAR)
    assert all(d.hint for d in found)


def test_a_circle_of_references_is_named_once_with_the_way_out() -> None:
    # No two kinds of today can form a circle; a kind that refers to its own can.
    node = replace(
        TAX_RATE, name="node", body=Struct(fields=(Field(name="next", type=Reference(kind="node"), doc="The next."),))
    )
    bodies = {"node.a": "node.b", "node.b": "node.c", "node.c": "node.a", "node.d": "node.a"}
    specs = Specs(specs=tuple(spec(a, {"next": n}, 10 * at) for at, (a, n) in enumerate(bodies.items(), 1)))
    [found] = check_specs(specs, {"node": node}, "acme")[1]
    assert found.code == "BP1302"
    before, circle = found.summary.split(": ")
    assert before == "these refer to each other in a circle"
    turns = circle.split(" -> ")
    assert (len(turns), turns[0], {*turns}) == (4, turns[-1], {"node.a", "node.b", "node.c"})
    assert all(bodies[one] == following for one, following in pairwise(turns))
    assert (found.address, found.source) == (Address("node", "a"), line(10))
    assert found.hint


DOUBLE: list[tuple[Bodies, str]] = [
    ({"product.a": {**PRODUCT, "id": "one"}, "product.b": {**PRODUCT, "id": "one"}}, "id 'one'"),
    ({"product.a": {**PRODUCT, "id": "acme-b"}, "product.b": PRODUCT}, "id 'acme-b'"),
    ({"product.a": {**PRODUCT, "adopt": "prod_1"}, "product.b": {**PRODUCT, "adopt": "prod_1"}}, "adopt 'prod_1'"),
    ({"product.a": {**PRODUCT, "id": "one"}, "product.b": {**PRODUCT, "adopt": "one"}}, "adopt 'one'"),
    ({"coupon.a": {**COUPON, "id": "X"}, "coupon.b": {**COUPON, "id": "X"}}, "id 'X'"),
    (
        {
            "product.pro": PRODUCT,
            "price.a": {**PRICE, "lookup_key": "key"},
            "price.b": {**PRICE, "lookup_key": "key"},
        },
        "lookup_key 'key'",
    ),
    ({"product.pro": PRODUCT, "price.a": {**PRICE, "lookup_key": "acme-b"}, "price.b": PRICE}, "lookup_key 'acme-b'"),
    ({"meter.a": METER, "meter.b": METER}, "event_name 'calls'"),
    (
        {"coupon.launch": COUPON, "promotion_code.a": {**CODE, "code": "X"}, "promotion_code.b": {**CODE, "code": "X"}},
        "code 'X'",
    ),
]


@pytest.mark.parametrize(("bodies", "claim"), DOUBLE)
def test_one_object_that_two_addresses_claim_is_refused(bodies: Bodies, claim: str) -> None:
    [found] = check(bodies)
    other, one = list(bodies)[-2:]
    assert found.code == "BP1304"
    assert found.summary == f"{one} and {other} both claim the object with {claim}"
    assert found.address == parse_address(one)
    assert found.source == line(10 * len(bodies))
    assert found.detail == f"{other} is declared at specs/test.yaml:{10 * len(bodies) - 10}:1"
    assert "take one of them out" in found.hint


ALONE: list[Bodies] = [
    {"product.a": {**PRODUCT, "id": "X"}, "coupon.a": {**COUPON, "id": "X"}},
    {"product.a": {**PRODUCT, "adopt": "prod_1"}, "product.b": {**PRODUCT, "adopt": "prod_2"}},
    {"product.a": {**PRODUCT, "id": "one", "adopt": "one"}, "product.b": PRODUCT},
    {"coupon.launch": COUPON, "promotion_code.a": CODE, "promotion_code.b": CODE},
    {
        "tax_rate.a": {"display_name": "VAT", "percentage": 19, "inclusive": False},
        "tax_rate.b": {"display_name": "VAT", "percentage": 19, "inclusive": False},
    },
    {"product.pro": PRODUCT, "price.a": {**PRICE, "adopt": "price_1"}, "price.b": {**PRICE, "lookup_key": "acme-a"}},
]


@pytest.mark.parametrize("bodies", ALONE)
def test_claims_on_different_objects_stand_side_by_side(bodies: Bodies) -> None:
    assert check(bodies) == []


MOVES: list[tuple[list[tuple[str, str]], list[str]]] = [
    ([("product.old", "product.pro")], []),
    ([("product.old", "product.prp")], ["product.prp is not declared"]),
    ([("product.team", "product.pro")], ["product.team is moved away and still declared"]),
    ([("price.old", "product.pro")], ["a price cannot become a product"]),
    ([("product.old", "product.pro"), ("product.old", "product.team")], ["two moved: entries go from product.old"]),
    ([("product.old", "product.pro"), ("product.older", "product.pro")], ["two moved: entries go to product.pro"]),
    ([("product.old", "product.pro"), ("product.old", "product.pro")], []),
    (
        [("price.team", "product.nope"), ("product.team", "product.pro")],
        ["a price cannot become a product", "product.nope is not declared", "product.team is moved away and still"],
    ),
]


@pytest.mark.parametrize(("moved", "summaries"), MOVES)
def test_moves_that_cannot_be_meant_are_refused(moved: list[tuple[str, str]], summaries: list[str]) -> None:
    found = check({"product.pro": PRODUCT, "product.team": PRODUCT}, moved)
    assert all(d.code == "BP1305" and d.hint for d in found)
    assert len(found) == len(summaries)
    for one, summary in zip(found, summaries, strict=True):
        assert one.summary.startswith(summary)


def test_a_move_to_a_misspelled_address_is_told_the_near_one() -> None:
    [found] = check({"product.pro": PRODUCT}, [("product.old", "product.prp")])
    assert found.hint == "did you mean product.pro?"
    assert found.source == line(1000)


def test_the_second_of_two_moves_is_told_where_the_first_is() -> None:
    [found] = check({"product.pro": PRODUCT}, [("product.old", "product.pro"), ("product.older", "product.pro")])
    assert found.hint == "the other one is at specs/test.yaml:1000:1: take out one of the two"
    assert found.source == line(1001)


REMOVALS: list[tuple[list[tuple[str, str]], list[str]]] = [
    ([("product.old", "archive")], []),
    ([("product.old", "archive"), ("product.old", "archive")], []),
    ([("product.pro", "archive")], ["product.pro is declared and listed under removed:"]),
    (
        [("product.old", "archive"), ("product.old", "forget")],
        ["product.old is removed in two ways: archive and forget"],
    ),
]


@pytest.mark.parametrize(("removed", "summaries"), REMOVALS)
def test_removals_that_cannot_be_meant_are_refused(removed: list[tuple[str, str]], summaries: list[str]) -> None:
    found = check({"product.pro": PRODUCT}, removed=removed)
    assert told(found) == [("BP1306", summary) for summary in summaries]
    assert all(d.hint for d in found)


NO_NEEDS = "a coupon needs either percent_off or amount_off"
BAD_BODIES: list[tuple[str, Any, list[tuple[str, str]]]] = [
    ("product.pro", {}, [("BP1203", "name is required")]),
    ("product.pro", {"name": "Pro", "nmae": "x"}, [("BP1201", "unknown field nmae")]),
    ("product.pro", {"name": 5}, [("BP1204", "name: expected a text, found the number 5")]),
    (
        "product.pro",
        {"name": "Pro", "images": ["a", 5]},
        [("BP1204", "images[1]: expected a text, found the number 5")],
    ),
    ("product.pro", {"name": "Pro", "default_price_data": {}}, [("BP1202", "default_price_data is not declared here")]),
    ("coupon.launch", {}, [("BP1210", NO_NEEDS)]),
    ('coupon["a b"]', COUPON, [("BP1207", "the default id 'acme-a b' cannot be used")]),
]


@pytest.mark.parametrize(("address", "body", "said"), BAD_BODIES)
def test_a_body_that_does_not_hold_is_told_of_its_fields(address: str, body: Any, said: list[tuple[str, str]]) -> None:
    assert told(check({address: body})) == said


def test_a_body_that_is_no_mapping_is_refused() -> None:
    one = Spec(address=Address("product", "pro"), body=["name"], source=line(1))  # type: ignore[arg-type]
    desired, found = check_specs(Specs(specs=(one,)), BY_NAME, "acme")
    assert (desired, told(found)) == ((), [("BP1204", "product.pro needs a mapping of fields")])


def test_everything_that_is_wrong_is_told_at_once_in_file_order() -> None:
    found = check(
        {
            "price.m": {**PRICE, "product": "product.prp", "nickname": "m"},
            "product.pro": {**PRODUCT, "colour": 1, "url": 5},
            "product.one": {**PRODUCT, "id": "same"},
            "product.two": {**PRODUCT, "id": "same"},
            "coupon.launch": {"percent_off": 101},
        },
        moved=[("product.pro", "product.gone")],
        removed=[("price.m", "archive")],
    )
    assert [d.code for d in found] == [
        "BP1301", "BP1201", "BP1204", "BP1304", "BP1205", "BP1305", "BP1305", "BP1306",
    ]  # fmt: skip
    assert [d.source for d in found] == sorted(d.source for d in found if d.source)
    assert all(d.source is not None for d in found)
