"""Promotion codes: what customers type in to get a coupon."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reconciler.core.fields import ChangeClass, Field, OnChange, Problem
from reconciler.core.kind import Kind, Lookup, OnReplace
from reconciler.core.shapes import MapOf, Struct
from reconciler.core.types import Amount, Flag, Moment, Reference, Text, Whole
from reconciler.core.values import Attrs, Value
from reconciler.kinds.shared import ACTIVE, CURRENCY, CURRENCY_KEY, EXPAND_REASON, METADATA, archive

_MONEY, _REPLACE = ChangeClass.MONEY, OnChange.REPLACE

_PROMOTION = Struct(
    fields=(
        Field(name="type", type=Text(choices=("coupon",)), doc="coupon.", default="coupon"),
        Field(name="coupon", type=Reference(kind="coupon"), doc="coupon.name, or a Stripe id.", required=True),
    )
)

_OPTION = Struct(
    fields=(Field(name="minimum_amount", type=Amount(), doc="Smallest purchase, smallest unit.", required=True),)
)

_RESTRICTIONS = Struct(
    fields=(
        Field(
            name="first_time_transaction",
            type=Flag(),
            doc="Only for customers who have never paid.",
            default=False,
            on_change=_REPLACE,
            change_class=_MONEY,
        ),
        Field(
            name="minimum_amount",
            type=Amount(minimum=1),
            doc="Smallest purchase, in the smallest unit of minimum_amount_currency.",
            on_change=_REPLACE,
            change_class=_MONEY,
        ),
        Field(
            name="minimum_amount_currency",
            type=CURRENCY,
            doc="Currency of minimum_amount.",
            on_change=_REPLACE,
            change_class=_MONEY,
        ),
        Field(
            name="currency_options",
            type=MapOf(value=_OPTION, key_pattern=CURRENCY_KEY, key_name="a three-letter currency code"),
            doc="Smallest purchase in further currencies.",
            split=True,
            change_class=_MONEY,
        ),
    )
)


def _check(attrs: Attrs) -> Iterable[Problem]:
    if ("restrictions[minimum_amount]" in attrs) != ("restrictions[minimum_amount_currency]" in attrs):
        summary = "minimum_amount and minimum_amount_currency belong together"
        yield Problem(path=("restrictions",), code="BP1210", summary=summary)
    if "customer" in attrs and "customer_account" in attrs:
        summary = "customer and customer_account exclude each other"
        yield Problem(path=("customer_account",), code="BP1210", summary=summary)


def _spent(raw: Mapping[str, Value], now: int) -> bool:
    """Say whether a code ran out: Stripe shows an expired or used-up one, or one of an invalid coupon, as inactive."""
    if raw.get("active", True):
        return False
    expires_at, limit = raw.get("expires_at"), raw.get("max_redemptions")
    expired = expires_at is not None and expires_at <= now
    used_up = limit is not None and raw.get("times_redeemed", 0) >= limit
    coupon = (raw.get("promotion") or {}).get("coupon")
    invalid = isinstance(coupon, Mapping) and not coupon.get("valid", False)
    return expired or used_up or invalid


PROMOTION_CODE = Kind(
    name="promotion_code",
    plural="promotion_codes",
    doc="A code that customers type in to get a coupon.",
    body=Struct(
        fields=(
            Field(
                name="promotion",
                type=_PROMOTION,
                doc="What the code gives: {coupon: coupon.name}.",
                required=True,
                on_change=_REPLACE,
                change_class=_MONEY,
            ),
            Field(
                name="code",
                type=Text(max_length=500, pattern="[A-Za-z0-9-]+", what="a code of letters, digits and -"),
                doc="What the customer types in; Stripe makes one up if it is left out.",
                on_change=_REPLACE,
                change_class=_MONEY,
            ),
            Field(
                name="customer",
                type=Reference(kind="customer", declared=False),
                doc="Only this customer may redeem it: cus_...",
                on_change=_REPLACE,
                change_class=_MONEY,
            ),
            Field(
                name="customer_account",
                type=Reference(kind="account", declared=False),
                doc="Only this customer account may redeem it: acct_...",
                on_change=_REPLACE,
                change_class=_MONEY,
            ),
            Field(
                name="expires_at",
                type=Moment(),
                doc="After this moment it cannot be redeemed: ISO 8601 with a zone, or epoch seconds.",
                on_change=_REPLACE,
                change_class=_MONEY,
            ),
            Field(
                name="max_redemptions",
                type=Whole(minimum=1),
                doc="How often it can be redeemed in all.",
                on_change=_REPLACE,
                change_class=_MONEY,
            ),
            Field(
                name="restrictions",
                type=_RESTRICTIONS,
                doc="Who may redeem it, and for which purchases.",
                split=True,
                change_class=_MONEY,
            ),
            ACTIVE,
            METADATA,
        ),
        excluded=(("expand", EXPAND_REASON),),
    ),
    lookup=Lookup(path="/v1/promotion_codes", listings=({},), permission="rak_promotion_code_read"),
    natural_key="code",
    folded_key=True,
    # A code must be unique among the active ones, so the old one goes first.
    on_replace=OnReplace.RETIRE_FIRST,
    expand=("restrictions.currency_options", "promotion.coupon"),
    create_class=_MONEY,
    retire=archive("/v1/promotion_codes/{id}"),
    revive=None,
    removals=("archive", "forget"),
    check=_check,
    spent=_spent,
    example="promotion_codes:\n  launch_2026: {code: LAUNCH26, promotion: {coupon: coupon.launch}}\n",
)
