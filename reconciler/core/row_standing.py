"""Where a row stands: what of the account it is, found by the marker's address, and what else has its key. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from reconciler.core.address import Address
from reconciler.core.migration_facts import Held, Holdings

SCHEDULE = "subscription_schedule"


class RowStanding(StrEnum):
    """What has become of a row.

    NOT_RELEASED: no plan may schedule it yet, since its batch is not released, or its block is rolled back. WAITING: it
    is made when its start has come. DUE: this plan schedules it. SCHEDULED: its schedule has not started. LIVE: its
    subscription is there. ENDED: that was canceled, or ran out. CANCELED: it was rolled back before it started. FAILED:
    it has faults, and nothing of it is in the account.
    """

    NOT_RELEASED = "not_released"
    WAITING = "waiting"
    DUE = "due"
    SCHEDULED = "scheduled"
    LIVE = "live"
    ENDED = "ended"
    CANCELED = "canceled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a row is in the account.

    `schedule` is its newest one, `subscription` what that became; `marked` are the ids of all that carries the row's
    marker under its present address, sorted. `twice` are several of them that bill at the same time, where only one
    may. `strangers` have the row's key and are not known to be the row. `standing` is None for a row that nothing of
    the account is.
    """

    standing: RowStanding | None = None
    schedule: Held | None = None
    subscription: Held | None = None
    marked: tuple[str, ...] = ()
    twice: tuple[str, ...] = ()
    strangers: tuple[Held, ...] = ()

    @property
    def held(self) -> Held | None:
        """The one that the row is now: the subscription once there is one."""
        return self.subscription or self.schedule

    @property
    def digest(self) -> str:
        """What the marker says of the row as it was sent; empty where that is not known."""
        return next((one.digest for one in (self.schedule, self.subscription) if one is not None and one.digest), "")

    @property
    def batch(self) -> str:
        """The batch that the row was scheduled with; empty where it was with none."""
        return next((one.batch for one in (self.schedule, self.subscription) if one is not None and one.batch), "")

    @property
    def started(self) -> bool:
        """Say whether there is, or ever was, a subscription of it."""
        return self.standing in (RowStanding.LIVE, RowStanding.ENDED)


_NOWHERE = Place()


def place(addresses: Sequence[Address], key: tuple[str, str] | None, holdings: Holdings) -> Place:
    """Find what a row is. `addresses` are its present one and, if it was moved, the former one; `key` is the metadata's
    name and value that identify it."""
    marked = [one for address in addresses for one in holdings.by_address.get(address, ())]
    keyed = () if key is None else holdings.by_key.get(key, ())
    if not marked and not keyed:
        return _NOWHERE
    schedules = [one for one in marked if one.object == SCHEDULE]
    subscriptions = [one for one in marked if one.object != SCHEDULE]
    schedule = max(schedules, key=_newest, default=None)
    subscription = max(subscriptions, key=_newest, default=None) or _subscription_of(schedules, holdings)
    return Place(
        standing=_standing(schedules, schedule, subscription),
        schedule=schedule,
        subscription=subscription,
        marked=tuple(sorted(one.id for one in holdings.by_address.get(addresses[0], ()))),
        twice=_twice(marked),
        strangers=_strangers(keyed, marked, addresses),
    )


def has_started(held: Held) -> bool:
    """Say whether a schedule has, or ever had, a subscription; a subscription is one."""
    return held.object != SCHEDULE or held.status in ("active", "completed") or held.subscription is not None


def _newest(held: Held) -> tuple[bool, int, int, str]:
    return held.billing, held.attempt, held.created, held.id


def _subscription_of(schedules: Sequence[Held], holdings: Holdings) -> Held | None:
    """Find the subscription of a schedule whose marker is on the schedule alone: that one was adopted."""
    for one in sorted(schedules, key=_newest, reverse=True):
        found = holdings.by_id.get(one.subscription or "")
        if found is not None:
            return found
    return None


def _standing(schedules: Sequence[Held], schedule: Held | None, subscription: Held | None) -> RowStanding | None:
    if subscription is not None:
        return RowStanding.LIVE if subscription.billing else RowStanding.ENDED
    begun = [one for one in schedules if has_started(one)]
    if begun:
        # The subscription of a released schedule goes on by itself, whether it is seen or not.
        goes_on = any(one.status in ("active", "released") for one in begun)
        return RowStanding.LIVE if goes_on else RowStanding.ENDED
    if schedule is None:
        return None
    return RowStanding.SCHEDULED if schedule.billing else RowStanding.CANCELED


def _twice(marked: Sequence[Held]) -> tuple[str, ...]:
    """List what bills twice: a schedule and the subscription that it has are one."""
    billing = [one for one in marked if one.billing]
    if len(billing) < 2:
        return ()
    ids = sorted(one.id for one in apart(billing))
    return tuple(ids) if len(ids) > 1 else ()


def apart(held: Sequence[Held]) -> list[Held]:
    """Leave out the schedules of subscriptions that are there too: the two are one. Either may have been seen when the
    other did not know of it yet, or any more."""
    if len(held) < 2:
        return list(held)
    covered = {one.schedule for one in held if one.object != SCHEDULE}
    subscriptions = {one.id for one in held if one.object != SCHEDULE}
    return [one for one in held if one.id not in covered and one.subscription not in subscriptions]


def _strangers(keyed: Sequence[Held], marked: Sequence[Held], addresses: Sequence[Address]) -> tuple[Held, ...]:
    """List what has the key and is not the row.

    What another schedule never became, since it was canceled before it started, is no obstacle, unless it is a row of
    this project under another name: that one was rolled back, and must not come again by being renamed.
    """
    if not keyed:
        return ()
    own = {one.id for one in marked} | {id for one in marked for id in (one.schedule, one.subscription) if id}
    return tuple(
        one
        for one in keyed
        if one.id not in own
        and one.schedule not in own
        and one.address not in addresses
        and (one.billing or has_started(one) or one.address is not None)
    )
