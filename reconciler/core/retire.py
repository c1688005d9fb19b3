"""What leaves: owned objects that no spec declares any more, and what `removed:` says of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reconciler.core.address import Address
from reconciler.core.attrs import leaf
from reconciler.core.changes import Action, Change
from reconciler.core.compare import linked
from reconciler.core.diagnostics import Diagnostic, Severity
from reconciler.core.fields import ChangeClass
from reconciler.core.locate import head_of
from reconciler.core.plan import Unchanged
from reconciler.core.resources import MARKS, Observed, Removed
from reconciler.core.suggest import suggestion

if TYPE_CHECKING:
    from reconciler.core.planner import Planner


def retire_orphans(planner: Planner) -> None:
    """Plan the leaving of every owned object whose address is not declared, dependants first."""
    orphans = {**_orphans(planner), **_removed_unmarked(planner)}
    if orphans:
        _Departure(planner, orphans).run()


def _orphans(planner: Planner) -> dict[Address, list[Observed]]:
    moved_away = {planner.moves.origin(a) for a in planner.desired} - {None}
    orphans: dict[Address, list[Observed]] = {}
    forgotten = {r.address for r in planner.request.removed if r.action == "forget"}
    for address, marked in planner.snapshot.marked.items():
        if address in planner.desired or address in moved_away or address.kind not in planner.kinds:
            continue
        leaving = [o for o in marked if o.alive or address in forgotten]
        if leaving:
            orphans[address] = leaving
    return orphans


def _removed_unmarked(planner: Planner) -> dict[Address, list[Observed]]:
    """Find what leaves of kinds without a marker: only what `removed:` names, by natural key."""
    found: dict[Address, list[Observed]] = {}
    for entry in planner.request.removed:
        kind = planner.kinds[entry.address.kind]
        if kind.marked:
            continue
        named = planner.snapshot.keyed.get((kind.name, entry.address.name), [])
        declared = [a for o in named if (a := planner.link(o.kind, o.remote_id)) is not None]
        if not named:
            known = [k for n, k in planner.snapshot.keyed if n == kind.name]
            summary = f"removed: {entry.address} names nothing: no {kind.name} has the {kind.natural_key} "
            hint = suggestion(entry.address.name, known) or "take the entry out"
            planner.diagnostics.append(_warning(entry, f"{summary}{entry.address.name!r}", hint))
        elif declared:
            summary = f"removed: {entry.address} is left as it is: its {kind.natural_key} is that of {declared[0]}"
            planner.diagnostics.append(_warning(entry, summary, f"take the entry out, or the block of {declared[0]}"))
        elif any(o.alive for o in named):
            found[entry.address] = [o for o in named if o.alive]
    return found


def _warning(entry: Removed, summary: str, hint: str) -> Diagnostic:
    return Diagnostic(
        code="BP1401",
        severity=Severity.WARNING,
        summary=summary,
        address=entry.address,
        source=entry.source,
        hint=hint,
    )


class _Departure:
    """Plans the leaving of orphans; used once."""

    def __init__(self, planner: Planner, orphans: dict[Address, list[Observed]]) -> None:
        self._planner = planner
        self._orphans = orphans
        self._removed = {r.address: r for r in planner.request.removed}
        self._ids = {(o.kind, o.remote_id): a for a, all_of in orphans.items() for o in all_of}
        self._users: dict[Address, list[Address]] = {a: [] for a in orphans}
        self._released: dict[Address, list[str]] = {a: [] for a in orphans}
        self._done: dict[Address, list[str]] = {}
        self._needed: dict[Address, Address] = {}

    def run(self) -> None:
        """Plan every orphan's leaving, after that of whatever uses it."""
        for address, all_of in self._orphans.items():
            for used in {u for one in all_of for u in self._used_by(one)} - {address}:
                self._users[used].append(address)
        for step in self._planner.steps.steps.values():
            # A declared price that is replaced lets go of the product that leaves.
            target = step.precondition.remote_id if isinstance(step.precondition, Unchanged) else None
            one = self._planner.snapshot.by_id.get((step.kind, str(target)))
            for used in () if one is None else self._used_by(one):
                self._released[used].append(step.id)
        self._note_declared_users()
        for address in sorted(self._orphans, key=str):
            self._leave(address)

    def _note_declared_users(self) -> None:
        """Note which orphans a declared resource goes on using: by a literal id, or because its change is refused."""
        planner = self._planner
        for address, desired in planner.desired.items():
            kind, change = planner.kinds[address.kind], planner.changes.get(address)
            found = planner.located[address]
            refused = change is not None and change.action is Action.REFUSED and found.head is not None
            attrs = found.head.attrs if refused and found.head is not None else desired.attrs
            named = linked(kind, attrs, lambda k, i: self._ids.get((k, i)))
            held = {n: v for n, v in named.items() if n not in dict(kind.exclusive)}
            for used in (a for n, v in held.items() for a in kind.named_in(n, v)):
                if used in self._orphans:
                    self._needed.setdefault(used, address)

    def _used_by(self, one: Observed) -> Iterator[Address]:
        """Name the orphans that an object refers to. What refers back, as a default price does, does not hold it."""
        kind = self._planner.kinds[one.kind]
        attrs = linked(kind, one.attrs, lambda kind_name, remote_id: self._ids.get((kind_name, remote_id)))
        for name, value in attrs.items():
            for used in kind.named_in(name, value):
                holds = not leaf(kind.body, name).deferred and name not in dict(kind.exclusive)
                if holds and used in self._orphans:
                    yield used

    def _leave(self, address: Address) -> None:
        if address in self._done:
            return
        self._done[address] = []
        users = sorted(self._users[address], key=str)
        for user in users:
            self._leave(user)
        refusal = self._refusal(address, users)
        if refusal is not None:
            self._planner.changes[address] = refusal
            return
        steps, forget = self._planner.steps, self._forgets(address)
        needs = [*(s for user in users for s in self._done[user]), *self._released[address]]
        for one in sorted(self._orphans[address], key=lambda o: o.remote_id):
            if forget:
                self._done[address].append(steps.forget(address, one))
            else:
                let_go = self._planner.let_go(address, one)
                self._done[address].append(steps.retire(address, one, (*needs, *let_go)))
        self._planner.changes[address] = self._left(address)

    def _forgets(self, address: Address) -> bool:
        entry = self._removed.get(address)
        return entry is not None and entry.action == "forget"

    def _refusal(self, address: Address, users: list[Address]) -> Change | None:
        kind, all_of, forget = self._planner.kinds[address.kind], self._orphans[address], self._forgets(address)
        protected = [o for o in all_of if o.owner is not None and o.owner.protect]
        if protected:
            fate = "forgotten" if forget else f"{kind.retire.verb}d"
            why = "removed: says so" if forget else "no spec declares it any more"
            hint = f"declare {address} again with protect: false and apply; then take it out"
            return self._refused(address, protected[0], f"it is protected, and would be {fate} because {why}", hint)
        if address in self._needed and not forget:
            user = self._needed[address]
            hint = f"declare {address} again, or take it out of {user} first"
            return self._refused(address, all_of[0], f"{user} goes on using it", hint)
        kept = [u for u in users if self._planner.changes[u].action is Action.REFUSED]
        if kept and not forget:
            reason = f"{kept[0]} uses it, and its own leaving is refused"
            return self._refused(address, all_of[0], reason, f"mend {kept[0]} first")
        return None

    def _refused(self, address: Address, one: Observed, reason: str, hint: str) -> Change:
        entry = self._removed.get(address)
        return Change(
            address=address,
            action=Action.REFUSED,
            change_class=ChangeClass.COSMETIC,
            reason=reason,
            refused=reason,
            hint=hint,
            remote_id=one.remote_id,
            source=None if entry is None else entry.source,
        )

    def _left(self, address: Address) -> Change:
        kind, all_of, entry = self._planner.kinds[address.kind], self._orphans[address], self._removed.get(address)
        head, _, _ = head_of(all_of)
        shown, forget = head or all_of[0], self._forgets(address)
        final = "" if forget or kind.retire_class is not ChangeClass.IRREVERSIBLE else kind.retire.undo
        return Change(
            address=address,
            action=Action.UPDATE if forget else Action.RETIRE,
            change_class=ChangeClass.COSMETIC if forget else kind.retire_class,
            reason=_why(entry),
            remote_id=shown.remote_id,
            before={n: v for n, v in linked(kind, shown.attrs, self._planner.link).items() if n not in MARKS},
            irreversible=final,
            verb="forget" if forget else kind.retire.verb,
            source=None if entry is None else entry.source,
            currency=str(shown.attrs.get("currency") or ""),
        )


def _why(entry: Removed | None) -> str:
    if entry is None:
        return "no spec declares it any more"
    if entry.action == "forget":
        return "removed: forget takes the marker off; the object stays"
    return f"removed: says {entry.action}"
