"""The check of all specs together, offline: references, cycles, and two specs that claim one Stripe object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from reconciler.core.address import Address
from reconciler.core.desire import desire, key_at_creation
from reconciler.core.diagnostics import Diagnostic, in_order
from reconciler.core.graph import find_cycle
from reconciler.core.kind import Kind
from reconciler.core.resources import Desired, Moved, Removed, Spec, Specs
from reconciler.core.suggest import suggestion
from reconciler.core.values import refs_in

# One look for near names among 10,000 takes a quarter of a second, and nobody needs them all.
MOST_NEAR = 20


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
        found += _unknown_references(spec_of, declared, near)
    found += _together(desired, declared, kinds)
    found += _cycles(desired)
    found += _double_claims(desired, kinds, project)
    found += _moves(specs, declared.keys())
    found += _removals(specs, declared.keys())
    return tuple(desired), in_order(found)


def _unknown_references(desired: Desired, declared: Mapping[Address, Spec], near: _Near) -> list[Diagnostic]:
    return [
        Diagnostic(
            code="BP1301",
            summary=f"{name} refers to {ref.address}, which is not declared",
            address=desired.address,
            source=declared[desired.address].place(tuple(name.replace("]", "").split("["))),
            hint=near.to(ref.address) or f"declare {ref.address}, or give the Stripe id instead",
        )
        for name, value in desired.attrs.items()
        for ref in refs_in(value)
        if ref.address not in declared
    ]


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


def _double(one: Desired, other: Desired, what: str, value: str) -> Diagnostic:
    return Diagnostic(
        code="BP1304",
        summary=f"{one.address} and {other.address} both claim the object with {what} {value!r}",
        address=one.address,
        source=one.source,
        detail=f"{other.address} is declared at {other.source}",
        hint="one Stripe object belongs to one address: take one of them out, or give it another id",
    )


def _moves(specs: Specs, declared: Set[Address]) -> list[Diagnostic]:
    # A source of rows stands for all its rows.
    sources = {Address(a.kind, a.name) for a in declared if a.key is not None}
    known = declared | sources
    found = [_move(m, *trouble) for m in specs.moved for trouble in _move_troubles(m, known)]
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
