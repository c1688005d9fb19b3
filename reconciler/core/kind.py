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
from reconciler.core.values import Attrs, Value


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
    """How every object of a kind, retired ones included, is listed: one listing for each set of parameters."""

    path: str
    listings: tuple[Mapping[str, Value], ...]
    by_created: bool = True
    permission: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of object that lives in Stripe.

    `natural_key`: the attribute (or "id") that names an object besides its marker. `chosen_id`: the id is ours to
    choose. `marked`: it has metadata, and so a marker. `unsell` names fields that must let go of an object before it is
    retired, as (kind, field): a product's default price. `check` looks at fields together, `check_together` at other
    resources as well. `folded_key`: two natural keys that differ in case alone are one. `fixed` tells of an
    attribute, before and after, whether Stripe refuses this very change of a field that may change otherwise. `spent`
    tells of a raw object, at a moment, whether it became inactive by its own limits.
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
