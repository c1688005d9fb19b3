"""The plan file: what is written is read back, and any damage is noticed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core import planfile
from reconciler.core.address import Address
from reconciler.core.changes import Action, Change, Drift, FieldDiff, Told
from reconciler.core.diagnostics import Diagnostic, Severity, SourceRange
from reconciler.core.fields import ChangeClass
from reconciler.core.plan import FORMAT_VERSION, Absent, Header, Plan, Step, Unchanged
from reconciler.core.planfile import read_lines, write_lines
from reconciler.core.product_use import ProductUse, UsedProduct
from reconciler.core.values import Ref
from reconciler.errors import BillplanError
from tests.core.moneys import MONEYS

TEXTS = st.text(max_size=12)
# A mapping of both "$ref" and "attr" is how a reference is spelled: no field or metadata of a plan has the two.
NAMES = TEXTS.filter(lambda name: name != "attr")
KINDS = st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True)
ADDRESSES = st.builds(Address, KINDS, TEXTS, st.none() | TEXTS)
REFS = st.builds(Ref, ADDRESSES, st.sampled_from(["id", "lookup_key"]))
LEAVES = st.none() | st.booleans() | st.integers() | TEXTS | REFS
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=6
)
ATTRS = st.dictionaries(NAMES, VALUES, max_size=3)
PLACES = st.builds(SourceRange, TEXTS, st.integers(0), st.integers(0))
MOMENTS = st.integers(0, 2**40)


def tuples(of: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(of, max_size=2).map(tuple)


DIFFS = st.builds(FieldDiff, name=TEXTS, before=VALUES, after=VALUES, forces=st.booleans())
CHANGES = st.builds(
    Change,
    address=ADDRESSES,
    action=st.sampled_from(Action),
    change_class=st.sampled_from(ChangeClass),
    reason=TEXTS,
    remote_id=st.none() | st.text(min_size=1, max_size=5),
    before=ATTRS,
    after=ATTRS,
    diffs=tuples(DIFFS),
    irreversible=TEXTS,
    notes=tuples(TEXTS),
    refused=TEXTS,
    hint=TEXTS,
    verb=TEXTS,
    currency=TEXTS,
    source=st.none() | PLACES,
)
STEPS = st.builds(
    Step,
    id=TEXTS,
    address=ADDRESSES,
    kind=TEXTS,
    title=TEXTS,
    method=TEXTS,
    path=TEXTS,
    params=ATTRS,
    precondition=st.builds(Absent, incarnations=tuples(TEXTS), natural_key=st.none() | TEXTS)
    | st.builds(Unchanged, remote_id=TEXTS | REFS, before=ATTRS),
    expect=st.none() | ATTRS,
    needs=tuples(TEXTS),
    undo=TEXTS,
    deadline=st.none() | MOMENTS,
)
PLANS = st.builds(
    Plan,
    header=st.builds(
        Header,
        format_version=st.just(FORMAT_VERSION),
        tool_version=TEXTS,
        account=TEXTS,
        livemode=st.booleans(),
        api_version=TEXTS,
        project=TEXTS,
        spec_digest=TEXTS,
        created_at=MOMENTS,
        expires_at=MOMENTS,
        environment=st.none() | TEXTS,
        mirror_as_of=st.none() | MOMENTS,
        sources=st.dictionaries(TEXTS, TEXTS, max_size=2),
    ),
    changes=tuples(CHANGES),
    steps=tuples(STEPS),
    drift=tuples(
        st.builds(
            Drift,
            address=ADDRESSES,
            remote_id=TEXTS,
            name=TEXTS,
            applied=VALUES,
            known=st.booleans(),
            live=VALUES,
            told=st.none() | st.builds(Told, event=TEXTS, at=MOMENTS, request_id=st.none() | TEXTS),
        )
    ),
    diagnostics=tuples(
        st.builds(
            Diagnostic,
            code=TEXTS,
            summary=TEXTS,
            severity=st.sampled_from(Severity),
            detail=TEXTS,
            address=st.none() | ADDRESSES,
            source=st.none() | PLACES,
            hint=TEXTS,
        )
    ),
    refusals=tuples(TEXTS),
    unmanaged=st.dictionaries(TEXTS, st.integers(0), max_size=2),
    unchanged=st.integers(0),
    owned=st.dictionaries(TEXTS, st.integers(0), max_size=2),
    complete=st.booleans(),
    product_use=st.none()
    | st.builds(
        ProductUse,
        products=tuples(
            st.builds(
                UsedProduct,
                id=TEXTS,
                name=TEXTS,
                mapping=st.none() | TEXTS,
                subscriptions=st.none() | st.integers(0),
                active=st.booleans(),
            )
        ),
        left_out=st.none() | st.integers(0),
        unknown=TEXTS,
    ),
    migrations=tuples(MONEYS),
)

HEADER = Header(
    format_version=FORMAT_VERSION,
    tool_version="0.1.0",
    account="acct_1",
    livemode=True,
    api_version="2025-09-30.clover",
    project="acme",
    spec_digest="d1",
    created_at=1_800_000_000,
    expires_at=1_800_086_400,
)
PRICE = Address("price", "pro")
PLAN = Plan(
    header=HEADER,
    changes=(
        Change(
            address=PRICE,
            action=Action.CREATE,
            change_class=ChangeClass.MONEY,
            reason="declared, and not in the account",
            after={"product": Ref(Address("product", "pro")), "unit_amount": "2900"},
        ),
    ),
    steps=(
        Step(
            id="s1",
            address=PRICE,
            kind="price",
            title="create price.pro",
            method="post",
            path="/v1/prices",
            params={"product": Ref(Address("product", "pro")), "unit_amount": 2900},
            precondition=Absent(incarnations=(), natural_key="acme-pro"),
            expect={"unit_amount": "2900"},
        ),
    ),
    refusals=("guards.max_creates is 0, this plan creates 1",),
    unmanaged={"price": 3},
)


@given(PLANS)
@settings(max_examples=60, deadline=None)
def test_a_plan_is_read_back_as_it_was_written(plan: Plan) -> None:
    read = read_lines(list(write_lines(plan)))
    assert read == plan
    assert read.digest == plan.digest


@given(PLANS)
@settings(max_examples=60, deadline=None)
def test_splitting_a_file_at_any_kind_of_line_end_yields_its_lines(plan: Plan) -> None:
    lines = list(write_lines(plan))
    assert "".join(lines).splitlines() == [line.removesuffix("\n") for line in lines]
    assert read_lines("".join(lines).splitlines()) == plan


def test_every_flipped_byte_is_noticed() -> None:
    written = "".join(write_lines(PLAN)).encode()
    # The very last byte is the line end, which reading by lines takes away.
    for at in range(len(written) - 1):
        for flipped in {written[at] ^ 1, written[at] ^ 0x20, written[at] ^ 0x80}:
            damaged = written[:at] + bytes([flipped]) + written[at + 1 :]
            with pytest.raises(BillplanError):
                read_lines(damaged.decode("utf-8", "surrogateescape").splitlines(keepends=True))


def test_every_shortened_file_is_noticed() -> None:
    written = "".join(write_lines(PLAN))
    for length in range(len(written) - 1):
        with pytest.raises(BillplanError):
            read_lines(written[:length].splitlines(keepends=True))


def resealed(lines: list[str]) -> list[str]:
    """Make the hash of an edited plan file right again."""
    body = "".join(lines)
    body = body[: body.rindex(',"sha256"')]
    sealed = f'{body},"sha256":"{hashlib.sha256(body.encode()).hexdigest()}"}}'
    return sealed.splitlines()


def _without_footer(lines: list[str]) -> list[str]:
    return lines[:-1]


def _half_a_line(lines: list[str]) -> list[str]:
    return [*lines[:-2], lines[-2][:40]]


def _half_a_line_inside(lines: list[str]) -> list[str]:
    return [lines[0], lines[1][:40], *lines[2:]]


def _another_amount(lines: list[str]) -> list[str]:
    return [line.replace("2900", "2901") for line in lines]


def _no_refusals(lines: list[str]) -> list[str]:
    return [*lines[:-1], lines[-1].replace('"complete":true', '"complete":null')]


def _without_a_step(lines: list[str]) -> list[str]:
    return resealed([line for line in lines if '"type":"step"' not in line])


def _another_version(lines: list[str]) -> list[str]:
    return resealed([lines[0].replace('"format_version":"1.0"', '"format_version":"2.0"'), *lines[1:]])


def _something_after(lines: list[str]) -> list[str]:
    return [*lines, "{}\n"]


def _unknown_line(lines: list[str]) -> list[str]:
    return resealed([lines[0], '{"type":"effect"}\n', *lines[1:]])


def _a_list(lines: list[str]) -> list[str]:
    return resealed([lines[0], "[]\n", *lines[1:]])


def _a_change_without_an_address(lines: list[str]) -> list[str]:
    return resealed([lines[0], '{"type":"change"}\n', *lines[1:]])


def _no_hash(lines: list[str]) -> list[str]:
    return [*lines[:-1], '{"type":"footer"}\n']


def _specs(lines: list[str]) -> list[str]:
    return ["products:\n", "  pro: {name: Pro}\n"]


def _nothing(lines: list[str]) -> list[str]:
    return []


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_without_footer, "plan file is truncated: its last line is missing"),
        (_half_a_line, "plan file is truncated: line 3 is cut off"),
        (_half_a_line_inside, "plan file is corrupt: line 2 is not JSON"),
        (_another_amount, "plan file is corrupt: its content and its hash differ"),
        (_no_refusals, "plan file is corrupt: its content and its hash differ"),
        (_without_a_step, "it says that it has 1 step lines, but there are 0"),
        (_another_version, "the plan file has format 2.0, this billplan reads 1.0"),
        (_something_after, "plan file is corrupt: something follows its last line"),
        (_unknown_line, "plan file is corrupt: line 2 is of no known type"),
        (_a_list, "plan file is corrupt: line 2 is not a record"),
        (_a_change_without_an_address, r"line 2 does not hold what it should \(KeyError\)"),
        (_no_hash, "plan file is corrupt: its last line has no hash"),
        (_specs, "this is not a plan file"),
        (_nothing, "this is not a plan file"),
    ],
)
def test_a_damaged_plan_file_is_refused(damage: Callable[[list[str]], list[str]], message: str) -> None:
    with pytest.raises(BillplanError, match=message) as caught:
        read_lines(damage(list(write_lines(PLAN))))
    assert caught.value.exit_code == 1
    assert "plan" in caught.value.hint


def test_a_metadata_key_may_look_like_a_reference() -> None:
    step = replace(PLAN.steps[0], params={"metadata": {"$ref": "main"}})
    plan = replace(PLAN, steps=(step,))
    assert read_lines(write_lines(plan)) == plan


def test_lines_come_one_by_one() -> None:
    lines = write_lines(PLAN)
    assert next(lines).startswith('{"type":"header"')
    assert '"$ref":"product.pro"' in next(lines)


def test_a_float_has_no_place_in_a_plan() -> None:
    change = Change(
        address=PRICE, action=Action.CREATE, change_class=ChangeClass.MONEY, reason="", after={"unit_amount": 29.0}
    )
    with pytest.raises(TypeError, match="float has no place"):
        list(write_lines(Plan(header=HEADER, changes=(change,), steps=())))


@given(PLANS)
@settings(max_examples=30, deadline=None)
def test_what_is_forgotten_between_lines_is_read_all_the_same(plan: Plan) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planfile, "_REMEMBERED", 3)
        assert read_lines(list(write_lines(plan))) == plan


def test_what_stands_in_many_lines_is_in_memory_once() -> None:
    names = ("customer", "start date")
    steps = tuple(
        replace(PLAN.steps[0], id=f"s{n}", params={"".join(name): "on the " + "first" for name in names})
        for n in range(20)
    )
    read = read_lines([*write_lines(replace(PLAN, steps=steps))])
    assert len({id(name) for step in read.steps for name in step.params}) == len(names)
    assert len({id(text) for step in read.steps for text in step.params.values()}) == 1
    assert len({id(step.path) for step in read.steps}) == 1
    assert {id(step.address) for step in read.steps} == {id(read.changes[0].address)}


_PARTS = [Plan, Change, FieldDiff, Drift, Told, Diagnostic, Step, Header, Absent, Unchanged, ProductUse, UsedProduct]


@pytest.mark.parametrize("kind", _PARTS)
def test_every_field_is_a_part_of_the_round_trip(kind: type) -> None:
    source = Path(__file__).read_text()
    missing = [f.name for f in fields(kind) if f.init and f"{f.name}=" not in source]
    assert not missing, f"{missing} of {kind.__name__} must be in the strategies above, and in the plan file"
