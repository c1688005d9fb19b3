"""The three-way diff of one resource: what the spec says, what was last applied, what is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from reconciler.core.address import Address
from reconciler.core.attrs import leaf, root
from reconciler.core.changes import Drift, FieldDiff
from reconciler.core.fields import ChangeClass, Field, FieldType, OnChange
from reconciler.core.kind import Kind
from reconciler.core.ownership import AppliedDigest, encode_digest
from reconciler.core.resources import MARKS, Desired, Observed
from reconciler.core.shapes import ListOf, MapOf, Struct, holds_references
from reconciler.core.types import Reference
from reconciler.core.values import Attrs, Ref, Value

Link = Callable[[str, str], Address | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One attribute that is not as the spec says, and what a change of it asks for. `released`: it is no longer
    declared, and Stripe cannot unset it: it stays as it is."""

    diff: FieldDiff
    on_change: OnChange
    change_class: ChangeClass
    released: bool = False


def linked(kind: Kind, attrs: Attrs, link: Link) -> dict[str, Value]:
    """Write the ids of declared resources as references, so that specs and live objects compare by address."""
    out = dict(attrs)
    for name in attrs:
        if root(name) in _referring(kind):
            out[name] = _relink(leaf(kind.body, name).type, attrs[name], link)
    return out


_REFERRING: dict[str, frozenset[str]] = {}


def _referring(kind: Kind) -> frozenset[str]:
    if kind.name not in _REFERRING:
        _REFERRING[kind.name] = frozenset(f.name for f in kind.body.fields if holds_references(f.type))
    return _REFERRING[kind.name]


def _relink(kind: FieldType, value: Value, link: Link) -> Value:
    match kind:
        case Reference() if kind.declared and isinstance(value, str):
            address = link(kind.kind, value)
            return value if address is None else Ref(address)
        case ListOf() if isinstance(value, list):
            return [_relink(kind.item, v, link) for v in value]
        case MapOf() if isinstance(value, Mapping):
            return {k: _relink(kind.value, v, link) for k, v in value.items()}
        case Struct() if isinstance(value, Mapping):
            types = {f.name: f.type for f in kind.fields}
            return {k: _relink(types[k], v, link) for k, v in value.items()}
        case _:
            return value


def owned(desired: Desired, kind: Kind, *, deferred: bool = True) -> dict[str, Value]:
    """List the attributes that billplan owns: declared, and not ignored."""
    ignored = set(desired.lifecycle.ignore)
    return {
        n: v
        for n, v in desired.attrs.items()
        if n not in ignored and root(n) not in ignored and (deferred or not leaf(kind.body, n).deferred)
    }


def differences(desired: Desired, observed: Observed, kind: Kind) -> list[Difference]:
    """List what differs, in the order of the kind's fields. Both sides must be linked."""
    found: list[Difference] = []
    wanted = owned(desired, kind)
    for name, after in wanted.items():
        field = leaf(kind.body, name)
        before = observed.attrs.get(name, field.default)
        if before != after:
            forces = field.on_change is not OnChange.UPDATE
            diff = FieldDiff(name=name, before=before, after=after, forces=forces)
            found.append(Difference(diff=diff, on_change=field.on_change, change_class=field.change_class))
    found += _released(wanted, desired, observed, kind)
    order = {f.name: n for n, f in enumerate(kind.body.fields)}
    return sorted(found, key=lambda d: (order[root(d.diff.name)], d.diff.name))


def _released(wanted: Attrs, desired: Desired, observed: Observed, kind: Kind) -> Iterable[Difference]:
    if observed.owner is None or not observed.owner.digest:
        return
    applied = AppliedDigest(observed.owner.digest)
    ignored = set(desired.lifecycle.ignore)
    for name, live in observed.attrs.items():
        if name in wanted or name in MARKS or name in ignored or root(name) in ignored or not applied.owned(name):
            continue
        field = leaf(kind.body, name)
        if live == field.default or (root(name) == "metadata" and not applied.applied(name, live)):
            # A metadata key whose value somebody else has set since is theirs now.
            continue
        yield _release(name, live, field)


def _release(name: str, live: Value, field: Field) -> Difference:
    forces = field.on_change is not OnChange.UPDATE
    diff = FieldDiff(name=name, before=live, after=field.default, forces=forces)
    if forces or field.clearable or field.default is not None:
        return Difference(diff=diff, on_change=field.on_change, change_class=field.change_class)
    if field.change_class is ChangeClass.MONEY and field.split:
        # Stripe has no way to take one currency away from an object.
        diff = FieldDiff(name=name, before=live, after=None, forces=True)
        return Difference(diff=diff, on_change=OnChange.REPLACE, change_class=field.change_class)
    return Difference(diff=diff, on_change=OnChange.UPDATE, change_class=field.change_class, released=True)


def drifted(address: Address, desired: Attrs, observed: Observed, kind: Kind) -> list[Drift]:
    """List the owned attributes that differ from what was last applied. Both sides must be linked."""
    if observed.owner is None:
        return []
    applied = AppliedDigest(observed.owner.digest)
    names = {n: None for n in (*desired, *observed.attrs) if n not in MARKS and applied.owned(n)}
    found = []
    for name in names:
        live = observed.attrs.get(name, leaf(kind.body, name).default)
        if applied.applied(name, live):
            continue
        wanted = desired.get(name)
        known = applied.applied(name, wanted)
        found.append(
            Drift(
                address=address,
                remote_id=observed.remote_id,
                name=name,
                applied=wanted if known else None,
                known=known,
                live=live,
            )
        )
    return found


def marker_digest(desired: Desired, kind: Kind, *, deferred: bool = True) -> str:
    """Write the marker's hashes for a resource as it is when applied."""
    return encode_digest(owned(desired, kind, deferred=deferred))
