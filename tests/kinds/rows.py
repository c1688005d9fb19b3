"""For each field of each kind: a body, the same body with another value, and without the field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.core.changes import Action

Body = Mapping[str, Any]

# What the bodies below refer to.
GROUND: dict[str, dict[str, Any]] = {
    "product.ground": {"name": "Ground"},
    "product.other": {"name": "Other"},
    "coupon.ground": {"percent_off": 10},
    "coupon.other": {"percent_off": 15},
    "meter.ground": {"display_name": "G", "event_name": "ground", "default_aggregation": {"formula": "sum"}},
    "meter.other": {"display_name": "O", "event_name": "other", "default_aggregation": {"formula": "sum"}},
    "price.ground": {"product": "product.subject", "currency": "usd", "unit_amount": 500},
    "price.other": {"product": "product.subject", "currency": "usd", "unit_amount": 700},
}

BASE: dict[str, dict[str, Any]] = {
    "product": {"name": "Pro"},
    "price": {"product": "product.ground", "currency": "usd", "unit_amount": 1000},
    "coupon": {"percent_off": 20},
    "promotion_code": {"code": "SUBJECT", "promotion": {"coupon": "coupon.ground"}},
    "tax_rate": {"display_name": "VAT", "percentage": 19, "inclusive": False},
    "meter": {"display_name": "Calls", "event_name": "calls", "default_aggregation": {"formula": "sum"}},
}

# What the plan says of a field that is taken out and cannot be unset: only the marker changes.
STAYS = Action.UPDATE


@dataclass(frozen=True, kw_only=True)
class Row:
    """One field: its path, the bodies, and what the plan says once the field is taken out (None: it cannot be)."""

    kind: str
    path: str
    before: Body
    after: Body
    without: Body | None
    gone: Action | None

    def __str__(self) -> str:
        return f"{self.kind}.{self.path}"


def row(kind: str, path: str, first: Any, other: Any, gone: Action | None = None, **more: Any) -> Row:
    """Vary one field of the body; `more` stands in all of its forms, and a None there takes a field of the base out."""
    base = {n: v for n, v in {**BASE[kind], **more}.items() if v is not None}
    outer, _, inner = path.partition(".")

    def body(value: Any) -> Body:
        if not inner:
            return {**base, outer: value}
        return {**base, outer: {**base.get(outer, {}), inner: value}}

    without = None if gone is None else {n: v for n, v in base.items() if n != path}
    name = path.removesuffix("_decimal") if path.endswith("_decimal") else path
    return Row(kind=kind, path=name, before=body(first), after=body(other), without=without, gone=gone)


_DAY = 86_400
_LATER = 1_795_000_000 + 400 * _DAY
_TIERS = [{"up_to": 10, "unit_amount": 100}, {"up_to": "inf", "unit_amount": 50}]
_CHEAPER = [{"up_to": 10, "unit_amount": 90}, {"up_to": "inf", "flat_amount": 500}]
_TIERED = {
    "unit_amount": None,
    "billing_scheme": "tiered",
    "tiers_mode": "graduated",
    "tiers": _TIERS,
    "recurring": {"interval": "month"},
}
_SIZE = {"height": 1, "length": 2, "weight": 3, "width": 4}

PRODUCT = (
    row("product", "id", "pro-one", "pro-two", STAYS),
    row("product", "name", "Pro", "Pro 2"),
    row("product", "description", "For teams", "For all", Action.UPDATE),
    row("product", "active", True, False),
    row("product", "images", ["https://a.test/1.png"], ["https://a.test/2.png"], Action.UPDATE),
    row("product", "marketing_features", [{"name": "A"}], [{"name": "B"}, {"name": "A"}], Action.UPDATE),
    row("product", "metadata", {"tier": "1", "kept": "x"}, {"tier": "2", "kept": "x"}, Action.UPDATE),
    row("product", "package_dimensions", _SIZE, {**_SIZE, "width": 5}, Action.UPDATE),
    row("product", "shippable", True, False, STAYS),
    row("product", "statement_descriptor", "ACME PRO", "ACME PLUS", STAYS),
    row("product", "tax_code", "txcd_10000000", "txcd_10103001", Action.UPDATE),
    row("product", "tax_details", {"tax_code": "txcd_10000000"}, {"tax_code": "txcd_10103001"}, Action.UPDATE),
    row("product", "type", "service", "good", STAYS),
    row("product", "unit_label", "seat", "user", Action.UPDATE),
    row("product", "url", "https://a.test/", "https://b.test/", Action.UPDATE),
    row("product", "default_price", "price.ground", "price.other", Action.UPDATE),
)

PRICE = (
    row("price", "product", "product.ground", "product.other"),
    row("price", "currency", "usd", "eur"),
    row("price", "unit_amount", 1000, 1200),
    row("price", "unit_amount_decimal", "0.5", "0.75", unit_amount=None),
    row(
        "price",
        "custom_unit_amount",
        {"enabled": True, "minimum": 100},
        {"enabled": True, "minimum": 200, "preset": 300},
        unit_amount=None,
    ),
    Row(
        kind="price",
        path="billing_scheme",
        before={**BASE["price"], "recurring": {"interval": "month"}, "billing_scheme": "per_unit"},
        after={n: v for n, v in {**BASE["price"], **_TIERED}.items() if v is not None},
        without=BASE["price"],
        gone=Action.REPLACE,
    ),
    row("price", "tiers_mode", "graduated", "volume", None, **_TIERED),
    row("price", "tiers", _TIERS, _CHEAPER, None, **_TIERED),
    row(
        "price",
        "transform_quantity",
        {"divide_by": 10, "round": "up"},
        {"divide_by": 10, "round": "down"},
        Action.REPLACE,
    ),
    row("price", "recurring", {"interval": "month"}, {"interval": "year"}, Action.REPLACE),
    row(
        "price",
        "recurring",
        {"interval": "month", "usage_type": "metered", "meter": "meter.ground"},
        {"interval": "month", "usage_type": "metered", "meter": "meter.other"},
        Action.REPLACE,
    ),
    row(
        "price",
        "recurring",
        {"interval": "month", "trial_period_days": 7},
        {"interval": "month", "interval_count": 3, "trial_period_days": 14},
    ),
    row(
        "price",
        "currency_options",
        {"eur": {"unit_amount": 900}, "gbp": {"unit_amount": 800}},
        {"eur": {"unit_amount": 950}, "gbp": {"unit_amount": 800}},
        Action.REPLACE,
    ),
    row("price", "tax_behavior", "unspecified", "exclusive", STAYS),
    row("price", "lookup_key", "one", "two", STAYS),
    row("price", "nickname", "One", "Two", STAYS),
    row("price", "active", True, False),
    row("price", "metadata", {"tier": "1"}, {"tier": "2"}, Action.UPDATE),
)

_OFF = {"percent_off": None, "amount_off": 500, "currency": "usd"}

COUPON = (
    row("coupon", "id", "SUBJECT", "OTHER", STAYS),
    row("coupon", "name", "Launch", "Start", STAYS),
    row("coupon", "percent_off", 20, 25),
    row("coupon", "amount_off", 500, 600, percent_off=None, currency="usd"),
    row("coupon", "currency", "usd", "eur", percent_off=None, amount_off=500),
    row(
        "coupon", "currency_options", {"eur": {"amount_off": 450}}, {"eur": {"amount_off": 400}}, Action.REFUSED, **_OFF
    ),
    row("coupon", "duration", "forever", "once", Action.REFUSED),
    row("coupon", "duration_in_months", 3, 4, duration="repeating"),
    row(
        "coupon",
        "applies_to",
        {"products": ["product.ground"]},
        {"products": ["product.other", "product.ground"]},
        Action.REFUSED,
    ),
    row("coupon", "max_redemptions", 10, 20, Action.REFUSED),
    row("coupon", "redeem_by", _LATER, _LATER + _DAY, Action.REFUSED),
    row("coupon", "metadata", {"tier": "1"}, {"tier": "2"}, Action.UPDATE),
)

_LEAST = {"minimum_amount": 1000, "minimum_amount_currency": "usd"}

PROMOTION_CODE = (
    row("promotion_code", "promotion", {"coupon": "coupon.ground"}, {"type": "coupon", "coupon": "coupon.other"}),
    row("promotion_code", "code", "SUBJECT", "OTHER", STAYS),
    row("promotion_code", "customer", "cus_1", "cus_2", Action.REPLACE),
    row("promotion_code", "expires_at", _LATER, _LATER + _DAY, Action.REPLACE),
    row("promotion_code", "max_redemptions", 10, 20, Action.REPLACE),
    row("promotion_code", "restrictions.first_time_transaction", True, False, Action.REPLACE),
    row("promotion_code", "restrictions.minimum_amount", 1000, 1500, restrictions=_LEAST),
    row("promotion_code", "restrictions.minimum_amount_currency", "usd", "eur", restrictions=_LEAST),
    row(
        "promotion_code",
        "restrictions.currency_options",
        {"eur": {"minimum_amount": 900}},
        {"eur": {"minimum_amount": 800}},
        restrictions=_LEAST,
    ),
    row("promotion_code", "active", True, False),
    row("promotion_code", "metadata", {"tier": "1"}, {"tier": "2"}, Action.UPDATE),
)

TAX_RATE = (
    row("tax_rate", "display_name", "VAT", "MwSt"),
    row("tax_rate", "percentage", 19, 20),
    row("tax_rate", "inclusive", False, True),
    row("tax_rate", "country", "DE", "FR", STAYS),
    row("tax_rate", "state", "CA", "NY", STAYS, country="US"),
    row("tax_rate", "tax_type", "vat", "gst", STAYS),
    row("tax_rate", "jurisdiction", "DE", "FR", STAYS),
    row("tax_rate", "description", "One", "Two", STAYS),
    row("tax_rate", "active", True, False),
    row("tax_rate", "metadata", {"tier": "1"}, {"tier": "2"}, Action.UPDATE),
)

_KEY = {"event_payload_key": "customer", "type": "by_id"}

METER = (
    row("meter", "display_name", "Calls", "API calls"),
    row("meter", "event_name", "calls", "api_calls"),
    row("meter", "default_aggregation", {"formula": "sum"}, {"formula": "count"}),
    row("meter", "customer_mapping", _KEY, {**_KEY, "event_payload_key": "account"}),
    row("meter", "event_time_window", "day", "hour"),
    row("meter", "value_settings", {"event_payload_key": "value"}, {"event_payload_key": "count"}),
)

ROWS: tuple[Row, ...] = (*PRODUCT, *PRICE, *COUPON, *PROMOTION_CODE, *TAX_RATE, *METER)
