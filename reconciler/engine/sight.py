"""What an apply sees of the account: the listing made under the lock, and what was read or answered since."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from reconciler.core.address import Address
from reconciler.core.idempotency import Scope
from reconciler.core.kind import Kind
from reconciler.core.plan import Header, Step
from reconciler.core.resources import Observed, Snapshot
from reconciler.core.values import Ref, Value, replace_refs
from reconciler.engine.refresh import list_kind, read_one
from reconciler.engine.stretches import Stretch, Stretches
from reconciler.errors import BillplanError, RemoteError
from reconciler.ports.billing import Answer, BillingApi
from reconciler.ports.clock import Clock

# An observation older than this is read again before something is changed on its word.
FRESH_SECONDS = 30
# A page that shows many objects is asked for in the place of reading one where, for each request that it takes, so many
# of them were read one by one before: a plan of few changes reads little.
_READ_ALONE = 2
# Stripe's clocks may differ a little between machines; a listing "since" starts so much earlier.
_OVERLAP_SECONDS = 300


class Unresolved(BillplanError):
    """A step refers to a resource that nothing in its plan creates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """When the listing began: by Stripe's clock in epoch seconds, and by this machine's monotonic one."""

    epoch: int
    monotonic: float


class Sight:
    """A snapshot that grows; safe to use from several threads."""

    def __init__(
        self,
        snapshot: Snapshot,
        api: BillingApi,
        clock: Clock,
        kinds: Mapping[str, Kind],
        since: Since,
        known: Mapping[Ref, Value] | None = None,
    ) -> None:
        """`known` are values that stand in the specs, and in no plan."""
        self._snapshot = snapshot
        self._api = api
        self._clock = clock
        self._kinds = kinds
        self._since = since
        self._read_at: dict[tuple[str, str], float] = {}
        self._gone: set[tuple[str, str]] = set()
        self._listed: set[tuple[str, str]] = set()
        self._stretches: dict[str, Stretches] = {}
        self._made: dict[Address, str] = {}
        self._known = known or {}
        self._lock = threading.Lock()

    @property
    def since(self) -> float:
        """When the listing began, by this machine's monotonic clock in seconds."""
        return self._since.monotonic

    @property
    def listed_at(self) -> int:
        """When the listing began, by Stripe's clock in epoch seconds."""
        return self._since.epoch

    def scope(self, header: Header) -> Scope:
        """Name where a plan acts."""
        return Scope(account=header.account, livemode=header.livemode, project=header.project)

    def made(self, address: Address, remote_id: str) -> None:
        """Remember the id that a create gave to an address: what references to it stand for."""
        with self._lock:
            self._made[address] = remote_id

    def resolve(self, value: Value) -> Value:
        """Put the ids in that earlier steps made known; raise Unresolved for one that is not."""
        return replace_refs(value, self._id)

    def _id(self, ref: Ref) -> Value:
        if ref in self._known:
            return self._known[ref]
        if ref.attr != "id":
            message = f"the {ref.attr} of {ref.address} stands in the specs, and they do not tell it"
            raise Unresolved(message, hint="apply with the specs that the plan was made from")
        with self._lock:
            made = self._made.get(ref.address)
        if made is None:
            message = f"it refers to {ref.address}, which this plan does not create"
            raise Unresolved(message, hint=f"see what the plan says of {ref.address}")
        return made

    def take(self, observed: Observed) -> None:
        """Take in what was read or answered by itself, unless there is a newer one: a listing goes on while other
        threads change things."""
        place = (observed.kind, observed.remote_id)
        with self._lock:
            known = self._snapshot.by_id.get(place)
            # The date of a page tells when it was answered, and not whether our own change was in it by then.
            if known is not None and known.as_of > observed.as_of and place not in self._listed:
                return
            self._listed.discard(place)
            self._put(observed, self._clock.monotonic())

    def _put(self, observed: Observed, at: float) -> None:
        place = (observed.kind, observed.remote_id)
        self._read_at[place] = at
        self._gone.discard(place)
        self._snapshot.put(observed)

    def drop(self, kind: str, remote_id: str) -> None:
        """Take in that an object is gone."""
        with self._lock:
            self._gone.add((kind, remote_id))
            self._read_at[(kind, remote_id)] = self._clock.monotonic()

    def incarnations(self, address: Address, natural_key: str | None) -> tuple[Observed, ...]:
        """List everything that is or was this address, as far as it was seen."""
        with self._lock:
            found = self._snapshot.incarnations(address, natural_key)
            return tuple(o for o in found if (o.kind, o.remote_id) not in self._gone)

    def of_kind(self, kind: str) -> list[Observed]:
        """List what was seen of a kind, and is not gone."""
        with self._lock:
            return [o for o in self._snapshot.of_kind(kind) if (kind, o.remote_id) not in self._gone]

    def observe(self, step: Step, answer: Answer) -> Observed:
        """Read the object in the answer to a step."""
        kind = self._kinds[step.kind]
        return kind.observe(kind.place(answer.body, kind.lookup.parent_in(step.path)), answer.date)

    def read(self, kind: str, remote_id: str) -> Observed | None:
        """Read one object live."""
        observed = read_one(self._api, self._kinds[kind], remote_id)
        if observed is None:
            self.drop(kind, remote_id)
        else:
            self.take(observed)
        return observed

    def seen(self, kind: str, remote_id: str) -> Observed | None:
        """Give an object as it was seen last, however long ago; None where it was not, or is gone."""
        place = (kind, remote_id)
        with self._lock:
            return None if place in self._gone else self._snapshot.by_id.get(place)

    def current(self, kind: str, remote_id: str) -> Observed | None:
        """Give an object as it is: as it was seen while that is fresh, else read live.

        Once several were read that were created next to each other, the rest of these is read with a page of the list:
        one request in the place of a hundred. Where that fails, the object is read by itself.
        """
        seen = self._fresh(kind, remote_id)
        if seen is not None:
            return seen
        stretch = self._stretch_of(kind, remote_id)
        if stretch is not None:
            # Others that ask for a part of it wait for this one request, as they would for their own.
            with stretch.turn:
                self._reread(self._kinds[kind], stretch)
            seen = self._fresh(kind, remote_id)
        return self.read(kind, remote_id) if seen is None else seen

    def _fresh(self, kind: str, remote_id: str) -> Observed | None:
        place = (kind, remote_id)
        with self._lock:
            age = self._clock.monotonic() - self._seen_at(place)
            return self._snapshot.by_id.get(place) if age <= FRESH_SECONDS and place not in self._gone else None

    def _seen_at(self, place: tuple[str, str]) -> float:
        return self._read_at.get(place, self._since.monotonic)

    def _stretch_of(self, kind: str, remote_id: str) -> Stretch | None:
        """Find what was created next to an object; None where that cannot be listed, or the object was never seen."""
        lookup = self._kinds[kind].lookup
        if lookup.below or not lookup.by_created:
            return None
        with self._lock:
            seen = self._snapshot.by_id.get((kind, remote_id))
            if seen is None:
                return None
            if kind not in self._stretches:
                self._stretches[kind] = Stretches(one.created for one in self._snapshot.of_kind(kind))
            return self._stretches[kind].of(seen.created)

    def _reread(self, kind: Kind, stretch: Stretch) -> None:
        """Read a stretch, if that was not done a moment ago and is worth its requests."""
        began = self._clock.monotonic()
        stretch.asked += 1
        worth = stretch.asked > _READ_ALONE * stretch.pages * len(kind.lookup.listings)
        if not worth or began - stretch.read_at <= FRESH_SECONDS:
            return
        stretch.read_at = began
        with suppress(RemoteError):
            created: Value = {"gte": stretch.since, "lte": stretch.until}
            self._take_listed(list_kind(self._api, kind, {"created": created}), began)

    def _take_listed(self, listed: Iterable[Observed], began: float) -> None:
        """Take in what a list that was asked for at `began` shows of what is not fresh. All else stands: our own
        answers, above all, that a page may be older than."""
        with self._lock:
            for one in listed:
                place = (one.kind, one.remote_id)
                if began - self._seen_at(place) > FRESH_SECONDS:
                    self._put(one, began)
                    self._listed.add(place)

    def look(self, step: Step, natural_key: str | None) -> None:
        """Look live for what may have come since the listing where this step creates."""
        kind = self._kinds[step.kind]
        if kind.chosen_id and natural_key is not None:
            self.read(kind.name, natural_key)
            return
        since: dict[str, Value] = {}
        if kind.lookup.by_created:
            since = {"created": {"gte": self._since.epoch - _OVERLAP_SECONDS}}
        for observed in list_kind(self._api, kind, since, parent=kind.lookup.parent_in(step.path)):
            self.take(observed)
