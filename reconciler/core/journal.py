"""The journal of an apply: what was sent and what came of it, as records, and their fold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class Event(StrEnum):
    """What a record says. A Sent without an outcome is in doubt: a timeout is neither failure nor success."""

    SENT = "sent"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One line of the journal; `at` is epoch seconds, UTC. `detail` holds no secret and no e-mail address."""

    step_id: str
    address: str
    event: Event
    at: int
    attempt: int = 0
    idempotency_key: str | None = None
    remote_id: str | None = None
    request_id: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One apply, from start to finish. `outcome` is None while it runs, or after it crashed."""

    id: int
    account: str
    livemode: bool
    project: str
    plan_digest: str
    actor: str
    started_at: int
    finished_at: int | None = None
    outcome: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where the steps of a plan stand, folded from the records of all its runs: each in one place, by its last
    word; but what was done once stays done."""

    done: dict[str, str] = field(default_factory=dict)
    in_doubt: dict[str, Record] = field(default_factory=dict)
    failed: dict[str, Record] = field(default_factory=dict)


def fold(records: Iterable[Record]) -> Progress:
    """Fold records, oldest first, into where each step stands."""
    progress = Progress()
    for record in records:
        step = record.step_id
        if record.event is Event.SKIPPED:
            continue
        if step in progress.done and record.event is not Event.SUCCEEDED:
            # What was done once stays done: a later run that finds it undone by somebody must not do it again.
            continue
        progress.done.pop(step, None)
        progress.in_doubt.pop(step, None)
        progress.failed.pop(step, None)
        match record.event:
            case Event.SENT | Event.UNKNOWN:
                progress.in_doubt[step] = record
            case Event.SUCCEEDED:
                progress.done[step] = record.remote_id or ""
            case Event.FAILED:
                progress.failed[step] = record
    return progress
