"""Sums migrations up in money: from their rows as planned to what reviewers and guards look at. Pure, linear in rows.

What a row comes to a month is the amount of one of its periods, brought to a month of a year of twelve: a year's amount
by 12, a week's times 52 by 12, a day's times 365 by 12, each by the count of intervals in the period. Every row is
rounded by itself, half up, to the minor unit; so is what other tools show for a subscription.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from heapq import nsmallest
from typing import TYPE_CHECKING

from reconciler.core.address import Address
from reconciler.core.changes import Action, Change
from reconciler.core.course import Charge, Course
from reconciler.core.fields import ChangeClass
from reconciler.core.migration_facts import Payer
from reconciler.core.migration_money import (
    AgainstSource,
    BatchRows,
    ChargeDay,
    Difference,
    Lot,
    MigrationMoney,
    MissingCards,
    Total,
)
from reconciler.core.migrations import DEFAULT_PAYMENT_METHOD, KIND, Migration, row_address
from reconciler.core.money import exponent
from reconciler.core.payer_faults import needs_latest
from reconciler.core.row_standing import RowStanding

if TYPE_CHECKING:
    from reconciler.core.migration_plan import PlannedRow

_SECONDS_A_DAY = 86400
# How many intervals a year of twelve months has.
_A_YEAR = {"year": 1, "month": 12, "week": 52, "day": 365}
_LARGEST, _HELD = 5, 1000
# The most digits that a currency has after its point: on that scale differences of several currencies are put in order.
_DIGITS = 3

_LOTS = {
    RowStanding.NOT_RELEASED: Lot.NOT_RELEASED,
    RowStanding.WAITING: Lot.WAITING,
    RowStanding.DUE: Lot.LEFT_OUT,
    RowStanding.SCHEDULED: Lot.SCHEDULED,
    RowStanding.LIVE: Lot.LIVE,
    RowStanding.ENDED: Lot.ENDED,
    RowStanding.CANCELED: Lot.CANCELED,
    RowStanding.FAILED: Lot.FAILED,
}
_ACTS = {
    Action.CREATE: Lot.SCHEDULE,
    Action.UPDATE: Lot.CHANGE,
    Action.RETIRE: Lot.CANCEL,
    Action.ADOPT: Lot.ADOPT,
    Action.REFUSED: Lot.FAILED,
}
# What is done with a row whose phases a plan writes, where it is of class MONEY.
_WRITING = frozenset({Action.CREATE, Action.UPDATE, Action.ADOPT})
_NOT_THERE_YET = frozenset({Lot.SCHEDULE, Lot.LEFT_OUT, Lot.NOT_RELEASED, Lot.WAITING})
_AT_REST = frozenset({Lot.SCHEDULED, Lot.LIVE, Lot.ADOPT})
_COUNTED = _NOT_THERE_YET | _AT_REST | {Lot.CHANGE}
# A card that is missing still matters for these: they have not started, or are not known to have.
_TO_START = _NOT_THERE_YET | {Lot.CHANGE, Lot.ADOPT, Lot.SCHEDULED, Lot.FAILED}


def sum_migrations(
    planned: Iterable[PlannedRow], changes: Iterable[Change], payers: Mapping[str, Payer]
) -> tuple[MigrationMoney, ...]:
    """Sum every migration up, in the order of its rows. `changes` are the plan's, which may be of a part only."""
    acts = {c.address: c for c in changes if c.address.kind == KIND}
    found: dict[str, _Sum] = {}
    for one in planned:
        name = one.migration.name
        if name not in found:
            found[name] = _Sum(one.migration, payers)
        address = row_address(name, one.row.key)
        found[name].add(one, address, acts.get(address))
    return tuple(one.money() for one in found.values())


def monthly(amount: int, interval: str, interval_count: int) -> int:
    """Bring the amount of a period to a month, rounded half up; raise KeyError for an interval that Stripe has not."""
    over, under = amount * _A_YEAR[interval], 12 * interval_count
    return (2 * over + under) // (2 * under)


def _lot(standing: RowStanding, change: Change | None) -> Lot:
    # A mark that is written anew changes nothing for anybody.
    if change is None or (change.action is Action.UPDATE and change.change_class is ChangeClass.COSMETIC):
        return _LOTS[standing]
    return _ACTS.get(change.action, _LOTS[standing])


def _moves(change: Change | None) -> bool:
    return change is not None and change.action in _WRITING and change.change_class is ChangeClass.MONEY


class _Sum:
    """Adds the rows of one migration up, and is used once."""

    def __init__(self, migration: Migration, payers: Mapping[str, Payer]) -> None:
        self.migration = migration
        self.payers = payers
        self.batches: defaultdict[str, Counter[Lot]] = defaultdict(Counter)
        for batch in migration.batches:
            self.batches[batch.name] = Counter()
        self.moved: dict[str, list[int]] = {}
        self.in_all: dict[str, list[int]] = {}
        self.not_laid = 0
        self.days: dict[tuple[int, str], list[int]] = {}
        self.uncharged = 0
        self.starts: list[int] = []
        self.cards: Counter[str] = Counter()
        self.compared: dict[str, list[int]] = {}
        self.not_compared = 0
        self.differences: list[Difference] = []
        self.faults: Counter[str] = Counter()

    def add(self, one: PlannedRow, address: Address, change: Change | None) -> None:
        lot = _lot(one.standing, change)
        self.batches[one.batch][lot] += 1
        course = one.course
        if lot is Lot.FAILED:
            self.faults.update({fault.reason for fault in one.faults})
        if lot in _COUNTED:
            self._count(course, self.in_all)
            self.not_laid += course is None and lot in _AT_REST
        if course is not None and _moves(change):
            self._count(course, self.moved)
            self._charge(course.first)
            self._compare(one, address, course)
            self.starts.append(course.start)
        if lot in _TO_START:
            self._card(one, lot, _moves(change) or lot in _NOT_THERE_YET)

    def _count(self, course: Course | None, into: dict[str, list[int]]) -> None:
        if course is None:
            return
        sums = into.setdefault(course.currency, [0, 0, 0])
        # What ends with its first period recurs for nobody.
        if course.period_amount is not None and course.renews is not None:
            sums[0] += monthly(course.period_amount, course.interval, course.interval_count)
        sums[1] += 1
        sums[2] += course.period_amount is None

    def _charge(self, first: Charge | None) -> None:
        if first is None:
            self.uncharged += 1
            return
        sums = self.days.setdefault((first.at // _SECONDS_A_DAY, first.currency), [0, 0, 0, 0])
        sums[0] += first.amount or 0
        sums[1] += 1
        sums[2] += first.amount is None
        sums[3] += first.plus_tax

    def _compare(self, one: PlannedRow, address: Address, course: Course) -> None:
        terms = one.row.terms
        source, here = None if terms is None else terms.source_amount, course.period_amount
        if source is None or here is None:
            self.not_compared += 1
            return
        sums = self.compared.setdefault(course.currency, [0, 0, 0, 0, 0])
        sums[0 if here > source else 1 if here < source else 2] += 1
        sums[3] += source
        sums[4] += here
        if here != source:
            self.differences.append(Difference(address=address, currency=course.currency, source=source, here=here))
            if len(self.differences) > _HELD:
                self.differences = nsmallest(_LARGEST, self.differences, key=_by_size)

    def _card(self, one: PlannedRow, lot: Lot, to_be_set: bool) -> None:
        terms = one.row.terms
        payer = None if terms is None else self.payers.get(terms.customer)
        if terms is None or payer is None or payer.method or payer.deleted:
            return
        never = one.course is not None and one.course.first is None
        if terms.collection_method != "charge_automatically" or never:
            return
        latest = payer.latest is not None and needs_latest(self.migration, terms, payer)
        given = latest and to_be_set and DEFAULT_PAYMENT_METHOD not in one.row.waives
        self.cards["failed" if lot is Lot.FAILED else "set_latest" if given else "without"] += 1

    def money(self) -> MigrationMoney:
        released = frozenset(self.migration.released)
        return MigrationMoney(
            migration=self.migration.name,
            batches=tuple(
                BatchRows(name=name, released=not self.migration.batches or name in released, rows=dict(rows))
                for name, rows in self.batches.items()
            ),
            moved=_totals(self.moved),
            in_all=_totals(self.in_all),
            not_laid=self.not_laid,
            charges=tuple(_day(day, currency, sums) for (day, currency), sums in sorted(self.days.items())),
            uncharged=self.uncharged,
            first_start=min(self.starts, default=None),
            last_start=max(self.starts, default=None),
            cards=MissingCards(**self.cards),
            compared=tuple(_against(currency, sums) for currency, sums in sorted(self.compared.items())),
            not_compared=self.not_compared,
            biggest=tuple(nsmallest(_LARGEST, self.differences, key=_by_size)),
            faults=dict(sorted(self.faults.items(), key=lambda count: (-count[1], count[0]))),
        )


def _totals(sums: Mapping[str, list[int]]) -> tuple[Total, ...]:
    return tuple(
        Total(currency=currency, amount=amount, rows=rows, unknown=unknown)
        for currency, (amount, rows, unknown) in sorted(sums.items())
    )


def _day(day: int, currency: str, sums: list[int]) -> ChargeDay:
    amount, rows, unknown, plus_tax = sums
    return ChargeDay(
        day=datetime.fromtimestamp(day * _SECONDS_A_DAY, UTC).date().isoformat(),
        total=Total(currency=currency, amount=amount, rows=rows, unknown=unknown),
        plus_tax=plus_tax,
    )


def _against(currency: str, sums: list[int]) -> AgainstSource:
    more, less, same, source, here = sums
    return AgainstSource(currency=currency, more=more, less=less, same=same, source=source, here=here)


def _by_size(one: Difference) -> tuple[int, Address]:
    return -abs(one.here - one.source) * 10 ** (_DIGITS - exponent(one.currency)), one.address
