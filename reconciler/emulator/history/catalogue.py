"""The grown account's catalogue: what it sells and sold, and on which days of its history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reconciler.emulator.history.goods import (
    APPLIES,
    ARCHIVED_FEATURE,
    BYGONE_COUPON,
    CODES,
    COUPONS,
    FEATURES,
    GOODS,
    IDLE_METER,
    METERS,
    REDEEMED,
    REPRICED,
    TAGS,
    TAX_RATES,
    TIERS,
    Good,
    Tag,
)
from reconciler.emulator.history.past import DAY, HOUR, Past
from reconciler.emulator.shapes import coupon, feature, meter, price, product, product_feature, promotion_code, tax_rate
from reconciler.emulator.wire import Record

GIVEN_UP = "solo"
RECENT_WORDS = {"storage": "Each 100 GB beyond the plan's, billed monthly."}


@dataclass(frozen=True, slots=True)
class Offer:
    """A price that was on sale over a span of time."""

    record: Record
    tag: Tag
    plan: bool
    since: int
    until: int

    @property
    def id(self) -> str:
        return str(self.record["id"])


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What was on sale when."""

    offers: tuple[Offer, ...]

    def on_sale(self, moment: int, currency: str, interval: str | None) -> list[Offer]:
        """The prices of a cycle and currency that somebody could choose at a moment."""
        return [
            offer
            for offer in self.offers
            if offer.since <= moment < offer.until and offer.tag.currency == currency and offer.tag.interval == interval
        ]


def stock(past: Past) -> Catalogue:
    """Write the catalogue's past; it is the same whatever the account's size."""
    meters = {name: _meter(past, name) for name in METERS}
    ids = {good.key: past.world.free_id("prod", "product") for good in GOODS}
    offers = tuple(_offer(past, tag, ids[tag.good], meters) for tag in TAGS)
    for good in GOODS:
        _product(past, good, ids[good.key], [offer for offer in offers if offer.tag.good == good.key])
    features = {key: _feature(past, key) for key in FEATURES}
    for good in GOODS:
        for key in good.features:
            _attach(past, good, ids[good.key], features[key])
    _reductions(past, ids)
    for row in TAX_RATES:
        _tax_rate(past, row)
    return Catalogue(offers)


def _reductions(past: Past, ids: dict[str, str]) -> None:
    """Coupons and their codes; one coupon is past its time."""
    for id, (params, day) in COUPONS.items():
        named = {"applies_to": {"products": [ids[key] for key in APPLIES[id]]}} if id in APPLIES else {}
        _coupon(past, id, {**params, **named}, day)
    id, params, since, until = BYGONE_COUPON
    _coupon(past, id, {**params, "redeem_by": past.start + until * DAY}, since)
    for code, owner, day, more in CODES:
        _code(past, {**more, "code": code, "promotion": {"coupon": owner, "type": "coupon"}}, day)


def _meter(past: Past, event_name: str) -> Record:
    display_name, formula, day = METERS[event_name]
    params = {
        "display_name": display_name,
        "event_name": event_name,
        "default_aggregation": {"formula": formula},
    }
    created = past.start + day * DAY
    record = meter.build(past.world, params, past.world.free_id("mtr", "billing.meter"), created)
    past.make(record)
    if event_name != IDLE_METER:
        return record
    ended = past.ago(500)
    idle = {"status": "inactive", "status_transitions": {"deactivated_at": ended}, "updated": ended}
    return past.turn({**record, **idle}, ended, "deactivated")


def _offer(past: Past, tag: Tag, owner: str, meters: dict[str, Record]) -> Offer:
    world, since = past.world, past.start + tag.since * DAY
    until = past.now + 1 if tag.until is None else past.start + tag.until * DAY
    record = past.make(price.build(world, _terms(tag, owner, meters), world.free_id("price", "price"), since))
    if tag.until is not None:
        record = past.turn({**record, "active": False, "lookup_key": None}, until)
    plan = next(good.plan for good in GOODS if good.key == tag.good)
    return Offer(record, tag, plan, since, until)


def _terms(tag: Tag, owner: str, meters: dict[str, Record]) -> dict[str, Any]:
    """What a price is created with."""
    params: dict[str, Any] = {
        "currency": tag.currency,
        "lookup_key": "_".join(part for part in (tag.good, tag.interval, tag.currency) if part),
        "metadata": {"generation": "2" if tag.since >= REPRICED else "1"},
        "nickname": f"{tag.good.title()} ({tag.currency.upper()})" if tag.currency != "usd" else None,
        "product": owner,
        "tax_behavior": "exclusive" if tag.currency == "usd" else "unspecified",
    }
    if tag.interval is not None:
        params["recurring"] = {"interval": tag.interval}
    if tag.meter:
        params["recurring"] |= {"meter": meters[tag.meter]["id"], "usage_type": "metered"}
    if tag.meter == "api_calls":
        return {**params, "billing_scheme": "tiered", "tiers_mode": "graduated", "tiers": list(TIERS)}
    if tag.good == "onboarding":
        params["currency_options"] = {"eur": {"unit_amount": 140000}, "jpy": {"unit_amount": 220000}}
    return {**params, "unit_amount": tag.amount}


def _product(past: Past, good: Good, id: str, offers: list[Offer]) -> None:
    created = past.start + good.since * DAY
    params = {
        "description": good.description,
        "marketing_features": [{"name": feature.replace("_", " ")} for feature in good.features],
        "metadata": {"tier": good.key} if good.plan else {"add_on": "true"},
        "name": good.name,
        "tax_code": "txcd_10103001" if good.plan else None,
        "unit_label": good.unit,
    }
    record = past.make(product.build(past.world, params, id, created))
    first, current = offers[0], [offer for offer in offers if offer.until > past.now]
    record = past.turn({**record, "default_price": first.id, "updated": first.since}, first.since)
    repriced = past.start + REPRICED * DAY
    if good.key == GIVEN_UP:
        past.turn({**record, "active": False, "default_price": None, "updated": repriced}, repriced)
    elif current[0].id != first.id:
        past.turn({**record, "default_price": current[0].id, "updated": repriced}, repriced)
    if good.key in RECENT_WORDS:
        changed = past.ago(6)
        past.turn({**record, "description": RECENT_WORDS[good.key], "updated": changed}, changed)


def _feature(past: Past, key: str) -> str:
    values, created = {"lookup_key": key, "name": FEATURES[key]}, past.start + HOUR
    record = feature.build(past.world, values, past.world.free_id("feat", "entitlements.feature"), created)
    past.make(record)
    if key == ARCHIVED_FEATURE:
        past.turn({**record, "active": False}, past.ago(200))
    return str(record["id"])


def _attach(past: Past, good: Good, owner: str, attached: str) -> None:
    values, id = {"entitlement_feature": attached, "product": owner}, past.world.free_id("prodft", "product_feature")
    past.make(product_feature.build(past.world, values, id, past.start + good.since * DAY + 2 * HOUR))


def _coupon(past: Past, id: str, params: dict[str, Any], day: int) -> None:
    record = coupon.build(past.world, params, id, past.start + day * DAY)
    past.make({**record, "times_redeemed": REDEEMED.get(id, 0)})


def _code(past: Past, params: dict[str, Any], day: int) -> None:
    id = past.world.free_id("promo", "promotion_code")
    record = promotion_code.build(past.world, params, id, past.start + day * DAY + HOUR)
    past.make({**record, "times_redeemed": REDEEMED.get(params["code"], 0)})


def _tax_rate(past: Past, row: tuple[Any, ...]) -> None:
    names = ("display_name", "percentage", "country", "state", "tax_type", "inclusive", "active", "since")
    params = dict(zip(names, row, strict=True))
    id = past.world.free_id("txr", "tax_rate")
    past.make(tax_rate.build(past.world, params, id, past.start + params.pop("since") * DAY))
