"""What an apply did: a line a step, and the end of it, as text or JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from reconciler.core.changes import Action, Change
from reconciler.core.plan import Plan
from reconciler.core.results import Outcome, Result
from reconciler.views.notation import clean
from reconciler.views.outline import counted, verb
from reconciler.views.page import Page, Part
from reconciler.views.redact import redact_text

MOST = 20

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


def plan_document(plan: Plan) -> dict[str, Any]:
    """Lay out what is about to be applied as an event."""
    return {"type": "plan", "digest": plan.digest, "summary": plan.summary, "steps": len(plan.steps)}


def render_applied(plan: Plan, results: Sequence[Result], left: Sequence[Change], *, form: str) -> str:
    """Write the end of an apply: the counts, what is not done, and how to go on. `left` is what a new plan still
    finds at the same addresses."""
    counts = Counter(r.outcome for r in results)
    complete = all(r.good for r in results)
    refused = sum(c.action is Action.REFUSED for c in plan.changes)
    if form == "json":
        summary = {"type": "summary", "plan": plan.digest, "complete": complete and not left, "steps": len(results)}
        outcomes = {o.value: counts[o] for o in Outcome}
        return json.dumps({**summary, "outcomes": outcomes, "left": [str(c.address) for c in left], "refused": refused})
    done = f"{counts[Outcome.DONE]} done" + (f", {counts[Outcome.ALREADY]} already" if counts[Outcome.ALREADY] else "")
    if not complete:
        return "\n".join(["", f"Applied in part: {done} of {counted(len(results), 'step')}.", *_stuck(results)])
    if left:
        lines = [f"  {verb(c)} {clean(str(c.address))}: {clean(redact_text(c.reason))}" for c in left[:MOST]]
        lines += _more(len(left))
        found = f"but a new plan still finds {counted(len(left), 'change')} there; see billplan plan:"
        return "\n".join(["", f"Applied: {done}, {found}", *lines])
    if refused:
        return f"\nApplied: {done}. Left out: {counted(refused, 'refused change')}; the plan says why."
    return f"\nApplied: {done}. A new plan finds nothing left to do: Stripe matches the specs."


def _stuck(results: Sequence[Result]) -> list[str]:
    lines = []
    for outcome, way_out in _WAY_OUT.items():
        stuck = [r for r in results if r.outcome is outcome]
        if stuck:
            lines.append(f"{counted(len(stuck), 'step')} {_WORDS[outcome][0]} ({way_out}):")
            lines += [f"  {clean(r.step.title)}: {clean(redact_text(r.detail))}" for r in stuck[:MOST]]
            lines += _more(len(stuck))
    return lines


def _more(count: int) -> list[str]:
    return [f"  and {count - MOST:,} more"] if count > MOST else []
