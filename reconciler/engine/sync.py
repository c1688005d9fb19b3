"""Sync: make the mirror a true copy of the account, by listing what was never listed and catching up on the rest."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from reconciler.core.collector import collector_slowed
from reconciler.core.mirrored import Mirrored
from reconciler.core.standing import Standing, Status
from reconciler.engine.backfill import Tools, list_type
from reconciler.engine.catch_up import GAP_SECONDS, catch_up
from reconciler.engine.learning import Learned
from reconciler.engine.reading import Reader, Stopped, StripeTime
from reconciler.engine.target import Pins, check_target, mode
from reconciler.errors import PartialSync, RemoteError, RemoteRejected, StoreError
from reconciler.mirrored import BY_NAME, EVENT, MIRRORED
from reconciler.ports.billing import BillingApi
from reconciler.ports.clock import Clock
from reconciler.ports.lock import HeldLock, Locks
from reconciler.ports.mirror import Mirror
from reconciler.ports.progress import Progress

# Stripe opened in September 2011.
_FIRST_ACCOUNTS = 1_314_835_200
# How Stripe words that an account lacks a product; there is no code for it.
_NOT_ENABLED = re.compile(
    r"not (set up|enabled|activated|available|supported)|isn't (enabled|available)|must (be )?activate"
    r"|not have (access|permission) to use|only available (in|to)|unrecognized request url",
    re.IGNORECASE,
)


_PERMISSION = re.compile(r"rak_[a-z_]+")
LACKS = "the key lacks the permission"


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncOptions:
    """What a sync is asked for. `objects`: only these types; `created_after`: only objects created from then on (epoch
    seconds, UTC); `full`: list again what was listed already."""

    pins: Pins
    who: str
    objects: tuple[str, ...] = ()
    created_after: int | None = None
    full: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncPorts:
    """What a sync works through; `mirror_of` opens the mirror of an account in a mode."""

    api: BillingApi
    clock: Clock
    locks: Locks
    progress: Progress
    mirror_of: Callable[[str, bool], Mirror]


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """How a sync ended: the types it listed anew, those that turned out to be missing from the account, and why any
    type is not ready. `learned`: what it told of bindings."""

    account: str
    livemode: bool
    listed: tuple[str, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    learned: Learned = field(default_factory=Learned)

    def check(self) -> None:
        """Raise PartialSync where a type failed."""
        if self.failed:
            words = "\n".join(["the mirror is not whole:", *(f"{name}: {why}" for name, why in self.failed.items())])
            again = "the same command again goes on where this one stopped"
            lacking = any(why.startswith(LACKS) for why in self.failed.values())
            raise PartialSync(words, hint=f"add the permission to the key; {again}" if lacking else again)


def lock_scope(account: str, livemode: bool) -> str:
    """Name the lock that lets one sync at a time write the mirror of an account; no project's can be called so."""
    return f"mirror of {account}/{mode(livemode)}"


def sync(ports: SyncPorts, options: SyncOptions) -> Synced:
    """Bring the mirror up to date; raise LockHeld where another sync is at work."""
    target = check_target(ports.api, options.pins, ports.clock)
    account, livemode = target.scope.account, target.scope.livemode
    with ports.locks.acquire(lock_scope(account, livemode), options.who) as lock, collector_slowed():
        tools = tools_of(ports, ports.mirror_of(account, livemode), target.now, lock)
        run = _Run(tools, options)
        ports.progress.start("reading Stripe", None)
        try:
            run.list_all()
            ports.progress.start("reading events", None)
            run.catch_up()
        except BaseException:
            tools.stop.set()
            raise
        finally:
            ports.progress.finish()
    return Synced(
        account=account,
        livemode=livemode,
        listed=tuple(m.name for m in MIRRORED if m.name in run.listed),
        skipped=run.skipped,
        failed=run.failed,
    )


def tools_of(ports: SyncPorts, mirror: Mirror, stripe_now: int, lock: HeldLock, budget: int | None = None) -> Tools:
    """Put together what a sync works with."""
    time = StripeTime(ports.clock, stripe_now, ports.clock.monotonic())
    stop = threading.Event()
    return Tools(
        reader=Reader(ports.api, time, stop, lock, budget),
        mirror=mirror,
        time=time,
        progress=ports.progress,
        api_version=ports.api.api_version,
        floor=_FIRST_ACCOUNTS,
        stop=stop,
    )


class _Run:
    """One sync under way."""

    def __init__(self, tools: Tools, options: SyncOptions) -> None:
        self._tools = tools
        self._options = options
        self._lock = threading.Lock()
        self._known = tools.mirror.standings()
        self.listed: set[str] = set()
        self.skipped: dict[str, str] = {}
        self.failed: dict[str, str] = {}

    def list_all(self) -> None:
        """List every type that needs it, several at a time; one that hangs on others comes after them."""
        self._begin()
        wanted = self._wanted()
        self._tell_how_many(wanted)
        self._begin_carried(wanted)
        # An account has the most of those that are told of last: they are begun first.
        waiting = {m.name: m for m in reversed(wanted)}
        listing = self._tools.mirror.listing()
        with listing, ThreadPoolExecutor(max(1, len(wanted)), thread_name_prefix="type") as pool:
            running: dict[Future[None], str] = {}
            try:
                while waiting or running:
                    for mirrored in [m for m in waiting.values() if not _needs(m) & {*waiting, *running.values()}]:
                        del waiting[mirrored.name]
                        running[pool.submit(self._list, mirrored)] = mirrored.name
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for one in done:
                        del running[one]
                        one.result()
            except BaseException:
                # The threads end with the page that they are at.
                self._tools.stop.set()
                raise

    def catch_up(self) -> None:
        """Catch up on what happened, before and during the listing."""
        options = self._options
        standings = self._tools.mirror.standings()
        poll = [m.name for m in MIRRORED if m.polled and m.name not in self.listed and standings[m.name].fresh]
        whole = not options.objects or EVENT.name in options.objects
        try:
            for name, unread in catch_up(self._tools, poll=poll, whole_history=whole).items():
                self._tell_unread(BY_NAME[name], unread)
        except (RemoteError, StoreError) as error:
            self._tools.mirror.fail(EVENT.name, Status.ERROR, _why(EVENT, error))
            if isinstance(error, StoreError):
                raise
            self.failed[EVENT.name] = _why(EVENT, error)

    def _tell_unread(self, mirrored: Mirrored, error: RemoteError) -> None:
        """Say what a type lacks that could not be caught up; one that was listed before stays as it was then."""
        if self._tools.mirror.standings()[mirrored.name].status is Status.SYNCING:
            self._give_up(mirrored, error)
        else:
            self.failed.setdefault(mirrored.name, _why(mirrored, error))

    def _begin(self) -> None:
        """Take the events' cursor before anything is listed; after too long a gap, nothing counts as listed."""
        mirror, now = self._tools.mirror, self._tools.time.now()
        cursor = mirror.cursor()
        if cursor is not None and now - cursor <= GAP_SECONDS:
            return
        for name, standing in mirror.standings().items():
            if standing.status in (Status.READY, Status.SYNCING, Status.ERROR):
                days = (now - (cursor or now)) // 86400
                mirror.fail(name, Status.PENDING, f"not synced for {days} days, more than events are kept for")
        mirror.move_cursor(now)

    def _begin_carried(self, wanted: Sequence[Mirrored]) -> None:
        """Begin what comes along with others before those are listed: what they bring from then on has been seen."""
        tools = self._tools
        for mirrored in wanted:
            if mirrored.carried and not self._begun(mirrored):
                tools.mirror.begin(mirrored.name, tools.time.now(), [], self._after(mirrored))

    def _begun(self, mirrored: Mirrored) -> bool:
        """Say whether an interrupted listing can be gone on with."""
        standing = self._tools.mirror.standings()[mirrored.name]
        begun = standing.status in (Status.SYNCING, Status.ERROR) and standing.started_at is not None
        return begun and standing.wanted_after == self._after(mirrored)

    def _after(self, mirrored: Mirrored) -> int | None:
        """From which creation on a type is listed: one without such a filter is limited by those it hangs on."""
        after, known = self._options.created_after, self._known[mirrored.name]
        if known.fresh and (known.created_after is None or known.created_after < (after or 0)):
            # More was listed before: less now would give some of that up.
            after = known.created_after
        if mirrored.by_created:
            return after
        limits = [self._after(BY_NAME[need]) for need in _needs(mirrored)]
        return max((limit for limit in limits if limit is not None), default=None)

    def _wanted(self) -> list[Mirrored]:
        standings = self._tools.mirror.standings()
        asked = self._asked()
        wanted = {m.name for m in MIRRORED if m.name in asked and self._must_list(m, standings[m.name])}
        for mirrored in [BY_NAME[name] for name in wanted if BY_NAME[name].carried]:
            # It comes with its holders only.
            wanted |= set() if self._begun(mirrored) else _needs(mirrored)
        return [m for m in MIRRORED if m.name in wanted]

    def _tell_how_many(self, wanted: Sequence[Mirrored]) -> None:
        """Expect as many objects as last time, if everything was listed in the same way before."""
        known = self._tools.mirror.standings()
        if wanted and all(known[m.name].fresh and known[m.name].created_after == self._after(m) for m in wanted):
            counts = self._tools.mirror.counts()
            self._tools.progress.expect(sum(counts[m.name] for m in wanted if not m.carried))

    def _asked(self) -> set[str]:
        if not self._options.objects:
            return set(BY_NAME)
        # What a type hangs on is listed, too, where it never was.
        asked = set(self._options.objects) - {EVENT.name}
        for _ in range(len(BY_NAME)):
            asked |= {need for name in asked for need in _needs(BY_NAME[name])}
        return asked

    def _must_list(self, mirrored: Mirrored, standing: Standing) -> bool:
        options = self._options
        named = standing.type in options.objects or not options.objects
        if standing.status is not Status.READY or (options.full and named):
            return True
        limited = standing.created_after
        return limited is not None and named and (self._after(mirrored) or 0) < limited

    def _list(self, mirrored: Mirrored) -> None:
        tools = self._tools
        try:
            if self._lacks_others(mirrored):
                return
            list_type(mirrored, self._after(mirrored), self._begun(mirrored), tools)
            with self._lock:
                self.listed.add(mirrored.name)
        except RemoteError as error:
            self._give_up(mirrored, error)
        except Stopped:
            return

    def _lacks_others(self, mirrored: Mirrored) -> bool:
        """Say of a type that hangs on another whether that one could not be listed; its standing then says so."""
        standings = self._tools.mirror.standings()
        for need in sorted(_needs(mirrored)):
            if not standings[need].fresh:
                skipped = standings[need].status is Status.SKIPPED
                why = f"it is listed through {need}, which is {standings[need].status.value}"
                self._note(mirrored, why, skipped)
                return True
        return False

    def _give_up(self, mirrored: Mirrored, error: RemoteError) -> None:
        """Say why a type cannot be listed; the others go on."""
        skipped = isinstance(error, RemoteRejected) and not_enabled(error)
        self._note(mirrored, error.message if skipped else _why(mirrored, error), skipped)

    def _note(self, mirrored: Mirrored, why: str, skipped: bool) -> None:
        before = self._known[mirrored.name].status
        told = skipped and before is Status.SKIPPED and mirrored.name not in self._options.objects
        self._tools.mirror.fail(mirrored.name, Status.SKIPPED if skipped else Status.ERROR, why)
        if told:
            # Asked for again each time, since it may have been enabled; said once.
            return
        with self._lock:
            (self.skipped if skipped else self.failed)[mirrored.name] = why


def not_enabled(error: RemoteRejected) -> bool:
    """Say whether an answer means that the account does not have the product at all."""
    return error.status in (400, 403, 404) and _NOT_ENABLED.search(error.message) is not None


def _why(mirrored: Mirrored, error: RemoteError | StoreError) -> str:
    if not isinstance(error, RemoteError) or error.status != 403:
        return error.message
    # What is asked for along with a type needs a permission of its own: Stripe says which.
    named = _PERMISSION.search(error.message)
    return f"{LACKS} {named[0] if named else mirrored.permission}"


def _needs(mirrored: Mirrored) -> set[str]:
    """The types that must be listed before this one."""
    if mirrored.carried:
        return {m.name for m in MIRRORED if mirrored.name in m.carries.values()}
    return set() if mirrored.parent is None else {mirrored.parent.type}
