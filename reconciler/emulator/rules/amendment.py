"""New phases for a schedule that is there: all of them for one that has not started, else the ones to come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.emulator.errors import EmulatorGap, StripeError
from reconciler.emulator.rules.course import Course
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World


def amend(world: World, course: Course, record: Record, given: Sequence[Mapping[str, Any]]) -> list[Record]:
    """The phases after an update; past ones may be left out, and what has begun stays as it is but for its end."""
    if not given or "start_date" not in given[0]:
        raise StripeError(
            "The subscription schedule update is missing at least one phase with a `start_date` to anchor end dates "
            "to.",
            "phases",
        )
    now, start = world.now(), given[0]["start_date"]
    if record["status"] == "not_started":
        start = now if start == "now" else start
        if start < now:
            raise EmulatorGap("schedules that start in the past", "phases[0][start_date]")
        return course.lay_out(given, start)
    at = record["life"]["at"]
    starts = [phase["start_date"] for phase in record["phases"][: at + 1]]
    if start not in starts:
        raise StripeError(
            "You can not modify the start date of the current phase: the first phase must start at "
            f"{starts[-1]}, as the current one did.",
            "phases[0][start_date]",
        )
    first = starts.index(start)
    laid = [*record["phases"][:first], *course.lay_out(given, start)]
    _check_begun(record["phases"][: at + 1], laid, now)
    return laid


def _check_begun(begun: Sequence[Record], laid: Sequence[Record], now: int) -> None:
    if len(laid) < len(begun):
        raise StripeError("The current phase is missing.", "phases")
    for position, (before, after) in enumerate(zip(begun, laid, strict=False)):
        current = position == len(begun) - 1
        free = {"end_date": 0} if current else {}
        if {**before, **free} != {**after, **free}:
            raise EmulatorGap("changes of a phase that has begun, but for its end", f"phases[{position}]")
        if current and after["end_date"] <= now:
            raise StripeError("The current phase cannot have ended.", f"phases[{position}][end_date]")
