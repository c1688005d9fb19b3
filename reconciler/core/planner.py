"""The plan: from desired resources and a snapshot to changes and steps. A function of its arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.core.address import Address
from reconciler.core.changes import Action, Change, Drift, FieldDiff
from reconciler.core.compare import Difference, differences, drifted, linked, marker_digest, owned
from reconciler.core.fields import ChangeClass, OnChange
from reconciler.core.graph import in_dependency_order
from reconciler.core.kind import Kind, OnReplace
from reconciler.core.locate import Located, PlanRequest, links, locate
from reconciler.core.plan import Step
from reconciler.core.resources import MARK_ADDRESS, MARK_DIGEST, MARK_PROTECT, Desired, Observed, Snapshot
from reconciler.core.retire import retire_orphans
from reconciler.core.steps import StepList


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What the planner found: everything of a plan but its header and the guards' words."""

    changes: tuple[Change, ...]
    steps: tuple[Step, ...]
    drift: tuple[Drift, ...]
    unmanaged: Mapping[str, int]
    unchanged: int
    owned: Mapping[str, int]


class Planner:
    """Makes one draft. It holds what the phases of one planning share, and is used once."""

    def __init__(
        self, desired: Sequence[Desired], snapshot: Snapshot, kinds: Mapping[str, Kind], request: PlanRequest
    ) -> None:
        self.kinds = kinds
        self.request = request
        self.snapshot = snapshot
        self.desired = {d.address: d for d in desired}
        self.located = {d.address: locate(d, kinds[d.address.kind], snapshot, request) for d in desired}
        self.steps = StepList(kinds, request.project, self.located)
        self.changes: dict[Address, Change] = {}
        self.drift: list[Drift] = []
        self.replaced: list[Address] = []
        self._links = links(self.located)
        self._held: dict[tuple[str, str], dict[str, list[Observed]]] = {}

    def link(self, kind: str, remote_id: str) -> Address | None:
        """Name the resource that a live id is, unless it is about to be replaced."""
        return self._links.get((kind, remote_id))

    def draft(self) -> Draft:
        """Plan every resource in dependency order, then what refers back, then what has to go."""
        _refuse_shared(self.located)
        order = in_dependency_order({a: d.depends_on for a, d in self.desired.items()})
        for address in order:
            self._plan(self.desired[address])
        for address in order:
            self._plan_referring_back(self.desired[address])
        for address in self.replaced:
            self._retire_replaced(self.desired[address])
        retire_orphans(self)
        changed = [self.changes[a] for a in sorted(self.changes, key=str) if self.changes[a].action is not Action.NOOP]
        return Draft(
            changes=tuple(changed),
            steps=tuple(self.steps.steps.values()),
            drift=tuple(self.drift),
            unmanaged=self._unmanaged(),
            unchanged=len(self.changes) - len(changed),
            owned=self._owned(),
        )

    def _plan(self, desired: Desired) -> None:
        found = self.located[desired.address]
        blocked = self._blocked(desired)
        if found.refused or blocked:
            self._refuse(desired, found.refused or blocked, found.hint)
        elif found.head is None:
            self._create(desired)
        elif not self._refers_back(desired):
            self._compare(desired, found.head, found)

    def _refers_back(self, desired: Desired) -> list[str]:
        """Name the fields that refer to something that itself refers to this resource: a product's default price."""
        return [f.name for f in self.kinds[desired.address.kind].body.fields if f.deferred]

    def _blocked(self, desired: Desired) -> str:
        for address in desired.depends_on:
            change, found = self.changes.get(address), self.located.get(address)
            if change is not None and change.action is Action.REFUSED and (found is None or found.head is None):
                return f"it needs {address}, which is refused"
        return ""

    def _refuse(self, desired: Desired, reason: str, hint: str, diffs: tuple[FieldDiff, ...] = ()) -> None:
        found = self.located[desired.address]
        self._put(
            Change(
                address=desired.address,
                action=Action.REFUSED,
                change_class=ChangeClass.COSMETIC,
                reason=reason,
                refused=reason,
                hint=hint,
                diffs=diffs,
                remote_id=None if found.head is None else found.head.remote_id,
                source=desired.source,
                currency=_currency(desired),
            )
        )

    def _put(self, change: Change) -> None:
        self.changes[change.address] = change

    def _create(self, desired: Desired) -> None:
        kind = self.kinds[desired.address.kind]
        self.steps.create(desired)
        diffs = tuple(FieldDiff(name=n, before=None, after=v) for n, v in sorted(desired.attrs.items()))
        self._put(
            Change(
                address=desired.address,
                action=Action.CREATE,
                change_class=kind.create_class,
                reason="not in Stripe yet",
                after=desired.attrs,
                diffs=diffs,
                source=desired.source,
                currency=_currency(desired),
            )
        )

    def _compare(self, desired: Desired, head: Observed, found: Located) -> None:
        kind = self.kinds[desired.address.kind]
        wanted = replace(desired, attrs=linked(kind, desired.attrs, self.link))
        live = replace(head, attrs=linked(kind, head.attrs, self.link))
        self.drift += drifted(desired.address, owned(wanted, kind), live, kind)
        found_now = differences(wanted, live, kind)
        if found.unmarked and (found_now or not head.alive) and desired.lifecycle.adopt is None:
            self._refuse_unmarked(desired, head, found_now)
        elif any(d.on_change is not OnChange.UPDATE for d in found_now):
            self._replace(wanted, live, found, found_now)
        elif found.predecessors:
            self._converge(wanted, found)
        else:
            self._update(wanted, live, found, found_now)

    def _refuse_unmarked(self, desired: Desired, head: Observed, found: list[Difference]) -> None:
        names = ", ".join(d.diff.name for d in found) or "it is inactive"
        reason = (
            f"{head.remote_id} exists and differs ({names}); a {head.kind} carries no marker, so it may not be yours"
        )
        hint = f"if it is, add to {desired.address}:  adopt: {head.remote_id}"
        self._refuse(desired, reason, hint, tuple(d.diff for d in found))

    def _update(self, desired: Desired, head: Observed, found: Located, differing: list[Difference]) -> None:
        kind = self.kinds[desired.address.kind]
        names = [d.diff.name for d in differing if not d.released]
        revives = kind.revive is not None and not head.alive
        stale_marker = kind.marked and self._marker_differs(desired, head, kind)
        if revives:
            self.steps.revive(desired, head)
        if names or found.adopting or found.moved_from or stale_marker:
            self.steps.update(desired, head, names)
        noop = not (names or revives or found.adopting or found.moved_from or stale_marker)
        action = Action.NOOP if noop else Action.ADOPT if found.adopting else Action.UPDATE
        self._put(self._changed(desired, head, found, differing, action))

    def _marker_differs(self, desired: Desired, head: Observed, kind: Kind) -> bool:
        protect = "true" if desired.lifecycle.protect else None
        return (
            head.attrs.get(MARK_DIGEST) != marker_digest(desired, kind)
            or head.attrs.get(MARK_PROTECT) != protect
            or head.attrs.get(MARK_ADDRESS) != str(desired.address)
        )

    def _changed(
        self, desired: Desired, head: Observed, found: Located, differing: list[Difference], action: Action
    ) -> Change:
        if action is Action.NOOP:
            return Change(
                address=desired.address,
                action=action,
                change_class=ChangeClass.COSMETIC,
                reason="",
                remote_id=head.remote_id,
            )
        kind = self.kinds[desired.address.kind]
        final = [t for d in differing if (t := kind.irreversible(d.diff.name, d.diff.before, d.diff.after))]
        classes = [d.change_class for d in differing if not d.released] + [ChangeClass.COSMETIC]
        classes += [ChangeClass.IRREVERSIBLE] if final else []
        classes += [ChangeClass.MONEY] if kind.revive is not None and not head.alive else []
        kept = [
            f"{d.diff.name} is no longer declared; Stripe cannot unset it, so it stays" for d in differing if d.released
        ]
        return Change(
            address=desired.address,
            action=action,
            change_class=max(classes, key=lambda c: c.rank),
            reason=_reason(found, head, differing, kind),
            remote_id=head.remote_id,
            before={d.diff.name: d.diff.before for d in differing if d.diff.before is not None},
            after=owned(desired, kind),
            diffs=tuple(d.diff for d in differing if not d.released),
            irreversible="; ".join(final),
            notes=tuple(f"{n} is no longer declared; Stripe cannot unset it, so it stays" for n in kept),
            source=desired.source,
            currency=_currency(desired),
        )

    def _replace(self, desired: Desired, head: Observed, found: Located, differing: list[Difference]) -> None:
        kind = self.kinds[desired.address.kind]
        forcing = [d.diff.name for d in differing if d.on_change is not OnChange.UPDATE]
        diffs = tuple(d.diff for d in differing)
        if found.adopting or found.unmarked:
            reason = f"{head.remote_id} differs in {', '.join(forcing)}, which cannot change in place"
            self._refuse(desired, reason, "declare the values that the object has, or take adopt: out", diffs)
        elif kind.on_replace is OnReplace.REFUSED or any(d.on_change is OnChange.REFUSE for d in differing):
            reason = f"{', '.join(forcing)} of a {kind.name} cannot change once it exists"
            hint = f"declare a new {kind.name} under another name, and take this one out when nothing uses it"
            self._refuse(desired, reason, hint, diffs)
        else:
            self._begin_replacement(desired, head, found, differing)

    def _begin_replacement(self, desired: Desired, head: Observed, found: Located, differing: list[Difference]) -> None:
        kind = self.kinds[desired.address.kind]
        forcing = [d.diff.name for d in differing if d.on_change is not OnChange.UPDATE]
        self._links.pop((kind.name, head.remote_id), None)
        if kind.natural_key is not None and kind.natural_key not in desired.attrs:
            # The lookup key goes over to the new object, whichever it was; defaults are for first creations.
            carried = head.attrs.get(kind.natural_key) or found.natural_key
            self.located[desired.address] = found = replace(found, natural_key=carried)
        first = ""
        if kind.on_replace is OnReplace.RETIRE_FIRST:
            for old in (head, *found.predecessors):
                first = self.steps.retire(desired.address, old, (first,)) if old.alive else first
        else:
            self.replaced.append(desired.address)
        self.steps.create(desired, after=first)
        change = self._changed(desired, head, found, differing, Action.REPLACE)
        gravest = max([change.change_class, kind.create_class], key=lambda c: c.rank)
        reason = (
            f"{', '.join(forcing)} cannot change in place: a new {kind.name} takes its place, the old one is archived"
        )
        self._put(replace(change, reason=reason, change_class=gravest, verb=kind.retire.verb))

    def _converge(self, desired: Desired, found: Located) -> None:
        """Finish a replacement that an earlier apply began: predecessors are still alive."""
        head = found.head
        if head is None:
            raise ValueError("a predecessor without a head")
        kind = self.kinds[desired.address.kind]
        self.replaced.append(desired.address)
        differing = differences(desired, head, kind)
        self._update(desired, head, found, differing)
        old = ", ".join(o.remote_id for o in found.predecessors)
        change = self._changed(desired, head, found, differing, Action.UPDATE)
        reason = f"{head.remote_id} has taken the place of {old}, which is still active: it is archived"
        self._put(replace(change, reason=reason, change_class=kind.retire_class, verb=kind.retire.verb))

    def _plan_referring_back(self, desired: Desired) -> None:
        """Plan what could not be compared before it was known what is replaced."""
        found, names = self.located[desired.address], self._refers_back(desired)
        if desired.address in self.steps.creates:
            for name in names:
                if name in desired.attrs:
                    self.steps.later(desired, name)
        elif names and desired.address not in self.changes and found.head is not None:
            self._compare(desired, found.head, found)

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


def _reason(found: Located, head: Observed, differing: list[Difference], kind: Kind) -> str:
    if found.moved_from is not None:
        return f"renamed from {found.moved_from}"
    if found.adopting:
        return f"takes over {head.remote_id}"
    if kind.revive is not None and not head.alive:
        return f"{head.remote_id} is inactive"
    count = len([d for d in differing if not d.released])
    if count:
        return f"{count} field{'' if count == 1 else 's'} differ{'s' if count == 1 else ''}"
    return "only billplan's own marker is brought up to date"


def _currency(desired: Desired) -> str:
    return str(desired.attrs.get("currency") or desired.attrs.get("restrictions[minimum_amount_currency]") or "")
