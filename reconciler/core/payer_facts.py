"""Reads what migrations must know of a raw customer. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.migration_facts import Payer
from reconciler.core.values import Value


def read_payer(raw: Mapping[str, Value]) -> Payer:
    """Read a raw customer, a deleted one included. Of the e-mail address only that it is there."""
    if raw.get("deleted"):
        return Payer(id=str(raw["id"]), deleted=True)
    settings = raw.get("invoice_settings") or {}
    currency = raw.get("currency")
    return Payer(
        id=str(raw["id"]),
        currency=str(currency).lower() if currency else None,
        method=bool(settings.get("default_payment_method") or raw.get("default_source")),
        email=bool(raw.get("email")),
        located=has_location(raw),
        clocked=bool(raw.get("test_clock")),
    )


def has_location(raw: Mapping[str, Value]) -> bool:
    """Say whether Stripe Tax finds out from a customer where to tax: https://docs.stripe.com/tax/customer-locations

    The country is enough but in two of them: the United States need the postal code or the whole address, Canada the
    postal code or the province.
    """
    shipping = raw.get("shipping") or {}
    return any(_is_enough(address) for address in (shipping.get("address"), raw.get("address")) if address)


def _is_enough(address: Mapping[str, Value]) -> bool:
    match address.get("country"):
        case None | "":
            return False
        case "US":
            whole = all(address.get(name) for name in ("line1", "city", "state"))
            return bool(address.get("postal_code")) or whole
        case "CA":
            return bool(address.get("postal_code") or address.get("state"))
        case _:
            return True
