"""The kinds of resources that billplan knows, one file each."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.kind import Kind
from reconciler.kinds.coupon import COUPON
from reconciler.kinds.entitlement_feature import ENTITLEMENT_FEATURE
from reconciler.kinds.feature import FEATURE
from reconciler.kinds.meter import METER
from reconciler.kinds.migrated_subscription import MIGRATED_SUBSCRIPTION
from reconciler.kinds.payer import PAYER
from reconciler.kinds.price import PRICE
from reconciler.kinds.product import PRODUCT
from reconciler.kinds.product_feature import PRODUCT_FEATURE
from reconciler.kinds.product_mapping import PRODUCT_MAPPING
from reconciler.kinds.promotion_code import PROMOTION_CODE
from reconciler.kinds.source_subscription import SOURCE_SUBSCRIPTION
from reconciler.kinds.subscription_migration import SUBSCRIPTION_MIGRATION
from reconciler.kinds.tax_rate import TAX_RATE

KINDS: tuple[Kind, ...] = (
    PRODUCT, PRICE, COUPON, PROMOTION_CODE, TAX_RATE, METER, FEATURE, PRODUCT_MAPPING,
)  # fmt: skip

# Those whose objects are in Stripe: the others live in the store.
STRIPE_KINDS: tuple[Kind, ...] = tuple(kind for kind in KINDS if not kind.in_store)


def _by(names: list[str]) -> Mapping[str, Kind]:
    if len(set(names)) != len(names):
        raise ValueError(f"a kind is registered twice: {names}")
    return dict(zip(names, KINDS, strict=True))


BY_NAME: Mapping[str, Kind] = _by([k.name for k in KINDS])
# What no spec declares: it follows from the mappings that are published.
DERIVED: Mapping[str, Kind] = {k.name: k for k in (ENTITLEMENT_FEATURE, PRODUCT_FEATURE)}
# What the steps of migrations act on: their blocks are no bodies of a resource, and have a planner of their own.
MIGRATING: Mapping[str, Kind] = {
    k.name: k for k in (SUBSCRIPTION_MIGRATION, MIGRATED_SUBSCRIPTION, PAYER, SOURCE_SUBSCRIPTION)
}
BY_PLURAL: Mapping[str, Kind] = _by([k.plural for k in KINDS])
