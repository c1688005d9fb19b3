"""An emulated account and what billplan knows of it, made of the same words: rows are laid and sent to it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from reconciler.adapters.form import form_params
from reconciler.core.course import Course
from reconciler.core.migration_facts import AccountFacts, CouponFacts, Holdings, PriceFacts, RateFacts
from reconciler.core.migrations import AdHoc, Named, Row, Terms
from reconciler.core.row_course import lay_course
from tests.core.courses import HERE, MARKS, migration
from tests.emulator.client import Reply
from tests.emulator.timeline import SCHEDULES, Timeline, timeline

Billed = tuple[str, int]


class CourseWorld:
    """One account: what is made in it is known at once."""

    def __init__(self, start: str = "2023-12-15") -> None:
        self.call: Timeline = timeline(start)
        self._prices: dict[Named, PriceFacts] = {}
        self._coupons: dict[Named, CouponFacts] = {}
        self._rates: dict[Named, RateFacts] = {}
        self.customer = self.call.customer()

    @property
    def facts(self) -> AccountFacts:
        return AccountFacts(
            now=self.call.world.now(),
            livemode=False,
            prices=self._prices,
            products={},
            coupons=self._coupons,
            rates=self._rates,
            payers={},
            holdings=Holdings(()),
        )

    def price(self, amount: Decimal | int = 10_000, interval: str = "month", **more: Any) -> str:
        """Make a recurring price of a product of its own; `every` is its interval's count."""
        every, currency = more.get("every", 1), more.get("currency", "usd")
        behavior = more.get("tax_behavior", "exclusive")
        id = self.call.price(str(amount), interval, every=every, currency=currency, tax_behavior=behavior)
        product = self.call.get(f"/v1/prices/{id}").body["product"]
        self._prices[id] = PriceFacts(
            named=id,
            id=id,
            product=product,
            currency=currency,
            amounts={currency: Decimal(amount)},
            interval=interval,
            interval_count=every,
            tax_behavior=behavior,
        )
        return id

    def product(self) -> str:
        return self.call.make("/v1/products", {"name": "Setup"})

    def product_of(self, price: str) -> str:
        return str(self._prices[price].product)

    def coupon(self, facts: CouponFacts) -> str:
        """Make the coupon that is described."""
        sent: dict[str, Any] = {"id": facts.id, "duration": facts.duration}
        if facts.percent_off is not None:
            sent["percent_off"] = str(facts.percent_off)
        for currency, amount in facts.amounts_off.items():
            sent |= {"currency": currency, "amount_off": amount}
        if facts.months is not None:
            sent["duration_in_months"] = facts.months
        if facts.products:
            sent["applies_to"] = {"products": sorted(facts.products)}
        id = self.call.make("/v1/coupons", sent)
        self._coupons[id] = facts
        return id

    def rate(self, percentage: str, inclusive: bool = False) -> str:
        sent = {"display_name": "Tax", "inclusive": str(inclusive).lower(), "percentage": percentage}
        id = self.call.make("/v1/tax_rates", sent)
        self._rates[id] = RateFacts(id=id, percentage=Decimal(percentage), inclusive=inclusive)
        return id

    def lay(self, terms: Terms, **block: Any) -> tuple[Course | None, tuple[str, ...]]:
        """The course of a row, or the reasons why it has none."""
        row = Row(key="sub_1", source=HERE, terms=terms)
        course, faults = lay_course(migration(**block), row, self.facts, MARKS)
        return course, tuple(fault.reason for fault in faults)

    def send(self, course: Course) -> Reply:
        """Schedule a course as an apply does."""
        sent = {
            "customer": self.customer,
            "start_date": course.start,
            "end_behavior": course.end_behavior,
            "phases": course.phases,
        }
        return self.call.post(SCHEDULES, form_params(sent))

    def billed(self) -> list[Billed]:
        return self.call.billed()


def adhoc(product: str, amount: int, currency: str = "usd", interval: str = "month", every: int = 1) -> AdHoc:
    return AdHoc(product=product, amount=amount, currency=currency, interval=interval, interval_count=every)


def net_of(invoice: Mapping[str, Any]) -> int:
    """What an invoice comes to before a tax that goes on top."""
    added = sum(tax["amount"] for tax in invoice["total_taxes"] or () if tax["tax_behavior"] == "exclusive")
    return int(invoice["total"] - added)
