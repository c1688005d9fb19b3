"""A migration in money: what a plan does with its rows, what moves a month, and who is first charged how much when.

A value that plans carry and views show; migration_sums.py makes it. Amounts are integers in minor units, moments epoch
seconds, UTC. What depends on usage has no amount, and is counted apart instead of being taken for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from reconciler.core.address import Address, parse_address
from reconciler.core.values import Value


class Lot(StrEnum):
    """What becomes of a row: what this plan does with it, and if that is nothing, where it stands.

    LEFT_OUT rows are due, and not in this plan: it was asked for others. FAILED rows cannot be planned as they are.
    """

    SCHEDULE = "schedule"
    CHANGE = "change"
    CANCEL = "cancel"
    ADOPT = "adopt"
    LEFT_OUT = "left_out"
    NOT_RELEASED = "not_released"
    WAITING = "waiting"
    SCHEDULED = "scheduled"
    LIVE = "live"
    ENDED = "ended"
    CANCELED = "canceled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRows:
    """How many rows of a batch there are of each lot. `name` is empty for rows that no batch takes."""

    name: str
    released: bool
    rows: Mapping[Lot, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Count the rows of the batch."""
        return sum(self.rows.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """What `rows` come to in one currency. `unknown` of them have no amount that is known beforehand."""

    currency: str
    amount: int
    rows: int
    unknown: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeDay:
    """The first charges of a day (ISO, UTC) in one currency; Stripe Tax adds to `plus_tax` of them."""

    day: str
    total: Total
    plus_tax: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingCards:
    """Rows whose customers are charged automatically and have no default payment method: `set_latest` get the newest
    attached one before they are scheduled, `failed` are refused for it or for something else, `without` go on as they
    are or have been scheduled already."""

    set_latest: int = 0
    failed: int = 0
    without: int = 0

    @property
    def count(self) -> int:
        """Count them all."""
        return self.set_latest + self.failed + self.without


@dataclass(frozen=True, slots=True, kw_only=True)
class AgainstSource:
    """How what rows pay each period compares with what they paid at their source, in one currency: how many pay more,
    less and the same, and the sums of both sides. Periods are each row's own."""

    currency: str
    more: int
    less: int
    same: int
    source: int
    here: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One row that pays another amount each period than at its source."""

    address: Address
    currency: str
    source: int
    here: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationMoney:
    """One migration of a plan.

    `moved` is what the rows come to a month, by currency, whose phases this plan writes: those that it schedules or
    changes, and adopted ones that have not started; what ends with its first period adds nothing. `in_all` is the
    same of all rows that are not failed, canceled or ended, save `not_laid` ones: they are live or scheduled, and
    nobody worked out their course again. `charges` are the first charges of what is moved, by day and currency;
    `uncharged` rows of it are never charged. `first_start` and `last_start` are when it goes live: until its start a
    row can be canceled. `compared` is against the source, where the rows tell (`not_compared`: they do not, or an
    amount is unknown); `biggest` the largest of these differences. `faults` counts the failed rows by reason; one that
    has several is counted with each.
    """

    migration: str
    batches: tuple[BatchRows, ...]
    moved: tuple[Total, ...] = ()
    in_all: tuple[Total, ...] = ()
    not_laid: int = 0
    charges: tuple[ChargeDay, ...] = ()
    uncharged: int = 0
    first_start: int | None = None
    last_start: int | None = None
    cards: MissingCards = MissingCards()
    compared: tuple[AgainstSource, ...] = ()
    not_compared: int = 0
    biggest: tuple[Difference, ...] = ()
    faults: Mapping[str, int] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Count its rows."""
        return sum(batch.count for batch in self.batches)

    @property
    def lots(self) -> dict[Lot, int]:
        """Count its rows by lot, without those that have none."""
        counts = {lot: sum(batch.rows.get(lot, 0) for batch in self.batches) for lot in Lot}
        return {lot: count for lot, count in counts.items() if count}

    @property
    def failed(self) -> int:
        """Count the rows that cannot be planned as they are."""
        return self.lots.get(Lot.FAILED, 0)

    @property
    def first_charges(self) -> tuple[Total, ...]:
        """Sum the first charges up by currency."""
        return totalled(day.total for day in self.charges)


def totalled(totals: Iterable[Total]) -> tuple[Total, ...]:
    """Sum totals up by currency, in alphabetical order."""
    sums: dict[str, Total] = {}
    for one in totals:
        known = sums.get(one.currency)
        sums[one.currency] = one if known is None else _added(known, one)
    return tuple(sums[currency] for currency in sorted(sums))


def _added(one: Total, other: Total) -> Total:
    return Total(
        currency=one.currency,
        amount=one.amount + other.amount,
        rows=one.rows + other.rows,
        unknown=one.unknown + other.unknown,
    )


def money_record(money: MigrationMoney) -> dict[str, Value]:
    """Spell it for JSON: the plan file and the document of a plan have it alike."""
    record = asdict(money)
    for batch, spelled in zip(money.batches, record["batches"], strict=True):
        spelled["rows"] = {lot.value: batch.rows[lot] for lot in Lot if batch.rows.get(lot)}
    for one, spelled in zip(money.biggest, record["biggest"], strict=True):
        spelled["address"] = str(one.address)
    return record


def read_money(record: Mapping[str, Value]) -> MigrationMoney:
    """Read what `money_record` spelled; raise KeyError, TypeError or ValueError for anything else."""
    return MigrationMoney(
        migration=record["migration"],
        batches=tuple(
            BatchRows(**{**one, "rows": {Lot(lot): int(count) for lot, count in one["rows"].items()}})
            for one in record["batches"]
        ),
        moved=tuple(Total(**one) for one in record["moved"]),
        in_all=tuple(Total(**one) for one in record["in_all"]),
        not_laid=record["not_laid"],
        charges=tuple(ChargeDay(**{**one, "total": Total(**one["total"])}) for one in record["charges"]),
        uncharged=record["uncharged"],
        first_start=record["first_start"],
        last_start=record["last_start"],
        cards=MissingCards(**record["cards"]),
        compared=tuple(AgainstSource(**one) for one in record["compared"]),
        not_compared=record["not_compared"],
        biggest=tuple(Difference(**{**one, "address": parse_address(one["address"])}) for one in record["biggest"]),
        faults=dict(record["faults"]),
    )
