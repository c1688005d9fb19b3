"""The fields of a resource body: what may stand in a spec, how Stripe spells it, and what a change of it means.

One description serves four readers: the check of a spec, the reading of a live object, the request, the JSON Schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from reconciler.core.values import Value

Path = tuple[str | int, ...]


class OnChange(StrEnum):
    """What a changed field of a live object asks for."""

    UPDATE = "update"
    REPLACE = "replace"
    REFUSE = "refuse"


class ChangeClass(StrEnum):
    """What a reviewer must look at; a change has the gravest class of what it holds."""

    COSMETIC = "cosmetic"
    ENTITLEMENT = "entitlement"
    MONEY = "money"
    IRREVERSIBLE = "irreversible"

    @property
    def rank(self) -> int:
        return list(ChangeClass).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong at a path inside a body; the loader adds file, line and column."""

    path: Path
    code: str
    summary: str
    hint: str = ""


class Problems(list[Problem]):
    """Collects the problems of one body."""

    def report(self, path: Path, code: str, summary: str, hint: str = "") -> None:
        self.append(Problem(path=path, code=code, summary=summary, hint=hint))


class FieldType(Protocol):
    """A type of value. `parse` checks a spec's value and makes it canonical; None means that a problem was reported.

    `read` makes a live value canonical, `encode` turns a canonical value into request parameters, `schema` describes
    the spec's value as JSON Schema. Equal meaning is an equal canonical value: that is what keeps diffs empty.
    """

    def parse(self, value: Value, path: Path, problems: Problems) -> Value: ...
    def read(self, raw: Value) -> Value: ...
    def encode(self, value: Value) -> Value: ...
    def schema(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One parameter of a resource, by Stripe's own name.

    `default` is what Stripe holds when the parameter is left out (canonical; None for null). `clearable`: an update
    with an empty string unsets it. `split`: its parts (metadata keys, currencies) are owned and changed one by one.
    `twin`: the other spelling of the same amount (`unit_amount_decimal`). `deferred`: set after the creation, because
    it refers to something that itself refers to this resource.
    """

    name: str
    type: FieldType
    doc: str
    on_change: OnChange = OnChange.UPDATE
    required: bool = False
    default: Value = None
    clearable: bool = False
    change_class: ChangeClass = ChangeClass.COSMETIC
    split: bool = False
    twin: str | None = None
    deferred: bool = False

    def read(self, raw: Mapping[str, Value]) -> Value:
        """Read this field of a live object, in its canonical form."""
        value = raw.get(self.twin) if self.twin else None
        if value is None:
            value = raw.get(self.name)
        return None if value is None else self.type.read(value)
