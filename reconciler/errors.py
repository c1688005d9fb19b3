"""The exceptions of billplan; each carries the exit code that the command line ends with.

BillplanError                 1   what failed, where, what to do next
|-- SpecError                 1   holds Diagnostics, all of one run
|-- StoreError                1   the store cannot be read or written, or is of a newer version
|-- WrongTarget               3   key, plan or project of another account or mode
|-- StalePlan                 3   the plan as a whole is stale or expired
|-- PlanRefused               4   a guard, protection or refused change; names the line that would allow it
|-- LockHeld                  5   another apply holds the lock
|-- LockLost                  5   the lock was lost while applying; nothing more was sent
|-- PartialApply              5   some steps failed, are in doubt, or were stale
|-- PartialSync               5   some types could not be mirrored; the same command again continues
`-- RemoteError               1   request_id, status, code, param; from adapters only
    |-- RemoteRejected            4xx: never retried
    |-- RemoteUnavailable         429, 5xx or lock after all retries, or never sent
    `-- OutcomeUnknown            sent, no answer: neither done nor not done

Anything else that is raised is a bug of billplan and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.core.diagnostics import Diagnostic


class BillplanError(Exception):
    """Stop the run: `message` says what and where, `hint` is the way out."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class SpecError(BillplanError):
    """Carry every diagnostic of a run whose specs do not hold."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        count = len(diagnostics)
        super().__init__(f"{count} error{'' if count == 1 else 's'} in the specs")
        self.diagnostics = tuple(diagnostics)


class StoreError(BillplanError):
    """The store cannot be used as it is."""


class WrongTarget(BillplanError):
    """The key, the plan or the project belongs to another target."""

    exit_code = 3


class StalePlan(BillplanError):
    """The plan as a whole must not be applied any more."""

    exit_code = 3


class PlanRefused(BillplanError):
    """A guard, a protection or a refused change stands in the way."""

    exit_code = 4


class LockHeld(BillplanError):
    """Another apply holds the lock of this account and project."""

    exit_code = 5


class LockLost(BillplanError):
    """The lock went away during the apply; no further request was sent."""

    exit_code = 5


class PartialApply(BillplanError):
    """The apply ended before every step was done."""

    exit_code = 5


class PartialSync(BillplanError):
    """The mirror lacks some types; the others are up to date."""

    exit_code = 5


class RemoteError(BillplanError):
    """An answer of the billing API that is not a success, or no answer."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        param: str | None = None,
        request_id: str | None = None,
        kind: str | None = None,
        replayed: bool = False,
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code
        self.param = param
        self.request_id = request_id
        self.kind = kind
        self.replayed = replayed


class RemoteRejected(RemoteError):
    """The API understood and said no (4xx)."""


class RemoteUnavailable(RemoteError):
    """The API could not serve the request; it was not executed, or its failure is recorded."""


class OutcomeUnknown(RemoteError):
    """The request left and no answer came back."""
