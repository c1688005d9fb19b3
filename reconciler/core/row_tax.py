"""How a row is taxed: by one rate, by Stripe Tax or not at all, and whether its prices can be taxed so. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.core.migration_facts import AccountFacts, RateFacts
from reconciler.core.migrations import Fault, Named, Terms
from reconciler.core.offer import Offer

# What Stripe's `inferred_by_currency` leaves out of the price: all other currencies have their tax within.
_EXCLUSIVE_CURRENCIES = frozenset({"usd", "cad"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tax:
    """`rate` is the manual one, `named` what Stripe is told of it; `automatic` is Stripe Tax, which `adds` to the
    amounts unless all of them include it. `behavior` is what prices that are made for the row are said to be, empty
    where nothing needs to be said."""

    rate: RateFacts | None = None
    named: Named = ""
    automatic: bool = False
    adds: bool = False
    behavior: str = ""


NO_TAX = Tax()


def tax_of(terms: Terms, offer: Offer, facts: AccountFacts) -> Tax:
    """Say how a row is taxed."""
    if terms.default_tax_rate is not None:
        rate = facts.rates[terms.default_tax_rate]
        named = rate.id or terms.default_tax_rate
        return Tax(rate=rate, named=named, behavior="inclusive" if rate.inclusive else "exclusive")
    if not terms.automatic_tax:
        return NO_TAX
    said = next((one.tax_behavior for one in offer.sold if one.tax_behavior), "")
    usual = _usual(facts, offer.currency)
    within = all((one.tax_behavior or said or usual) == "inclusive" for one in offer.sold)
    if terms.fees and (said or usual) != "inclusive":
        within = False
    return Tax(automatic=True, adds=not within, behavior=said)


def tax_faults(terms: Terms, offer: Offer, facts: AccountFacts) -> Iterator[Fault]:
    """Say which prices cannot be taxed as the row asks for."""
    if terms.default_tax_rate is not None:
        yield from _against(terms.default_tax_rate, facts.rates[terms.default_tax_rate], offer)
    elif terms.automatic_tax and not facts.tax_behavior:
        yield from _unspecified(offer)


def _usual(facts: AccountFacts, currency: str) -> str:
    if facts.tax_behavior == "inferred_by_currency":
        return "exclusive" if currency in _EXCLUSIVE_CURRENCIES else "inclusive"
    return facts.tax_behavior


def _against(named: Named, rate: RateFacts, offer: Offer) -> Iterator[Fault]:
    behavior = "inclusive" if rate.inclusive else "exclusive"
    for one in offer.sold:
        if one.tax_behavior and one.tax_behavior != behavior:
            yield Fault(
                reason="tax_behavior",
                column="default_tax_rate",
                summary=f"{named} is {behavior}, and the tax_behavior of {one.price} is {one.tax_behavior}",
                hint="take a tax rate and prices that agree on whether the tax is included",
            )


def _unspecified(offer: Offer) -> Iterator[Fault]:
    said = any(one.tax_behavior for one in offer.sold)
    for one in offer.sold:
        if one.tax_behavior or (one.adhoc and said):
            continue
        what = f"the ad-hoc price of {one.product}" if one.adhoc else f"{one.price}"
        yield Fault(
            reason="tax_behavior_unspecified",
            column="automatic_tax",
            summary=f"{what} does not say whether its tax is included, which automatic_tax needs",
            hint="set the default tax behavior in the settings of Stripe Tax, or "
            + ("take a price of the catalogue" if one.adhoc else "tax_behavior of the price"),
        )
