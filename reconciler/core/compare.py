"""The three-way diff of one resource: what the spec says, what was last applied, what is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from reconciler.core.address import Address
from reconciler.core.attrs import leaf, root
from reconciler.core.changes import Drift, FieldDiff
from reconciler.core.fields import ChangeClass, FieldType, OnChange
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
    out, referring = dict(attrs), _referring(kind.body)
    for name, value in attrs.items():
        if name in referring or ("[" in name and root(name) in referring):
            out[name] = _relink(leaf(kind.body, name).type, value, link)
    return out


@cache
def _referring(body: Struct) -> frozenset[str]:
    return frozenset(f.name for f in body.fields if holds_references(f.type))


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
    ignored = desired.lifecycle.ignore
    if not ignored and deferred:
        return dict(desired.attrs)
    return {
        n: v
        for n, v in desired.attrs.items()
        if not is_ignored(desired, n) and (deferred or not leaf(kind.body, n).deferred)
    }


def is_ignored(desired: Desired, name: str) -> bool:
    """Say whether an attribute, or the field that it is a part of, is left to others."""
    return name in desired.lifecycle.ignore or root(name) in desired.lifecycle.ignore


def differences(desired: Desired, observed: Observed, kind: Kind) -> list[Difference]:
    """List what differs, in the order of the kind's fields. Both sides must be linked."""
    found: list[Difference] = []
    wanted = owned(desired, kind)
    for name, after in wanted.items():
        before = observed.attrs.get(name)
        if before == after or (name == "active" and observed.spent):
            continue
        field = leaf(kind.body, name)
        if before is not None or field.default != after:
            found.append(_difference(kind, name, field.default if before is None else before, after))
    found += _released(wanted, desired, observed, kind)
    if not found:
        return found
    order = {f.name: n for n, f in enumerate(kind.body.fields)}
    return sorted(found, key=lambda d: (order[root(d.diff.name)], d.diff.name))


def _difference(kind: Kind, name: str, before: Value, after: Value) -> Difference:
    field = leaf(kind.body, name)
    on_change = OnChange.REPLACE if kind.fixed(name, before, after) else field.on_change
    diff = FieldDiff(name=name, before=before, after=after, forces=on_change is not OnChange.UPDATE)
    return Difference(diff=diff, on_change=on_change, change_class=field.change_class)


def _released(wanted: Attrs, desired: Desired, observed: Observed, kind: Kind) -> Iterable[Difference]:
    if observed.owner is None or not observed.owner.digest:
        return
    undeclared = [n for n in observed.attrs if n not in wanted and n not in MARKS and not is_ignored(desired, n)]
    applied = AppliedDigest(observed.owner.digest) if undeclared else None
    for name in undeclared:
        live = observed.attrs[name]
        if applied is None or not applied.owned(name):
            continue
        field = leaf(kind.body, name)
        if live == field.default or (root(name) == "metadata" and not applied.applied(name, live)):
            # A metadata key whose value somebody else has set since is theirs now.
            continue
        yield _release(name, live, kind)


def _release(name: str, live: Value, kind: Kind) -> Difference:
    field = leaf(kind.body, name)
    unset = _difference(kind, name, live, field.default)
    diff = unset.diff
    if field.on_change is OnChange.REFUSE or name == kind.natural_key:
        # What an object is known by stays its own; a default is for creations only.
        return Difference(diff=diff, on_change=OnChange.UPDATE, change_class=field.change_class, released=True)
    if diff.forces or field.clearable or field.default is not None:
        return unset
    if field.change_class is ChangeClass.MONEY and field.split:
        # Stripe has no way to take one currency away from an object.
        diff = FieldDiff(name=name, before=live, after=None, forces=True)
        return Difference(diff=diff, on_change=OnChange.REPLACE, change_class=field.change_class)
    return Difference(diff=diff, on_change=OnChange.UPDATE, change_class=field.change_class, released=True)


def drifted(desired: Desired, observed: Observed, kind: Kind, links: Sequence[Link]) -> list[Drift]:
    """List the owned attributes that differ from what was last applied.

    `observed` is as it was read. A reference may have been applied as an id, or under an address that the resource had
    then: `links` name an id in every way in which it may stand in the marker, the present one first.
    """
    if observed.owner is None:
        return []
    applied, mine = AppliedDigest(observed.owner.digest), owned(desired, kind)
    names = {n: None for n in (*mine, *observed.attrs) if n not in MARKS and not is_ignored(desired, n)}
    found = []
    for name in names:
        if not applied.owned(name) or (name == "active" and observed.spent):
            continue
        live = _spellings(kind, name, observed.attrs.get(name, leaf(kind.body, name).default), links)
        if any(applied.applied(name, spelled) for spelled in live):
            continue
        wanted = mine.get(name)
        known = applied.applied(name, wanted)
        found.append(
            Drift(
                address=desired.address,
                remote_id=observed.remote_id,
                name=name,
                applied=wanted if known else None,
                known=known,
                live=live[0],
            )
        )
    return found


def _spellings(kind: Kind, name: str, value: Value, links: Sequence[Link]) -> list[Value]:
    if root(name) not in _referring(kind.body):
        return [value]
    return [*(_relink(leaf(kind.body, name).type, value, link) for link in links), value]


def marker_digest(desired: Desired, kind: Kind, *, deferred: bool = True) -> str:
    """Write the marker's hashes for a resource as it is when applied."""
    return encode_digest(owned(desired, kind, deferred=deferred))
