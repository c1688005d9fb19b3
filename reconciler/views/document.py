"""The plan as JSON for machines: the Terraform-shaped document, redacted like everything that is printed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from reconciler.core.plan import Plan
from reconciler.core.plan_json import Kinds, document_members
from reconciler.views.redact import may_hide, redact_value


def json_chunks(plan: Plan, kinds: Kinds, *, emails: bool = False) -> Iterator[str]:
    """Write a plan as one JSON document, piece by piece, a change or step on each line: a large one is never held as
    text. E-mail addresses are redacted unless asked for."""
    separator = "{"
    for name, value in document_members(plan, kinds):
        yield f"{separator}\n  {json.dumps(name)}: "
        separator = ","
        if isinstance(value, Iterator):
            yield from _listed(value, emails)
        else:
            yield _line(value, emails)
    yield "\n}\n"


def _listed(records: Iterator[Any], emails: bool) -> Iterator[str]:
    opening = "["
    for record in records:
        yield f"{opening}\n    {_line(record, emails)}"
        opening = ","
    yield "[]" if opening == "[" else "\n  ]"


def _line(value: Any, emails: bool) -> str:
    line = json.dumps(value)
    # Most lines hold nothing to redact, and one look at the whole is far cheaper than one at each text.
    return json.dumps(redact_value(value, emails=emails)) if may_hide(line) else line
