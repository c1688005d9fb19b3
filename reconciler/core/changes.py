"""What a plan says of one resource: the action, its class, the reason in words, and the fields that differ."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.core.address import Address
from reconciler.core.diagnostics import SourceRange
from reconciler.core.fields import ChangeClass
from reconciler.core.values import Attrs, Value


class Action(StrEnum):
    """What happens to a resource. Retire, not delete: Stripe archives prices, and the word must not lie."""

    NOOP = "noop"
    CREATE = "create"
    ADOPT = "adopt"
    UPDATE = "update"
    REPLACE = "replace"
    RETIRE = "retire"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDiff:
    """One attribute before and after; None is unset. `forces` tells why this one cannot change in place."""

    name: str
    before: Value
    after: Value
    forces: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One resource's part of a plan. `reason` is for people and decides nothing."""

    address: Address
    action: Action
    change_class: ChangeClass
    reason: str
    remote_id: str | None = None
    before: Attrs = field(default_factory=dict)
    after: Attrs = field(default_factory=dict)
    diffs: tuple[FieldDiff, ...] = ()
    irreversible: str = ""
    notes: tuple[str, ...] = ()
    refused: str = ""
    hint: str = ""
    verb: str = ""
    currency: str = ""
    source: SourceRange | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What Stripe's event tells of a change: when (epoch seconds, UTC), and by which request; None: by no request."""

    event: str
    at: int
    request_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A field of an owned object that somebody changed outside: as last applied (None where unknown), and as it is.

    `told` is there where the mirror has the event of the change.
    """

    address: Address
    remote_id: str
    name: str
    applied: Value
    known: bool
    live: Value
    told: Told | None = None
