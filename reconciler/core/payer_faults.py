"""What keeps a customer from paying for a row: not there, no card, no e-mail, no address for tax, billed otherwise."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core.catalogue_faults import elsewhere, of_source
from reconciler.core.migration_facts import AccountFacts, Payer
from reconciler.core.migrations import (
    DEFAULT_PAYMENT_METHOD,
    INVOICE_EMAIL,
    TAX_LOCATION,
    Fault,
    Migration,
    Missing,
    Terms,
)

# A check that blocks and rows may turn down, by name, or none; and what it found.
Found = tuple[str, Fault]
_ALWAYS = ""


def needs_latest(migration: Migration, terms: Terms, payer: Payer | None) -> bool:
    """Say whether the newest payment method of a row's customer has to become the default."""
    automatic = terms.collection_method == "charge_automatically"
    return automatic and migration.missing_method is Missing.SET_LATEST and payer is not None and not payer.method


def payer_faults(migration: Migration, terms: Terms, facts: AccountFacts) -> Iterator[Found]:
    """Go through what is wrong with a row's customer."""
    payer = facts.payers.get(terms.customer)
    if payer is None or payer.deleted:
        old = of_source(migration, facts, "customer", "customer", terms.customer) if payer is None else None
        yield _ALWAYS, old or _nobody(migration, terms.customer, deleted=payer is not None)
        return
    if payer.clocked:
        summary = (
            f"{payer.id} is on a test clock: no listing shows its schedules, so nothing could tell that it has one"
        )
        hint = "migrate a customer without a test clock"
        yield _ALWAYS, Fault(reason="test_clock_customer", column="customer", summary=summary, hint=hint)
    yield from _currency(terms, payer, facts)
    if terms.collection_method == "charge_automatically":
        yield from _method(migration, terms, payer)
    elif not payer.email:
        summary = f"{payer.id} has no e-mail, and invoices are to be sent"
        hint = "give the customer one, or collect with charge_automatically"
        yield INVOICE_EMAIL, Fault(reason=INVOICE_EMAIL, column="collection_method", summary=summary, hint=hint)
    if terms.automatic_tax:
        yield from _tax(payer, facts)


def _nobody(migration: Migration, customer: str, *, deleted: bool) -> Fault:
    if deleted:
        summary, hint = f"the customer {customer} was deleted", "name the customer that took its place"
        return Fault(reason="deleted_customer", column="customer", summary=summary, hint=hint)
    hint = elsewhere(migration, "customer")
    summary = f"this account has no customer {customer}"
    return Fault(reason="unknown_customer", column="customer", summary=summary, hint=hint)


def _currency(terms: Terms, payer: Payer, facts: AccountFacts) -> Iterator[Found]:
    """Compare with the currency that a customer is billed in, which its first invoice sets for good."""
    prices = [facts.prices.get(item.price) for item in terms.items if item.price is not None]
    adhoc = [item.adhoc.currency for item in terms.items if item.adhoc is not None]
    currency = terms.currency or next((p.currency for p in prices if p is not None), None) or next(iter(adhoc), None)
    if payer.currency is None or currency is None or payer.currency == currency:
        return
    summary = f"{payer.id} is billed in {payer.currency} for good, and the row is in {currency}"
    offered = not adhoc and all(p is not None and payer.currency in p.amounts for p in prices)
    hint = f"name prices in {payer.currency}, or another customer"
    if offered:
        hint = f"set currency to {payer.currency}: the row's prices have it"
    column = "currency" if terms.currency is not None or adhoc else "price"
    yield _ALWAYS, Fault(reason="customer_currency", column=column, summary=summary, hint=hint)


def _method(migration: Migration, terms: Terms, payer: Payer) -> Iterator[Found]:
    if payer.method:
        return
    summary = f"{payer.id} has no default payment method"
    hint = "give the customer one, or  default_payment_method: set_latest"
    if needs_latest(migration, terms, payer):
        if payer.latest is not None:
            return
        summary, hint = f"{payer.id} has no payment method at all", "attach one to the customer, or use send_invoice"
    found = Fault(reason=DEFAULT_PAYMENT_METHOD, column="customer", summary=summary, hint=hint)
    yield DEFAULT_PAYMENT_METHOD, found


def _tax(payer: Payer, facts: AccountFacts) -> Iterator[Found]:
    if facts.tax_active is False:
        summary, hint = "Stripe Tax is not active in this account", "activate it in the Dashboard, or use tax rates"
        yield _ALWAYS, Fault(reason="tax_inactive", column="automatic_tax", summary=summary, hint=hint)
    if not payer.located:
        summary = f"{payer.id} has no address that Stripe Tax could work with"
        hint = "give the customer a country, and where Stripe asks for it a postal code"
        yield TAX_LOCATION, Fault(reason=TAX_LOCATION, column="automatic_tax", summary=summary, hint=hint)
