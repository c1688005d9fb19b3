"""Which live object is a resource: the marker first, then the natural key; never a guess."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler.core.address import Address
from reconciler.core.desire import key_at_creation
from reconciler.core.kind import Kind, OnReplace
from reconciler.core.resources import Desired, Moved, Observed, Removed, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """What a plan is asked for, besides specs and snapshot."""

    project: str
    moved: tuple[Moved, ...] = ()
    removed: tuple[Removed, ...] = ()
    takeover: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """The object of an address, the predecessors that are still alive, and all that ever was this address (ids).

    `refused` says why nothing may be done, `hint` the way out.
    """

    head: Observed | None = None
    predecessors: tuple[Observed, ...] = ()
    incarnations: tuple[str, ...] = ()
    natural_key: str | None = None
    adopting: bool = False
    moved_from: Address | None = None
    refused: str = ""
    hint: str = ""
    unmarked: bool = field(default=False)


class Moves:
    """The `moved:` entries, findable by the address that a resource has now."""

    def __init__(self, moved: Iterable[Moved]) -> None:
        self._before = {m.after: m.before for m in moved}

    def origin(self, address: Address) -> Address | None:
        """Name the address that this one had before, by a move of itself or of the source that holds it."""
        if not self._before:
            return None
        before = self._before.get(address)
        if before is not None or address.key is None:
            return before
        source = self._before.get(Address(address.kind, address.name))
        return None if source is None else Address(source.kind, source.name, address.key)


def head_of(marked: Sequence[Observed]) -> tuple[Observed | None, tuple[Observed, ...], str]:
    """Pick the current one among the objects with one marker; also the predecessors still alive, and what is wrong."""
    replaced = {o.owner.replaces for o in marked if o.owner is not None and o.owner.replaces}
    heads = [o for o in marked if o.remote_id not in replaced]
    alive = [o for o in heads if o.alive]
    if len(alive) > 1:
        ids = " and ".join(sorted(o.remote_id for o in alive))
        return None, (), f"{ids} both carry its marker, and neither replaces the other"
    head = alive[0] if alive else max(heads, key=lambda o: (o.created, o.remote_id), default=None)
    predecessors = sorted((o for o in marked if o.alive and o is not head), key=lambda o: o.remote_id)
    return head, tuple(predecessors), ""


def locate(desired: Desired, kind: Kind, snapshot: Snapshot, request: PlanRequest, moves: Moves) -> Located:
    """Find the object that a desired resource is, or say that there is none, or why it must not be touched."""
    address = desired.address
    key = key_at_creation(desired, kind, request.project)
    if not kind.marked:
        return _by_event(desired, kind, snapshot, key)
    marked, before = list(snapshot.marked.get(address, ())), moves.origin(address)
    base = Located(incarnations=tuple(o.remote_id for o in snapshot.incarnations(address, key)), natural_key=key)
    if before is not None and snapshot.marked.get(before):
        # What was replaced under the old address keeps the old marker: the two are one history.
        former, marked = marked, marked + snapshot.marked[before]
        head, _, wrong = head_of(marked)
        if not wrong and head is not None and head.alive and _strangers(former, head, snapshot.marked[before]):
            reason = f"{address} has a past of its own: {', '.join(sorted(o.remote_id for o in former))}"
            hint = f"move to a name that was never used, or first  removed: [{{address: {address}, action: forget}}]"
            return replace(base, refused=reason, hint=hint)
        if wrong:
            reason = f"both {before} and {address} have a live object"
            return replace(base, refused=reason, hint="take the moved: entry out, or retire one of the two first")
        if head is not None and head.owner is not None and head.owner.address == before:
            base = replace(base, moved_from=before)
    if kind.final:
        marked = [one for one in marked if one.alive]
    if marked:
        return _by_marker(desired, kind, snapshot, marked, base)
    if desired.lifecycle.adopt is not None:
        return _by_adopt(desired, desired.lifecycle.adopt, snapshot, base, request)
    return _by_key(desired, kind, snapshot, base, request)


def _strangers(former: list[Observed], head: Observed, moving: Sequence[Observed]) -> bool:
    """Say whether an address is taken by objects that were never what is about to move there."""
    if head not in moving:
        return False
    line = {o.owner.replaces for o in moving if o.owner is not None}
    return any(o.remote_id not in line for o in former)


def _by_marker(desired: Desired, kind: Kind, snapshot: Snapshot, marked: list[Observed], base: Located) -> Located:
    head, predecessors, wrong = head_of(marked)
    found = replace(base, head=head, predecessors=predecessors)
    if wrong or head is None:
        hint = "archive the one that should not be, or delete its billplan_ metadata keys in the Dashboard"
        return replace(found, refused=wrong, hint=hint)
    adopt = desired.lifecycle.adopt
    if adopt is not None and adopt != head.remote_id:
        reason = f"adopt names {adopt}, but {desired.address} is {head.remote_id} already"
        return replace(found, refused=reason, hint="take adopt: out, or retire the present object first")
    declared, related = desired.attrs.get(kind.natural_key or ""), {o.remote_id for o in marked}
    for other in _key_holders(kind, snapshot, None if declared is None else str(declared)):
        if other.remote_id not in related:
            reason = (
                f"its marker is on {head.remote_id}, but {kind.natural_key} {declared!r} belongs to {other.remote_id}"
            )
            return replace(found, refused=reason, hint=f"give one of them another {kind.natural_key}")
    return found


def _key_holders(kind: Kind, snapshot: Snapshot, key: str | None) -> list[Observed]:
    """List the objects that keep a natural key from being given to another one."""
    if key is None:
        return []
    # Codes may be used again once retired; ids and lookup keys are taken for good.
    reusable = kind.final or kind.on_replace is OnReplace.RETIRE_FIRST
    return [o for o in snapshot.keyed.get((kind.name, key), ()) if o.alive or not reusable]


def _by_adopt(desired: Desired, adopt: str, snapshot: Snapshot, base: Located, request: PlanRequest) -> Located:
    head = snapshot.by_id.get((desired.address.kind, adopt))
    if head is None:
        reason = f"adopt names {adopt}, and this account has no such {desired.address.kind}"
        return replace(base, refused=reason, hint="check the id, and that the key is of the right account and mode")
    return _take(desired, head, base, request)


def _by_key(desired: Desired, kind: Kind, snapshot: Snapshot, base: Located, request: PlanRequest) -> Located:
    holders = _key_holders(kind, snapshot, base.natural_key)
    if not holders:
        return base
    head = holders[0]
    if kind.takes_over and head.owner is None:
        return _take(desired, head, base, request)
    if head.owner is not None and (head.owner.project != request.project or head.owner.address is not None):
        return _take(desired, head, base, request)
    reason = f"{head.remote_id} has the {kind.natural_key} {base.natural_key!r} already and is not managed by billplan"
    return replace(base, refused=reason, hint=f"to take it over, add to {desired.address}:  adopt: {head.remote_id}")


def _take(desired: Desired, head: Observed, base: Located, request: PlanRequest) -> Located:
    owner = head.owner
    if owner is not None and owner.project == request.project and owner.address is not None:
        reason = f"{head.remote_id} is {owner.address} of this project"
        hint = f"moved: [{{from: {owner.address}, to: {desired.address}}}]"
        return replace(base, refused=reason, hint=f"to rename it, add  {hint}")
    foreign = owner is not None and owner.project != request.project
    if foreign and str(desired.address) not in request.takeover:
        return _foreign(desired, head, base)
    if foreign and owner is not None and owner.protect:
        return _guarded(head, base, owner.project)
    return replace(base, head=head, adopting=True)


def _guarded(head: Observed, base: Located, project: str) -> Located:
    reason = f"{head.remote_id} is protected by the billplan project {project!r}"
    return replace(base, refused=reason, hint="set protect: false there and apply; then take it over")


def _foreign(desired: Desired, head: Observed, base: Located) -> Located:
    project = head.owner.project if head.owner is not None else ""
    reason = f"{head.remote_id} belongs to the billplan project {project!r}"
    return replace(base, refused=reason, hint=f"if that is meant: billplan apply --takeover '{desired.address}'")


def _by_event(desired: Desired, kind: Kind, snapshot: Snapshot, key: str | None) -> Located:
    found = sorted(snapshot.keyed.get((kind.name, str(key)), ()), key=lambda o: (not o.alive, o.remote_id))
    base = Located(incarnations=tuple(sorted(o.remote_id for o in found)), natural_key=key, unmarked=True)
    adopt = desired.lifecycle.adopt
    if adopt is not None and adopt not in base.incarnations:
        reason = f"adopt names {adopt}, and no {kind.name} with {kind.natural_key} {key!r} has that id"
        return replace(base, refused=reason, hint=f"check the id and the {kind.natural_key}")
    chosen = next((o for o in found if adopt in (None, o.remote_id)), None)
    return replace(base, head=chosen)


def links(located: Mapping[Address, Located]) -> dict[tuple[str, str], Address]:
    """Map each live object that is a declared resource to its address; a refused one's stays what it is."""
    heads = [(address, found.head, bool(found.refused)) for address, found in located.items() if found.head is not None]
    heads.sort(key=lambda one: one[2], reverse=True)
    return {(head.kind, head.remote_id): address for address, head, _ in heads}
