"""What an apply sees of the account: the listing made under the lock, and what was read or answered since."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.core.address import Address
from reconciler.core.idempotency import Scope
from reconciler.core.kind import Kind
from reconciler.core.plan import Header, Step
from reconciler.core.resources import Observed, Snapshot
from reconciler.core.values import Ref, Value, replace_refs
from reconciler.engine.refresh import list_kind, read_one
from reconciler.errors import BillplanError
from reconciler.ports.billing import Answer, BillingApi
from reconciler.ports.clock import Clock

# An observation older than this is read again before something is changed on its word.
FRESH_SECONDS = 30
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
        """Take in an observation, unless there is a newer one: a listing goes on while other threads change things."""
        place = (observed.kind, observed.remote_id)
        with self._lock:
            known = self._snapshot.by_id.get(place)
            if known is not None and known.as_of > observed.as_of:
                return
            self._read_at[place] = self._clock.monotonic()
            self._gone.discard(place)
            self._snapshot.put(observed)

    def drop(self, kind: str, remote_id: str) -> None:
        """Take in that an object is gone."""
        with self._lock:
            self._gone.add((kind, remote_id))

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
        """Give an object as it is: from the listing while that is fresh, else read live."""
        place = (kind, remote_id)
        with self._lock:
            seen = self._snapshot.by_id.get(place)
            age = self._clock.monotonic() - self._read_at.get(place, self._since.monotonic)
            if seen is not None and age <= FRESH_SECONDS and place not in self._gone:
                return seen
        return self.read(kind, remote_id)

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
