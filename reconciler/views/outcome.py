"""What an apply did: a line a step, and the end of it, as text or JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from reconciler.core.plan import Plan
from reconciler.core.results import Outcome, Result
from reconciler.views.notation import clean
from reconciler.views.outline import counted
from reconciler.views.page import Page, Part
from reconciler.views.redact import redact_text

_WORDS = {
    Outcome.DONE: ("done", "green"),
    Outcome.ALREADY: ("already done", "green"),
    Outcome.FAILED: ("FAILED", "bold red"),
    Outcome.STALE: ("STALE", "bold yellow"),
    Outcome.IN_DOUBT: ("IN DOUBT", "bold red"),
    Outcome.SKIPPED: ("skipped", "yellow"),
}
_WAY_OUT = {
    Outcome.FAILED: "mend the cause, then run the same command again",
    Outcome.STALE: "somebody changed these since the plan was made: make a new plan",
    Outcome.IN_DOUBT: "Stripe did not answer: run the same command again, it looks before it sends",
    Outcome.SKIPPED: "these wait for the ones above",
}


def result_document(result: Result) -> dict[str, Any]:
    """Lay out one step's result as an event."""
    return {
        "type": "step",
        "address": str(result.step.address),
        "step": result.step.id,
        "outcome": result.outcome.value,
        "id": result.remote_id,
        "request_id": result.request_id,
        "detail": redact_text(result.detail),
    }


def render_result(result: Result, *, color: bool, width: int) -> str:
    """Write one line: what was done, to which object."""
    words, style = _WORDS[result.outcome]
    parts: list[Part] = [(words, style), f"  {clean(result.step.title)}"]
    if result.remote_id and result.remote_id not in result.step.title:
        parts.append((f"  {clean(result.remote_id)}", "dim"))
    if result.detail:
        parts.append(f": {clean(redact_text(result.detail))}")
    page = Page(color=color, width=width)
    page.line(*parts)
    return page.text().rstrip("\n")


def render_applied(plan: Plan, results: Sequence[Result], left: int, *, form: str) -> str:
    """Write the end of an apply: the counts, what is not done, and how to go on. `left` counts the changes that a new
    plan over the same addresses still finds."""
    counts = Counter(r.outcome for r in results)
    complete = all(r.good for r in results)
    if form == "json":
        summary = {"type": "summary", "plan": plan.digest, "complete": complete and not left, "steps": len(results)}
        return json.dumps({**summary, "outcomes": {o.value: counts[o] for o in Outcome}, "left": left})
    done = f"{counts[Outcome.DONE]} done" + (f", {counts[Outcome.ALREADY]} already" if counts[Outcome.ALREADY] else "")
    if complete and not left:
        return f"\nApplied: {done}. Stripe matches the specs."
    if complete:
        return f"\nApplied: {done}; a new plan still finds {counted(left, 'change')}: run billplan plan."
    lines = ["", f"Applied in part: {done} of {counted(len(results), 'step')}."]
    for outcome, way_out in _WAY_OUT.items():
        stuck = [r for r in results if r.outcome is outcome]
        if stuck:
            lines.append(f"{counted(len(stuck), 'step')} {_WORDS[outcome][0]} ({way_out}):")
            lines += [f"  {clean(r.step.title)}: {clean(redact_text(r.detail))}" for r in stuck[:20]]
            lines += [f"  and {len(stuck) - 20} more"] if len(stuck) > 20 else []
    return "\n".join(lines)
