"""Findings and errors, for people and for machines."""

from __future__ import annotations

import json
from collections.abc import Callable

from reconciler.core.address import Address
from reconciler.core.diagnostics import Diagnostic, Severity, SourceRange
from reconciler.errors import BillplanError, RemoteRejected, SpecError, WrongTarget
from reconciler.views.diagnostics import render_diagnostics, tally
from reconciler.views.errors import error_json, render_error

Golden = Callable[[str, str], None]

FINDINGS = [
    Diagnostic(
        code="BP1301",
        severity=Severity.WARNING,
        summary="nothing refers to product.x",
        source=SourceRange("specs/b.yaml", 2, 1),
    ),
    Diagnostic(
        code="BP1201",
        summary="unknown field nam",
        address=Address("price", "pro"),
        source=SourceRange("specs/a.yaml", 12, 5),
        hint="did you mean name?",
    ),
    Diagnostic(code="BP1001", summary="no \x1b[31mspecs ann@example.com", detail="looked in specs/\nand below"),
]


def test_findings_read_as_those_of_a_compiler(golden: Golden) -> None:
    golden("diagnostics.txt", render_diagnostics(FINDINGS, color=False))
    assert render_diagnostics(FINDINGS, color=False).startswith(
        "specs/a.yaml:12:5: error BP1201: unknown field nam (price.pro)\n  hint: did you mean name?\n"
    )


def test_findings_in_colour(golden: Golden) -> None:
    golden("diagnostics.ansi", render_diagnostics(FINDINGS, color=True))


def test_findings_as_json(golden: Golden) -> None:
    golden("diagnostics.json", error_json(SpecError(FINDINGS)))


def test_no_findings_are_no_text() -> None:
    assert render_diagnostics([], color=False) == ""
    assert tally([]) == "no errors"


def test_a_long_finding_stays_on_its_line() -> None:
    finding = Diagnostic(code="BP1", summary="word " * 500)
    assert render_diagnostics([finding], color=False).count("\n") == 3


REJECTED = RemoteRejected(
    "Stripe refused the request: No such price: 'price_1'",
    status=400,
    code="resource_missing",
    param="price",
    request_id="req_1Nv0",
    hint="make the plan again",
)


def test_an_error_names_the_way_out_and_the_request(golden: Golden) -> None:
    golden("error.txt", render_error(REJECTED, color=False))
    golden("error.json", error_json(REJECTED))


def test_an_error_in_the_specs_brings_its_findings(golden: Golden) -> None:
    golden("spec_error.txt", render_error(SpecError(FINDINGS), color=False))
    assert len(json.loads(error_json(SpecError(FINDINGS)))["error"]["diagnostics"]) == 3


def test_an_error_without_a_hint_is_one_line() -> None:
    assert render_error(BillplanError("it is so"), color=False) == "error: it is so\n"


def test_an_error_of_several_lines_keeps_them() -> None:
    text = render_error(WrongTarget("one\ntwo \x1b[2J", hint="do this\nthen that"), color=False)
    assert text == "error: one\n  two \\x1b[2J\n  hint: do this\n  hint: then that\n"


def test_an_error_tells_machines_its_exit_code() -> None:
    described = json.loads(error_json(WrongTarget("key sk_live_51Habc is of acct_2")))["error"]
    assert described == {
        "type": "WrongTarget",
        "message": "key sk_live_*** is of acct_2",
        "hint": None,
        "exit_code": 3,
    }
