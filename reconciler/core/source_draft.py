"""Rows and maps drafted from the subscriptions of another Stripe account, as it shows them. Pure.

A subscription begins anew where its paid period ends: `start_date` is its current period end. E-mail addresses, names
and metadata are not carried over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from reconciler.core.money import exponent, show_amount
from reconciler.core.row_columns import METADATA
from reconciler.core.source_amount import amount_each_period, is_forever
from reconciler.core.source_facts import period_end
from reconciler.core.types import show_moment
from reconciler.core.values import Value, decimal_text

Raw = Mapping[str, Value]
# https://docs.stripe.com/api/subscriptions/object: the others have ended, or never began.
MOVES = ("active", "trialing", "past_due")
SORTS = ("price", "customer", "coupon", "tax_rate")
_MAJOR = "major"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotCarried:
    """A subscription that is no row: its id, a stable slug of each reason, and words for each."""

    id: str
    reasons: tuple[str, ...]
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OldId:
    """An id of the old account, what it is in words, and what it is here, empty where nobody knows."""

    old: str
    new: str = ""
    about: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """What this account has: the ids of its customers, coupons and tax rates, and its active prices, raw."""

    ids: Mapping[str, frozenset[str]]
    prices: Sequence[Raw] = ()


@dataclass(slots=True, kw_only=True)
class SourceDraft:
    """What was drafted. Not a value: it is filled once, and then read. `notes` counts what rows leave behind."""

    rows: list[Mapping[str, str]] = field(default_factory=list)
    left_out: list[NotCarried] = field(default_factory=list)
    maps: dict[str, tuple[OldId, ...]] = field(default_factory=dict)
    notes: Counter[str] = field(default_factory=Counter)

    @property
    def reasons(self) -> dict[str, int]:
        """Count what is left out by reason, the most frequent first."""
        counts = Counter(reason for one in self.left_out for reason in one.reasons)
        return dict(sorted(counts.items(), key=lambda count: (-count[1], count[0])))


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftForm:
    """How rows are written: the metadata that has the old id, and the unit of amounts, major or minor."""

    key: str
    unit: str


def draft_source(raws: Iterable[Raw], coupons: Mapping[str, Raw], here: Here, form: DraftForm) -> SourceDraft:
    """Draft rows from raw subscriptions, with their discounts whole; `coupons` are those of the old account, by id."""
    draft = SourceDraft()
    named: dict[str, dict[str, str]] = {sort: {} for sort in SORTS}
    prices: dict[str, Raw] = {}
    for raw in raws:
        wrong = list(_hindrances(raw, coupons))
        if wrong:
            reasons, words = zip(*wrong, strict=True)
            draft.left_out.append(NotCarried(id=str(raw["id"]), reasons=reasons, words=words))
            continue
        draft.rows.append(_row(raw, coupons, form))
        draft.notes.update(_notes(raw))
        prices |= {str(item["price"]["id"]): item["price"] for item in _items(raw)}
        named["customer"][_id(raw["customer"])] = ""
        named["coupon"] |= {id: _about_coupon(coupons.get(id)) for id in coupons_of(raw)}
        named["tax_rate"] |= {_id(rate): "" for rate in raw.get("default_tax_rates") or ()}
    draft.maps = {
        sort: tuple(OldId(old=id, new=id if id in here.ids.get(sort, ()) else "", about=about) for id, about in ids)
        for sort, ids in ((sort, sorted(named[sort].items())) for sort in SORTS[1:])
    }
    found = _Prices(here)
    draft.maps["price"] = tuple(
        OldId(old=id, new=found.same(price), about=_about_price(price)) for id, price in sorted(prices.items())
    )
    return draft


def _items(raw: Raw) -> Sequence[Raw]:
    return list(raw["items"]["data"])


def _id(value: Value) -> str:
    return str(value["id"]) if isinstance(value, Mapping) else str(value)


def _discounts(raw: Raw) -> list[Raw]:
    """The discounts of a subscription, which are there whole, as far as they last beyond its period."""
    until = period_end(raw) or 0
    return [one for one in raw.get("discounts") or () if one.get("end") is None or int(one["end"]) > until]


def coupons_of(raw: Raw) -> list[str]:
    """List the coupons that are taken off a raw subscription's next period, with its discounts whole."""
    found = [(one.get("source") or {}).get("coupon") for one in _discounts(raw)]
    return [_id(one) for one in found if one is not None]


def _hindrances(raw: Raw, coupons: Mapping[str, Raw]) -> Iterator[tuple[str, str]]:
    """Go through what cannot be carried over, as (reason, words)."""
    ends = raw.get("cancel_at") or (period_end(raw) if raw.get("cancel_at_period_end") else None)
    if ends is not None:
        yield "ends", f"it ends at {show_moment(int(ends))} by itself"
    if raw.get("pause_collection"):
        yield "paused", "its collection is paused"
    if raw.get("schedule"):
        yield "scheduled", f"it is managed by the schedule {_id(raw['schedule'])}, whose phases are not known here"
    if period_end(raw) is None:
        yield "periods", "its items have periods that do not end together"
    for item in _items(raw):
        yield from _hindering(item)
    if any(raw.get(name) for name in ("transfer_data", "on_behalf_of", "application_fee_percent")):
        yield "connect", "it pays another account as well (Connect)"
    if raw.get("billing_thresholds"):
        yield "thresholds", "it is billed by thresholds as well"
    if raw.get("pending_invoice_item_interval"):
        yield "invoice_items", "its invoice items are billed on days of their own"
    if len(raw.get("default_tax_rates") or ()) > 1:
        yield "tax_rates", "it has several tax rates, and a row has one"
    yield from _discounted(raw, coupons)


def _hindering(item: Raw) -> Iterator[tuple[str, str]]:
    price = item["price"]
    if (price.get("recurring") or {}).get("usage_type") == "metered":
        yield "metered", f"{price['id']} is metered: what is used by then is billed at the source"
    if item.get("tax_rates"):
        yield "tax_rates", f"{price['id']} has tax rates of its own"
    if item.get("discounts"):
        yield "discounts", f"{price['id']} has a discount of its own"
    if item.get("billing_thresholds"):
        yield "thresholds", f"{price['id']} is billed by thresholds as well"


def _discounted(raw: Raw, coupons: Mapping[str, Raw]) -> Iterator[tuple[str, str]]:
    discounts = _discounts(raw)
    if len(discounts) > 1:
        yield "discounts", f"it has {len(discounts)} discounts, and a row has one coupon"
    for id in coupons_of(raw):
        coupon = coupons.get(id)
        if coupon is not None and not is_forever(coupon):
            yield "discount_ends", f"the coupon {id} is not for ever, and would begin anew"
    if len(coupons_of(raw)) < len(discounts):
        yield "discounts", "it has a discount that is of no coupon"


def _row(raw: Raw, coupons: Mapping[str, Raw], form: DraftForm) -> Mapping[str, str]:
    id, items, start = str(raw["id"]), _items(raw), period_end(raw) or 0
    row = {"customer": _id(raw["customer"]), "start_date": show_moment(start)}
    for number, item in enumerate(items):
        before = "" if len(items) == 1 else f"items.{number}."
        row[f"{before}price"] = str(item["price"]["id"])
        row[f"{before}quantity"] = str(1 if item.get("quantity") is None else item["quantity"])
    row[f"{METADATA}.{form.key}"] = id
    if (raw.get("automatic_tax") or {}).get("enabled"):
        row["automatic_tax"] = "TRUE"
    for coupon in coupons_of(raw):
        row["coupon"] = coupon
    trial = raw.get("trial_end")
    # A trial ends with its period, so that the charge at the start is the one that was due.
    if trial is not None and int(trial) > start:
        row["trial_end"] = show_moment(int(trial))
    row["collection_method"] = str(raw.get("collection_method") or "charge_automatically")
    if row["collection_method"] == "send_invoice":
        row["days_until_due"] = str(raw.get("days_until_due") or 0)
    for rate in raw.get("default_tax_rates") or ():
        row["default_tax_rate"] = _id(rate)
    return {**row, "proration_behavior": "none", **_amount(raw, coupons, form), "source_subscription": id}


def _amount(raw: Raw, coupons: Mapping[str, Raw], form: DraftForm) -> dict[str, str]:
    amount = amount_each_period(raw, [coupons[id] for id in coupons_of(raw) if id in coupons])
    if amount is None:
        return {}
    currency = str(raw["currency"])
    if form.unit != _MAJOR:
        return {"source_amount": str(amount)}
    # Whole units are read by the row's currency.
    return {"currency": currency, "source_amount": format(Decimal(amount).scaleb(-exponent(currency)), "f")}


def _notes(raw: Raw) -> Iterator[str]:
    """Name what a row leaves behind."""
    if raw.get("metadata"):
        yield "metadata"
    if raw.get("default_payment_method") or raw.get("default_source"):
        yield "default_payment_method"
    if raw["status"] == "past_due":
        yield "past_due"


class _Prices:
    """Finds what a price of the old account is here: the one of the same id, or the only one of its lookup key, if it
    costs the same in the same currency and period. Whoever moves must not pay another price unasked."""

    def __init__(self, here: Here) -> None:
        self._ids = {str(price["id"]): price for price in here.prices}
        self._keyed: dict[str, list[Raw]] = {}
        for price in here.prices:
            if price.get("lookup_key"):
                self._keyed.setdefault(str(price["lookup_key"]), []).append(price)

    def same(self, old: Raw) -> str:
        """The id here; empty where that is not certain."""
        same = self._ids.get(str(old["id"]))
        if same is not None:
            return str(same["id"]) if _cost(same) == _cost(old) else ""
        found = [one for one in self._keyed.get(str(old.get("lookup_key") or ""), ()) if _cost(one) == _cost(old)]
        return str(found[0]["id"]) if len(found) == 1 else ""


def _cost(price: Raw) -> tuple[Value, ...]:
    """What a price comes to, and how often: tiers and usage are compared as far as lists show them."""
    recurring = price.get("recurring") or {}
    each = tuple(recurring.get(name) for name in ("interval", "interval_count", "usage_type"))
    billed = tuple(price.get(name) for name in ("currency", "billing_scheme", "tiers_mode", "unit_amount"))
    decimal = price.get("unit_amount_decimal")
    return *each, *billed, None if decimal is None else decimal_text(Decimal(str(decimal)))


def _about_price(price: Raw) -> str:
    """Say what a price is, so that a person finds it here: 25.00 usd a month, its lookup key and its product."""
    recurring = price.get("recurring") or {}
    amount, count = price.get("unit_amount"), recurring.get("interval_count", 1)
    cost = "by tiers or usage" if amount is None else show_amount(amount, str(price["currency"]))
    every = (
        f"every {recurring.get('interval', '')}" if count == 1 else f"every {count} {recurring.get('interval', '')}s"
    )
    key = f", lookup_key {price['lookup_key']}" if price.get("lookup_key") else ""
    return f"{cost} {every}{key}, {_id(price['product'])}"


def _about_coupon(coupon: Raw | None) -> str:
    if coupon is None:
        return ""
    if coupon.get("percent_off") is not None:
        return f"{coupon['percent_off']}% off"
    return f"{show_amount(coupon.get('amount_off') or 0, str(coupon.get('currency') or 'usd'))} off"
