"""A plan: the changes, and the exact steps that make them. A value; nothing in here is decided at apply time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.core.address import Address
from reconciler.core.changes import Action, Change, Drift
from reconciler.core.diagnostics import Diagnostic
from reconciler.core.product_use import ProductUse
from reconciler.core.values import Attrs, Ref, Value, digest

FORMAT_VERSION = "1.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """A create's precondition: its address has exactly these earlier incarnations (ids, sorted) and no other.

    `natural_key` is the value under which a lost object is found besides its marker.
    """

    incarnations: tuple[str, ...]
    natural_key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """An update's precondition: each of these attributes still has its value of plan time, or its target already."""

    remote_id: str | Ref
    before: Attrs


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One request. `needs` are the ids of steps that come first; `expect` is what the object shows when it is done,
    None when it is gone; `undo` says how to take it back, or why that cannot be done."""

    id: str
    address: Address
    kind: str
    title: str
    method: str
    path: str
    params: Mapping[str, Value]
    precondition: Absent | Unchanged
    expect: Attrs | None
    needs: tuple[str, ...] = ()
    undo: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Whom a plan is for and what it was made from. Times are epoch seconds, UTC, by Stripe's clock.

    `mirror_as_of`: how old the oldest part is that came from the mirror; None where all was listed live.
    """

    format_version: str
    tool_version: str
    account: str
    livemode: bool
    api_version: str
    project: str
    spec_digest: str
    created_at: int
    expires_at: int
    environment: str | None = None
    mirror_as_of: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The difference between the specs and an account, and how to close it.

    `changes` holds what differs; `unchanged` counts the rest. `complete`: made from all specs and kinds (no selection).
    `refusals`: the guards' words. `unmanaged` counts the live objects of each kind that nobody declared, `owned` those
    of this project. `product_use`: how much Stripe's products are used, under the mappings as the plan makes them; None
    for a project without mappings.
    """

    header: Header
    changes: tuple[Change, ...]
    steps: tuple[Step, ...]
    drift: tuple[Drift, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    refusals: tuple[str, ...] = ()
    unmanaged: Mapping[str, int] = field(default_factory=dict)
    owned: Mapping[str, int] = field(default_factory=dict)
    unchanged: int = 0
    complete: bool = True
    product_use: ProductUse | None = None

    @property
    def applicable(self) -> bool:
        """Say whether nothing in the plan is refused."""
        return not self.refusals and not any(c.action is Action.REFUSED for c in self.changes)

    @property
    def empty(self) -> bool:
        """Say whether there is nothing to do."""
        return not any(c.action is not Action.NOOP for c in self.changes)

    @property
    def summary(self) -> dict[str, int]:
        """Count the changes by action."""
        counts = Counter(c.action.value for c in self.changes)
        counts[Action.NOOP.value] += self.unchanged
        return {a.value: counts.get(a.value, 0) for a in Action}

    @property
    def digest(self) -> str:
        """Bind target, specs and every exact call in one hash; what guards say of it is not a part."""
        head = {f: getattr(self.header, f) for f in Header.__dataclass_fields__}
        steps = [
            [s.id, s.method, s.path, s.params, s.needs, precondition_json(s.precondition), s.expect] for s in self.steps
        ]
        changes = [[str(c.address), c.action.value, c.remote_id] for c in self.changes]
        return digest([head, changes, steps])


def precondition_json(precondition: Absent | Unchanged) -> dict[str, Value]:
    """Spell a precondition as the plan file does."""
    match precondition:
        case Absent():
            return {"absent": list(precondition.incarnations), "natural_key": precondition.natural_key}
        case Unchanged():
            return {"unchanged": precondition.remote_id, "before": precondition.before}
