"""What a plan says of a resource: changes in words, with all owned attributes before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reconciler.core.attrs import leaf
from reconciler.core.changes import Action, Change, FieldDiff
from reconciler.core.compare import Difference, owned
from reconciler.core.fields import ChangeClass, OnChange
from reconciler.core.kind import Kind
from reconciler.core.locate import Located
from reconciler.core.resources import MARKS, Desired, Observed
from reconciler.core.values import Value


def unchanged(desired: Desired, head: Observed) -> Change:
    """Say that a resource is as its spec says."""
    return Change(
        address=desired.address,
        action=Action.NOOP,
        change_class=ChangeClass.COSMETIC,
        reason="",
        remote_id=head.remote_id,
    )


def created(desired: Desired, kind: Kind) -> Change:
    """Say that a resource is made."""
    return Change(
        address=desired.address,
        action=Action.CREATE,
        change_class=kind.create_class,
        reason="not in the store yet" if kind.in_store else "not in Stripe yet",
        after=desired.attrs,
        diffs=tuple(FieldDiff(name=n, before=None, after=v) for n, v in sorted(desired.attrs.items())),
        source=desired.source,
        currency=_currency(desired),
    )


def refused(desired: Desired, found: Located, reason: str, hint: str, diffs: tuple[FieldDiff, ...] = ()) -> Change:
    """Say that nothing is done about a resource, why, and what would help."""
    return Change(
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


def changed(
    desired: Desired, head: Observed, found: Located, differing: Sequence[Difference], kind: Kind, action: Action
) -> Change:
    """Say what becomes of a resource that has an object."""
    real = [d for d in differing if not d.released]
    final = [t for d in real if (t := kind.irreversible(d.diff.name, d.diff.before, d.diff.after))]
    if action is Action.REPLACE:
        # A new object is made as declared: nothing about the old one becomes final.
        final = []
    classes = [d.change_class for d in real] + [ChangeClass.COSMETIC]
    classes += [ChangeClass.IRREVERSIBLE] if final else []
    classes += [ChangeClass.MONEY] if kind.revive is not None and not head.alive else []
    after = owned(desired, kind)
    return Change(
        address=desired.address,
        action=action,
        change_class=max(classes, key=lambda c: c.rank),
        reason=_reason(found, head, real, kind),
        remote_id=head.remote_id,
        before=_before(head, kind, [*after, *(d.diff.name for d in real)]),
        after=after,
        diffs=tuple(d.diff for d in real),
        irreversible="; ".join(final),
        notes=tuple(
            f"{d.diff.name} is no longer declared; Stripe cannot unset it, so it stays" for d in differing if d.released
        ),
        source=desired.source,
        currency=_currency(desired),
    )


def replaced(change: Change, found: Located, differing: Sequence[Difference], kind: Kind) -> Change:
    """Say of a change that a new object takes the old one's place."""
    forcing = ", ".join(d.diff.name for d in differing if d.on_change is not OnChange.UPDATE)
    already = " already" if found.head is not None and not found.head.alive else ""
    renamed = f"; renamed from {found.moved_from}" if found.moved_from is not None else ""
    lost = _not_carried(change, found, kind)
    note = f"not declared, and so not carried over to the new one: {', '.join(lost)}"
    return replace(
        change,
        notes=(*change.notes, note) if lost else change.notes,
        reason=(
            f"{forcing} cannot change in place: a new {kind.name} takes its place, the old one is archived{already}"
            f"{renamed}"
        ),
        change_class=max(change.change_class, kind.create_class, key=lambda c: c.rank),
        verb=kind.retire.verb,
    )


def _not_carried(change: Change, found: Located, kind: Kind) -> list[str]:
    """List what others have set on an object that is about to be replaced, and no spec declares."""
    if found.head is None:
        return []
    own = f"currency_options[{found.head.attrs.get('currency')}]"
    named = {kind.natural_key, "id", own, *MARKS, *change.after, *(d.name for d in change.diffs)}
    live = found.head.attrs.items()
    return sorted(n for n, v in live if n not in named and v != leaf(kind.body, n).default)


def converging(change: Change, found: Located, kind: Kind) -> Change:
    """Say of a change that it finishes a replacement which an earlier apply began."""
    olds = [o.remote_id for o in found.predecessors]
    are = "which is still active: it is archived" if len(olds) == 1 else "which are still active: they are archived"
    return replace(
        change,
        reason=f"{change.remote_id} has taken the place of {', '.join(olds)}, {are}",
        change_class=max(change.change_class, kind.retire_class, key=lambda c: c.rank),
        verb=kind.retire.verb,
    )


def _before(head: Observed, kind: Kind, names: Sequence[str]) -> dict[str, Value]:
    live = {n: head.attrs.get(n, leaf(kind.body, n).default) for n in names}
    return {n: v for n, v in live.items() if v is not None}


def _reason(found: Located, head: Observed, differing: Sequence[Difference], kind: Kind) -> str:
    if found.moved_from is not None:
        return f"renamed from {found.moved_from}"
    if found.adopting:
        return f"takes over {head.remote_id}"
    if not head.alive and (kind.revive is not None or any(d.diff.name == "active" for d in differing)):
        return f"{head.remote_id} is inactive: it becomes active again"
    count = len(differing)
    if count:
        return "1 field differs" if count == 1 else f"{count} fields differ"
    return "only billplan's own marker is brought up to date"


def _currency(desired: Desired) -> str:
    return str(desired.attrs.get("currency") or desired.attrs.get("restrictions[minimum_amount_currency]") or "")
