"""What a plan's rows come to: by batch, month, day and source, and what they lack."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.changes import Action, Change
from reconciler.core.course import Charge, Course, Opening
from reconciler.core.diagnostics import SourceRange
from reconciler.core.fields import ChangeClass
from reconciler.core.migration_facts import Payer
from reconciler.core.migration_money import (
    AgainstSource,
    BatchRows,
    ChargeDay,
    Lot,
    MigrationMoney,
    MissingCards,
    Total,
)
from reconciler.core.migration_plan import PlannedRow
from reconciler.core.migration_sums import monthly, sum_migrations
from reconciler.core.migrations import Batch, Fault, Item, Migration, Missing, Row, Terms, row_address
from reconciler.core.row_standing import RowStanding

JAN_1 = 1_798_761_600
DAY = 86_400
MIGRATION = Migration(
    name="zuora",
    source=SourceRange("specs/m.yaml", 1, 1),
    batches=(Batch(name="canary", rows=2), Batch(name="rest")),
    released=("canary",),
)
SET_LATEST = replace(MIGRATION, missing_method=Missing.SET_LATEST)
PLACE = SourceRange("m.csv", 2, 1)


def course(
    amount: int | None = 2_000,
    *,
    currency: str = "usd",
    interval: str = "month",
    count: int = 1,
    start: int = JAN_1,
    first: int | None = 0,
    plus_tax: bool = False,
) -> Course:
    """Lay a course whose first charge is `first` days after its start; None: it is never charged."""
    charged = Charge(at=start + (first or 0) * DAY, amount=amount, currency=currency, plus_tax=plus_tax)
    return Course(
        start=start,
        end_behavior="release",
        phases=(),
        opening=Opening.FULL,
        first=None if first is None else charged,
        currency=currency,
        period_amount=amount,
        interval=interval,
        interval_count=count,
        renews=start + 31 * DAY,
        trial_end=None,
        ends=None,
        words="",
    )


def row(
    key: str,
    standing: RowStanding = RowStanding.DUE,
    laid: Course | None = None,
    *,
    migration: Migration = MIGRATION,
    batch: str = "canary",
    terms: Mapping[str, object] | None = None,
    faults: Iterable[str] = (),
    waives: Iterable[str] = (),
) -> PlannedRow:
    said = Terms(customer=f"cus_{key}", start=JAN_1, items=(Item(price="price_1"),))
    found = tuple(Fault(reason=reason, column="price", summary=reason) for reason in faults)
    return PlannedRow(
        migration=migration,
        row=Row(
            key=key,
            source=PLACE,
            terms=replace(said, **(terms or {})),  # type: ignore[arg-type]
            faults=found,
            waives=frozenset(waives),
        ),
        batch=batch,
        standing=standing,
        course=laid,
        faults=found,
        held=None,
    )


def change(key: str, action: Action = Action.CREATE, change_class: ChangeClass = ChangeClass.MONEY) -> Change:
    return Change(address=row_address("zuora", key), action=action, change_class=change_class, reason="")


def paid(*keys: str) -> dict[str, Payer]:
    return {f"cus_{key}": Payer(id=f"cus_{key}", method=True) for key in keys}


def sums(
    rows: list[PlannedRow], changes: Iterable[Change] = (), payers: Mapping[str, Payer] | None = None
) -> MigrationMoney:
    (money,) = sum_migrations(rows, changes, payers or {})
    return money


def due(*courses: Course) -> MigrationMoney:
    """Sum rows up that the plan schedules, each with a course."""
    rows = [row(f"r{n}", laid=one) for n, one in enumerate(courses)]
    return sums(rows, [change(one.row.key) for one in rows])


LOTS = {
    "one that is scheduled now": (RowStanding.DUE, change("r"), Lot.SCHEDULE),
    "one that is due and was not asked for": (RowStanding.DUE, None, Lot.LEFT_OUT),
    "one of a batch that is not released": (RowStanding.NOT_RELEASED, None, Lot.NOT_RELEASED),
    "one that waits for its start": (RowStanding.WAITING, None, Lot.WAITING),
    "one that stays scheduled": (RowStanding.SCHEDULED, None, Lot.SCHEDULED),
    "one whose schedule changes": (RowStanding.SCHEDULED, change("r", Action.UPDATE), Lot.CHANGE),
    "one whose mark alone changes": (
        RowStanding.SCHEDULED,
        change("r", Action.UPDATE, ChangeClass.COSMETIC),
        Lot.SCHEDULED,
    ),
    "one that is rolled back": (RowStanding.SCHEDULED, change("r", Action.RETIRE), Lot.CANCEL),
    "one that is adopted": (RowStanding.SCHEDULED, change("r", Action.ADOPT), Lot.ADOPT),
    "one that is live": (RowStanding.LIVE, None, Lot.LIVE),
    "one that is live and was changed in the file": (RowStanding.LIVE, change("r", Action.REFUSED), Lot.FAILED),
    "one that has ended": (RowStanding.ENDED, None, Lot.ENDED),
    "one that was rolled back": (RowStanding.CANCELED, None, Lot.CANCELED),
    "one with faults": (RowStanding.FAILED, None, Lot.FAILED),
}


@pytest.mark.parametrize("name", LOTS)
def test_every_row_is_of_one_lot(name: str) -> None:
    standing, planned, lot = LOTS[name]
    money = sums([row("r", standing)], [] if planned is None else [planned])
    assert money.lots == {lot: 1}
    assert money.batches[0] == BatchRows(name="canary", released=True, rows={lot: 1})


def test_batches_stand_in_the_order_of_the_block_also_the_empty_ones() -> None:
    rows = [row("a", RowStanding.SCHEDULED, batch="old"), row("b", RowStanding.NOT_RELEASED, batch="rest")]
    assert [(one.name, one.released, one.count) for one in sums(rows).batches] == [
        ("canary", True, 0),
        ("rest", False, 1),
        ("old", False, 1),
    ]


def test_a_block_without_batches_is_released() -> None:
    plain = replace(MIGRATION, batches=(), released=())
    money = sums([row("a", migration=plain, batch="")])
    assert money.batches == (BatchRows(name="", released=True, rows={Lot.LEFT_OUT: 1}),)
    assert (money.rows, money.failed, money.moved) == (1, 0, ())


def test_migrations_are_apart_and_in_order() -> None:
    other = replace(MIGRATION, name="a-later-one")
    found = sum_migrations([row("a"), row("a", migration=other), row("b")], [change("a")], {})
    assert [(one.migration, one.lots) for one in found] == [
        ("zuora", {Lot.SCHEDULE: 1, Lot.LEFT_OUT: 1}),
        ("a-later-one", {Lot.LEFT_OUT: 1}),
    ]


@pytest.mark.parametrize(
    ("amount", "interval", "count", "month"),
    [
        (2_000, "month", 1, 2_000),
        (2_000, "month", 3, 667),
        (1_000, "month", 3, 333),
        (12_000, "year", 1, 1_000),
        (10_000, "year", 1, 833),
        (18, "year", 1, 2),
        (17, "year", 1, 1),
        (36_000, "year", 3, 1_000),
        (1_000, "week", 1, 4_333),
        (1_000, "week", 2, 2_167),
        (100, "day", 1, 3_042),
        (100, "day", 30, 101),
        (0, "year", 1, 0),
    ],
)
def test_a_period_is_brought_to_a_month(amount: int, interval: str, count: int, month: int) -> None:
    assert monthly(amount, interval, count) == month


@given(
    st.integers(0, 10**12),
    st.sampled_from([("year", 1), ("month", 12), ("week", 52), ("day", 365)]),
    st.integers(1, 400),
)
def test_a_month_is_the_exact_share_to_half_a_unit(amount: int, interval: tuple[str, int], count: int) -> None:
    name, in_a_year = interval
    off = monthly(amount, name, count) - Fraction(amount * in_a_year, 12 * count)
    assert Fraction(-1, 2) < off <= Fraction(1, 2)


def test_each_row_is_rounded_by_itself() -> None:
    assert due(*(course(10, interval="month", count=4) for _ in range(4))).moved == (
        Total(currency="usd", amount=12, rows=4),
    )


def test_what_moves_is_told_by_currency_and_what_is_unknown_apart() -> None:
    money = due(course(2_000), course(None), course(500, currency="eur"), course(1_200, interval="year"))
    assert money.moved == (
        Total(currency="eur", amount=500, rows=1),
        Total(currency="usd", amount=2_100, rows=3, unknown=1),
    )


def test_an_adopted_row_moves_money_where_its_phases_are_written() -> None:
    rows = [row("a", RowStanding.SCHEDULED, course(300)), row("b", RowStanding.LIVE, course(400))]
    money = sums(rows, [change("a", Action.ADOPT), change("b", Action.ADOPT, ChangeClass.COSMETIC)])
    assert money.lots == {Lot.ADOPT: 2}
    assert money.moved == (Total(currency="usd", amount=300, rows=1),)
    assert money.in_all == (Total(currency="usd", amount=700, rows=2),)


def test_this_plan_moves_what_it_writes_phases_of_and_nothing_else() -> None:
    standings = [
        (RowStanding.DUE, Action.CREATE), (RowStanding.SCHEDULED, Action.UPDATE), (RowStanding.DUE, None),
        (RowStanding.NOT_RELEASED, None), (RowStanding.WAITING, None), (RowStanding.SCHEDULED, Action.ADOPT),
        (RowStanding.SCHEDULED, Action.RETIRE), (RowStanding.CANCELED, None), (RowStanding.FAILED, Action.REFUSED),
        (RowStanding.ENDED, None),
    ]  # fmt: skip
    rows = [row(f"r{n}", standing, course(10**n)) for n, (standing, _) in enumerate(standings)]
    money = sums(rows, [change(f"r{n}", action) for n, (_, action) in enumerate(standings) if action is not None])
    assert money.moved == (Total(currency="usd", amount=100_011, rows=3),)
    assert money.in_all == (Total(currency="usd", amount=111_111, rows=6),)
    assert [one.total for one in money.charges] == [Total(currency="usd", amount=100_011, rows=3)]


def test_what_nobody_laid_anew_is_counted_apart() -> None:
    rows = [row("a", RowStanding.LIVE), row("b", RowStanding.SCHEDULED), row("c", RowStanding.LIVE, course(700))]
    rows.append(row("d", RowStanding.NOT_RELEASED))
    money = sums(rows)
    assert (money.in_all, money.not_laid) == ((Total(currency="usd", amount=700, rows=1),), 2)


def test_first_charges_are_told_by_day_and_currency() -> None:
    late = JAN_1 + DAY - 1
    money = due(
        course(100),
        course(200, start=late),
        course(300, start=late + 1, plus_tax=True),
        course(None, start=late + 1),
        course(400, start=late + 1, currency="jpy"),
        course(500, first=None),
    )
    assert money.charges == (
        ChargeDay(day="2027-01-01", total=Total(currency="usd", amount=300, rows=2)),
        ChargeDay(day="2027-01-02", total=Total(currency="jpy", amount=400, rows=1)),
        ChargeDay(day="2027-01-02", total=Total(currency="usd", amount=300, rows=2, unknown=1), plus_tax=1),
    )
    assert money.uncharged == 1
    assert money.first_charges == (
        Total(currency="jpy", amount=400, rows=1),
        Total(currency="usd", amount=600, rows=4, unknown=1),
    )


def test_it_goes_live_from_the_first_start_to_the_last() -> None:
    money = due(course(start=JAN_1 + 5), course(start=JAN_1 + 1, first=90), course(start=JAN_1 + 9))
    assert (money.first_start, money.last_start) == (JAN_1 + 1, JAN_1 + 9)
    quiet = sums([row("a", RowStanding.SCHEDULED, course())])
    assert (quiet.first_start, quiet.last_start, quiet.charges) == (None, None, ())


NOTHING, LATEST = Payer(id="cus_r"), Payer(id="cus_r", latest="pm_1")
SEND = {"collection_method": "send_invoice"}
CARDS = {
    "a row that is scheduled without one": (row("r"), NOTHING, MissingCards(without=1)),
    "one that gets the newest": (row("r", migration=SET_LATEST), LATEST, MissingCards(set_latest=1)),
    "one whose newest is not asked for": (row("r"), LATEST, MissingCards(without=1)),
    "one with none to be set": (row("r", migration=SET_LATEST), NOTHING, MissingCards(without=1)),
    "one that waives it": (
        row("r", migration=SET_LATEST, waives=["default_payment_method"]),
        LATEST,
        MissingCards(without=1),
    ),
    "one that fails": (row("r", RowStanding.FAILED, faults=["no_method"]), NOTHING, MissingCards(failed=1)),
    "one that is scheduled already": (
        row("r", RowStanding.SCHEDULED, migration=SET_LATEST),
        LATEST,
        MissingCards(without=1),
    ),
    "one of a later batch": (
        row("r", RowStanding.NOT_RELEASED, migration=SET_LATEST),
        LATEST,
        MissingCards(set_latest=1),
    ),
    "one that has a card": (row("r"), Payer(id="cus_r", method=True), MissingCards()),
    "one that is sent invoices": (row("r", terms=SEND), NOTHING, MissingCards()),
    "one that is never charged": (row("r", laid=course(first=None)), NOTHING, MissingCards()),
    "one that is live": (row("r", RowStanding.LIVE), NOTHING, MissingCards()),
    "one whose customer is gone": (row("r", RowStanding.FAILED), Payer(id="cus_r", deleted=True), MissingCards()),
}


@pytest.mark.parametrize("name", CARDS)
def test_missing_cards(name: str) -> None:
    one, payer, missing = CARDS[name]
    acting = [change("r")] if one.standing is RowStanding.DUE else []
    assert sums([one], acting, {"cus_r": payer}).cards == missing
    assert sums([one], acting).cards == MissingCards()


def test_what_rows_pay_is_compared_with_the_source() -> None:
    amounts = [(100, 150), (100, 50), (100, 100), (100, None), (None, 100), (7, 8)]
    currencies = ["usd", "usd", "usd", "usd", "usd", "jpy"]
    rows = [
        row(f"r{n}", laid=course(here, currency=currency), terms={"source_amount": source})
        for n, ((source, here), currency) in enumerate(zip(amounts, currencies, strict=True))
    ]
    money = sums(rows, [change(f"r{n}") for n in range(len(rows))])
    assert money.compared == (
        AgainstSource(currency="jpy", more=1, less=0, same=0, source=7, here=8),
        AgainstSource(currency="usd", more=1, less=1, same=1, source=300, here=300),
    )
    assert money.not_compared == 2
    # 1 JPY is put on one scale with 0.50 USD, which has two digits more.
    assert [(one.address.key, one.source, one.here) for one in money.biggest] == [
        ("r5", 7, 8),
        ("r0", 100, 150),
        ("r1", 100, 50),
    ]


def test_the_five_largest_differences_of_many_are_told() -> None:
    rows = [row(f"r{n:04}", laid=course(1_000 + n), terms={"source_amount": 1_000}) for n in range(2_500)]
    money = sums(rows, [change(one.row.key) for one in rows])
    assert [one.here for one in money.biggest] == [3_499, 3_498, 3_497, 3_496, 3_495]
    assert money.compared[0].more == 2_499


def test_failing_rows_are_counted_by_reason() -> None:
    rows = [
        row("a", RowStanding.FAILED, faults=["no_price", "no_price", "no_customer"]),
        row("b", RowStanding.FAILED, faults=["no_price"]),
        row("c", RowStanding.DUE, faults=[]),
    ]
    money = sums(rows, [change("a", Action.REFUSED), change("b", Action.REFUSED), change("c")])
    assert money.failed == 2
    assert list(money.faults.items()) == [("no_price", 2), ("no_customer", 1)]


def test_what_ends_with_its_first_period_recurs_for_nobody() -> None:
    money = due(replace(course(2_000), renews=None, ends=JAN_1 + 31 * DAY), course(500))
    assert money.moved == (Total(currency="usd", amount=500, rows=2),)
    assert sum(one.total.amount for one in money.charges) == 2_500
