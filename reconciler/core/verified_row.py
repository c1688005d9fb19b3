"""A row that went live, held against its subscription and the first invoice of it. Pure.

Moments are epoch seconds, UTC; amounts are integers in minor units. What a subscription should be depends on the phase
that it is in: Stripe needs up to an hour to go from one to the next, so that around that moment either will do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from reconciler.core.address import Address
from reconciler.core.course import Charge, Course
from reconciler.core.expected_terms import ExpectedTerms, terms_at
from reconciler.core.migrations import Row
from reconciler.core.money import show_amount
from reconciler.core.sold_items import Found, found_terms
from reconciler.core.types import show_moment
from reconciler.core.values import Value

# Seconds that Stripe may take from the end of a phase, or of a period, to what follows; an invoice may be a draft for
# an hour besides.
SLACK = 3600
_INVOICE_SLACK = 6 * 3600
_OWING = ("past_due", "unpaid")


class Verdict(StrEnum):
    """What came of a row: it is as said, it differs, or it is as said so far and nothing was charged yet."""

    AS_SAID = "as_said"
    DIFFERS = "differs"
    NOT_BILLED = "not_billed_yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Billed:
    """An invoice of a subscription: `total` is what it comes to, `net` the same before a tax that goes on top."""

    id: str
    created: int
    total: int
    net: int
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """One thing that is not as the row says, in words for people."""

    what: str
    said: str
    found: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedRow:
    """A row with its verdict. `subscription` is empty where none was found; `first` is the first charge as the row
    says, `invoice` the one that was made for it."""

    address: Address
    row: Row
    subscription: str
    verdict: Verdict
    deviations: tuple[Deviation, ...] = ()
    first: Charge | None = None
    invoice: Billed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WentLive:
    """What a row is held against: its course, the raw subscription, its invoices, and the moment it is. `at_once` is a
    row that was made as a subscription, `adopted` one that was there before the row. `passing` are coupons that end by
    themselves: once they were good for an invoice, they may be gone."""

    course: Course
    raw: Mapping[str, Value]
    invoices: Sequence[Billed]
    now: int
    at_once: bool = False
    adopted: bool = False
    passing: frozenset[str] = frozenset()


def verify_row(address: Address, row: Row, live: WentLive) -> VerifiedRow:
    """Say what differs between a row and what it has become."""
    deviations = list(_terms_deviations(row, live))
    first, invoice = live.course.first, None
    billed = True
    if not live.adopted:
        invoice, wrong, billed = _first_invoice(live)
        deviations += wrong
    verdict = Verdict.DIFFERS if deviations else Verdict.AS_SAID if billed else Verdict.NOT_BILLED
    return VerifiedRow(
        address=address,
        row=row,
        subscription=str(live.raw["id"]),
        verdict=verdict,
        deviations=tuple(deviations),
        first=None if live.adopted else first,
        invoice=invoice,
    )


def unverifiable(address: Address, row: Row, subscription: str, deviation: Deviation) -> VerifiedRow:
    """Say of a row that it cannot be held against anything, which is a difference, too."""
    return VerifiedRow(
        address=address, row=row, subscription=subscription, verdict=Verdict.DIFFERS, deviations=(deviation,)
    )


def _terms_deviations(row: Row, live: WentLive) -> Iterator[Deviation]:
    """Hold what the subscription says against the phase that it is in, or, at its edge, against the one beside it."""
    found = found_terms(live.raw, live.course.phases)
    expected = terms_at(row, live.course, live.now, at_once=live.at_once)
    deviations = list(_deviations(expected, found, live))
    for moment in (live.now - SLACK, live.now + SLACK):
        if not deviations:
            return
        beside = terms_at(row, live.course, moment, at_once=live.at_once)
        if beside != expected and not list(_deviations(beside, found, live)):
            return
    yield from deviations


def _deviations(expected: ExpectedTerms, found: Found, live: WentLive) -> Iterator[Deviation]:
    if not live.adopted:
        yield from _dates(expected, found, live)
    yield from _differ("items", _items(expected.items), _items(found.items))
    for what, said, has in (
        ("currency", expected.currency, found.currency),
        ("collection_method", expected.collection_method, found.collection_method),
        ("days_until_due", _text(expected.days_until_due), _text(found.days_until_due)),
        ("default_tax_rates", ", ".join(expected.tax_rates), ", ".join(found.tax_rates)),
        ("automatic_tax", _flag(expected.automatic_tax), _flag(found.automatic_tax)),
    ):
        yield from _differ(what, said, has)
    yield from _discounts(expected, found, live)
    for key, value in expected.metadata.items():
        yield from _differ(f"metadata.{key}", value, found.metadata.get(key, ""))


def _dates(expected: ExpectedTerms, found: Found, live: WentLive) -> Iterator[Deviation]:
    # Who does not pay has the subscription that the row says; invoices are told of apart.
    owes = expected.status == "active" and found.status in _OWING
    yield from _differ("status", expected.status, expected.status if owes else found.status)
    if expected.started is not None:
        yield from _differ("start_date", show_moment(expected.started), show_moment(found.started))
    yield from _differ("billing_cycle_anchor", show_moment(expected.anchor), show_moment(found.anchor))
    yield from _differ("trial_end", _moment(expected.trial_end), _moment(found.trial_end))
    ends = live.course.ends
    # While later phases are to come, the schedule ends it, and the subscription does not say so yet.
    scheduled = ends is not None and found.cancel_at is None and found.scheduled
    if not scheduled:
        yield from _differ("cancel_at", _moment(ends), _moment(found.cancel_at))


def _discounts(expected: ExpectedTerms, found: Found, live: WentLive) -> Iterator[Deviation]:
    if found.coupons == expected.coupons:
        return
    # That it was taken off is in the invoice's amount.
    if not found.coupons and live.passing.issuperset(expected.coupons) and any(one.total for one in live.invoices):
        return
    yield from _differ("coupon", ", ".join(expected.coupons), ", ".join(found.coupons))


def _first_invoice(live: WentLive) -> tuple[Billed | None, list[Deviation], bool]:
    """Find the invoice of the first charge, what is wrong with it, and whether nothing is left to wait for."""
    first = live.course.first
    invoices = sorted(live.invoices, key=lambda one: (one.created, one.id))
    if first is None:
        charged = next((one for one in invoices if one.total), None)
        if charged is None:
            return None, [], True
        return (
            charged,
            [Deviation(what="first invoice", said="nothing is charged", found=_invoice(charged, live))],
            True,
        )
    free = first.amount == 0
    # A trial leaves an invoice of 0.00 on its first day, which is none.
    found = next((one for one in invoices if one.total or (free and one.created >= first.at)), None)
    if found is None:
        if live.now < first.at + _INVOICE_SLACK:
            return None, [], False
        return None, [Deviation(what="first invoice", said=_charge(first), found="none")], True
    wrong = []
    if not first.at <= found.created <= first.at + _INVOICE_SLACK:
        said, has = show_moment(first.at), show_moment(found.created)
        wrong.append(Deviation(what="first invoice's date", said=said, found=f"{has} ({found.id})"))
    amount = found.net if first.plus_tax else found.total
    if first.amount is not None and amount != first.amount:
        tax = " before tax" if first.plus_tax else ""
        said, has = (show_amount(one, first.currency) for one in (first.amount, amount))
        wrong.append(Deviation(what=f"first invoice's amount{tax}", said=said, found=f"{has} ({found.id})"))
    return found, wrong, True


def _invoice(one: Billed, live: WentLive) -> str:
    return f"{show_amount(one.total, live.course.currency)} at {show_moment(one.created)} ({one.id})"


def _charge(first: Charge) -> str:
    amount = "an amount by usage" if first.amount is None else show_amount(first.amount, first.currency)
    return f"{amount} at {show_moment(first.at)}"


def _items(items: Iterable[tuple[str, int | None]]) -> str:
    return ", ".join(sorted(name if count is None else f"{count} x {name}" for name, count in items))


def _differ(what: str, said: str, found: str) -> Iterator[Deviation]:
    if said != found:
        yield Deviation(what=what, said=said or "nothing", found=found or "nothing")


def _moment(at: int | None) -> str:
    return "" if at is None else show_moment(at)


def _text(value: int | None) -> str:
    return "" if value is None else str(value)


def _flag(value: bool) -> str:
    return "on" if value else "off"
