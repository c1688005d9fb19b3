"""What came of the steps of an apply."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.core.plan import Step


class Outcome(StrEnum):
    """What came of a step. Already: it was done before. Stale: the object moved on. In doubt: sent, and no answer."""

    DONE = "done"
    ALREADY = "already"
    FAILED = "failed"
    STALE = "stale"
    IN_DOUBT = "in_doubt"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A step's outcome; `detail` says why it is not done, without secrets."""

    step: Step
    outcome: Outcome
    remote_id: str | None = None
    request_id: str | None = None
    detail: str = ""

    @property
    def good(self) -> bool:
        """Say whether the step's target holds."""
        return self.outcome in (Outcome.DONE, Outcome.ALREADY)
