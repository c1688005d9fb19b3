"""Prices: how much, how often, in which currencies. A price's amount never changes: a new price takes its place."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

from reconciler.core.fields import ChangeClass, Field, OnChange, Problem
from reconciler.core.kind import Kind, Lookup, OnReplace
from reconciler.core.shapes import ListOf, MapOf, Struct
from reconciler.core.types import Amount, Flag, Reference, Text, Whole
from reconciler.core.values import Attrs, Value
from reconciler.kinds.shared import ACTIVE, CURRENCY, CURRENCY_KEY, EXPAND_REASON, METADATA, archive

_MONEY, _REPLACE = ChangeClass.MONEY, OnChange.REPLACE

_TIER = Struct(
    fields=(
        Field(name="up_to", type=Whole(minimum=1, word="inf"), doc="Upper bound of the tier, or inf.", required=True),
        Field(
            name="unit_amount",
            type=Amount(),
            twin="unit_amount_decimal",
            doc="Amount for each unit, in the smallest unit of the currency.",
        ),
        Field(
            name="flat_amount",
            type=Amount(),
            twin="flat_amount_decimal",
            doc="Amount for the tier as a whole, in the smallest unit of the currency.",
        ),
    )
)


class _Tiers(ListOf):
    """Tiers in order; Stripe shows the last one's `up_to: inf` as null."""

    __slots__ = ()

    def read(self, raw: Value) -> Value:
        return [self.item.read({**t, "up_to": "inf" if t.get("up_to") is None else t["up_to"]}) for t in raw] or None


_TIERS = _Tiers(item=_TIER)


class _Custom(Struct):
    """What the customer may pay; Stripe shows its limits alone, and that it is there means that it is enabled."""

    __slots__ = ()

    def read(self, raw: Value) -> Value:
        return {"enabled": True, **Struct.read(self, raw)}


_CUSTOM = _Custom(
    fields=(
        Field(name="enabled", type=Flag(), doc="Whether the customer chooses the amount.", required=True),
        Field(name="maximum", type=Amount(), doc="Largest amount, in the smallest unit."),
        Field(name="minimum", type=Amount(), doc="Smallest amount, in the smallest unit."),
        Field(name="preset", type=Amount(), doc="The amount that is offered first."),
    )
)

_TAX_BEHAVIOR = Text(choices=("exclusive", "inclusive", "unspecified"))

_UNIT_AMOUNT = Field(
    name="unit_amount",
    type=Amount(),
    twin="unit_amount_decimal",
    doc="Amount for each unit, in the smallest unit of the currency: 2900 is 29.00 USD.",
    on_change=_REPLACE,
    change_class=_MONEY,
)

_OPTION = Struct(
    fields=(
        _UNIT_AMOUNT,
        Field(name="custom_unit_amount", type=_CUSTOM, doc="Lets the customer choose the amount."),
        Field(name="tax_behavior", type=_TAX_BEHAVIOR, doc="Whether tax is included.", default="unspecified"),
        Field(name="tiers", type=_TIERS, doc="Tiers in this currency."),
    )
)

_RECURRING = Struct(
    fields=(
        Field(
            name="interval",
            type=Text(choices=("day", "week", "month", "year")),
            doc="How often it is billed.",
            required=True,
        ),
        Field(name="interval_count", type=Whole(minimum=1, maximum=1095), doc="Every how many intervals.", default=1),
        Field(
            name="usage_type",
            type=Text(choices=("licensed", "metered")),
            doc="licensed: by quantity; metered: by reported usage.",
            default="licensed",
        ),
        Field(name="meter", type=Reference(kind="meter"), doc="The meter that counts the usage: meter.name."),
        Field(name="trial_period_days", type=Whole(minimum=1, maximum=730), doc="Default trial, in days."),
    )
)

_TRANSFORM = Struct(
    fields=(
        Field(name="divide_by", type=Whole(minimum=1), doc="Units are divided by this.", required=True),
        Field(name="round", type=Text(choices=("up", "down")), doc="Which way to round.", required=True),
    )
)


def _check(attrs: Attrs) -> Iterable[Problem]:
    amounts = [n for n in ("unit_amount", "custom_unit_amount", "tiers") if attrs.get(n) is not None]
    if len(amounts) != 1:
        found = " and ".join(amounts) if amounts else "none"
        summary = f"a price needs exactly one of unit_amount, custom_unit_amount or tiers, found {found}"
        yield Problem(path=(amounts[1],) if len(amounts) > 1 else (), code="BP1210", summary=summary)
    yield from _check_tiers(attrs)
    yield from _check_recurring(attrs)
    base = attrs.get("currency")
    if f"currency_options[{base}]" in attrs:
        summary = f"{base} is the price's own currency and cannot be one of its currency_options"
        yield Problem(path=("currency_options", str(base)), code="BP1210", summary=summary)


def _check_tiers(attrs: Attrs) -> Iterable[Problem]:
    tiered = attrs.get("billing_scheme") == "tiered"
    tiers = attrs.get("tiers")
    if tiered != (tiers is not None):
        summary = "billing_scheme: tiered and tiers belong together"
        yield Problem(path=("tiers" if tiers else "billing_scheme",), code="BP1210", summary=summary)
    if (tiers is not None) != ("tiers_mode" in attrs):
        yield Problem(
            path=("tiers" if tiers else "tiers_mode",),
            code="BP1210",
            summary="tiers and tiers_mode belong together",
            hint="tiers_mode is graduated or volume",
        )
    if tiers is not None:
        yield from _check_bounds(tiers, ("tiers",))
    if tiers is not None and "transform_quantity" in attrs:
        summary = "transform_quantity cannot be combined with tiers"
        yield Problem(path=("transform_quantity",), code="BP1210", summary=summary)
    for name, option in attrs.items():
        if name.startswith("currency_options[") and option.get("tiers") is not None:
            yield from _check_bounds(option["tiers"], ("currency_options", name[17:-1], "tiers"))


def _check_bounds(tiers: list[Mapping[str, Value]], path: tuple[str, ...]) -> Iterable[Problem]:
    bounds = [t["up_to"] for t in tiers]
    if bounds[-1] != "inf":
        yield Problem(path=(*path, len(tiers) - 1), code="BP1211", summary="the last tier needs up_to: inf")
    for n, (lower, upper) in enumerate(itertools.pairwise(bounds)):
        if lower == "inf" or (upper != "inf" and upper <= lower):
            summary = f"tiers must ascend: up_to {upper} follows {lower}"
            yield Problem(path=(*path, n + 1, "up_to"), code="BP1211", summary=summary)
    for n, tier in enumerate(tiers):
        if "unit_amount" not in tier and "flat_amount" not in tier:
            yield Problem(path=(*path, n), code="BP1211", summary="a tier needs unit_amount or flat_amount, or both")


# https://docs.stripe.com/api/prices/create: an interval of at most three years.
_LONGEST = {"day": 1095, "week": 156, "month": 36, "year": 3}


def _check_recurring(attrs: Attrs) -> Iterable[Problem]:
    recurring = attrs.get("recurring") or {}
    metered, meter = recurring.get("usage_type") == "metered", recurring.get("meter")
    if metered and meter is None:
        # Legacy usage records are gone since 2025-03-31.basil: a metered price needs a meter.
        hint = "add meter: meter.NAME and declare the meter under meters:"
        yield Problem(path=("recurring",), code="BP1210", summary="usage_type: metered needs a meter", hint=hint)
    if meter is not None and not metered:
        yield Problem(
            path=("recurring", "meter"),
            code="BP1210",
            summary="a meter counts usage, but usage_type is licensed",
            hint="add usage_type: metered",
        )
    longest = _LONGEST.get(str(recurring.get("interval")), 0)
    if recurring.get("interval_count", 1) > longest > 0:
        summary = f"the interval is at most three years: {longest} times {recurring['interval']}"
        yield Problem(path=("recurring", "interval_count"), code="BP1205", summary=summary)
    custom = attrs.get("custom_unit_amount")
    if custom and not custom["enabled"]:
        summary = "custom_unit_amount is either enabled or left out"
        yield Problem(path=("custom_unit_amount", "enabled"), code="BP1210", summary=summary)
    if recurring and custom:
        summary = "custom_unit_amount is for one-time prices, not for recurring ones"
        yield Problem(path=("custom_unit_amount",), code="BP1210", summary=summary)


def _irreversible(name: str, before: Value, after: Value) -> str:
    if name.startswith("currency_options[") and isinstance(after, Mapping):
        was = before.get("tax_behavior") if isinstance(before, Mapping) else None
        return _irreversible("tax_behavior", was, after.get("tax_behavior", "unspecified"))
    if name == "tax_behavior" and before in (None, "unspecified") and after != "unspecified":
        return f"tax_behavior cannot change any more once it is {after}"
    return ""


def _fixed(name: str, before: Value, after: Value) -> bool:
    """Once it is inclusive or exclusive, tax_behavior cannot change: https://docs.stripe.com/api/prices/update"""
    if name.startswith("currency_options[") and isinstance(before, Mapping):
        now = after.get("tax_behavior") if isinstance(after, Mapping) else None
        return _fixed("tax_behavior", before.get("tax_behavior"), now)
    return name == "tax_behavior" and before in ("inclusive", "exclusive") and after != before


PRICE = Kind(
    name="price",
    plural="prices",
    doc="How much a product costs, how often, in which currencies.",
    body=Struct(
        fields=(
            Field(
                name="product",
                type=Reference(kind="product"),
                doc="What is sold: product.name, or a Stripe id.",
                required=True,
                on_change=_REPLACE,
                change_class=_MONEY,
            ),
            Field(
                name="currency",
                type=CURRENCY,
                doc="Three-letter currency code.",
                required=True,
                on_change=_REPLACE,
                change_class=_MONEY,
            ),
            _UNIT_AMOUNT,
            Field(
                name="custom_unit_amount",
                type=_CUSTOM,
                doc="Lets the customer choose the amount.",
                on_change=_REPLACE,
                change_class=_MONEY,
            ),
            Field(
                name="billing_scheme",
                type=Text(choices=("per_unit", "tiered")),
                doc="per_unit, or tiered with tiers.",
                on_change=_REPLACE,
                change_class=_MONEY,
                default="per_unit",
            ),
            Field(
                name="tiers_mode",
                type=Text(choices=("graduated", "volume")),
                doc="graduated: each unit by its tier; volume: all units by the last tier reached.",
                on_change=_REPLACE,
                change_class=_MONEY,
            ),
            Field(name="tiers", type=_TIERS, doc="Amounts by quantity.", on_change=_REPLACE, change_class=_MONEY),
            Field(
                name="transform_quantity",
                type=_TRANSFORM,
                doc="Divides the quantity before it is billed.",
                on_change=_REPLACE,
                change_class=_MONEY,
            ),
            Field(
                name="recurring",
                type=_RECURRING,
                doc="How often it is billed; leave it out for a one-time price.",
                on_change=_REPLACE,
                change_class=_MONEY,
            ),
            Field(
                name="currency_options",
                type=MapOf(value=_OPTION, key_pattern=CURRENCY_KEY, key_name="a three-letter currency code"),
                doc="Amounts in further currencies.",
                split=True,
                change_class=_MONEY,
            ),
            Field(
                name="tax_behavior",
                type=_TAX_BEHAVIOR,
                doc="Whether tax is included; inclusive and exclusive are final.",
                default="unspecified",
                change_class=_MONEY,
            ),
            Field(
                name="lookup_key",
                type=Text(max_length=200),
                doc="What your application finds the price by; a new one gets <project>-<name> unless declared.",
                change_class=_MONEY,
            ),
            Field(name="nickname", type=Text(), doc="A name that customers do not see."),
            ACTIVE,
            METADATA,
        ),
        excluded=(
            ("product_data", "declare the product under products: and name it as product: product.NAME"),
            ("transfer_lookup_key", "billplan sets it by itself when a price takes another one's place"),
            ("expand", EXPAND_REASON),
        ),
    ),
    lookup=Lookup(
        path="/v1/prices",
        # Stripe lists active prices unless asked for the others: https://docs.stripe.com/api/prices/list
        listings=({"active": True}, {"active": False}),
        permission="rak_plan_read",
    ),
    natural_key="lookup_key",
    default_key=True,
    expand=("tiers", "currency_options"),
    on_replace=OnReplace.CREATE_FIRST,
    transfer="transfer_lookup_key",
    create_class=_MONEY,
    irreversible=_irreversible,
    fixed=_fixed,
    unsell=(("product", "default_price"),),
    retire=archive("/v1/prices/{id}"),
    revive=None,
    removals=("archive", "forget"),
    check=_check,
    example=(
        "prices:\n  pro_monthly:\n    product: product.pro\n    currency: usd\n    unit_amount: 2900\n"
        "    recurring: {interval: month}\n"
    ),
)
