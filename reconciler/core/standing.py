"""How far the mirror is with a type, and the windows through which it is listed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """The status of one mirrored type.

    PENDING: never listed. SYNCING: a listing is under way, or was interrupted. READY: listed whole, and caught up as of
    the time told. ERROR: the last listing failed. SKIPPED: the account does not have this feature.
    """

    PENDING = "pending"
    SYNCING = "syncing"
    READY = "ready"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far the mirror is with one type. Times are epoch seconds, UTC, by Stripe's clock.

    `started_at`: when the listing under way began. `listed_at`: when the last whole listing ended. `as_of`: up to when
    every change is in the rows. `created_after`: objects created before it were not asked for.
    """

    type: str
    status: Status = Status.PENDING
    started_at: int | None = None
    listed_at: int | None = None
    as_of: int | None = None
    created_after: int | None = None
    wanted_after: int | None = None
    detail: str = ""

    @property
    def fresh(self) -> bool:
        """Whether the rows can stand for the account, as of `as_of`: an error never counts."""
        return self.status is Status.READY and self.as_of is not None

    @property
    def whole(self) -> bool:
        """Whether they are also all that there is."""
        return self.fresh and self.created_after is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A part of a type's list: objects created from `since` on and before `until` (epoch seconds; None: no bound).

    `listing` numbers the type's listings, `parent` is whose list it is. `cursor` is the last object that was stored,
    created at `reached`: the list goes on after it. `id` is the store's own number of it.
    """

    listing: int = 0
    parent: str = ""
    since: int | None = None
    until: int | None = None
    cursor: str = ""
    reached: int | None = None
    id: int | None = None
