"""The phases of a schedule as they will run: dates resolved, and refused if what they ask for cannot be billed.

All of it is checked when a schedule is written, since nobody is there to be refused when a phase begins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.emulator.errors import (
    EmulatorGap,
    ParameterError,
    StripeError,
    exclusive_parameters,
    missing_parameter,
)
from reconciler.emulator.metadata import merge
from reconciler.emulator.rules import agreement
from reconciler.emulator.rules.basket import Basket
from reconciler.emulator.rules.subscription import period_end
from reconciler.emulator.schema import nested
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

PERIOD = {
    "end": {"timestamp": None, "type": "min_item_period_end"},
    "start": {"timestamp": None, "type": "max_item_period_start"},
}
PLAIN = ("automatic_tax", "billing_cycle_anchor", "collection_method", "default_payment_method", "description")


@dataclass(frozen=True)
class Course:
    """Whose phases they are, with the schedule's defaults for them."""

    world: World
    customer: Record
    basket: Basket
    defaults: Mapping[str, Any]

    def lay_out(self, given: Sequence[Mapping[str, Any]], start: int) -> list[Record]:
        """The phases as they are stored, one after another from a start."""
        phases: list[Record] = []
        for position, values in enumerate(given):
            name = f"phases[{position}]"
            begins = phases[-1]["end_date"] if phases else start
            if phases and values.get("start_date", begins) != begins:
                raise StripeError(
                    "The `start_date` of a phase must be the `end_date` of the one before.", nested(name, "start_date")
                )
            phases.append(self._phase(values, name, begins, position == len(given) - 1))
        # All of it comes together on the subscription, which holds no more keys than anything else.
        metadata: dict[str, str] = {}
        for phase in phases:
            metadata = merge(metadata, phase["metadata"])
        if len({phase["currency"] for phase in phases}) > 1:
            raise StripeError("All phases of a schedule must have the same currency.", "phases")
        return phases

    def _phase(self, values: Mapping[str, Any], name: str, start: int, last: bool) -> Record:
        prices = agreement.agree_items(self.basket, values["items"], nested(name, "items"))
        currency = values.get("currency", prices[0]["currency"])
        names = nested(name, "items"), nested(name, "currency")
        agreement.agree_currency(prices, currency, names)
        end = _end(values, name, (start, last), prices[0])
        phase: Record = {
            "add_invoice_items": self._extras(values, name, currency),
            "currency": currency,
            "default_tax_rates": list(values.get("default_tax_rates") or ()),
            "discounts": self._discounts(values, name, currency, start),
            "end_date": end,
            "items": self._items(values, name, prices),
            # An empty value stays: it unsets what the subscription has from the phases before.
            "metadata": dict(values.get("metadata", {})),
            "proration_behavior": values.get("proration_behavior", "create_prorations"),
            "start_date": start,
            **{field: values[field] for field in PLAIN if values.get(field) is not None},
        }
        if "invoice_settings" in values:
            phase["invoice_settings"] = dict(values["invoice_settings"])
        trial_end = _trial_end(values, name, start, end)
        if trial_end is not None:
            phase["trial_end"] = trial_end
        self._check_money(phase, prices, name)
        return phase

    def _items(self, values: Mapping[str, Any], name: str, prices: Sequence[Record]) -> list[Record]:
        found = []
        for position, (item, price) in enumerate(zip(values["items"], prices, strict=True)):
            param = nested(f"{nested(name, 'items')}[{position}]", "tax_rates")
            rates = agreement.agree_rates(self.world, item.get("tax_rates"), [price], param)
            metered = price["recurring"]["usage_type"] == "metered"
            counted = {} if metered else {"quantity": item.get("quantity", 1)}
            metadata = merge({}, item.get("metadata", {}))
            found.append({"metadata": metadata, "price": price["id"], "tax_rates": rates, **counted})
        return found

    def _extras(self, values: Mapping[str, Any], name: str, currency: str) -> list[Record]:
        given = values.get("add_invoice_items", ())
        return agree_extras(self.world, self.basket, given, (nested(name, "add_invoice_items"), currency))

    def _discounts(self, values: Mapping[str, Any], name: str, currency: str, start: int) -> list[Record]:
        param = nested(name, "discounts")
        coupons = agreement.agree_coupons(self.world, values.get("discounts"), currency, param)
        for coupon in coupons:
            ends = coupon["redeem_by"] is not None and coupon["redeem_by"] <= start
            if start > self.world.now() and (ends or coupon["max_redemptions"] is not None):
                raise EmulatorGap("phases with a coupon that may be used up or expired when they begin", param)
        return [{"coupon": coupon["id"], "discount": None, "promotion_code": None} for coupon in coupons]

    def _check_money(self, phase: Record, prices: Sequence[Record], name: str) -> None:
        """Refuse taxes that exclude each other, a payer that is not the customer's, an invoice without an address."""
        own = {**self.defaults, **phase}
        world, customer = self.world, self.customer
        extras = [world.tables["price"].get(extra["price"]) for extra in phase["add_invoice_items"]]
        priced = [*prices, *(price for price in extras if price is not None)]
        agreement.agree_rates(world, phase["default_tax_rates"], priced, nested(name, "default_tax_rates"))
        if (own.get("automatic_tax") or {}).get("enabled"):
            taxed = (*phase["items"], *phase["add_invoice_items"])
            if phase["default_tax_rates"] or any(one["tax_rates"] for one in taxed):
                raise StripeError(
                    "You cannot set tax rates where automatic tax is enabled.", nested(name, "default_tax_rates")
                )
            agreement.agree_automatic_tax(world, customer, priced, nested(name, "automatic_tax"))
        if own.get("default_payment_method"):
            param = nested(name, "default_payment_method")
            agreement.agree_method(world, customer["id"], own["default_payment_method"], param)
        bills = own.get("invoice_settings") or {}
        days = nested(nested(name, "invoice_settings"), "days_until_due")
        if own.get("collection_method", "charge_automatically") != "send_invoice":
            if "days_until_due" in phase.get("invoice_settings", {}):
                raise ParameterError("`days_until_due` is only for `collection_method=send_invoice`.", days)
            return
        if "days_until_due" not in bills:
            raise missing_parameter(days)
        if customer["email"] is None:
            raise StripeError(
                "Missing email. In order to create invoices that are sent to the customer, the customer must have a "
                "valid email.",
                nested(name, "collection_method"),
            )


def agree_extras(
    world: World, basket: Basket, given: Sequence[Mapping[str, Any]], place: tuple[str, str]
) -> list[Record]:
    """What is added to an invoice once; `place` is the parameter's name, and the currency."""
    found = []
    for position, values in enumerate(given):
        name = f"{place[0]}[{position}]"
        price = basket.one_time(values, name, place[1])
        rates = agreement.agree_rates(world, values.get("tax_rates"), [price], nested(name, "tax_rates"))
        found.append(
            {
                "discountable": True,
                "discounts": [],
                "metadata": merge({}, values.get("metadata", {})),
                "period": PERIOD,
                "price": price["id"],
                "quantity": values.get("quantity", 1),
                "tax_rates": rates,
            }
        )
    return found


def _end(values: Mapping[str, Any], name: str, place: tuple[int, bool], price: Record) -> int:
    """When a phase ends; the last one lasts for one period unless it says otherwise."""
    start, last = place
    if "end_date" in values and "duration" in values:
        raise exclusive_parameters((nested(name, "end_date"), nested(name, "duration")))
    if values.get("end_date") == "now":
        raise EmulatorGap("phases that end now", nested(name, "end_date"))
    if "end_date" in values:
        if values["end_date"] <= start:
            raise StripeError("The `end_date` of a phase must be after its `start_date`.", nested(name, "end_date"))
        return int(values["end_date"])
    if "duration" in values:
        duration = values["duration"]
        return period_end(start, {**duration, "interval_count": duration.get("interval_count", 1)})
    if not last:
        raise missing_parameter(nested(name, "end_date"))
    if values.get("trial") or "trial_end" in values:
        raise EmulatorGap("phases with a trial that say neither how long they last nor when they end", name)
    return period_end(start, price["recurring"])


def _trial_end(values: Mapping[str, Any], name: str, start: int, end: int) -> int | None:
    param = nested(name, "trial_end")
    if values.get("trial") and "trial_end" in values:
        raise exclusive_parameters((nested(name, "trial"), param))
    if values.get("trial_end") == "now":
        raise EmulatorGap("trials that end now", param)
    trial_end = end if values.get("trial") else values.get("trial_end")
    if trial_end is None:
        return None
    agreement.agree_trial(trial_end, start, param)
    if trial_end > end:
        raise StripeError("The `trial_end` of a phase must not be after its `end_date`.", param)
    return int(trial_end)
