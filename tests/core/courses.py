"""Rows, prices and accounts made up for tests of courses, and the day of a moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from reconciler.core.course import Course
from reconciler.core.diagnostics import SourceRange
from reconciler.core.migration_facts import AccountFacts, CouponFacts, Holdings, PriceFacts, RateFacts
from reconciler.core.migrations import Fault, Fee, Item, Migration, Named, Row, Terms
from reconciler.core.row_course import lay_course

HERE = SourceRange(path="rows.csv", line=2, column=1)
MARKS = {"billplan_project": "acme", "billplan_address": 'subscription_migration.old["sub_1"]'}
START = "2024-01-01"


def at(text: str) -> int:
    """A date, or a date and time, in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def day(moment: int | None) -> str | None:
    """A moment as a date; with its time unless that is midnight."""
    if moment is None:
        return None
    text = datetime.fromtimestamp(moment, UTC).isoformat(sep=" ").removesuffix("+00:00")
    return text.removesuffix(" 00:00:00")


def price(id: str, amount: int | str | None = 10_000, interval: str = "month", **more: Any) -> PriceFacts:
    """A price in dollars; `amount` is None where it depends on usage or tiers."""
    currency = more.pop("currency", "usd")
    amounts = more.pop("amounts", {currency: None if amount is None else Decimal(amount)})
    product = more.pop("product", f"prod_of_{id}")
    named = more.pop("named", id)
    return PriceFacts(
        named=named, id=id, product=product, currency=currency, amounts=amounts, interval=interval, **more
    )


def coupon(id: str = "SAVE", **more: Any) -> CouponFacts:
    """A coupon of ten percent for ever, unless something else is said."""
    if "amounts_off" not in more:
        more.setdefault("percent_off", Decimal(10))
    return CouponFacts(id=id, **more)


def rate(id: str = "txr_1", percentage: str = "10", inclusive: bool = False) -> RateFacts:
    return RateFacts(id=id, percentage=Decimal(percentage), inclusive=inclusive)


def account(
    *prices: PriceFacts,
    coupons: Iterable[CouponFacts] = (),
    rates: Iterable[RateFacts] = (),
    **more: Any,
) -> AccountFacts:
    """An account that has these prices, coupons and tax rates."""
    by_name: dict[Named, PriceFacts] = {one.named: one for one in prices}
    return AccountFacts(
        now=at("2023-12-01"),
        livemode=False,
        prices=by_name,
        products={},
        coupons={one.id: one for one in coupons if one.id is not None},
        rates={one.id: one for one in rates if one.id is not None},
        payers={},
        holdings=Holdings(()),
        **more,
    )


def terms(*prices: str | Item, start: str = START, **more: Any) -> Terms:
    """What a row says of prices that it names by id; dates are written as text, proration is off unless asked for."""
    for name in ("anchor", "trial_end", "backdate"):
        if isinstance(more.get(name), str):
            more[name] = at(more[name])
    items = tuple(Item(price=one) if isinstance(one, str) else one for one in prices)
    return Terms(customer="cus_1", start=at(start), items=items, **{"prorated": False, **more})


def row(said: Terms) -> Row:
    return Row(key="sub_1", source=HERE, terms=said)


def migration(**more: Any) -> Migration:
    return Migration(name="old", source=HERE, **more)


def lay(said: Terms, facts: AccountFacts, **block: Any) -> Course:
    """The course of a row that must have one."""
    course, faults = lay_course(migration(**block), row(said), facts, MARKS)
    assert faults == ()
    assert course is not None
    return course


def faults_of(said: Terms, facts: AccountFacts, **block: Any) -> tuple[Fault, ...]:
    """Why a row has no course."""
    course, faults = lay_course(migration(**block), row(said), facts, MARKS)
    assert (course is None) == bool(faults)
    return faults


def fee(amount: int = 2_000, currency: str = "usd", product: str = "prod_setup") -> Fee:
    return Fee(product=product, amount=amount, currency=currency)


def first_of(course: Course) -> tuple[str | None, int | None] | None:
    """The first charge, as a date and an amount."""
    return None if course.first is None else (day(course.first.at), course.first.amount)


def spans(course: Course) -> list[tuple[str | None, Mapping[str, Any]]]:
    """The phases by their ends, without what each says of items, currency and metadata."""
    plain = ("items", "currency", "metadata", "collection_method", "end_date")
    return [
        (day(one["end_date"]), {name: value for name, value in one.items() if name not in plain})
        for one in course.phases
    ]
