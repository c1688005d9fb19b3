"""The kinds of resources that billplan knows, one file each."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.kind import Kind
from reconciler.kinds.coupon import COUPON
from reconciler.kinds.meter import METER
from reconciler.kinds.price import PRICE
from reconciler.kinds.product import PRODUCT
from reconciler.kinds.promotion_code import PROMOTION_CODE
from reconciler.kinds.tax_rate import TAX_RATE

KINDS: tuple[Kind, ...] = (PRODUCT, PRICE, COUPON, PROMOTION_CODE, TAX_RATE, METER)


def _by(names: list[str]) -> Mapping[str, Kind]:
    if len(set(names)) != len(names):
        raise ValueError(f"a kind is registered twice: {names}")
    return dict(zip(names, KINDS, strict=True))


BY_NAME: Mapping[str, Kind] = _by([k.name for k in KINDS])
BY_PLURAL: Mapping[str, Kind] = _by([k.plural for k in KINDS])
