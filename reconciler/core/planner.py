"""The plan: from desired resources and a snapshot to changes and steps. A function of its arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.core.address import Address
from reconciler.core.changes import Action, Change, Drift, FieldDiff
from reconciler.core.compare import Difference, differences, drifted, linked, marker_digest
from reconciler.core.describe import changed, converging, created, refused, replaced, unchanged
from reconciler.core.diagnostics import Diagnostic
from reconciler.core.entries import refuse_shared_entries, refuse_unknown_ids
from reconciler.core.fields import OnChange
from reconciler.core.graph import in_dependency_order
from reconciler.core.kind import Kind, OnReplace
from reconciler.core.locate import Located, Moves, PlanRequest, links, locate
from reconciler.core.plan import Step
from reconciler.core.resources import MARK_ADDRESS, MARK_DIGEST, MARK_PROTECT, Desired, Observed, Snapshot
from reconciler.core.retire import retire_orphans
from reconciler.core.steps import StepList
from reconciler.core.values import refs_in


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What the planner found: everything of a plan but its header and the guards' words."""

    changes: tuple[Change, ...]
    steps: tuple[Step, ...]
    drift: tuple[Drift, ...]
    unmanaged: Mapping[str, int]
    unchanged: int
    owned: Mapping[str, int]
    diagnostics: tuple[Diagnostic, ...] = ()


class Planner:
    """Makes one draft. It holds what the phases of one planning share, and is used once."""

    def __init__(
        self, desired: Sequence[Desired], snapshot: Snapshot, kinds: Mapping[str, Kind], request: PlanRequest
    ) -> None:
        self.kinds = kinds
        self.request = request
        self.snapshot = snapshot
        self.desired = {d.address: d for d in desired}
        self.moves = Moves(request.moved)
        self.located = {d.address: locate(d, kinds[d.address.kind], snapshot, request, self.moves) for d in desired}
        self.steps = StepList(kinds, request.project, self.located)
        self.changes: dict[Address, Change] = {}
        self.drift: list[Drift] = []
        self.diagnostics: list[Diagnostic] = []
        self.replaced: list[Address] = []
        self.deactivated: list[tuple[Address, Observed, str]] = []
        self._links = links(self.located)
        self._held: dict[tuple[str, str], dict[str, list[Observed]]] = {}

    def link(self, kind: str, remote_id: str) -> Address | None:
        """Name the resource that a live id is, unless it is about to be replaced."""
        return self._links.get((kind, remote_id))

    def _marked_link(self, kind: str, remote_id: str) -> Address | None:
        one = self.snapshot.by_id.get((kind, remote_id))
        owner = None if one is None else one.owner
        return owner.address if owner is not None and owner.project == self.request.project else None

    def _former_link(self, kind: str, remote_id: str) -> Address | None:
        address = self.link(kind, remote_id)
        return None if address is None else self.moves.origin(address)

    def draft(self) -> Draft:
        """Plan every resource in dependency order, then what refers back, then what has to go."""
        _refuse_shared(self.located)
        refuse_shared_entries(self.desired, self.located, self.kinds, self.link)
        refuse_unknown_ids(self.desired, self.located, self.kinds, self.snapshot)
        order = in_dependency_order({a: d.depends_on for a, d in self.desired.items()})
        for address in order:
            self._plan(self.desired[address])
        for address in order:
            self._plan_referring_back(self.desired[address])
        self._let_go_of_deactivated()
        for address in self.replaced:
            self._retire_replaced(self.desired[address])
        retire_orphans(self)
        found = [self.changes[a] for a in sorted(self.changes, key=str) if self.changes[a].action is not Action.NOOP]
        return Draft(
            changes=tuple(found),
            steps=tuple(self.steps.steps.values()),
            drift=tuple(self.drift),
            unmanaged=self._unmanaged(),
            unchanged=len(self.changes) - len(found),
            owned=self._owned(),
            diagnostics=tuple(self.diagnostics),
        )

    def _plan(self, desired: Desired) -> None:
        found, need = self.located[desired.address], self._refused_need(desired)
        if found.refused:
            self._refuse(desired, found.refused, found.hint)
        elif need is not None and (found.head is None or self._missing(need)):
            self._refuse_for(desired, need)
        elif found.head is None:
            self.steps.create(desired)
            self.changes[desired.address] = created(desired, self.kinds[desired.address.kind])
        elif not self._refers_back(desired) or self._is_fixed(desired, found.head, found):
            self._compare(desired, found.head, found)

    def _refers_back(self, desired: Desired) -> list[str]:
        """Name the fields that refer to something that itself refers to this resource: a product's default price."""
        return [f.name for f in self.kinds[desired.address.kind].body.fields if f.deferred]

    def _is_fixed(self, desired: Desired, head: Observed, found: Located) -> bool:
        """Say whether more has to change than can be updated; then what refers back to it does not matter."""
        _, _, differing = self._differences(desired, head, found)
        return any(d.on_change is not OnChange.UPDATE for d in differing)

    def _refused_need(self, desired: Desired) -> Address | None:
        for address in desired.depends_on:
            change = self.changes.get(address)
            if change is not None and change.action is Action.REFUSED:
                return address
        return None

    def _missing(self, address: Address) -> bool:
        """Say whether a declared resource neither has an object nor gets one by this plan."""
        found = self.located.get(address)
        return address not in self.steps.creates and (found is None or found.head is None)

    def _unfit(self, address: Address) -> bool:
        """Say whether nothing new may refer to a resource: it is not there, or not as its spec says."""
        change = self.changes.get(address)
        return self._missing(address) or (change is not None and change.action is Action.REFUSED)

    def _unfit_needs(self, kind: Kind, differing: list[Difference]) -> list[Address]:
        """List what a resource would newly refer to and must not."""
        named = [a for d in differing for a in kind.named_in(d.diff.name, d.diff.after)]
        return [a for a in dict.fromkeys(named) if self._unfit(a)]

    def _refuse_for(self, desired: Desired, need: Address, diffs: tuple[FieldDiff, ...] = ()) -> None:
        self._refuse(desired, f"it needs {need}, which is refused", f"mend {need} first", diffs)

    def _refuse(self, desired: Desired, reason: str, hint: str, diffs: tuple[FieldDiff, ...] = ()) -> None:
        self.changes[desired.address] = refused(desired, self.located[desired.address], reason, hint, diffs)

    def _differences(
        self, desired: Desired, head: Observed, found: Located
    ) -> tuple[Desired, Observed, list[Difference]]:
        """Compare what is wanted with what is, both under the names that the specs have for other resources."""
        kind = self.kinds[desired.address.kind]
        wanted = replace(desired, attrs=linked(kind, desired.attrs, self.link))
        # What an object's former owner applied says nothing about what this project wants.
        owner = None if found.adopting else head.owner
        live = replace(head, attrs=linked(kind, head.attrs, self.link), owner=owner)
        return wanted, live, differences(wanted, live, kind)

    def _compare(self, desired: Desired, head: Observed, found: Located) -> None:
        kind = self.kinds[desired.address.kind]
        wanted, live, differing = self._differences(desired, head, found)
        stale = kind.marked and self._marker_differs(wanted, head, kind)
        if (differing or stale) and not found.adopting:
            self.drift += drifted(wanted, head, kind, (self.link, self._marked_link, self._former_link))
        if found.unmarked and (differing or not head.alive) and desired.lifecycle.adopt is None:
            self._refuse_unmarked(desired, head, differing)
        elif any(d.on_change is not OnChange.UPDATE for d in differing):
            self._replace(wanted, live, found, differing)
        elif unfit := self._unfit_needs(kind, differing):
            self._refuse_for(desired, unfit[0], tuple(d.diff for d in differing))
        elif found.predecessors:
            # An earlier apply began a replacement, and the former objects are still alive.
            self.replaced.append(desired.address)
            self._update(wanted, live, found, differing, stale)
            change = changed(wanted, live, found, differing, kind, Action.UPDATE)
            self.changes[desired.address] = converging(change, found, kind)
        else:
            self._update(wanted, live, found, differing, stale)

    def _refuse_unmarked(self, desired: Desired, head: Observed, differing: list[Difference]) -> None:
        names = ", ".join(d.diff.name for d in differing) or "it is inactive"
        reason = (
            f"{head.remote_id} exists and differs ({names}); a {head.kind} carries no marker, so it may not be yours"
        )
        hint = f"if it is, add to {desired.address}:  adopt: {head.remote_id}"
        self._refuse(desired, reason, hint, tuple(d.diff for d in differing))

    def _update(
        self, desired: Desired, head: Observed, found: Located, differing: list[Difference], stale: bool
    ) -> None:
        kind = self.kinds[desired.address.kind]
        names = [d.diff.name for d in differing if not d.released]
        revives = kind.revive is not None and not head.alive
        writes = bool(names) or found.adopting or found.moved_from is not None or stale
        if revives:
            self.steps.revive(desired, head)
        if writes:
            step = self.steps.update(desired, head, names, transfer=self._held_before(desired, kind, names))
            if "active" in names and desired.attrs.get("active") is False:
                self.deactivated.append((desired.address, head, step))
        if not writes and not revives:
            self.changes[desired.address] = unchanged(desired, head)
            return
        action = Action.ADOPT if found.adopting else Action.UPDATE
        self.changes[desired.address] = changed(desired, head, found, differing, kind, action)

    def _held_before(self, desired: Desired, kind: Kind, names: list[str]) -> bool:
        """Say whether a lookup key comes back from a predecessor; a stranger's was refused before."""
        key = desired.attrs.get(kind.natural_key or "")
        return kind.natural_key in names and bool(self.snapshot.keyed.get((kind.name, str(key))))

    def _let_go_of_deactivated(self) -> None:
        """What is set inactive is let go of first, as what is retired is."""
        for address, head, step_id in self.deactivated:
            step = self.steps.steps[step_id]
            needs = dict.fromkeys([*step.needs, *self.let_go(address, head)])
            self.steps.steps[step_id] = replace(step, needs=tuple(needs))

    def _marker_differs(self, desired: Desired, head: Observed, kind: Kind) -> bool:
        protect = "true" if desired.lifecycle.protect else None
        return (
            head.attrs.get(MARK_DIGEST) != marker_digest(desired, kind)
            or head.attrs.get(MARK_PROTECT) != protect
            or head.attrs.get(MARK_ADDRESS) != str(desired.address)
        )

    def _replace(self, desired: Desired, head: Observed, found: Located, differing: list[Difference]) -> None:
        kind, need = self.kinds[desired.address.kind], self._refused_need(desired)
        forcing = ", ".join(d.diff.name for d in differing if d.on_change is not OnChange.UPDATE)
        diffs = tuple(d.diff for d in differing)
        if found.adopting or found.unmarked:
            reason = f"{head.remote_id} differs in {forcing}, which cannot change in place"
            self._refuse(desired, reason, "declare the values that the object has, or take adopt: out", diffs)
        elif kind.on_replace is OnReplace.REFUSED or any(d.on_change is OnChange.REFUSE for d in differing):
            reason = f"{forcing} of a {kind.name} cannot change once it exists"
            hint = f"declare a new {kind.name} under another name, and take this one out when nothing uses it"
            self._refuse(desired, reason, hint, diffs)
        elif desired.lifecycle.protect:
            reason = f"it is protected, and {forcing} cannot change in place: it would be replaced"
            hint = f"set protect: false on {desired.address}, or declare a new {kind.name} under another name"
            self._refuse(desired, reason, hint, diffs)
        elif need is not None:
            self._refuse_for(desired, need, diffs)
        else:
            self._begin_replacement(desired, head, found, differing)

    def _begin_replacement(self, desired: Desired, head: Observed, found: Located, differing: list[Difference]) -> None:
        kind, address = self.kinds[desired.address.kind], desired.address
        self._links.pop((kind.name, head.remote_id), None)
        if kind.natural_key is not None and kind.natural_key not in desired.attrs:
            # The lookup key goes over to the new object, whichever it was, and if there was none, none: by now the
            # default may be another one's, and defaults are for first creations.
            carried = head.attrs.get(kind.natural_key)
            known = tuple(o.remote_id for o in self.snapshot.incarnations(address, carried))
            self.located[address] = found = replace(found, natural_key=carried, incarnations=known)
        first = ""
        if kind.on_replace is OnReplace.RETIRE_FIRST:
            for old in (head, *found.predecessors):
                first = self.steps.retire(address, old, (first,)) if old.alive else first
        else:
            self.replaced.append(address)
        self.steps.create(desired, after=first)
        change = changed(desired, head, found, differing, kind, Action.REPLACE)
        self.changes[address] = replaced(change, found, differing, kind)

    def _plan_referring_back(self, desired: Desired) -> None:
        """Plan what could not be compared before it was known what is replaced."""
        found, names = self.located[desired.address], self._refers_back(desired)
        if desired.address in self.steps.creates:
            for name in names:
                self._set_later(desired, name)
        elif names and desired.address not in self.changes and found.head is not None:
            self._compare(desired, found.head, found)

    def _set_later(self, desired: Desired, name: str) -> None:
        missing = [r.address for r in refs_in(desired.attrs.get(name)) if self._unfit(r.address)]
        if missing:
            change = self.changes[desired.address]
            note = f"{name} is not set yet: it needs {missing[0]}, which is refused"
            self.changes[desired.address] = replace(change, notes=(*change.notes, note))
        elif name in desired.attrs:
            self.steps.later(desired, name)

    def _retire_replaced(self, desired: Desired) -> None:
        """Archive what was replaced, after everything that pointed to it points elsewhere."""
        found, address = self.located[desired.address], desired.address
        created = self.steps.creates.get(address, "")
        olds = [*found.predecessors, *([found.head] if created and found.head is not None else [])]
        for old in olds:
            if old.alive:
                self.steps.retire(address, old, (created, *self.let_go(address, old)))

    def let_go(self, address: Address, old: Observed) -> list[str]:
        """Plan that whatever refers to an object as its default lets go of it; return the steps that see to it."""
        needs = []
        for holder_kind, field in self.kinds[old.kind].unsell:
            for holder in self._holders(holder_kind, field).get(old.remote_id, ()):
                known = self.steps.lets_go.get((field, old.remote_id))
                if known is None or not self._of(known, holder):
                    known = self.steps.repoint(address, self.kinds[old.kind], holder, field, old.remote_id)
                needs.append(known)
        return needs

    def _of(self, step_id: str, holder: Observed) -> bool:
        return self.steps.steps[step_id].path.endswith(f"/{holder.remote_id}")

    def _holders(self, kind: str, field: str) -> dict[str, list[Observed]]:
        if (kind, field) not in self._held:
            holders = self._held.setdefault((kind, field), {})
            for one in self.snapshot.of_kind(kind):
                if one.attrs.get(field) is not None:
                    holders.setdefault(str(one.attrs[field]), []).append(one)
        return self._held[(kind, field)]

    def _unmanaged(self) -> dict[str, int]:
        mine = {(f.head.kind, f.head.remote_id) for f in self.located.values() if f.head is not None}
        counts: dict[str, int] = {}
        for (kind, remote_id), one in self.snapshot.by_id.items():
            ours = one.owner is not None and one.owner.project == self.request.project
            if one.alive and not ours and (kind, remote_id) not in mine:
                counts[kind] = counts.get(kind, 0) + 1
        return counts

    def _owned(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for one in self.snapshot.by_id.values():
            if one.alive and one.owner is not None and one.owner.project == self.request.project:
                counts[one.kind] = counts.get(one.kind, 0) + 1
        return counts


def _refuse_shared(located: dict[Address, Located]) -> None:
    """Refuse every address whose object is claimed by another address as well."""
    claims: dict[tuple[str, str], Address] = {}
    for address, found in sorted(located.items(), key=lambda item: str(item[0])):
        if found.head is None or found.refused:
            continue
        other = claims.setdefault((found.head.kind, found.head.remote_id), address)
        if other != address:
            reason = f"{found.head.remote_id} is claimed by {other} as well"
            located[address] = replace(found, refused=reason, hint="one Stripe object belongs to one address")
