"""Cells that name a customer, a price, a product, a coupon or a tax rate: by id, by address, by an old id. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from reconciler.core.address import Address, parse_address
from reconciler.core.migrations import Named
from reconciler.core.row_cells import Unreadable, shown
from reconciler.core.suggest import suggestion
from reconciler.core.values import Ref

CUSTOMER = "customer"
# What may be named by an address; a customer has none here.
ADDRESSED = ("price", "product", "coupon", "tax_rate")
NAMED = (CUSTOMER, *ADDRESSED)

_WORDS: Mapping[str, str] = {
    "customer": "a customer", "price": "a price", "product": "a product", "coupon": "a coupon",
    "tax_rate": "a tax rate",
}  # fmt: skip
# Ids that Stripe always makes itself: whatever begins so is one of these.
_PREFIXES: Mapping[str, str] = {
    "cus_": "a customer", "prod_": "a product", "price_": "a price", "plan_": "a price", "si_": "a subscription item",
    "txr_": "a tax rate",
}  # fmt: skip
# Ids of other things, which a coupon or a plan that a person named may begin like: only those of Stripe's own making.
_LIKELY: Mapping[str, str] = {
    "sub_sched_": "a subscription schedule", "sub_": "a subscription", "promo_": "a promotion code",
    "di_": "a discount", "in_": "an invoice", "pm_": "a payment method", "card_": "a card", "acct_": "an account",
    "ch_": "a charge", "pi_": "a payment intent", "evt_": "an event",
}  # fmt: skip
_MADE_BY_STRIPE = re.compile(r"(?=.*[0-9])[A-Za-z0-9]{14,}")
_ADDRESS = re.compile(r"(customer_binding|subscription_migration|promotion_code|price|product|coupon|tax_rate)[.\[]")
_OWN: Mapping[str, tuple[str, ...]] = {
    "customer": ("cus_",), "price": ("price_", "plan_"), "product": ("prod_",), "coupon": (), "tax_rate": ("txr_",),
}  # fmt: skip
_HINTS: Mapping[str, str] = {
    "customer": "such an id starts with cus_",
    "price": "give the id of a price, or its address: price.NAME",
    "product": "give the id of a product, or its address: product.NAME",
    "coupon": "give the id of a coupon, or its address: coupon.NAME",
    "tax_rate": "such an id starts with txr_; an address is tax_rate.NAME",
}
_LONGEST_ID = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class IdMap:
    """Old ids, and what they are here; `shown` is what the map is called. None stands for an old id without a new one.

    What is the new id of another one passes as it is, unless it is an old id too.
    """

    shown: str
    ids: Mapping[str, Named | None]


def id_map(shown: str, pairs: Mapping[str, Named | None]) -> IdMap:
    """Make a map that lets its own new ids pass."""
    passing: dict[str, Named | None] = {str(new): new for new in pairs.values() if new is not None}
    return IdMap(shown=shown, ids={**passing, **pairs})


def parse_name(kind: str, text: str) -> Named:
    """Read an id or an address; raise Unreadable for what is neither, as far as that can be told offline."""
    if kind == CUSTOMER:
        if text.startswith("cus_") and text.isascii() and _is_id(text) and text.replace("_", "").isalnum():
            return text
        raise _wrong(kind, text)
    address = _ADDRESS.match(text)
    if address is not None:
        if address[1] != kind:
            raise _wrong(kind, text, f"the address of a {address[1].replace('_', ' ')}")
        return _ref(kind, text)
    if "@" in text or not _is_id(text) or _what(text, _OWN[kind]) or (kind == "tax_rate" and text[:4] != "txr_"):
        raise _wrong(kind, text)
    return text


def _is_id(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_ID and text.isprintable()


def _ref(kind: str, text: str) -> Ref:
    try:
        address = parse_address(text)
    except ValueError as error:
        raise Unreadable("bad_address", str(error), _HINTS[kind]) from None
    if address.key is not None:
        raise Unreadable("bad_address", f"{shown(text)} has a key, and no {kind} has one", _HINTS[kind])
    return Ref(address)


def _what(text: str, own: tuple[str, ...]) -> str:
    """Say what an id is of, where it begins like no id of its own kind."""
    if own and text.startswith(own):
        return ""
    for prefix, what in _PREFIXES.items():
        if text.startswith(prefix):
            return what
    for prefix, what in _LIKELY.items():
        if text.startswith(prefix) and _MADE_BY_STRIPE.fullmatch(text, len(prefix)):
            return what
    return ""


def _wrong(kind: str, text: str, what: str = "") -> Unreadable:
    if "@" in text:
        summary = f"an e-mail address stands where the id of {_WORDS[kind]} should"
    elif what := what or _what(text, _OWN[kind]):
        summary = f"{shown(text)} is {what if 'address' in what else f'the id of {what}'}, not of {_WORDS[kind]}"
    else:
        summary = f"{shown(text)} is not the id of {_WORDS[kind]}"
    return Unreadable(f"wrong_{kind}", summary, _HINTS[kind])


def check_declared(named: Named, declared: Collection[Address] | None) -> None:
    """Raise Unreadable for the address of what is not declared; `declared` is None where that is not known."""
    if not isinstance(named, Ref) or declared is None or named.address in declared:
        return
    near = suggestion(str(named.address), [str(a) for a in declared if a.kind == named.address.kind])
    hint = near or f"declare {named.address}, or give the Stripe id instead"
    raise Unreadable("undeclared", f"{named.address} is not declared", hint)


class NameReader:
    """Reads the names of one kind, and remembers those that it has read, save for customers, who are as many as rows.

    With a map it takes what that has, and what it has was checked when it was read. `declared` are the addresses of the
    specs: None where they are not known, since a file of them could not be read.
    """

    def __init__(self, kind: str, ids: IdMap | None = None, declared: Collection[Address] | None = None) -> None:
        self._kind = kind
        self._map = ids
        self._declared = declared
        self._known: dict[str, Named | Unreadable] = {}

    def __call__(self, text: str) -> Named:
        """Read a text; raise Unreadable where it is no such name, not in the map, or not declared."""
        if self._map is not None:
            return _mapped(text, self._map)
        if self._kind == CUSTOMER:
            return parse_name(CUSTOMER, text)
        found = self._known.get(text)
        if found is None:
            found = self._known[text] = self._read(text)
        if isinstance(found, Unreadable):
            raise Unreadable(found.reason, found.summary, found.hint)
        return found

    def _read(self, text: str) -> Named | Unreadable:
        try:
            found = parse_name(self._kind, text)
            check_declared(found, self._declared)
            return found
        except Unreadable as wrong:
            return wrong.with_traceback(None)


def _mapped(text: str, ids: IdMap) -> Named:
    found = ids.ids.get(text)
    if found is not None:
        return found
    if text in ids.ids:
        raise Unreadable("not_in_map", f"{shown(text)} has no new id in {ids.shown}", "write one there")
    raise Unreadable("not_in_map", f"{shown(text)} is not in {ids.shown}", "add it there, or correct the cell")
