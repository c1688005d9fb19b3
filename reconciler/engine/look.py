"""Look: what a plan sees of the account, live or through the mirror, and how old that is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from enum import StrEnum

from reconciler.core.changes import Change
from reconciler.core.idempotency import Scope
from reconciler.core.kind import Kind
from reconciler.core.product_use import Subscribed
from reconciler.core.resources import Observed, Origin, Snapshot
from reconciler.core.standing import Standing
from reconciler.core.values import Value
from reconciler.engine.backfill import Tools
from reconciler.engine.catch_up import GAP_SECONDS, catch_up
from reconciler.engine.outside import Outside
from reconciler.engine.product_use import subscribed_in
from reconciler.engine.reading import OverBudget
from reconciler.engine.refresh import list_kind, list_kinds, snapshot_of
from reconciler.engine.sync import SyncPorts, lock_scope, tools_of
from reconciler.engine.target import Pins, Target, check_target
from reconciler.engine.usage import count_live, note_subscriptions, subscribed_live
from reconciler.engine.windows import PAGE
from reconciler.errors import BillplanError, LockHeld, RemoteError, StoreError
from reconciler.mirrored import BY_NAME as MIRRORED
from reconciler.mirrored import EVENT
from reconciler.ports.mirror import Mirror

_SUBSCRIPTION = "subscription"
_LEAST_BUDGET = 50


class RefreshMode(StrEnum):
    """AUTO: the mirror, caught up, where it was synced; else live. LIVE: lists of Stripe. NONE: the mirror as it is."""

    AUTO = "auto"
    LIVE = "live"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was seen. `mirror_as_of`: the age of the oldest part that came from the mirror, None where all is live.

    `note` says why the mirror was not used though it is there. `count` tells how many live subscriptions use prices,
    and `subscribed` who has subscribed to which products. `mirror` is there where it was looked at, caught up if need
    be.
    """

    target: Target
    snapshot: Snapshot
    count: Callable[[Sequence[Change]], tuple[Change, ...]]
    subscribed: Callable[[], Subscribed]
    mirror_as_of: int | None = None
    note: str = ""
    mirror: Mirror | None = None


def look(outside: Outside, pins: Pins, mode: RefreshMode, declared: Set[str] = frozenset()) -> Seen:
    """See the account as the mode says, and what lives in the store. `declared` are the kinds that specs speak of:
    where none is one of the store's, a plan does without a store that cannot be read."""
    if mode is RefreshMode.NONE:
        return _look_at_mirror(outside, pins, declared)
    target = check_target(outside.api, pins, outside.clock)
    mirror, note = (None, "") if mode is RefreshMode.LIVE else _caught_up(outside, target)
    return replace(_look_live(outside, target, mirror, declared), note=note)


def _look_live(outside: Outside, target: Target, mirror: Mirror | None, declared: Set[str]) -> Seen:
    standings = {} if mirror is None else mirror.standings()
    kinds = _remote(outside)
    kept = _kept(kinds, standings, target.now)
    observed = list_kinds(outside.api, [kind for kind in kinds if kind not in kept], outside.progress)
    if mirror is not None:
        observed += _observe(mirror, kept, standings)
    counted = mirror if mirror is not None and _caught_up_with_events(standings, target.now) else None
    # A price tells whose product a subscription is to.
    priced = counted if any(kind.name == "price" for kind in kept) else None
    observed += _look_at_store(outside, declared)
    return Seen(
        target=target,
        snapshot=snapshot_of(observed, list(outside.kinds.values()), target.scope.project),
        count=lambda changes: note_subscriptions(changes, _counter(outside, counted)),
        subscribed=lambda: _subscribed(outside, priced),
        mirror_as_of=_oldest(standings, kept),
        mirror=mirror,
    )


def _remote(outside: Outside) -> list[Kind]:
    """The kinds whose objects are Stripe's; a kind of the store may be called as a type of the mirror."""
    return [kind for kind in outside.kinds.values() if not kind.in_store]


def _look_at_store(outside: Outside, declared: Set[str]) -> list[Observed]:
    """See what lives in the store, whatever the mode: nothing is newer."""
    kinds = [kind for kind in outside.kinds.values() if kind.in_store]
    try:
        return [one for kind in kinds for one in list_kind(outside.api, kind, {})]
    except BillplanError:
        if any(kind.name in declared for kind in kinds):
            raise
        # Nothing is done about what is not seen.
        return []


def _subscribed(outside: Outside, mirror: Mirror | None) -> Subscribed:
    if mirror is not None:
        return subscribed_in(mirror)
    outside.progress.start("counting subscriptions", None)
    try:
        return subscribed_live(outside.api)
    finally:
        outside.progress.finish()


def _counter(outside: Outside, mirror: Mirror | None) -> Callable[[Sequence[str]], Mapping[str, int]]:
    if mirror is not None:
        return mirror.subscriptions_by_price
    return lambda prices: count_live(outside.api, prices)


def _caught_up(outside: Outside, target: Target) -> tuple[Mirror | None, str]:
    """Open the mirror and catch up; None where it cannot stand for the account, and why if it was expected to."""
    if outside.mirrors is None:
        return None, ""
    account, livemode = target.scope.account, target.scope.livemode
    try:
        mirror = outside.mirrors.of(account, livemode)
        if mirror is None or not _kept(_remote(outside), mirror.standings(), target.now):
            return None, ""
        ports = SyncPorts(
            api=outside.api,
            clock=outside.clock,
            locks=outside.mirrors.locks,
            progress=outside.progress,
            mirror_of=lambda account, livemode: mirror,
        )
        with ports.locks.acquire(lock_scope(account, livemode), "a plan that catches up") as lock:
            outside.progress.start("catching up with Stripe", None)
            try:
                _catch_up(tools_of(ports, mirror, target.now, lock, _budget(outside, mirror)), outside)
            finally:
                outside.progress.finish()
        return mirror, ""
    except OverBudget:
        return None, "planned from live lists, since that takes fewer requests than to catch up the mirror"
    except LockHeld as error:
        return None, f"planned from live lists, since the mirror is being written: {error.message}"
    except (StoreError, RemoteError) as error:
        return None, f"planned from live lists, since the mirror could not be used: {error.message}"


def _catch_up(tools: Tools, outside: Outside) -> None:
    """Catch up on what a plan looks at; the rest stays open until the next sync."""
    kinds = _remote(outside)
    needed = {*(kind.name for kind in kinds), *(need for kind in kinds for need in _holders(kind)), *outside.also}
    try:
        failed = catch_up(tools, poll=(), only=needed)
    except BaseException:
        tools.stop.set()
        raise
    for unread in failed.values():
        raise unread


def _budget(outside: Outside, mirror: Mirror) -> int:
    """How many requests catching up may take: live lists would take about as many."""
    counts = mirror.counts()
    pages = sum(counts[name] // PAGE + 1 for name in (*(kind.name for kind in _remote(outside)), *outside.also))
    return max(_LEAST_BUDGET, 2 * pages)


def _look_at_mirror(outside: Outside, pins: Pins, declared: Set[str]) -> Seen:
    """See the mirror as it is, without a word to Stripe."""
    if outside.mirrors is None:
        raise BillplanError("there is no store to plan from", hint="plan with --refresh=live")
    account, now = pins.account or outside.mirrors.only_account(), outside.clock.now()
    mirror = outside.mirrors.of(account, pins.livemode)
    standings = {} if mirror is None else mirror.standings()
    kinds = _remote(outside)
    needed = (*(kind.name for kind in kinds), *outside.also)
    lacking = [name for name in needed if name not in standings or not standings[name].whole]
    if mirror is None or lacking:
        message = f"the mirror of {account} is not whole: it lacks {', '.join(lacking) or 'everything'}"
        raise BillplanError(message, hint=f"billplan sync --objects {','.join(lacking)}; billplan status says more")
    counted = mirror if standings[_SUBSCRIPTION].whole else None
    scope = Scope(account=account, livemode=pins.livemode, project=pins.project)
    observed = _observe(mirror, kinds, standings) + _look_at_store(outside, declared)
    return Seen(
        target=Target(scope=scope, now=now),
        snapshot=snapshot_of(observed, list(outside.kinds.values()), pins.project),
        count=lambda changes: note_subscriptions(changes, None if counted is None else counted.subscriptions_by_price),
        subscribed=lambda: subscribed_in(mirror),
        mirror_as_of=_oldest(standings, kinds),
        mirror=mirror,
    )


def _kept(kinds: Iterable[Kind], standings: Mapping[str, Standing], now: int) -> list[Kind]:
    """The kinds whose rows, caught up, stand for the account."""
    return [
        kind
        for kind in kinds
        if kind.name in standings
        and _usable(standings[kind.name], now)
        and all(_usable(standings[need], now) for need in _holders(kind))
    ]


def _caught_up_with_events(standings: Mapping[str, Standing], now: int) -> bool:
    """Whether subscriptions can be counted in the mirror: a plan does not read what is in doubt of them."""
    standing, events = standings[_SUBSCRIPTION], standings[EVENT.name]
    return _usable(standing, now) and (standing.as_of or 0) >= (events.as_of or 0)


def stands_as_of(mirror: Mirror, type: str, *, offline: bool) -> int | None:
    """As of when the mirror's objects of a type stand for the account's (epoch seconds, UTC), once it was looked at;
    None where they do not. Offline, any whole copy does: that is what was asked for."""
    standings = mirror.standings()
    standing, events = standings[type], standings[EVENT.name]
    if not standing.whole or standing.as_of is None:
        return None
    return standing.as_of if offline or standing.as_of >= (events.as_of or 0) else None


def _usable(standing: Standing, now: int) -> bool:
    return standing.whole and now - (standing.as_of or 0) <= GAP_SECONDS


def _oldest(standings: Mapping[str, Standing], kinds: Iterable[Kind]) -> int | None:
    return min((standings[kind.name].as_of or 0 for kind in kinds), default=None)


def _observe(mirror: Mirror, kinds: Iterable[Kind], standings: Mapping[str, Standing]) -> list[Observed]:
    """Read stored objects as a list page would have shown them: what was kept as an id is whole again."""
    observed = []
    for kind in kinds:
        whole = {name: {str(raw["id"]): raw for raw in mirror.raws(name)} for name in _holders(kind)}
        for raw in mirror.raws(kind.name):
            for path in MIRRORED[kind.name].inline:
                raw = _filled(raw, path.split("."), whole)
            observed.append(kind.observe(raw, standings[kind.name].as_of or 0, Origin.MIRROR))
    return observed


def _holders(kind: Kind) -> list[str]:
    """The types whose objects a kind sees inside its own, and the mirror keeps as their ids."""
    return [path.split(".")[-1] for path in MIRRORED[kind.name].inline if path in kind.expand]


def _filled(
    raw: Mapping[str, Value], path: Sequence[str], whole: Mapping[str, Mapping[str, Value]]
) -> dict[str, Value]:
    name, *rest = path
    inner = raw.get(name)
    if rest:
        return {**raw, name: _filled(inner, rest, whole) if isinstance(inner, Mapping) else inner}
    if not isinstance(inner, str) or name not in whole:
        return dict(raw)
    return {**raw, name: whole[name].get(inner, {"id": inner, "deleted": True})}
