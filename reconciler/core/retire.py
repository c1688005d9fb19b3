"""What leaves: owned objects that no spec declares any more, and what `removed:` says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.core.address import Address
from reconciler.core.changes import Action, Change
from reconciler.core.compare import linked
from reconciler.core.fields import ChangeClass
from reconciler.core.kind import Kind
from reconciler.core.locate import head_of
from reconciler.core.resources import Observed, Removed
from reconciler.core.values import refs_in

if TYPE_CHECKING:
    from reconciler.core.planner import Planner


def retire_orphans(planner: Planner) -> None:
    """Plan the leaving of every owned object whose address is not declared, dependants first."""
    orphans = _orphans(planner)
    removed = {r.address: r for r in planner.request.removed}
    ids = {(o.kind, o.remote_id): a for a, all_of in orphans.items() for o in all_of}
    waiting_for: dict[Address, list[Address]] = {a: [] for a in orphans}
    for address, all_of in orphans.items():
        kind = planner.kinds[address.kind]
        for one in all_of:
            attrs = linked(kind, one.attrs, lambda k, i: ids.get((k, i)))
            for ref in refs_in(attrs):
                if ref.address != address and ref.address in waiting_for:
                    waiting_for[ref.address].append(address)
    done: dict[Address, list[str]] = {}
    for address in sorted(orphans, key=str):
        _leave(planner, address, orphans, removed, (waiting_for, done))
    for entry in planner.request.removed:
        if entry.address not in orphans and not planner.kinds[entry.address.kind].marked:
            _leave_unmarked(planner, entry)


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


Waiting = tuple[dict[Address, list[Address]], dict[Address, list[str]]]


def _leave(
    planner: Planner,
    address: Address,
    orphans: dict[Address, list[Observed]],
    removed: dict[Address, Removed],
    waiting: Waiting,
) -> None:
    waiting_for, done = waiting
    if address in done:
        return
    done[address] = []
    for first in waiting_for[address]:
        _leave(planner, first, orphans, removed, waiting)
    kind, all_of = planner.kinds[address.kind], orphans[address]
    entry = removed.get(address)
    protected = [o.remote_id for o in all_of if o.owner is not None and o.owner.protect]
    if protected:
        planner.changes[address] = _protected(address, kind, protected[0], entry)
        return
    needs = [s for first in waiting_for[address] for s in done[first]]
    for one in sorted(all_of, key=lambda o: o.remote_id):
        if entry is not None and entry.action == "forget":
            done[address].append(planner.steps.forget(address, one))
        else:
            done[address].append(planner.steps.retire(address, one, (*needs, *planner.let_go(address, one))))
    planner.changes[address] = _left(address, kind, all_of, entry)


def _protected(address: Address, kind: Kind, remote_id: str, entry: Removed | None) -> Change:
    reason = f"it is protected, and would be {kind.retire.verb}d because no spec declares it any more"
    return Change(
        address=address,
        action=Action.REFUSED,
        change_class=ChangeClass.COSMETIC,
        reason=reason,
        refused=reason,
        hint=f"declare {address} again with protect: false and apply; then take it out",
        remote_id=remote_id,
        source=None if entry is None else entry.source,
    )


def _left(address: Address, kind: Kind, all_of: list[Observed], entry: Removed | None) -> Change:
    head, _, _ = head_of(all_of)
    shown = head or all_of[0]
    forget = entry is not None and entry.action == "forget"
    final = "" if forget or kind.retire_class is not ChangeClass.IRREVERSIBLE else kind.retire.undo
    return Change(
        address=address,
        action=Action.UPDATE if forget else Action.RETIRE,
        change_class=ChangeClass.COSMETIC if forget else kind.retire_class,
        reason="removed: forget takes the marker off; the object stays" if forget else "no spec declares it any more",
        remote_id=shown.remote_id,
        before=shown.attrs,
        irreversible=final,
        verb="forget" if forget else kind.retire.verb,
        source=None if entry is None else entry.source,
        currency=str(shown.attrs.get("currency") or ""),
    )


def _leave_unmarked(planner: Planner, entry: Removed) -> None:
    kind = planner.kinds[entry.address.kind]
    found = [o for o in planner.snapshot.keyed.get((kind.name, entry.address.name), ()) if o.alive]
    for one in found:
        planner.steps.retire(entry.address, one)
        planner.changes[entry.address] = _left(entry.address, kind, [one], entry)
