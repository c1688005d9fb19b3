"""The fields of a change as rows: a name, what it is, what it becomes, and what to know about it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Literal

from reconciler.core.attrs import leaf
from reconciler.core.changes import Action, Change, Drift, FieldDiff
from reconciler.core.fields import ChangeClass, FieldType
from reconciler.core.kind import Kind
from reconciler.core.resources import MARKS
from reconciler.core.shapes import ListOf, MapOf, Struct
from reconciler.core.types import Amount, show_moment
from reconciler.core.values import Attrs, Value, decimal_text
from reconciler.views.notation import Notation, clean, part_type

Mark = Literal["+", "-", " "]
_OPTION = re.compile(r"currency_options\]?\[([a-z]{3})\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One field. `before` is None where there is nothing to compare with. A list has `lines` instead, with marks."""

    name: str
    before: str | None = None
    after: str = ""
    remark: str = ""
    forces: bool = False
    money: bool = False
    lines: tuple[tuple[Mark, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sides:
    """One attribute or part of it, with the currency of each side. `fresh`: there is no other side to show."""

    name: str
    kind: FieldType | None
    before: Value
    after: Value
    currencies: tuple[str, str]
    fresh: bool = False


def rows_of(change: Change, kind: Kind | None, notation: Notation) -> list[Row]:
    """Describe what a change does to the fields of its resource."""
    if change.action is Action.CREATE:
        return _present(change, change.after, kind, notation)
    if change.action is Action.RETIRE and not change.diffs:
        money = {n: v for n, v in change.before.items() if moves_money(kind, n)}
        return _present(change, money, kind, notation)
    diffs = sorted(change.diffs, key=lambda d: not d.forces)
    return [r for d in diffs if d.name not in MARKS for r in _diff_rows(change, d, kind, notation)]


def _present(change: Change, attrs: Attrs, kind: Kind | None, notation: Notation) -> list[Row]:
    """Describe what there is or will be: what merely equals Stripe's default goes unsaid."""
    rows: list[Row] = []
    for name in _in_order(attrs, kind):
        value = attrs[name]
        if value is None or name in MARKS or value == _default(kind, name):
            continue
        currency = currency_of(name, attrs, change.currency)
        sides = _Sides(
            name=name,
            kind=attr_type(kind, name),
            before=None,
            after=value,
            currencies=(currency, currency),
            fresh=True,
        )
        rows += _rows(sides, notation)
    return rows


def _diff_rows(change: Change, diff: FieldDiff, kind: Kind | None, notation: Notation) -> list[Row]:
    after = currency_of(diff.name, change.after, change.currency)
    before = currency_of(diff.name, {**change.after, **change.before}, change.currency)
    sides = _Sides(
        name=diff.name,
        kind=attr_type(kind, diff.name),
        before=diff.before,
        after=diff.after,
        currencies=(before, after),
    )
    forces = diff.forces and change.action is Action.REPLACE
    money = moves_money(kind, diff.name)
    return [replace(row, forces=forces, money=money) for row in _rows(sides, notation)]


def drift_rows(drift: Drift, change: Change | None, kind: Kind | None, notation: Notation) -> list[Row]:
    """Describe what somebody changed outside: as last applied, and as it is now."""
    attrs = {} if change is None else {**change.after, **change.before}
    currency = currency_of(drift.name, attrs, "" if change is None else change.currency)
    sides = _Sides(
        name=drift.name,
        kind=attr_type(kind, drift.name),
        before=drift.applied,
        after=drift.live,
        currencies=(currency, currency),
        fresh=not drift.known,
    )
    what_next = "" if change is None else _what_next(drift, change, sides, notation)
    unknown = "" if drift.known else "what was applied is not known"
    remark = "; ".join(t for t in (unknown, told(drift), what_next) if t)
    # What was applied, and what is, is there: a reference says which resource it is, not that it is to come.
    rows = _rows(sides, replace(notation, pending=frozenset()))
    return [replace(row, remark="; ".join(t for t in (row.remark, remark) if t)) for row in rows]


def told(drift: Drift) -> str:
    """Say when and by which request a field was changed, as far as an event tells."""
    if drift.told is None:
        return ""
    by = f"request {drift.told.request_id}" if drift.told.request_id else "no request, so by Stripe itself"
    return f"changed {show_moment(drift.told.at)} by {by} ({drift.told.event})"


def _what_next(drift: Drift, change: Change, sides: _Sides, notation: Notation) -> str:
    diff = next((d for d in change.diffs if d.name == drift.name), None)
    if diff is None or change.action in (Action.REFUSED, Action.RETIRE):
        return ""
    if drift.known and diff.after == drift.applied:
        return "this plan puts it back"
    return f"this plan sets it to {notation.value(diff.after, sides.kind, sides.currencies[1])}"


def attr_type(kind: Kind | None, name: str) -> FieldType | None:
    """Find the type of an attribute; of `metadata[tier]` that of one value."""
    if kind is None:
        return None
    try:
        field = leaf(kind.body, name)
    except KeyError:
        return None
    return field.type.value if field.split and isinstance(field.type, MapOf) else field.type


def moves_money(kind: Kind | None, name: str) -> bool:
    """Say whether a change of this attribute changes what somebody pays."""
    try:
        return kind is not None and leaf(kind.body, name).change_class.rank >= ChangeClass.MONEY.rank
    except KeyError:
        return False


def currency_of(name: str, attrs: Attrs, otherwise: str) -> str:
    """Find the currency of an attribute: of its own option, beside it, or of the whole resource."""
    option = _OPTION.search(name)
    if option is not None:
        return option[1]
    beside = f"{name[:-1]}_currency]" if name.endswith("]") else f"{name}_currency"
    for found in (attrs.get(beside), attrs.get("currency")):
        if isinstance(found, str) and found:
            return found
    return otherwise


def _in_order(attrs: Attrs, kind: Kind | None) -> list[str]:
    order = {} if kind is None else {f.name: n for n, f in enumerate(kind.body.fields)}
    return sorted(attrs, key=lambda n: (order.get(n.partition("[")[0], len(order)), n))


def _default(kind: Kind | None, name: str) -> Value:
    try:
        return None if kind is None else leaf(kind.body, name).default
    except KeyError:
        return None


def _rows(sides: _Sides, notation: Notation) -> Iterator[Row]:
    values = [v for v in (sides.before, sides.after) if v is not None]
    if values and all(isinstance(v, Mapping) for v in values):
        parts = [row for part in _parts(sides) for row in _rows(part, notation)]
        yield from parts or [_row(sides, notation)]
    elif values and all(isinstance(v, list | tuple) for v in values):
        yield Row(name=notation.plain(sides.name), lines=_lines(sides, notation))
    else:
        yield _row(sides, notation)


def _parts(sides: _Sides) -> Iterator[_Sides]:
    """Take a struct apart, so that only the members that differ are shown."""
    before, after = sides.before or {}, sides.after or {}
    for name in _member_names(before, after, sides.kind):
        first, second = before.get(name), after.get(name)
        if first == second or (None in (sides.before, sides.after) and _is_default(sides.kind, name, first, second)):
            continue
        yield _Sides(
            name=f"{sides.name}[{name}]",
            kind=part_type(sides.kind, name),
            before=first,
            after=second,
            currencies=(_own(before, sides.currencies[0]), _own(after, sides.currencies[1])),
            fresh=sides.fresh,
        )


def _member_names(before: Attrs, after: Attrs, kind: FieldType | None) -> list[str]:
    known = [f.name for f in kind.fields] if isinstance(kind, Struct) else []
    present = {**before, **after}
    return [*(n for n in known if n in present), *sorted(n for n in present if n not in known)]


def _is_default(kind: FieldType | None, name: str, before: Value, after: Value) -> bool:
    default = next((f.default for f in kind.fields if f.name == name), None) if isinstance(kind, Struct) else None
    return default is not None and (before if after is None else after) == default


def _own(members: Attrs, otherwise: str) -> str:
    own = members.get("currency")
    return own if isinstance(own, str) and own else otherwise


def _row(sides: _Sides, notation: Notation) -> Row:
    name, (first, second) = notation.plain(sides.name), sides.currencies
    if sides.fresh:
        return Row(name=name, after=_percent(name, notation.value(sides.after, sides.kind, second)))
    if isinstance(sides.kind, Amount):
        return Row(
            name=name,
            before=notation.value(sides.before, sides.kind, first),
            after=notation.value(sides.after, sides.kind, second),
            remark=_by_how_much(sides, notation),
        )
    if isinstance(sides.before, str) and isinstance(sides.after, str):
        before, after = notation.pair(sides.before, sides.after)
    else:
        before = notation.value(sides.before, sides.kind, first)
        after = notation.value(sides.after, sides.kind, second)
    return Row(name=name, before=_percent(name, before), after=_percent(name, after))


def _percent(name: str, shown: str) -> str:
    return f"{shown}%" if name.startswith("percent") and shown[-1:].isdigit() else shown


def _by_how_much(sides: _Sides, notation: Notation) -> str:
    """Say by how much an amount changes, which nobody should have to work out at night."""
    first, second = sides.currencies
    try:
        before, after = Decimal(str(sides.before)), Decimal(str(sides.after))
    except InvalidOperation:
        return ""
    if first != second or not first or not (before.is_finite() and after.is_finite()):
        return ""
    sign, by = ("+" if after > before else "-"), abs(after - before)
    percent = f", {sign}{by * 100 / abs(before):,.1f}%" if before else ""
    return f"{sign}{notation.amount(decimal_text(by), first)}{percent}"


def _lines(sides: _Sides, notation: Notation) -> tuple[tuple[Mark, str], ...]:
    before = item_lines(sides.before or (), sides.kind, notation, sides.currencies[0])
    after = item_lines(sides.after or (), sides.kind, notation, sides.currencies[1])
    if sides.fresh:
        return tuple((" ", line) for line in after)
    return tuple(_merged(before, after))


def _merged(before: list[str], after: list[str]) -> Iterable[tuple[Mark, str]]:
    if before == after:
        yield from ((" ", line) for line in after)
        yield " ", "(differs in what is not shown)"
        return
    for tag, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            yield from ((" ", line) for line in after[k:m])
        else:
            # What takes the place of a line stands right below it, as far as both sides have lines.
            for old, new in zip_longest(before[i:j], after[k:m]):
                if old is not None:
                    yield "-", old
                if new is not None:
                    yield "+", new


def item_lines(items: Sequence[Value], kind: FieldType | None, notation: Notation, currency: str) -> list[str]:
    """Write a list, an entry to a line; tiers as a price list reads."""
    item = kind.item if isinstance(kind, ListOf) else None
    if items and all(isinstance(i, Mapping) and "up_to" in i for i in items):
        bounds = ["", *(str(i["up_to"]) for i in items)]
        return [_tier(t, lower, notation, currency) for t, lower in zip(items, bounds, strict=False)]
    return [notation.value(i, item, currency) for i in items]


def _tier(tier: Mapping[str, Value], lower: str, notation: Notation, currency: str) -> str:
    upper = str(tier["up_to"])
    above = f"above {_counted(lower)}" if lower else "all units"
    span = above if upper == "inf" else f"up to {_counted(upper)}"
    amounts = []
    if tier.get("unit_amount") is not None:
        amounts.append(f"{notation.amount(tier['unit_amount'], currency)} each")
    if tier.get("flat_amount") is not None:
        amounts.append(f"{notation.amount(tier['flat_amount'], currency)} flat")
    return f"{span}: {' + '.join(amounts)}"


def _counted(bound: str) -> str:
    return f"{int(bound):,}" if bound.isascii() and bound.isdigit() else clean(bound)
