"""The cells of migration rows: what the text of one says, or why it cannot be read. Pure.

Moments are epoch seconds, UTC. No message holds an e-mail address or a key.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache, wraps
from typing import TypeVar

from reconciler.core.migrations import CHECKS
from reconciler.core.money import CURRENCIES, exponent
from reconciler.core.suggest import suggestion
from reconciler.core.types import show_moment

INTERVALS = ("day", "week", "month", "year")
# How long the period of a price may be: three years.
LONGEST: Mapping[str, int] = {"day": 1095, "week": 156, "month": 36, "year": 3}
COLLECTION_METHODS = ("charge_automatically", "send_invoice")
PRORATIONS: Mapping[str, bool] = {"create_prorations": True, "none": False}
# Twelve digits are the most that Stripe takes in any currency: https://docs.stripe.com/currencies
_MOST = 999_999_999_999
_SHOWN = 60
_SECRETS = ("sk_", "rk_", "whsec_")
_EARLIEST, _EARLIEST_PAST, _LATEST = 946684800, 315532800, 4102444800
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
_ISO = "write it as 2027-01-01T00:00:00Z, or in epoch seconds"
_FLAGS: Mapping[str, bool] = {"true": True, "false": False}
# How many of the texts that stand in many rows are remembered, once read.
_MANY = 8192

T = TypeVar("T")


class Unit(StrEnum):
    """What amounts are written in: whole units of the currency with decimals, or its smallest unit."""

    MAJOR = "major"
    MINOR = "minor"


class Unreadable(ValueError):
    """A cell that cannot be read: the stable `reason`, what is wrong with the value, and the way out."""

    def __init__(self, reason: str, summary: str, hint: str = "") -> None:
        super().__init__(summary)
        self.reason = reason
        self.summary = summary
        self.hint = hint


def _remembered(read: Callable[[str], T]) -> Callable[[str], T]:
    """Read a text once, also one that cannot be read: to say so takes a search for the word that was meant."""

    @lru_cache(maxsize=_MANY)
    def outcome(text: str) -> T | Unreadable:
        try:
            return read(text)
        except Unreadable as error:
            return error.with_traceback(None)

    @wraps(read)
    def remembering(text: str) -> T:
        found = outcome(text)
        if isinstance(found, Unreadable):
            raise Unreadable(found.reason, found.summary, found.hint)
        return found

    return remembering


def shown(text: str) -> str:
    """Show a text in a message, unless it may be an e-mail address or a key."""
    if "@" in text:
        return "(a text with an @)"
    if text.startswith(_SECRETS):
        return "(a secret)"
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")


@_remembered
def read_moment(text: str) -> int:
    """Read a date from 2000 to 2100."""
    return _bounded(_moment(text), text, _EARLIEST)


@_remembered
def read_past(text: str) -> int:
    """Read a date from 1980 to 2100: of what began long ago."""
    return _bounded(_moment(text), text, _EARLIEST_PAST)


def _moment(text: str) -> int:
    if text.isascii() and text.isdigit():
        if len(text) == 13:
            summary = f"{shown(text)} is in milliseconds"
            raise Unreadable("date_in_milliseconds", summary, f"write whole seconds: {text[:-3]}")
        # However long it is: more digits than these are out of range either way.
        return int(text[:16])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        hint = f"a spreadsheet has shortened it: {_ISO}" if "e+" in text.casefold() else _ISO
        raise Unreadable("bad_date", f"{shown(text)} is not a date", hint) from None
    if ":" not in text and "T" not in text:
        hint = f"say when on that day, and where: {moment:%Y-%m-%d}T00:00:00Z"
        raise Unreadable("date_without_time", f"{shown(text)} is a day, not a moment", hint)
    if moment.tzinfo is None:
        raise Unreadable("date_without_zone", f"{shown(text)} has no time zone", f"write {moment.isoformat()}Z for UTC")
    if moment.microsecond:
        raise Unreadable("bad_date", f"{shown(text)} has parts of a second", "Stripe counts in whole seconds")
    return int(moment.timestamp())


def _bounded(moment: int, text: str, earliest: int) -> int:
    if earliest <= moment < _LATEST:
        return moment
    when = f" ({show_moment(moment)})" if 0 <= moment < 2 * _LATEST else ""
    # Days since 1900, as spreadsheets count them, are numbers of five digits.
    hint = f"it may be a spreadsheet's number of a day: {_ISO}" if len(text) == 5 else _ISO
    span = f"from {show_moment(earliest)[:4]} to 2100"
    raise Unreadable("date_out_of_range", f"{shown(text)} is not a date {span}{when}", hint)


@_remembered
def read_quantity(text: str) -> int:
    """Read a quantity: a whole number, 0 included."""
    return _whole(text, "bad_quantity", 0, _MOST)


@_remembered
def read_days(text: str) -> int:
    """Read the days until an invoice is due."""
    return _whole(text, "bad_days_until_due", 0, 3650)


@_remembered
def read_interval_count(text: str) -> int:
    """Read how many intervals a period has; the longest is a matter of the interval."""
    return _whole(text, "bad_interval_count", 1, max(LONGEST.values()))


def _whole(text: str, reason: str, lowest: int, highest: int) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 12 and lowest <= int(text) <= highest:
        return int(text)
    whole, _, fraction = text.partition(".")
    hint = f"write {whole}" if whole.isdigit() and fraction and not fraction.strip("0") else ""
    limits = f"of at least {lowest}" if highest == _MOST else f"from {lowest} to {highest}"
    raise Unreadable(reason, f"{shown(text)} is not a whole number {limits}", hint or "write digits and nothing else")


@_remembered
def read_major(text: str) -> Decimal:
    """Read an amount in whole units of its currency, such as 21.50."""
    amount = _amount(text)
    if amount is None:
        hint = "a point goes before the decimals, and nothing between thousands: 21.50" if "," in text else ""
        raise Unreadable("bad_amount", f"{shown(text)} is not an amount", hint or "write it as 21.50")
    return amount


@_remembered
def read_minor(text: str) -> Decimal:
    """Read an amount in the smallest unit of its currency, such as 2150."""
    amount = _amount(text)
    if amount is None or "." in text:
        hint = "write 2150 for 21.50" if amount is None else "write 2150 for 21.50, or amount_unit: major for the block"
        summary = f"{shown(text)} is not a whole number of the smallest unit, as amount_unit: minor says"
        raise Unreadable("bad_amount", summary, hint)
    return amount


def _amount(text: str) -> Decimal | None:
    if _NUMBER.fullmatch(text) and len(text) <= 40:
        return Decimal(text)
    if text[:1] == "-" and _NUMBER.fullmatch(text[1:]):
        hint = "a price or a fee is 0 or more; what is taken off is a coupon"
        raise Unreadable("negative_amount", f"{shown(text)} is below zero", hint)
    return None


def in_minor_units(amount: Decimal, currency: str, unit: Unit) -> int:
    """Turn an amount into the smallest unit of its currency; raise Unreadable for digits that it does not have."""
    digits = exponent(currency)
    written = -int(amount.as_tuple().exponent)
    if unit is Unit.MAJOR and written > digits:
        most = f"{digits} decimals" if digits else "no decimals"
        summary = f"{amount} has {written} decimals, and {currency} has {digits or 'none'}"
        raise Unreadable("too_many_digits", summary, f"write it with at most {most}")
    minor = int(amount.scaleb(digits)) if unit is Unit.MAJOR else int(amount)
    if minor > _MOST:
        raise Unreadable("amount_too_large", f"{amount} has more digits than Stripe takes", "correct the amount")
    return minor


@_remembered
def read_flag(text: str) -> bool:
    """Read TRUE or FALSE, in any case."""
    found = _FLAGS.get(text.lower())
    if found is None:
        raise Unreadable("bad_boolean", f"{shown(text)} is neither TRUE nor FALSE", "write TRUE, FALSE or nothing")
    return found


@_remembered
def read_currency(text: str) -> str:
    """Read a currency of Stripe's, in lower case."""
    if text in CURRENCIES:
        return text
    if text.lower() in CURRENCIES:
        raise Unreadable("currency_case", f"{shown(text)} is not in lower case", f"write {text.lower()}")
    hint = suggestion(text.lower(), CURRENCIES) or "it has three letters, as in usd"
    raise Unreadable("bad_currency", f"{shown(text)} is not a currency that Stripe takes", hint)


@_remembered
def read_interval(text: str) -> str:
    """Read the interval of a price."""
    return _word(text, INTERVALS, "bad_interval")


@_remembered
def read_collection(text: str) -> str:
    """Read the way in which invoices are paid."""
    return _word(text, COLLECTION_METHODS, "bad_collection_method")


@_remembered
def read_proration(text: str) -> bool:
    """Read whether prorations are made."""
    return PRORATIONS[_word(text, tuple(PRORATIONS), "bad_proration_behavior")]


def _word(text: str, words: tuple[str, ...], reason: str) -> str:
    if text in words:
        return text
    listed = f"{', '.join(words[:-1])} or {words[-1]}"
    raise Unreadable(reason, f"{shown(text)} is not {listed}", suggestion(text, words) or f"write {listed}")


@_remembered
def read_waived(text: str) -> frozenset[str]:
    """Read the names of checks, separated by spaces or commas."""
    names = text.replace(",", " ").split()
    for name in names:
        if name not in CHECKS:
            hint = suggestion(name, CHECKS) or f"there are: {', '.join(CHECKS)}"
            raise Unreadable("unknown_check", f"there is no check {shown(name)}", hint)
    return frozenset(names)


def read_adopted(text: str) -> str:
    """Read the id of a schedule or a subscription."""
    if text.startswith("sub_") and _is_plain_id(text):
        return text
    summary = f"{shown(text)} is not the id of a subscription schedule or a subscription"
    raise Unreadable("bad_adopt", summary, "such an id starts with sub_sched_ or sub_")


def read_source_subscription(text: str) -> str:
    """Read the id of a subscription in another Stripe account."""
    if text.startswith("sub_") and not text.startswith("sub_sched_") and _is_plain_id(text):
        return text
    summary = f"{shown(text)} is not the id of a subscription"
    raise Unreadable("bad_source_subscription", summary, "such an id starts with sub_")


def _is_plain_id(text: str) -> bool:
    return len(text) <= 255 and text.isascii() and text.replace("_", "").isalnum()
