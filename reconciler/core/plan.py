"""A plan: the changes, and the exact steps that make them. A value; nothing in here is decided at apply time."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.core.address import Address
from reconciler.core.changes import Action, Change, Drift
from reconciler.core.diagnostics import Diagnostic
from reconciler.core.migration_money import MigrationMoney
from reconciler.core.product_use import ProductUse
from reconciler.core.values import Attrs, Ref, Value, canonical

FORMAT_VERSION = "1.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """A create's precondition: its address has exactly these earlier incarnations (ids, sorted) and no other.

    `natural_key` is the value under which a lost object is found besides its marker. `key` is a metadata name and value
    that nothing else which bills may carry.
    """

    incarnations: tuple[str, ...]
    natural_key: str | None
    key: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """An update's precondition: each of these attributes still has its value of plan time, or its target already."""

    remote_id: str | Ref
    before: Attrs


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One request. `needs` are the ids of steps that come first; `expect` is what the object shows when it is done,
    None when it is gone; `undo` says how to take it back, or why that cannot be done. From `deadline` on (epoch
    seconds, UTC) it is not sent any more."""

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
    deadline: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Whom a plan is for and what it was made from. Times are epoch seconds, UTC, by Stripe's clock.

    `mirror_as_of`: how old the oldest part is that came from the mirror; None where all was listed live. `sources` are
    the accounts that migrations come from, by migration.
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
    sources: Mapping[str, str] = field(default_factory=dict)

    def said(self) -> dict[str, Any]:
        """Spell it, without what is empty."""
        said = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return said if self.sources else {name: value for name, value in said.items() if name != "sources"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The difference between the specs and an account, and how to close it.

    `changes` holds what differs; `unchanged` counts the rest. `complete`: made from all specs and kinds (no selection).
    `refusals`: the guards' words. `unmanaged` counts the live objects of each kind that nobody declared, `owned` those
    of this project. `product_use`: how much Stripe's products are used, under the mappings as the plan makes them; None
    for a project without mappings. `migrations`: what each subscription migration comes to in rows and money.
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
    migrations: tuple[MigrationMoney, ...] = ()
    # No part of the value: what `digest` said, once it was asked. A plan that is made from this one starts anew.
    _said: str = field(default="", init=False, repr=False, compare=False)

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
        if not self._said:
            hashed = hashlib.sha256()
            for text in self._bound():
                # Half of a surrogate pair is no UTF-8, but a text in an answer may hold one.
                hashed.update(text.encode(errors="surrogatepass"))
            object.__setattr__(self, "_said", hashed.hexdigest())
        return self._said

    def _bound(self) -> Iterator[str]:
        """Write what the digest binds as one canonical list, piece by piece: a long plan's is hundreds of megabytes."""
        yield f"[{canonical(self.header.said())},["
        yield from _joined([str(c.address), c.action.value, c.remote_id] for c in self.changes)
        yield "],["
        yield from _joined(map(_step_said, self.steps))
        yield "]]"

    def judged(self, refusals: tuple[str, ...]) -> Plan:
        """Put other words of the guards into a plan; its digest, which they are no part of, need not be made again."""
        plan = replace(self, refusals=refusals)
        object.__setattr__(plan, "_said", self._said)
        return plan


def _step_said(step: Step) -> Value:
    said = [step.id, step.method, step.path, step.params, step.needs, precondition_json(step.precondition), step.expect]
    return said if step.deadline is None else [*said, step.deadline]


def _joined(values: Iterable[Value]) -> Iterator[str]:
    separator = ""
    for value in values:
        yield f"{separator}{canonical(value)}"
        separator = ","


def precondition_json(precondition: Absent | Unchanged) -> dict[str, Value]:
    """Spell a precondition as the plan file does."""
    match precondition:
        case Absent():
            keyed: dict[str, Value] = {} if precondition.key is None else {"key": list(precondition.key)}
            return {"absent": list(precondition.incarnations), "natural_key": precondition.natural_key, **keyed}
        case Unchanged():
            return {"unchanged": precondition.remote_id, "before": precondition.before}
