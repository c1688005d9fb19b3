"""Coupons: a percentage or an amount off. Only the name, metadata and currency options of a coupon can change."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.core.fields import ChangeClass, Field, OnChange, Problem
from reconciler.core.kind import Kind, Lookup, OnReplace, Request
from reconciler.core.shapes import ListOf, MapOf, Struct
from reconciler.core.types import Amount, DecimalNumber, Moment, Reference, Text, Whole
from reconciler.core.values import Attrs
from reconciler.kinds.shared import CURRENCY, CURRENCY_KEY, EXPAND_REASON, METADATA

_MONEY, _REPLACE = ChangeClass.MONEY, OnChange.REPLACE


def _check(attrs: Attrs) -> Iterable[Problem]:
    if ("percent_off" in attrs) == ("amount_off" in attrs):
        yield Problem(path=(), code="BP1210", summary="a coupon needs either percent_off or amount_off")
    if ("amount_off" in attrs) != ("currency" in attrs):
        path = ("amount_off",) if "amount_off" in attrs else ("currency",)
        yield Problem(path=path, code="BP1210", summary="amount_off and currency belong together")
    if attrs.get("percent_off") == "0":
        yield Problem(path=("percent_off",), code="BP1205", summary="percent_off must be above 0")
    repeating = attrs.get("duration") == "repeating"
    if repeating != ("duration_in_months" in attrs):
        path = ("duration",) if repeating else ("duration_in_months",)
        yield Problem(path=path, code="BP1210", summary="duration: repeating and duration_in_months belong together")
    options = [n for n in attrs if n.startswith("currency_options[")]
    if options and "amount_off" not in attrs:
        yield Problem(path=("currency_options",), code="BP1210", summary="currency_options needs amount_off")
    if f"currency_options[{attrs.get('currency')}]" in options:
        summary = f"{attrs['currency']} is the coupon's own currency and cannot be one of its currency_options"
        yield Problem(path=("currency_options", attrs["currency"]), code="BP1210", summary=summary)


COUPON = Kind(
    name="coupon",
    plural="coupons",
    doc="A discount: a percentage or an amount off, once, for some months or for ever.",
    body=Struct(
        fields=(
            Field(
                name="id",
                type=Text(max_length=200, pattern=r"[A-Za-z0-9_-]+", what="an id of letters, digits, _ -"),
                doc="The coupon's id in Stripe; <project>-<name> unless declared. Cannot change.",
                on_change=OnChange.REFUSE,
            ),
            Field(name="name", type=Text(max_length=40), doc="What customers see on receipts."),
            Field(
                name="percent_off",
                type=DecimalNumber(minimum=0, maximum=100, places=2),
                doc="Percentage off, above 0 and up to 100.",
                on_change=_REPLACE,
                change_class=_MONEY,
            ),
            Field(
                name="amount_off",
                type=Amount(minimum=1),
                doc="Amount off, in the smallest unit of the currency.",
                on_change=_REPLACE,
                change_class=_MONEY,
            ),
            Field(
                name="currency",
                type=CURRENCY,
                doc="Three-letter currency code of amount_off.",
                on_change=_REPLACE,
                change_class=_MONEY,
            ),
            Field(
                name="currency_options",
                type=MapOf(
                    value=Struct(
                        fields=(
                            Field(
                                name="amount_off",
                                type=Amount(minimum=1),
                                doc="Amount off, smallest unit.",
                                required=True,
                            ),
                        )
                    ),
                    key_pattern=CURRENCY_KEY,
                    key_name="a three-letter currency code",
                ),
                doc="Amounts off in further currencies.",
                split=True,
                change_class=_MONEY,
            ),
            Field(
                name="duration",
                type=Text(choices=("forever", "once", "repeating")),
                doc="How long the discount lasts; once unless declared.",
                default="once",
                on_change=_REPLACE,
                change_class=_MONEY,
            ),
            Field(
                name="duration_in_months",
                type=Whole(minimum=1),
                doc="How many months, where duration is repeating.",
                on_change=_REPLACE,
                change_class=_MONEY,
            ),
            Field(
                name="applies_to",
                type=Struct(
                    fields=(
                        Field(
                            name="products",
                            type=ListOf(item=Reference(kind="product"), ordered=False),
                            doc="Products that the discount is for.",
                        ),
                    )
                ),
                doc="Limits the discount to some products.",
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
                name="redeem_by",
                type=Moment(),
                doc="After this moment it cannot be redeemed: ISO 8601 with a zone, or epoch seconds.",
                on_change=_REPLACE,
                change_class=_MONEY,
            ),
            METADATA,
        ),
        excluded=(("expand", EXPAND_REASON),),
    ),
    lookup=Lookup(path="/v1/coupons", listings=({},), permission="rak_coupon_read"),
    natural_key="id",
    chosen_id=True,
    default_key=True,
    expand=("applies_to", "currency_options"),
    on_replace=OnReplace.REFUSED,
    create_class=_MONEY,
    retire_class=ChangeClass.IRREVERSIBLE,
    retire=Request(
        verb="delete",
        method="delete",
        path="/v1/coupons/{id}",
        params={},
        expect=None,
        undo="a deleted coupon is gone; discounts that customers have already stay",
    ),
    revive=None,
    removals=("delete", "forget"),
    check=_check,
    alive=lambda raw: not raw.get("deleted", False),
    example="coupons:\n  launch: {percent_off: 20, duration: repeating, duration_in_months: 3}\n",
)
