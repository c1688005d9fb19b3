"""The steps of a plan: the exact requests for each change, their order, preconditions and postconditions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from reconciler.core.address import Address
from reconciler.core.attrs import leaf, params
from reconciler.core.compare import marker_digest, owned
from reconciler.core.kind import Kind
from reconciler.core.locate import Located
from reconciler.core.plan import Absent, Step, Unchanged
from reconciler.core.resources import (
    MARK_ADDRESS,
    MARK_DIGEST,
    MARK_PROJECT,
    MARK_PROTECT,
    MARK_REPLACES,
    MARKS,
    Desired,
    Observed,
)
from reconciler.core.values import Ref, Value, refs_in, replace_refs


class StepList:
    """Collects the steps of a plan. Not a value: it is filled once, in dependency order, and then read."""

    def __init__(self, kinds: Mapping[str, Kind], project: str, located: Mapping[Address, Located]) -> None:
        self._kinds = kinds
        self._project = project
        self._located = located
        self.steps: dict[str, Step] = {}
        self.creates: dict[Address, str] = {}
        self.lets_go: dict[tuple[str, str], str] = {}

    def _settle(self, value: Value) -> Value:
        """Put ids where they are known already; what this plan creates stays a reference."""

        def known(ref: Ref) -> Value:
            found = self._located.get(ref.address)
            if ref.address in self.creates or found is None or found.head is None:
                return ref
            return found.head.remote_id

        return replace_refs(value, known)

    def _updates(self, wanted: Mapping[str, Value]) -> list[str]:
        """List the updates of what is referred to: a default price may become active again by this very plan."""
        verbs = ("update", *(k.revive.verb for k in self._kinds.values() if k.revive is not None))
        ids = [f"{r.address}/{verb}" for v in wanted.values() for r in refs_in(v) for verb in verbs]
        return [i for i in dict.fromkeys(ids) if i in self.steps]

    def _named(self, kind: Kind, attrs: Mapping[str, Value]) -> list[str]:
        """List the creations of what attributes name by their keys."""
        named = [a for n, v in attrs.items() for a in kind.named_in(n, v)] if kind.keyed else []
        return [self.creates[a] for a in named if a in self.creates]

    def _needs(self, values: object, *more: str) -> tuple[str, ...]:
        made = [self.creates[r.address] for r in refs_in(values) if r.address in self.creates]
        return tuple(dict.fromkeys([*made, *(m for m in more if m)]))

    def _add(self, step: Step) -> str:
        if step.id in self.steps:
            raise ValueError(f"step {step.id} is planned twice")
        self.steps[step.id] = step
        return step.id

    def _marks(self, desired: Desired, kind: Kind, *, deferred: bool) -> dict[str, Value]:
        if not kind.marked:
            return {}
        return {
            MARK_PROJECT: self._project,
            MARK_ADDRESS: str(desired.address),
            MARK_DIGEST: marker_digest(desired, kind, deferred=deferred),
            MARK_PROTECT: "true" if desired.lifecycle.protect else None,
        }

    def create(self, desired: Desired, after: str = "") -> str:
        """Create the resource; its predecessor, if it has one, is named in the marker."""
        kind, found = self._kinds[desired.address.kind], self._located[desired.address]
        attrs = {n: v for n, v in desired.attrs.items() if not leaf(kind.body, n).deferred}
        wants_later = len(attrs) < len(desired.attrs)
        if kind.natural_key is not None and found.natural_key is not None:
            attrs[kind.natural_key] = found.natural_key
        attrs = self._settle(attrs)
        marks = {n: v for n, v in self._marks(desired, kind, deferred=not wants_later).items() if v is not None}
        if found.head is not None and kind.marked:
            marks[MARK_REPLACES] = found.head.remote_id
        sent = {**params(kind.body, {**attrs, **marks}), **_expand(kind)}
        if kind.transfer and found.head is not None:
            sent[kind.transfer] = True
        known = {n: v for n, v in attrs.items() if n != "id"}
        step = Step(
            id=f"{desired.address}/create",
            address=desired.address,
            kind=kind.name,
            title=f"create {desired.address}",
            method="post",
            path=kind.lookup.path,
            params=sent,
            precondition=Absent(incarnations=found.incarnations, natural_key=found.natural_key),
            expect={**known, **_identity(marks), "alive": attrs.get("active", True)},
            needs=self._needs(attrs, after, *self._named(kind, attrs), *self._updates(desired.attrs)),
            undo="take the block out of the specs and apply" if kind.retire_unasked else "with a removed: entry",
        )
        self.creates[desired.address] = self._add(step)
        return step.id

    def update(self, desired: Desired, head: Observed, names: Sequence[str], *, transfer: bool = False) -> str:
        """Set these attributes in place, and write the marker. `transfer`: a predecessor has the lookup key."""
        kind = self._kinds[desired.address.kind]
        mine = owned(desired, kind)
        target = {n: self._settle(mine.get(n, _unset(kind, n))) for n in names}
        before = {n: self._settle(head.attrs.get(n, leaf(kind.body, n).default)) for n in names}
        marks = {n: v for n, v in self._marks(desired, kind, deferred=True).items() if head.attrs.get(n) != v}
        held = {n: head.attrs.get(n) for n in (MARK_PROJECT, MARK_ADDRESS) if kind.marked}
        moves = {kind.transfer: True} if transfer and kind.transfer else {}
        step = Step(
            id=f"{desired.address}/update",
            address=desired.address,
            kind=kind.name,
            title=f"{'adopt' if self._located[desired.address].adopting else 'update'} {desired.address}",
            method="post",
            path=f"{kind.lookup.path}/{head.remote_id}",
            params={**params(kind.body, {**target, **marks}), **moves, **_expand(kind)},
            precondition=Unchanged(
                remote_id=head.remote_id,
                before={**before, **held, **_same_object(kind, head)},
            ),
            expect={**target, **held, **marks},
            needs=(
                *self._needs(target, *self._named(kind, target)),
                *self._updates({n: mine.get(n) for n in names}),
            ),
            undo="restore the block as it was before and apply",
        )
        self.lets_go.update({(n, str(before[n])): step.id for n in names})
        return self._add(step)

    def revive(self, desired: Desired, head: Observed) -> str:
        """Bring a retired object back by the kind's own request."""
        kind = self._kinds[desired.address.kind]
        request = kind.revive
        if request is None:
            raise ValueError(f"{kind.name} cannot be revived by a request of its own")
        step = Step(
            id=f"{desired.address}/{request.verb}",
            address=desired.address,
            kind=kind.name,
            title=f"{request.verb} {desired.address}",
            method=request.method,
            path=request.path.format(id=head.remote_id),
            params=request.params,
            precondition=Unchanged(remote_id=head.remote_id, before={"alive": False}),
            expect=request.expect,
            undo=request.undo,
        )
        return self._add(step)

    def later(self, desired: Desired, name: str) -> str:
        """Set an attribute that refers to something made after this resource, and complete the marker."""
        kind = self._kinds[desired.address.kind]
        value = self._settle(owned(desired, kind).get(name, desired.attrs[name]))
        digest = {MARK_DIGEST: marker_digest(desired, kind)} if kind.marked else {}
        own = self._located[desired.address].natural_key if kind.chosen_id else Ref(desired.address)
        step = Step(
            id=f"{desired.address}/{name}",
            address=desired.address,
            kind=kind.name,
            title=f"set {name} of {desired.address}",
            method="post",
            path=f"{kind.lookup.path}/{own if isinstance(own, str) else '{id}'}",
            params={**params(kind.body, {name: value, **digest}), **_expand(kind)},
            precondition=Unchanged(remote_id=own or Ref(desired.address), before={name: None}),
            expect={name: value, **digest},
            needs=self._needs([value], self.creates[desired.address]),
            undo="name the former one and apply",
        )
        return self._add(step)

    def repoint(self, address: Address, kind: Kind, holder: Observed, field: str, old: str) -> str:
        """Let another object go of one that is about to be retired: to its successor, or to none."""
        successor: Value = self._successor(address, old, holder)
        holds = self._kinds[holder.kind]
        step = Step(
            id=f"{address}/repoint {holder.remote_id}",
            address=address,
            kind=holder.kind,
            title=f"{'point' if successor else 'unset'} {field} of {holder.kind} {holder.remote_id}",
            method="post",
            path=f"{holds.lookup.path}/{holder.remote_id}",
            params={field: "" if successor is None else successor},
            precondition=Unchanged(remote_id=holder.remote_id, before={field: old}),
            expect={field: successor},
            needs=self._needs([successor]),
            undo=f"set {field} to {old} again",
        )
        return self._add(step)

    def _successor(self, address: Address, old: str, holder: Observed) -> Value:
        """Name what takes an old object's place with its holder: what this plan creates, or what an earlier apply, cut
        short, has created. It must belong to the same holder, and be for sale."""
        created = self.creates.get(address)
        if created is not None:
            sent = self.steps[created].params
            fits = sent.get(holder.kind) == holder.remote_id and sent.get("active", True)
            return Ref(address) if fits else None
        found = self._located.get(address)
        head = None if found is None else found.head
        if head is None or not head.alive or head.remote_id == old:
            return None
        return head.remote_id if head.attrs.get(holder.kind) == holder.remote_id else None

    def retire(self, address: Address, observed: Observed, needs: Iterable[str] = ()) -> str:
        """Retire one object in the kind's own way."""
        kind = self._kinds[observed.kind]
        held = {n: observed.attrs.get(n) for n in (MARK_PROJECT, MARK_ADDRESS) if kind.marked}
        expect = None if kind.retire.expect is None else {**kind.retire.expect, **held}
        # What was protected since the plan was made is not retired.
        seen = {**held, **({MARK_PROTECT: observed.attrs.get(MARK_PROTECT)} if kind.marked else {})}
        step = Step(
            id=f"{address}/{kind.retire.verb} {observed.remote_id}",
            address=address,
            kind=kind.name,
            title=f"{kind.retire.verb} {address} ({observed.remote_id})",
            method=kind.retire.method,
            path=kind.retire.path.format(id=observed.remote_id),
            params={**kind.retire.params, **(_expand(kind) if kind.retire.method == "post" and kind.marked else {})},
            precondition=Unchanged(
                remote_id=observed.remote_id, before={"alive": True, **seen, **_same_object(kind, observed)}
            ),
            expect=expect,
            needs=tuple(dict.fromkeys(n for n in needs if n)),
            undo=kind.retire.undo,
        )
        return self._add(step)

    def forget(self, address: Address, observed: Observed) -> str:
        """Take the marker off; the object stays as it is."""
        kind = self._kinds[observed.kind]
        held = {n: observed.attrs[n] for n in MARKS if n in observed.attrs}
        step = Step(
            id=f"{address}/forget {observed.remote_id}",
            address=address,
            kind=kind.name,
            title=f"forget {address} ({observed.remote_id} stays as it is)",
            method="post",
            path=f"{kind.lookup.path}/{observed.remote_id}",
            params=params(kind.body, dict.fromkeys(held)),
            precondition=Unchanged(remote_id=observed.remote_id, before={**held, **_same_object(kind, observed)}),
            expect=dict.fromkeys(held),
            undo=f"declare it again with adopt: {observed.remote_id}",
        )
        return self._add(step)


def _identity(marks: Mapping[str, Value]) -> dict[str, Value]:
    # The hashes are completed by a later step, so they do not tell whether a creation has happened.
    return {n: v for n, v in marks.items() if n != MARK_DIGEST}


def _unset(kind: Kind, name: str) -> Value:
    # What cannot be emptied goes back to the value that Stripe gives by itself.
    field = leaf(kind.body, name)
    return None if field.clearable else field.default


def _same_object(kind: Kind, observed: Observed) -> dict[str, Value]:
    # An id of our choice can be deleted and made anew: the time of its making tells the two apart.
    return {"created": observed.created} if kind.chosen_id else {}


def _expand(kind: Kind) -> dict[str, Value]:
    return {"expand": list(kind.expand)} if kind.expand else {}
