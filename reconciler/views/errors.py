"""What stopped a run, for people and for machines: what, where, and what to do next."""

from __future__ import annotations

import json
from typing import Any

from reconciler.core.diagnostics import in_order
from reconciler.core.plan_json import diagnostic_document
from reconciler.errors import BillplanError, RemoteError, SpecError
from reconciler.views.diagnostics import UNWRAPPED, write_diagnostic
from reconciler.views.notation import Notation
from reconciler.views.page import Page
from reconciler.views.redact import redact_value


def render_error(error: BillplanError, *, color: bool, emails: bool = False) -> str:
    """Write an error with its way out, and with the request id that Stripe's support asks for."""
    page, plain = Page(color=color, width=UNWRAPPED), Notation(emails=emails).plain
    for diagnostic in in_order(list(error.diagnostics)) if isinstance(error, SpecError) else ():
        write_diagnostic(page, diagnostic, emails=emails)
    first, *rest = error.message.splitlines() or [""]
    page.line(("error: ", "bold red"), plain(first))
    for line in rest:
        page.line(plain(line), indent=2)
    for line in error.hint.splitlines():
        page.line("hint: ", plain(line), indent=2)
    if isinstance(error, RemoteError):
        known = {"request": error.request_id, "code": error.code, "param": error.param, "status": error.status}
        facts = ", ".join(f"{name} {plain(str(value))}" for name, value in known.items() if value is not None)
        if facts:
            page.line(facts, indent=2)
    return page.text()


def error_json(error: BillplanError, *, emails: bool = False) -> str:
    """Write an error as one JSON document."""
    described: dict[str, Any] = {
        "type": type(error).__name__,
        "message": error.message,
        "hint": error.hint or None,
        "exit_code": error.exit_code,
    }
    if isinstance(error, RemoteError):
        described |= {
            "request_id": error.request_id,
            "status": error.status,
            "code": error.code,
            "param": error.param,
        }
    if isinstance(error, SpecError):
        described["diagnostics"] = [diagnostic_document(d) for d in in_order(list(error.diagnostics))]
    return json.dumps({"error": redact_value(described, emails=emails)}, indent=2) + "\n"
