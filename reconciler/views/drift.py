"""Drift by itself: what somebody changed in Stripe, as text or JSON."""

from __future__ import annotations

import json
from collections.abc import Set
from itertools import groupby

from reconciler.core.bindings import KIND
from reconciler.core.plan import Plan
from reconciler.core.plan_json import Kinds, plan_document
from reconciler.views import outline
from reconciler.views.differences import Row, drift_rows, told
from reconciler.views.outline import counted
from reconciler.views.page import Page
from reconciler.views.redact import redact_value

_KEPT = ("format_version", "tool_version", "account", "livemode", "project", "environment", "created_at")


def render_drift_json(plan: Plan, kinds: Kinds) -> str:
    """Write the drift of a plan as JSON, in the words of the plan's own document."""
    document = plan_document(plan, kinds)
    kept = {k: document[k] for k in _KEPT if k in document}
    return json.dumps(redact_value({**kept, "resource_drift": document["resource_drift"]}), indent=2)


def render_drift(plan: Plan, kinds: Kinds, *, color: bool, width: int) -> str:
    """Write the drift of a plan for a terminal of so many columns; e-mail addresses are redacted."""
    page, notation = Page(color=color, width=width), outline.notation_of(plan, emails=False)
    mode = ("*** LIVE MODE ***", "bold white on red") if plan.header.livemode else ("TEST MODE", "bold green")
    page.line(mode, f"  account {notation.plain(plan.header.account)}, project {notation.plain(plan.header.project)}")
    if not plan.drift:
        page.gap()
        page.line(("No drift. Nothing that billplan applied was changed outside.", "bold green"))
        return page.text()
    page.gap()
    page.line((f"Changed outside billplan ({counted(len(plan.drift), 'field')})", "bold yellow"))
    page.line(("as last applied -> as it is now", "dim"), indent=2)
    changes = {c.address: c for c in plan.changes}
    for (address, remote_id), drifts in groupby(plan.drift, key=lambda d: (d.address, d.remote_id)):
        page.gap()
        page.line((notation.address(address), "bold"), (f"  {notation.plain(remote_id)}", "dim"), indent=2)
        for one in drifts:
            if one.name == "id":
                how = f"  ({told(one)})" if one.told else ""
                page.line(("it is gone from Stripe", "bold red"), how.replace("changed", "deleted", 1), indent=6)
                continue
            for row in drift_rows(one, changes.get(address), kinds.get(address.kind), notation):
                _write(page, row)
    page.gap()
    page.line(_way_out({drift.address.kind for drift in plan.drift}))
    return page.text()


def _way_out(changed: Set[str]) -> str:
    """Say what can be done about drift of these kinds."""
    if changed == {KIND}:
        return "billplan apply sets these back: a binding is for good."
    but = "; bindings are for good" if KIND in changed else ""
    return f"billplan apply sets these back to what the specs say; or change the specs, or ignore: a field{but}."


def _write(page: Page, row: Row) -> None:
    remark = f"  ({row.remark.replace('this plan puts', 'an apply puts')})" if row.remark else ""
    if row.lines:
        page.line(f"{row.name}:{remark}", indent=6)
        for mark, line in row.lines:
            page.line(f"{mark} {line}", indent=8)
    else:
        page.line(
            f"{row.name}: {row.before if row.before is not None else '(unknown)'} -> {row.after}{remark}", indent=6
        )
