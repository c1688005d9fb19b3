"""The catalogue: products and prices, coupons and their codes, tax rates, features, meters.

Those that are a kind of their own are listed as the kind says, so that a plan from the mirror sees what one from live
lists sees.
"""

from __future__ import annotations

from typing import Any

from reconciler.core.kind import Kind
from reconciler.core.mirrored import Mirrored, Parent
from reconciler.kinds import coupon, meter, price, product, promotion_code, tax_rate
from reconciler.mirrored.columns import CREATED, decimal, flag, parent, text, whole


def _of_kind(kind: Kind, **more: Any) -> Mirrored:
    inline = more.get("inline", ())
    return Mirrored(
        name=kind.name,
        path=kind.lookup.path,
        listings=kind.lookup.listings,
        by_created=kind.lookup.by_created,
        permission=kind.lookup.permission,
        # What is kept as an id is put in again from its own row when a plan reads it.
        expand=tuple(path for path in kind.expand if path not in inline),
        **more,
    )


PRODUCT = _of_kind(
    product.PRODUCT,
    object="product",
    table="products",
    deleted_by="product.deleted",
    columns=(
        CREATED,
        whole("updated"),
        text("name"),
        flag("active"),
        text("default_price"),
        text("tax_code"),
        text("unit_label"),
        text("metadata.billplan_project"),
        text("metadata.billplan_address"),
    ),
)

PRICE = _of_kind(
    price.PRICE,
    object="price",
    table="prices",
    deleted_by="price.deleted",
    columns=(
        CREATED,
        text("product", indexed=True),
        flag("active"),
        text("currency"),
        text("type"),
        whole("unit_amount"),
        decimal("unit_amount_decimal"),
        text("billing_scheme"),
        text("recurring.interval"),
        whole("recurring.interval_count"),
        text("recurring.usage_type"),
        text("recurring.meter"),
        text("lookup_key", indexed=True),
        text("nickname"),
        text("tax_behavior"),
        text("metadata.billplan_project"),
        text("metadata.billplan_address"),
    ),
)

COUPON = _of_kind(
    coupon.COUPON,
    object="coupon",
    table="coupons",
    deleted_by="coupon.deleted",
    due=("redeem_by",),
    columns=(
        CREATED,
        text("name"),
        whole("amount_off"),
        text("currency"),
        decimal("percent_off"),
        text("duration"),
        whole("duration_in_months"),
        whole("max_redemptions"),
        whole("times_redeemed"),
        whole("redeem_by"),
        flag("valid"),
        text("metadata.billplan_project"),
        text("metadata.billplan_address"),
    ),
)

PROMOTION_CODE = _of_kind(
    promotion_code.PROMOTION_CODE,
    object="promotion_code",
    table="promotion_codes",
    inline=("promotion.coupon",),
    due=("expires_at",),
    columns=(
        CREATED,
        text("code", indexed=True),
        text("promotion.coupon", indexed=True),
        flag("active"),
        text("customer"),
        whole("expires_at"),
        whole("max_redemptions"),
        whole("times_redeemed"),
        text("metadata.billplan_project"),
        text("metadata.billplan_address"),
    ),
)

TAX_RATE = _of_kind(
    tax_rate.TAX_RATE,
    object="tax_rate",
    table="tax_rates",
    columns=(
        CREATED,
        text("display_name"),
        decimal("percentage"),
        flag("inclusive"),
        flag("active"),
        text("country"),
        text("state"),
        text("jurisdiction"),
        text("tax_type"),
        text("metadata.billplan_project"),
        text("metadata.billplan_address"),
    ),
)

METER = _of_kind(
    meter.METER,
    object="billing.meter",
    table="meters",
    columns=(
        CREATED,
        whole("updated"),
        text("display_name"),
        text("event_name", indexed=True),
        text("status"),
        text("default_aggregation.formula"),
    ),
)

FEATURE = Mirrored(
    name="feature",
    object="entitlements.feature",
    table="features",
    path="/v1/entitlements/features",
    permission="rak_entitlement_read",
    # Archived ones are left out unless asked for: https://docs.stripe.com/api/entitlements/feature/list
    listings=({"archived": False}, {"archived": True}),
    by_created=False,
    polled=True,
    columns=(text("lookup_key", indexed=True), text("name"), flag("active")),
)

PRODUCT_FEATURE = Mirrored(
    name="product_feature",
    object="product_feature",
    table="product_features",
    path="/v1/products/{id}/features",
    permission="rak_entitlement_read",
    by_created=False,
    polled=True,
    parent=Parent(type="product", column="id"),
    inline=("entitlement_feature",),
    columns=(parent("product"), text("entitlement_feature", "feature", indexed=True)),
)
