"""The check of all specs together, offline: references, cycles, and two specs that claim one Stripe object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from reconciler.core.address import Address
from reconciler.core.desire import desire, key_at_creation
from reconciler.core.diagnostics import Diagnostic, SourceRange, in_order
from reconciler.core.graph import find_cycle
from reconciler.core.kind import Kind
from reconciler.core.migrations import KIND as MIGRATION
from reconciler.core.resources import Desired, Moved, Removed, Spec, Specs
from reconciler.core.suggest import suggestion
from reconciler.core.values import Ref, Value, canonical

# One look for near names among 10,000 takes a quarter of a second, and nobody needs them all.
MOST_NEAR = 20

_ASKED_FOR = "its name is what the application asks for"
_ANEW = "declare {} beside it, and take the old one out when nothing asks for it any more"


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry of a list, and where it stands."""

    address: Address
    value: Value
    place: SourceRange


def check_specs(specs: Specs, kinds: Mapping[str, Kind], project: str) -> tuple[tuple[Desired, ...], list[Diagnostic]]:
    """Check everything that can be known without asking Stripe; report all that is wrong at once, in file order."""
    found: list[Diagnostic] = []
    desired: list[Desired] = []
    for spec in specs.specs:
        one, problems = desire(spec, kinds[spec.address.kind], project)
        found += problems
        if one is not None:
            desired.append(one)
    declared = {s.address: s for s in specs.specs}
    near = _Near(declared.keys())
    for spec_of in desired:
        found += _unknown_references(spec_of, kinds[spec_of.address.kind], declared, near)
    found += _together(desired, declared, kinds)
    found += _cycles(desired)
    found += _double_claims(desired, kinds, project)
    found += _shared_entries(desired, declared, kinds)
    everything = declared.keys() | _migrating(specs)
    found += _moves(specs, everything, kinds)
    found += _removals(specs, everything)
    return tuple(desired), in_order(found)


def _unknown_references(
    desired: Desired, kind: Kind, declared: Mapping[Address, Spec], near: _Near
) -> list[Diagnostic]:
    return [
        Diagnostic(
            code="BP1301",
            summary=f"{name} refers to {address}, which is not declared",
            address=desired.address,
            source=_place_of(declared[desired.address], name, address, kind),
            hint=near.to(address) or _declare(address, (name, address.kind) in kind.keyed),
        )
        for name, value in desired.attrs.items()
        for address in kind.named_in(name, value)
        if address not in declared
    ]


def _place_of(spec: Spec, name: str, address: Address, kind: Kind) -> SourceRange:
    path = tuple(name.replace("]", "").split("["))
    return spec.place((*path, address.name) if (name, address.kind) in kind.keyed else path)


def _declare(address: Address, only: bool) -> str:
    return f"declare {address}" if only else f"declare {address}, or give the Stripe id instead"


class _Near:
    """The declared name that an unknown one is near to: found once for each, and for the first few only."""

    def __init__(self, declared: Set[Address]) -> None:
        self._declared = declared
        self._hints: dict[Address, str] = {}

    def to(self, address: Address) -> str:
        """Ask whether another address is meant; empty where none is near, or too many are unknown."""
        if address not in self._hints and len(self._hints) < MOST_NEAR:
            names = [str(a) for a in self._declared if a.kind == address.kind]
            self._hints[address] = suggestion(str(address), names)
        return self._hints.get(address, "")


def _together(desired: Sequence[Desired], specs: Mapping[Address, Spec], kinds: Mapping[str, Kind]) -> list[Diagnostic]:
    declared = {d.address: d for d in desired}
    return [
        Diagnostic(
            code=problem.code,
            summary=problem.summary,
            address=one.address,
            source=specs[one.address].place(problem.path),
            hint=problem.hint,
        )
        for one in desired
        for problem in kinds[one.address.kind].check_together(one, declared)
    ]


def _cycles(desired: Sequence[Desired]) -> list[Diagnostic]:
    cycle = find_cycle({d.address: d.depends_on for d in desired})
    if not cycle:
        return []
    first = min((d for d in desired if d.address in cycle), key=lambda d: d.source)
    path = " -> ".join(str(a) for a in cycle)
    return [
        Diagnostic(
            code="BP1302",
            summary=f"these refer to each other in a circle: {path}",
            address=first.address,
            source=first.source,
            hint="take one of the references out, or give a Stripe id in its place",
        )
    ]


def _double_claims(desired: Sequence[Desired], kinds: Mapping[str, Kind], project: str) -> list[Diagnostic]:
    found: list[Diagnostic] = []
    claims: dict[tuple[str, str, str], Desired] = {}
    for one in desired:
        kind = kinds[one.address.kind]
        names = [("adopt", one.lifecycle.adopt), (kind.natural_key or "", key_at_creation(one, kind, project))]
        if one.lifecycle.adopt is not None and (kind.natural_key or "") not in one.attrs:
            names = names[:1]
        for what, value in names:
            if value is None:
                continue
            # An adopted id and a chosen id are the same claim.
            claim = (kind.name, "id" if what == "adopt" else what, value.casefold() if kind.folded_key else value)
            other = claims.setdefault(claim, one)
            if other is not one:
                found.append(_double(one, other, what, value))
    return found


def _shared_entries(
    desired: Sequence[Desired], specs: Mapping[Address, Spec], kinds: Mapping[str, Kind]
) -> list[Diagnostic]:
    """Find what stands in two lists, or twice in one, though it belongs to one resource: a product in two mappings."""
    found: list[Diagnostic] = []
    seen: dict[tuple[str, str, str], _Entry] = {}
    ids = _declared_ids(desired)
    for one in desired:
        for field, listed in kinds[one.address.kind].exclusive:
            for n, value in enumerate(one.attrs.get(field, ())):
                entry = _Entry(one.address, value, specs[one.address].place((field, n)))
                same = canonical(ids.get((listed, str(value)), value))
                other = seen.setdefault((one.address.kind, field, same), entry)
                if other is not entry:
                    found.append(_shared(entry, other))
    return found


def _declared_ids(desired: Sequence[Desired]) -> dict[tuple[str, str], Ref]:
    """Map the ids that specs give their objects to the resources."""
    ids = [(one.address, one.lifecycle.adopt or one.attrs.get("id")) for one in desired]
    return {(address.kind, str(id)): Ref(address) for address, id in ids if id is not None}


def _shared(entry: _Entry, other: _Entry) -> Diagnostic:
    same = "" if str(other.value) == str(entry.value) else f", there as {other.value}"
    where = f"in {entry.address} and in {other.address}" if other.address != entry.address else "here twice"
    return Diagnostic(
        code="BP1307",
        summary=f"{entry.value} stands {where}{same}",
        address=entry.address,
        source=entry.place,
        detail=f"the other place is {other.place}",
        hint=f"a Stripe product belongs to one {entry.address.kind}: take it out of one of the two",
    )


def _double(one: Desired, other: Desired, what: str, value: str) -> Diagnostic:
    return Diagnostic(
        code="BP1304",
        summary=f"{one.address} and {other.address} both claim the object with {what} {value!r}",
        address=one.address,
        source=one.source,
        detail=f"{other.address} is declared at {other.source}",
        hint="one Stripe object belongs to one address: take one of them out, or give it another id",
    )


def _migrating(specs: Specs) -> Set[Address]:
    """Name the migrations that are declared, and those of their rows that a list names: all are too many."""
    listed = {address for moved in specs.moved for address in (moved.before, moved.after)}
    listed |= {removed.address for removed in specs.removed}
    migrations = {Address(MIGRATION, migration.name) for migration in specs.migrations.migrations}
    if not any(address.kind == MIGRATION and address.key is not None for address in listed):
        return migrations
    return migrations | {address for address, _ in specs.migrations.addresses() if address in listed}


def _moves(specs: Specs, declared: Set[Address], kinds: Mapping[str, Kind]) -> list[Diagnostic]:
    # A source of rows stands for all its rows.
    sources = {Address(a.kind, a.name) for a in declared if a.key is not None}
    known = declared | sources
    found = [_move(m, *trouble) for m in specs.moved for trouble in _move_troubles(m, known)]
    fixed = [m for m in specs.moved if m.before.kind in kinds and kinds[m.before.kind].name_rule is not None]
    found += [_move(m, f"a {m.before.kind} cannot be renamed: {_ASKED_FOR}", _ANEW.format(m.after)) for m in fixed]
    return found + _moved_twice(specs.moved)


def _move_troubles(moved: Moved, declared: Set[Address]) -> list[tuple[str, str]]:
    """Say what is wrong with one entry, each with the way out."""
    troubles = []
    if moved.before.kind != moved.after.kind:
        summary = f"a {moved.before.kind} cannot become a {moved.after.kind}"
        troubles.append((summary, "take the entry out, and declare the new resource beside the old one"))
    if moved.before in declared:
        summary = f"{moved.before} is moved away and still declared"
        troubles.append((summary, f"take the block of {moved.before} out, or the moved: entry"))
    if moved.after not in declared:
        near = suggestion(str(moved.after), [str(a) for a in declared if a.kind == moved.after.kind])
        hint = near or "name the address that the resource has now; take the entry out if it has left since"
        troubles.append((f"{moved.after} is not declared", hint))
    return troubles


def _moved_twice(moves: Sequence[Moved]) -> list[Diagnostic]:
    found = []
    origins: dict[Address, Moved] = {}
    targets: dict[Address, Moved] = {}
    for moved in moves:
        for seen, address, words in ((origins, moved.before, "from"), (targets, moved.after, "to")):
            other = seen.setdefault(address, moved)
            if other is not moved and (other.before, other.after) != (moved.before, moved.after):
                summary = f"two moved: entries go {words} {address}"
                found.append(_move(moved, summary, f"the other one is at {other.source}: take out one of the two"))
    return found


def _move(moved: Moved, summary: str, hint: str) -> Diagnostic:
    return Diagnostic(code="BP1305", summary=summary, address=moved.after, source=moved.source, hint=hint)


def _removals(specs: Specs, declared: Set[Address]) -> list[Diagnostic]:
    found = []
    actions: dict[Address, Removed] = {}
    for removed in specs.removed:
        if removed.address in declared:
            summary, hint = f"{removed.address} is declared and listed under removed:", "take out one of the two"
            found.append(_removal(removed, summary, hint))
        other = actions.setdefault(removed.address, removed)
        if other.action != removed.action:
            summary = f"{removed.address} is removed in two ways: {other.action} and {removed.action}"
            found.append(_removal(removed, summary, f"the other one is at {other.source}: take out one of the two"))
    return found


def _removal(removed: Removed, summary: str, hint: str) -> Diagnostic:
    return Diagnostic(code="BP1306", summary=summary, address=removed.address, source=removed.source, hint=hint)
