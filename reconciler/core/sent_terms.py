"""What a schedule was told of its row, as far as it shows: compared with what is to be sent. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.core.changes import FieldDiff
from reconciler.core.types import show_moment
from reconciler.core.values import Value

Phases = Sequence[Mapping[str, Value]]


@dataclass(frozen=True, slots=True)
class SentTerms:
    """What the first phase that is paid says. `items` are quantities with the ids of prices, or the words of a price
    that is to be made; `coupons` are ids. `paid_from` is when a trial before it ends, and `ends` when the
    subscription does (epoch seconds, UTC), None without. `collection` is how it is paid. Many schedules share one
    value."""

    items: tuple[tuple[int, str], ...]
    coupons: tuple[str, ...]
    collection: str
    paid_from: int | None
    ends: int | None


def sent_terms(phases: Phases, end_behavior: Value) -> SentTerms:
    """Read phases, as they are sent or as Stripe shows them."""
    place = next((n for n, phase in enumerate(phases) if not _free(phase)), len(phases) - 1)
    phase, until = phases[place], phases[-1]["end_date"]
    trial = phase.get("trial_end")
    before = phases[place - 1]["end_date"] if place else None
    days = (phase.get("invoice_settings") or {}).get("days_until_due")
    return SentTerms(
        items=tuple(_item(item) for item in phase["items"]),
        coupons=tuple(_coupon(one) for one in phase.get("discounts") or ()),
        collection=str(phase.get("collection_method") or "") + ("" if days is None else f", {days} days"),
        paid_from=before if trial is None else int(trial),
        ends=int(until) if end_behavior == "cancel" else None,
    )


def term_diffs(
    before: SentTerms | None, phases: Phases, end_behavior: str, names: Mapping[str, str]
) -> Iterator[FieldDiff]:
    """Compare what a schedule was told with what is to be sent; None is not known, and nothing is said of it. `names`
    are what specs call ids."""
    if before is None:
        return
    after = sent_terms(phases, end_behavior)
    for name, old, new in (
        ("items", _items(before, names), _items(after, names)),
        ("coupon", _coupons(before, names), _coupons(after, names)),
        ("collection_method", before.collection or None, after.collection or None),
        ("trial_end", _moment(before.paid_from), _moment(after.paid_from)),
        ("ends", _moment(before.ends), _moment(after.ends)),
    ):
        if old != new:
            yield FieldDiff(name=name, before=old, after=new)


def _free(phase: Mapping[str, Value]) -> bool:
    trial = phase.get("trial_end")
    return bool(phase.get("trial")) or (trial is not None and int(trial) >= int(phase["end_date"]))


def _item(item: Mapping[str, Value]) -> tuple[int, str]:
    made, quantity = item.get("price_data"), item.get("quantity")
    return 1 if quantity is None else int(quantity), _id(item["price"]) if made is None else _made(made)


def _items(terms: SentTerms, names: Mapping[str, str]) -> str:
    named = [(quantity, names.get(id, id)) for quantity, id in terms.items]
    return ", ".join(name if quantity == 1 else f"{quantity} x {name}" for quantity, name in named)


def _coupons(terms: SentTerms, names: Mapping[str, str]) -> str | None:
    return ", ".join(names.get(id, id) for id in terms.coupons) or None


def _made(price: Mapping[str, Value]) -> str:
    every = price["recurring"]
    amount = price.get("unit_amount", price.get("unit_amount_decimal"))
    period = f"{every.get('interval_count') or 1} {every['interval']}"
    return f"{price['product']} at {amount} {price['currency']} per {period} (a new price, made for it)"


def _coupon(discount: Mapping[str, Value]) -> str:
    return _id(discount.get("coupon") or discount.get("promotion_code") or discount.get("discount"))


def _id(value: Value) -> str:
    return str(value["id"]) if isinstance(value, Mapping) else str(value)


def _moment(at: int | None) -> str | None:
    return None if at is None else show_moment(at)
