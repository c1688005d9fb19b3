"""Catch up: what happened since the mirror last looked, from Stripe's events and what they leave open."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from reconciler.core.evidence import LAG_SECONDS, Verdict, judge
from reconciler.core.mirrored import DUE, Mirrored, Source, Touch, Version, read_row
from reconciler.core.standing import Standing, Status, Window
from reconciler.core.values import Value
from reconciler.engine.backfill import Tools, list_type, read_singly, read_windows
from reconciler.engine.reading import Found
from reconciler.engine.windows import PAGE
from reconciler.errors import RemoteError
from reconciler.mirrored import BY_NAME, BY_OBJECT, EVENT, MIRRORED, TOUCHES
from reconciler.ports.mirror import Doubt, EventPage, Kept, Put

# Stripe keeps events for 30 days; after this long without a look, some may be gone before they are read.
GAP_SECONDS = 25 * 86400
RETENTION_SECONDS = 30 * 86400
# An event may be listed some time after it happened.
OVERLAP_SECONDS = 600
_PASSES = 5
_SHORT_SECONDS = 3600
# A list of a whole type is thought of from so many doubts on, and taken where it halves the requests at least.
_MANY = 200
_WORTH_IT = 2

Versions = dict[str, dict[str, Version]]


class Ear:
    """Takes in pages of events: what each says of an object, and what it leaves in doubt."""

    def __init__(self, tools: Tools, standings: Mapping[str, Standing]) -> None:
        self._tools = tools
        self._standings = standings
        self._now = tools.time.now()
        # Two pages may speak of one object, and what is stored decides what an event is worth.
        self._lock = threading.Lock()

    def hear(self, found: Found, rest: Sequence[Window]) -> Kept:
        """Store a page of events with what they say."""
        with self._lock:
            known = self._tools.mirror.known_events([str(raw["id"]) for raw in found.objects])
            fresh = [raw for raw in found.objects if raw["id"] not in known]
            again = [raw for raw in found.objects if raw["id"] in known and self._unheeded(raw)]
            puts, doubts = self._weigh([*fresh, *again])
            page = EventPage(
                rows=[read_row(EVENT, raw) for raw in fresh],
                at=found.at,
                window=found.window,
                rest=rest,
                puts=puts,
                doubts=doubts,
            )
            return self._tools.mirror.put_events(page)

    def _unheeded(self, event: Mapping[str, Value]) -> bool:
        """Say whether an event was stored when its type was not kept yet, and the list of it since may have lagged."""
        mirrored = self._heard(event["data"]["object"])
        if mirrored is None:
            return False
        begun, last_look = self._standings[mirrored.name].started_at, self._standings[EVENT.name].as_of
        if begun is None or last_look is None or last_look >= begun:
            return False
        return int(event["created"]) >= begun - LAG_SECONDS

    def _weigh(self, events: Sequence[Mapping[str, Value]]) -> tuple[list[Put], list[Doubt]]:
        versions = self._versions(events)
        puts: dict[tuple[str, str], Put] = {}
        doubts: set[Doubt] = set()
        # Newest first: most of what is older needs no second look.
        for event in sorted(events, key=lambda raw: int(raw["created"]), reverse=True):
            raw = event["data"]["object"]
            doubts.update(self.touched(raw, str(event["type"])))
            mirrored = self._heard(raw)
            if mirrored is None:
                continue
            id = str(raw["id"])
            version = versions[mirrored.name].get(id)
            standing = self._standings[mirrored.name]
            if version is None and (mirrored.carried or _not_asked_for(mirrored, raw, standing)):
                continue
            match judge(event, mirrored, version, standing, self._tools.api_version, self._now):
                case Verdict.OLD:
                    continue
                case Verdict.DOUBT:
                    doubts.add(Doubt(mirrored.name, id))
                case Verdict.TAKE | Verdict.GONE as verdict:
                    at, gone = int(event["created"]), verdict is Verdict.GONE
                    row = read_row(mirrored, raw)
                    puts[mirrored.name, id] = Put(
                        type=mirrored.name, id=id, row=row, at=at, source=Source.EVENT, gone=gone
                    )
                    versions[mirrored.name][id] = Version(at=at, source=Source.EVENT, deleted=gone)
        return list(puts.values()), sorted(doubts, key=lambda d: (d.type, d.id))

    def _versions(self, events: Sequence[Mapping[str, Value]]) -> Versions:
        ids: dict[str, list[str]] = {}
        for event in events:
            raw = event["data"]["object"]
            mirrored = self._heard(raw)
            if mirrored is not None:
                ids.setdefault(mirrored.name, []).append(str(raw["id"]))
        return {type: dict(self._tools.mirror.versions(type, sorted(set(names)))) for type, names in ids.items()}

    def _heard(self, raw: Mapping[str, Value]) -> Mirrored | None:
        """The type that an event's object belongs to, if the mirror has begun to keep it."""
        mirrored = BY_OBJECT.get(str(raw.get("object")))
        # A preview of an invoice has no id; what is listed by parent does not tell its parent; an event about an
        # account may be about another one, which is connected to this.
        if mirrored is None or mirrored.parent is not None or mirrored.polled or not raw.get("id"):
            return None
        return mirrored if self._kept(mirrored.name) else None

    def _kept(self, type: str) -> bool:
        return self._standings[type].status not in (Status.PENDING, Status.SKIPPED)

    def touched(self, raw: Mapping[str, Value], event: str) -> Iterator[Doubt]:
        """Yield what else an event on this object puts in doubt."""
        for touch in TOUCHES.get(str(raw.get("object")), ()):
            if self._kept(touch.type) and event in (touch.when or (event,)):
                yield from (Doubt(touch.type, id) for id in self._ids(touch, raw))

    def _ids(self, touch: Touch, raw: Mapping[str, Value]) -> Sequence[str]:
        value: Value = raw
        for key in touch.path:
            value = value.get(key) if isinstance(value, Mapping) else None
        id = value.get("id") if isinstance(value, Mapping) else value
        mirror = self._tools.mirror
        if id and touch.given and mirror.value(touch.given[0], str(id), touch.given[1]) is None:
            return ()
        if id and touch.column:
            return mirror.ids_where(touch.type, touch.column, id)
        if id and touch.via is not None:
            id = mirror.value(touch.via[0], str(id), touch.via[1])
        if not id or (touch.unknown and mirror.versions(touch.type, [id])):
            return ()
        return (str(id),)


def _not_asked_for(mirrored: Mirrored, raw: Mapping[str, Value], standing: Standing) -> bool:
    """Say whether an object was created too long ago for the listing that was asked for."""
    ended = standing.status is Status.READY
    after = standing.created_after if ended else standing.wanted_after
    return mirrored.by_created and after is not None and int(raw.get("created") or after) < after


def catch_up(
    tools: Tools, *, poll: Sequence[str], whole_history: bool = False, only: Collection[str] = BY_NAME.keys()
) -> dict[str, RemoteError]:
    """Read the events since the cursor, then what they leave open; `poll` names types that no event tells of.

    With `whole_history` the first look takes in every event that Stripe still has. What is in doubt is read of the
    types in `only`; a type with open doubts is not caught up. Return, by type, why something could not be read.
    """
    ear = _listen(tools, whole_history)
    now = tools.mirror.standings()[EVENT.name].as_of or 0
    ready = [name for name, s in tools.mirror.standings().items() if s.status is Status.READY and name != EVENT.name]
    _come_due(ear, tools, ready, now)
    failed = _settle(tools, only)
    # Last, since what events left open may be the parents of what is listed now.
    for name in poll:
        if name in ready:
            try:
                list_type(BY_NAME[name], tools.mirror.standings()[name].created_after, False, tools)
            except RemoteError as error:
                failed[name] = error
    failed = {**_settle(tools, only), **failed}
    open = {doubt.type for doubt in tools.mirror.doubts()} | failed.keys()
    tools.mirror.advance([name for name in ready if not BY_NAME[name].polled and name not in open], now)
    tools.mirror.move_cursor(now)
    tools.mirror.forget_events(now - RETENTION_SECONDS)
    return failed


def _listen(tools: Tools, whole_history: bool) -> Ear:
    """Read all events since the cursor; what an interrupted look left over comes first."""
    standing = tools.mirror.standings()[EVENT.name]
    if standing.status in (Status.SYNCING, Status.ERROR) and standing.started_at is not None:
        _listen_once(tools, standing.started_at)
        tools.mirror.move_cursor(standing.started_at)
        standing = tools.mirror.standings()[EVENT.name]
    since = max(0, (tools.mirror.cursor() or 0) - OVERLAP_SECONDS)
    # A first look without the history, or one after a gap, has not all the events that Stripe keeps.
    limited = standing.status is Status.PENDING or standing.created_after is not None
    kept = (None if whole_history else since) if limited else None
    now = tools.time.now()
    whole = limited and whole_history
    tools.mirror.begin(EVENT.name, now, [Window(since=None if whole else since)], kept)
    # A few minutes are not worth cutting up among several threads.
    return _listen_once(tools, now, 1 if not whole and now - since < _SHORT_SECONDS else None)


def _listen_once(tools: Tools, run: int, workers: int | None = None) -> Ear:
    ear = Ear(tools, tools.mirror.standings())
    read_windows(EVENT, ear.hear, tools, workers)
    tools.mirror.finish(EVENT.name, tools.time.now(), run)
    return ear


def _come_due(ear: Ear, tools: Tools, ready: Sequence[str], now: int) -> None:
    """Doubt what changed by the mere passing of time since the last look."""
    standings = tools.mirror.standings()
    doubts: set[Doubt] = set()
    for mirrored in MIRRORED:
        for column in mirrored.due if mirrored.name in ready else ():
            for id in tools.mirror.due(mirrored.name, column, standings[mirrored.name].as_of or 0, now):
                doubts.add(Doubt(mirrored.name, id))
                doubts.update(ear.touched(tools.mirror.raw(mirrored.name, id) or {}, DUE))
    tools.mirror.doubt(sorted(doubts, key=lambda d: (d.type, d.id)))


def _settle(tools: Tools, only: Collection[str]) -> dict[str, RemoteError]:
    """Read what is in doubt, until nothing is: what comes along may be new. Return why some could not be read."""
    failed: dict[str, RemoteError] = {}
    for _ in range(_PASSES):
        doubts = [doubt for doubt in tools.mirror.doubts() if doubt.type in only and doubt.type not in failed]
        if not doubts:
            break
        many = _better_listed(doubts, tools)
        for name in many:
            try:
                list_type(BY_NAME[name], None, False, tools, settles=True)
            except RemoteError as error:
                failed[name] = error
        failed |= read_singly([doubt for doubt in doubts if doubt.type not in many], BY_NAME, tools)
    return failed


def _better_listed(doubts: Sequence[Doubt], tools: Tools) -> set[str]:
    """The types of which so much is in doubt that a list of all takes fewer requests than reading it one by one."""
    found = Counter(doubt.type for doubt in doubts)
    many = [name for name, count in found.items() if count >= _MANY]
    if not many:
        return set()
    counts, standings = tools.mirror.counts(), tools.mirror.standings()
    return {
        name
        for name in many
        if not BY_NAME[name].carried
        and BY_NAME[name].parent is None
        and standings[name].fresh
        and standings[name].created_after is None
        and found[name] * PAGE > _WORTH_IT * (counts[name] + PAGE)
    }
