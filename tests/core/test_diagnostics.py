"""Findings come in the order in which their author reads the files."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.diagnostics import Diagnostic, Severity, SourceRange, in_order

PLACES = st.builds(SourceRange, st.sampled_from(["a.yaml", "b.yaml"]), st.integers(1, 12), st.integers(1, 12))
FINDINGS = st.lists(
    st.builds(
        Diagnostic,
        code=st.sampled_from(["BP1201", "BP1203"]),
        summary=st.sampled_from(["one", "two"]),
        source=st.none() | PLACES,
    )
)


def at(path: str, line: int, column: int, summary: str = "wrong", code: str = "BP1201") -> Diagnostic:
    return Diagnostic(code=code, summary=summary, source=SourceRange(path, line, column))


def test_findings_are_sorted_by_file_line_and_column_as_numbers() -> None:
    expected = [
        at("a.yaml", 2, 9),
        at("a.yaml", 2, 10),
        at("a.yaml", 10, 1),
        at("b.yaml", 1, 1, "a"),
        at("b.yaml", 1, 1, "b"),
        at("b.yaml", 1, 1, "a", "BP1203"),
        at("\U0001f600.yaml", 1, 1),
        Diagnostic(code="BP1101", summary="nowhere"),
        Diagnostic(code="BP1201", summary="nowhere"),
    ]
    assert in_order(expected[::-1]) == expected


@settings(deadline=None)
@given(FINDINGS)
def test_the_order_depends_on_nothing_but_the_findings(found: list[Diagnostic]) -> None:
    ordered = in_order(found)
    assert in_order(found[::-1]) == ordered
    placed = [d.source is not None for d in ordered]
    assert placed == sorted(placed, reverse=True)
    assert len(ordered) == len(found)


def test_a_place_is_written_as_editors_understand_it() -> None:
    assert str(SourceRange("specs/prices.yaml", 12, 3)) == "specs/prices.yaml:12:3"


def test_a_finding_is_an_error_unless_it_says_otherwise() -> None:
    assert Diagnostic(code="BP1201", summary="wrong").severity is Severity.ERROR
