"""What a kind of resource is: its fields, how its objects are found and read, and how they are changed.

A kind is data. It never calls Stripe; the steps of a plan come out of this description.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from reconciler.core.address import Address, parse_address
from reconciler.core.attrs import flatten
from reconciler.core.fields import ChangeClass, Problem
from reconciler.core.resources import (
    MARK_ADDRESS,
    MARK_DIGEST,
    MARK_PROJECT,
    MARK_PROTECT,
    MARK_REPLACES,
    Desired,
    Observed,
    Origin,
    Owner,
)
from reconciler.core.shapes import Struct
from reconciler.core.types import Text
from reconciler.core.values import Attrs, Value, refs_in

# What lives in billplan's own store has paths below this one; everything else is Stripe's.
STORE_PATH = "/billplan/"


class OnReplace(StrEnum):
    """How a changed create-only field is carried out."""

    CREATE_FIRST = "create_first"
    RETIRE_FIRST = "retire_first"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request on one existing object; `{id}` in the path is its id. `expect` is what it shows afterwards."""

    verb: str
    method: str
    path: str
    params: Mapping[str, Value]
    expect: Attrs | None
    undo: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """How every object of a kind, retired ones included, is listed: one listing for each set of parameters.

    `below` is there where objects are listed below those of another kind, one by one: at `path/<parent>/below`. Their
    ids are read, and written in plans, with what stands above them: `<parent>/below/<id>`.
    """

    path: str
    listings: tuple[Mapping[str, Value], ...]
    by_created: bool = True
    permission: str = ""
    below: str = ""

    def listed_at(self, parent: str) -> str:
        """The path of the listing, that below a parent where there is one."""
        return f"{self.path}/{parent}/{self.below}" if self.below else self.path

    def parent_in(self, path: str) -> str:
        """Name the parent in the path of a request; empty where objects have none."""
        return path.removeprefix(f"{self.path}/").partition("/")[0] if self.below else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of object that lives in Stripe, or in the store (`in_store`).

    `natural_key`: the attribute (or "id") that names an object besides its marker. `chosen_id`: the id is ours to
    choose. `marked`: it has metadata, and so a marker. `unsell` names fields that must let go of an object before it is
    retired, as (kind, field): a product's default price. `check` looks at fields together, `check_together` at other
    resources as well. `folded_key`: two natural keys that differ in case alone are one. `fixed` tells of an
    attribute, before and after, whether Stripe refuses this very change of a field that may change otherwise. `spent`
    tells of a raw object, at a moment, whether it became inactive by its own limits. `name_rule`: the name in the
    specs is the id, and must look so. `keyed` pairs fields whose keys are names of resources with the kind of those.
    `exclusive` pairs lists, of which no two resources may hold the same entry, with the kind of what they list; what
    stands in such a list may be retired and stand there still.
    `takes_over`: an object without a marker that has the natural key is taken over unasked. `final`: what is retired
    stays so for good, so that a new object takes its place. `derived`: no spec declares it; it follows from what others
    declare, and has a planner of its own. `place` writes into a raw object the parent that only its path tells.
    `bulk`: its rows have a planner of their own, and a plan looks at them only where they are wanted. `stands_for` is
    the kind whose addresses are in its markers, where that is another one: both count as what an address has become.
    """

    name: str
    plural: str
    body: Struct
    lookup: Lookup
    natural_key: str | None
    doc: str
    retire: Request
    revive: Request | None
    removals: tuple[str, ...]
    check: Callable[[Attrs], Iterable[Problem]]
    check_together: Callable[[Desired, Mapping[Address, Desired]], Iterable[Problem]] = lambda one, declared: ()
    example: str = ""
    chosen_id: bool = False
    marked: bool = True
    default_key: bool = False
    folded_key: bool = False
    expand: tuple[str, ...] = ()
    on_replace: OnReplace = OnReplace.CREATE_FIRST
    transfer: str | None = None
    create_class: ChangeClass = ChangeClass.COSMETIC
    retire_class: ChangeClass = ChangeClass.MONEY
    irreversible: Callable[[str, Value, Value], str] = lambda name, before, after: ""
    unsell: tuple[tuple[str, str], ...] = ()
    retire_unasked: bool = True
    alive: Callable[[Mapping[str, Value]], bool] = lambda raw: bool(raw.get("active", True))
    fixed: Callable[[str, Value, Value], bool] = lambda name, before, after: False
    spent: Callable[[Mapping[str, Value], int], bool] = lambda raw, now: False
    takes_over: bool = False
    final: bool = False
    derived: bool = False
    place: Callable[[Mapping[str, Value], str], Mapping[str, Value]] = lambda raw, parent: raw
    bulk: bool = False
    stands_for: str = ""
    name_rule: Text | None = None
    keyed: tuple[tuple[str, str], ...] = ()
    exclusive: tuple[tuple[str, str], ...] = ()

    @property
    def in_store(self) -> bool:
        """Say whether its objects live in billplan's store, and Stripe knows nothing of them."""
        return self.lookup.path.startswith(STORE_PATH)

    def named_in(self, name: str, value: Value) -> list[Address]:
        """List the resources that an attribute names: by references, and by its keys."""
        found = [ref.address for ref in refs_in(value)]
        if self.keyed and isinstance(value, Mapping):
            found += [Address(kind, key) for field, kind in self.keyed if field == name for key in value]
        return found

    def observe(self, raw: Mapping[str, Value], as_of: int, origin: Origin = Origin.LIVE) -> Observed:
        """Read a raw object, as Stripe returns it with `expand`, into canonical attributes."""
        attrs = flatten(self.body, self.body.read(raw))
        return Observed(
            kind=self.name,
            remote_id=str(raw["id"]),
            attrs=attrs,
            alive=self.alive(raw),
            created=int(raw.get("created") or 0),
            as_of=as_of,
            origin=origin,
            owner=_owner(attrs) if self.marked else None,
            spent=self.spent(raw, as_of),
        )


def _owner(attrs: Attrs) -> Owner | None:
    project = attrs.get(MARK_PROJECT)
    if project is None:
        return None
    try:
        address: Address | None = parse_address(str(attrs.get(MARK_ADDRESS, "")))
    except ValueError:
        address = None
    return Owner(
        project=str(project),
        address=address,
        digest=str(attrs.get(MARK_DIGEST, "")),
        protect=attrs.get(MARK_PROTECT) == "true",
        replaces=attrs.get(MARK_REPLACES),
    )
