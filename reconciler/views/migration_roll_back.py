"""A roll back for people and programs: what is canceled, what it saves customers, what is left and what to do next."""

from __future__ import annotations

import json
from collections.abc import Sequence

from reconciler.core.migration_money import Total
from reconciler.core.money import show_amount
from reconciler.core.roll_back import RollBackScope, RollBackView, Spared
from reconciler.views.mirror import plain
from reconciler.views.outline import counted
from reconciler.views.redact import redact_text

_MOST = 20


def meant_lines(view: RollBackView) -> list[str]:
    """Say what a roll back would do, and what it cannot."""
    if not view.canceled and not view.freed:
        lines = ["Nothing can be canceled: no schedule of these rows waits for its start."]
    else:
        start = "it starts" if view.canceled == 1 else "they start"
        lines = [f"{counted(view.canceled, 'schedule')} to cancel before {start}."]
    if view.freed:
        source = counted(view.freed, "subscription")
        lines.append(f"{source} at the source to go on: what was to replace it is canceled already.")
    if view.charges:
        lines.append(f"First charges that will not be made: {_totals(view.charges)}.")
    if view.moved:
        lines.append(f"Revenue a month that stays where it is: {_totals(view.moved)}.")
    if view.uncounted:
        lines.append(f"{counted(view.uncounted, 'row')} not in these sums: what they would pay is not known.")
    return [
        plain(line) for line in (*lines, *_spared("started already, and are left alone", view.started), *_late(view))
    ]


def _late(view: RollBackView) -> list[str]:
    return _spared("cannot be canceled any more", view.late)


def _spared(what: str, rows: Sequence[Spared]) -> list[str]:
    if not rows:
        return []
    lines = [f"{counted(len(rows), 'row')} {what}:"]
    lines += [f"  {one.address}: {one.reason}" for one in rows[:_MOST]]
    return [*lines, f"  and {len(rows) - _MOST:,} more"] if len(rows) > _MOST else lines


def _totals(totals: Sequence[Total]) -> str:
    return " and ".join(_total(one) for one in totals)


def _total(one: Total) -> str:
    by_usage = f", {one.unknown:,} of them by usage" if one.unknown else ""
    return f"{show_amount(one.amount, one.currency)} ({counted(one.rows, 'row')}{by_usage})"


def ended_lines(
    scope: RollBackScope, view: RollBackView, canceled: int, failed: Sequence[Spared], attempt: int | None
) -> list[str]:
    """Say what came of it, and what is next; what `meant_lines` told of the same view is not told again. `attempt` is
    the block's, None where no block declares the migration any more."""
    lines = ["", f"Canceled: {counted(canceled, 'schedule')}."]
    told = {one.address for one in (*view.late, *view.started)}
    new = [one for one in failed if one.address not in told]
    lines += _spared("could not be canceled", new)
    if new:
        lines.append("Next: the same command again cancels what still waits.")
    if view.late or new:
        lines.append("Next: what starts all the same is canceled as a subscription, in the Dashboard or by the API.")
    if attempt is None:
        return [plain(line) for line in lines]
    if scope.whole:
        lines.append(
            f"Next: write  state: canceled  in the block {scope.migration}, so that no plan schedules the rest."
        )
    if canceled or view.freed:
        stays = f"What is canceled stays so until  attempt:  of the block is above {attempt}."
        lines.append(stays if scope.whole else f"{stays} Take the rows out of the file if they are not to move.")
    return [plain(line) for line in lines]


def ended_document(scope: RollBackScope, view: RollBackView, canceled: int, failed: Sequence[Spared]) -> str:
    """Write the end of a roll back as one line of JSON."""
    document = {
        "type": "summary",
        "migration": scope.migration,
        "complete": not failed,
        "canceled": canceled,
        "not_canceled": [_spelled(one) for one in failed],
        "started": [_spelled(one) for one in view.started],
        "first_charges": [_money(one) for one in view.charges],
        "revenue_a_month": [_money(one) for one in view.moved],
    }
    return json.dumps(document)


def _spelled(one: Spared) -> dict[str, str]:
    return {"address": str(one.address), "reason": redact_text(one.reason)}


def _money(one: Total) -> dict[str, str | int]:
    return {"currency": one.currency, "amount": one.amount, "rows": one.rows, "unknown": one.unknown}
