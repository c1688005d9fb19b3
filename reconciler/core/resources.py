"""Specs as loaded, resources as desired, objects as observed, and the snapshot of an account."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.core.address import Address
from reconciler.core.bindings import WantedBindings
from reconciler.core.diagnostics import Diagnostic, SourceRange
from reconciler.core.fields import Path
from reconciler.core.migrations import WantedMigrations
from reconciler.core.values import Attrs, Value

MARK_PROJECT = "metadata[billplan_project]"
MARK_ADDRESS = "metadata[billplan_address]"
MARK_DIGEST = "metadata[billplan_digest]"
MARK_PROTECT = "metadata[billplan_protect]"
MARK_REPLACES = "metadata[billplan_replaces]"
MARKS = (MARK_PROJECT, MARK_ADDRESS, MARK_DIGEST, MARK_PROTECT, MARK_REPLACES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """How a resource is treated: the fields that stand beside Stripe's own on any body."""

    adopt: str | None = None
    protect: bool = False
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """One declared body as loaded: rendered, not yet checked. `positions` maps paths inside the body to places."""

    address: Address
    body: Mapping[str, Value]
    source: SourceRange
    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    positions: Mapping[Path, SourceRange] = field(default_factory=dict, compare=False, repr=False)

    def place(self, path: Path) -> SourceRange:
        """Find the place of a path inside the body, or of the nearest thing that holds it."""
        while path and path not in self.positions:
            path = path[:-1]
        return self.positions.get(path, self.source)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """`moved: [{from, to}]`: the resource keeps its object under a new address."""

    before: Address
    after: Address
    source: SourceRange


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """`removed: [{address, action}]`: how a resource leaves; actions are the kind's own."""

    address: Address
    action: str
    source: SourceRange


@dataclass(frozen=True, slots=True, kw_only=True)
class Specs:
    """Everything that a project's files declare, the digest of what they say, and what was wrong with the files."""

    specs: tuple[Spec, ...]
    moved: tuple[Moved, ...] = ()
    removed: tuple[Removed, ...] = ()
    bindings: WantedBindings = field(default_factory=WantedBindings)
    migrations: WantedMigrations = field(default_factory=WantedMigrations)
    digest: str = ""
    diagnostics: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """A checked resource: canonical attributes, laid flat, with references where other resources are named."""

    address: Address
    attrs: Attrs
    lifecycle: Lifecycle
    source: SourceRange
    depends_on: tuple[Address, ...] = ()


class Origin(StrEnum):
    """Where an observation comes from."""

    LIVE = "live"
    MIRROR = "mirror"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The marker on an object: whose it is, and the hashes of its owned fields as last applied."""

    project: str
    address: Address | None
    digest: str
    protect: bool = False
    replaces: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """A live object. `alive`: it can still be sold or used (active, not archived or canceled). `spent`: it became
    inactive by itself, by its own limits, and cannot be made active again. `created` and `as_of` are epoch seconds,
    UTC."""

    kind: str
    remote_id: str
    attrs: Attrs
    alive: bool
    created: int
    as_of: int
    origin: Origin = Origin.LIVE
    owner: Owner | None = None
    spent: bool = False


class Snapshot:
    """The observed objects of one account, findable by id, by marker and by natural key."""

    def __init__(
        self,
        observed: Iterable[Observed],
        *,
        project: str,
        natural: Mapping[str, str | None],
        stands_for: Mapping[str, str] | None = None,
    ) -> None:
        """`natural` names the natural key's attribute for each kind: "id" stands for the id itself. `stands_for` names
        the kind of the addresses in a kind's markers, where it is another one."""
        self.project = project
        self._natural = natural
        self._stands_for = stands_for or {}
        self.by_id: dict[tuple[str, str], Observed] = {}
        self.marked: dict[Address, list[Observed]] = {}
        self.keyed: dict[tuple[str, str], list[Observed]] = {}
        for one in observed:
            self.add(one)

    def add(self, one: Observed) -> None:
        """Take in one more object."""
        self.by_id[(one.kind, one.remote_id)] = one
        for found in self._indexed(one):
            found.append(one)

    def _indexed(self, one: Observed) -> Iterator[list[Observed]]:
        address = one.owner.address if one.owner is not None and one.owner.project == self.project else None
        if address is not None and address.kind == self._stands_for.get(one.kind, one.kind):
            yield self.marked.setdefault(address, [])
        natural = self._natural.get(one.kind)
        key = one.remote_id if natural == "id" else one.attrs.get(natural) if natural else None
        if key is not None:
            yield self.keyed.setdefault((one.kind, str(key)), [])

    def put(self, one: Observed) -> None:
        """Take in a newer observation of an object, in the place of an older one."""
        old = self.by_id.get((one.kind, one.remote_id))
        if old is not None:
            for found in self._indexed(old):
                found[:] = [o for o in found if o.remote_id != old.remote_id]
        self.add(one)

    def __len__(self) -> int:
        return len(self.by_id)

    def of_kind(self, kind: str) -> list[Observed]:
        """List the objects of one kind."""
        return [o for (k, _), o in self.by_id.items() if k == kind]

    def incarnations(self, address: Address, natural_key: str | None) -> tuple[Observed, ...]:
        """List everything that is or was this address, whatever its state, by marker or natural key, sorted by id."""
        found = {o.remote_id: o for o in self.marked.get(address, ())}
        if natural_key is not None:
            found.update({o.remote_id: o for o in self.keyed.get((address.kind, natural_key), ())})
        return tuple(found[i] for i in sorted(found))
