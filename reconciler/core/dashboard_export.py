"""The Dashboard's export of subscriptions, turned into migration rows for another account. Pure.

A subscription begins anew where its paid period ends: `start_date` is its current period end, and nothing is backdated.
E-mail addresses, names and descriptions are not carried over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from reconciler.core.row_cells import Unreadable, shown
from reconciler.core.row_columns import checked_metadata_key

KEY = "old_Stripe_sub_id"
REQUIRED = ("id", "Customer ID", "Plan", "Status", "Current Period End (UTC)")
_COUPON, _QUANTITY, _ENDS = ("Coupon", "Discount"), "Quantity", "Cancel At Period End"
_METADATA = " (metadata)"
_MOVES = ("active", "trialing", "past_due")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportMaps:
    """New ids by those of the old account. A map that is None was not given: customers then keep their ids, and what
    has a coupon is left out."""

    prices: Mapping[str, str]
    customers: Mapping[str, str] | None = None
    coupons: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A subscription that is no row: the line that it stands in, its id, a stable slug of the reason, and words."""

    line: int
    id: str
    reason: str
    words: str


@dataclass(slots=True, kw_only=True)
class Drafted:
    """The rows of an export, and what is not among them. Not a value: it is filled once, and then read."""

    rows: list[Mapping[str, str]] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    @property
    def reasons(self) -> dict[str, int]:
        """Count what is left out by reason, the most frequent first."""
        counts = Counter(one.reason for one in self.left_out)
        return dict(sorted(counts.items(), key=lambda count: (-count[1], count[0])))


class _Unmapped(ValueError):
    """A subscription that cannot be carried over: the slug of the reason, and words."""

    def __init__(self, reason: str, words: str) -> None:
        super().__init__(words)
        self.reason = reason
        self.words = words


class Header:
    """The columns of an export, found whatever case they are written in; `missing` are those that it must have and has
    not."""

    def __init__(self, names: Sequence[str]) -> None:
        self._places: dict[str, int] = {}
        for place, name in enumerate(names):
            self._places.setdefault(name.strip().casefold(), place)
        self.missing = [name for name in REQUIRED if name.casefold() not in self._places]
        self.width = len(names)
        self.metadata = [
            (place, name.strip()[: -len(_METADATA)].strip())
            for place, name in enumerate(names)
            if name.strip().casefold().endswith(_METADATA)
        ]

    def cell(self, cells: Sequence[str], name: str) -> str:
        """Give a cell's text; empty where there is no such column."""
        place = self._places.get(name.casefold())
        return "" if place is None else cells[place].strip()


def draft_rows(header: Header, lines: Iterable[tuple[int, Sequence[str]]], maps: ExportMaps) -> Drafted:
    """Turn an export's lines, each with its number, into rows; a subscription with several lines has several items."""
    drafted = Drafted()
    groups: dict[str, list[tuple[int, Sequence[str]]]] = {}
    for line, cells in lines:
        if len(cells) != header.width:
            words = f"the line has {len(cells)} cells, and the header {header.width}"
            drafted.left_out.append(LeftOut(line=line, id="", reason="cell_count", words=words))
            continue
        id = header.cell(cells, "id")
        groups.setdefault(id or f"(line {line})", []).append((line, cells))
    for id, group in groups.items():
        try:
            drafted.rows.append(_row(header, group, maps))
        except _Unmapped as wrong:
            known = id if id.startswith("sub_") and "@" not in id else ""
            drafted.left_out.append(LeftOut(line=group[0][0], id=known, reason=wrong.reason, words=wrong.words))
    drafted.left_out.sort(key=lambda one: one.line)
    return drafted


def _row(header: Header, group: Sequence[tuple[int, Sequence[str]]], maps: ExportMaps) -> Mapping[str, str]:
    cells = group[0][1]
    id, status = header.cell(cells, "id"), header.cell(cells, "Status").casefold()
    if not id.startswith("sub_"):
        raise _Unmapped("id", f"{shown(id)} is not the id of a subscription")
    if status not in _MOVES:
        raise _Unmapped("status", f"its status is {shown(status)}: only {', '.join(_MOVES)} ones move")
    if header.cell(cells, _ENDS).casefold() in ("true", "yes", "1"):
        raise _Unmapped("ends", "it is canceled when its period ends, so that nothing is left to move")
    row = {"customer": _customer(header.cell(cells, "Customer ID"), maps)}
    row["start_date"] = str(_moment(header.cell(cells, "Current Period End (UTC)")))
    row |= _items(header, [cells for _, cells in group], maps)
    row[f"metadata.{KEY}"] = id
    row |= dict(_metadata(header, cells))
    row |= _coupon(header, cells, maps)
    return {**row, "proration_behavior": "none", "source_subscription": id}


def _customer(old: str, maps: ExportMaps) -> str:
    if not old.startswith("cus_"):
        raise _Unmapped("customer", f"{shown(old)} is not the id of a customer")
    return old if maps.customers is None else _new(old, maps.customers, "customer")


def _new(old: str, ids: Mapping[str, str], what: str) -> str:
    found = ids.get(old)
    if not found:
        how = "has no new id in" if old in ids else "is not in"
        raise _Unmapped(f"{what}_not_in_map", f"the {what} {shown(old)} {how} the map of {what}s")
    return found


def _items(header: Header, group: Sequence[Sequence[str]], maps: ExportMaps) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, cells in enumerate(group):
        before = "" if len(group) == 1 else f"items.{number}."
        found[f"{before}price"] = _new(header.cell(cells, "Plan"), maps.prices, "price")
        quantity = header.cell(cells, _QUANTITY)
        if quantity:
            found[f"{before}quantity"] = quantity
    return found


def _coupon(header: Header, cells: Sequence[str], maps: ExportMaps) -> dict[str, str]:
    old = next((text for name in _COUPON if (text := header.cell(cells, name))), "")
    if not old:
        return {}
    if maps.coupons is None:
        raise _Unmapped("coupon_not_in_map", f"it has the discount {shown(old)}, and there is no map of coupons")
    return {"coupon": _new(old, maps.coupons, "coupon")}


def _metadata(header: Header, cells: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Carry metadata over, save for what another billplan project has written."""
    for place, name in header.metadata:
        text = cells[place]
        if not text.strip() or name == KEY:
            continue
        try:
            yield f"metadata.{checked_metadata_key(name)}", text
        except Unreadable as wrong:
            if wrong.reason != "reserved_metadata":
                raise _Unmapped("metadata", wrong.summary) from None


def _moment(text: str) -> int:
    """Read a date of the export, which are in UTC and do not say so."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise _Unmapped("date", f"{shown(text)} is not a date such as 2027-01-25 10:30") from None
    return int((found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp())
