"""What a new subscription is agreed on, whether a request says so or the first phase of a schedule."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from reconciler.emulator.billing.calendar import boundary
from reconciler.emulator.billing.invoicing import Issue, issue
from reconciler.emulator.billing.lines import extra_line, metered, part_line, price_of, trial_line, whole_line
from reconciler.emulator.billing.reckoning import Values, reckon
from reconciler.emulator.commit import add, replace
from reconciler.emulator.rules.subscription import period_end
from reconciler.emulator.shapes import discount, invoice, subscription
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World


@dataclass(frozen=True)
class Deal:
    """The terms. `given` are fields of the subscription as they will stand; `items` and `extras` name their prices.

    `anchor` is the first day of a whole period, if that is later than the start; what comes before is billed only if
    `prorated`. `start` is the date that the subscription shows as its start, if that is earlier.
    """

    given: dict[str, Any]
    customer: str
    items: tuple[Record, ...]
    currency: str
    coupons: tuple[Record, ...] = ()
    extras: tuple[Record, ...] = ()
    trial_end: int | None = None
    anchor: int | None = None
    prorated: bool = False
    start: int | None = None


@dataclass(frozen=True)
class Contract:
    """A deal that has been drawn up: nothing of it is stored before it is signed."""

    record: Record
    discounts: tuple[Record, ...]
    lines: tuple[Values, ...] = field(default=())

    @property
    def billed(self) -> bool:
        """Whether an invoice comes with the signature: the time before an anchor may be free, and leaves none."""
        return bool(self.lines)


def draw_up(world: World, deal: Deal, id: str) -> Contract:
    """The subscription as it will begin now, with the lines of its first invoice."""
    now = world.now()
    recurring = price_of(world, deal.items[0]["price"])["recurring"]
    anchor = deal.trial_end or deal.anchor or now
    end = deal.trial_end or deal.anchor or boundary(now, recurring, 1)
    items = [subscription.build_line(world, dict(item), now, end) for item in deal.items]
    record = subscription.build(world, {"customer": deal.customer}, id, now) | deal.given
    record |= {
        "billing_cycle_anchor": anchor,
        "currency": deal.currency,
        "ended_at": None,
        "items": items,
        "life": {
            "pending": [],
            **({"free_until": deal.anchor} if _is_partial(world, deal) and not deal.prorated else {}),
        },
        "start_date": now if deal.start is None else deal.start,
        "status": "active" if deal.trial_end is None else "trialing",
        "trial_end": deal.trial_end,
        "trial_start": None if deal.trial_end is None else now,
    }
    if record["cancel_at_period_end"]:
        record["cancel_at"] = end
    found = tuple(apply(world, coupon, record) for coupon in deal.coupons)
    record["discounts"] = [one["id"] for one in found]
    lines = [*_first_lines(world, deal, record, recurring), *(extra_line(world, extra, now) for extra in deal.extras)]
    return Contract(record, found, tuple(lines))


def _is_partial(world: World, deal: Deal) -> bool:
    """Whether less than a whole period comes before the anchor.

    A whole one is billed at the start whatever is prorated: the migration guide's example of a subscription that is due
    for renewal says so.
    """
    recurring = price_of(world, deal.items[0]["price"])["recurring"]
    return deal.anchor is not None and deal.anchor != boundary(world.now(), recurring, 1)


def _first_lines(world: World, deal: Deal, record: Record, recurring: Record) -> list[Values]:
    """What the time until the first boundary costs; the newest items come first, as Stripe sorts lines."""
    now, anchor = world.now(), record["billing_cycle_anchor"]
    items = list(reversed(record["items"]))
    if deal.trial_end is not None:
        return [trial_line(world, item, (now, anchor)) for item in items]
    if not _is_partial(world, deal):
        return [whole_line(world, item, (now, item["current_period_end"])) for item in items]
    if not deal.prorated:
        # Stripe gives the time before the anchor for free; that it leaves no invoice at all is a guess.
        return []
    period = (boundary(anchor, recurring, -1), anchor)
    return [part_line(world, item, (now, anchor), period) for item in items if not metered(item)]


def apply(world: World, coupon: Record, record: Record) -> Record:
    """The discount that a coupon becomes when it is applied to a subscription now; not stored yet."""
    end = None
    if coupon["duration"] == "repeating":
        end = period_end(world.now(), {"interval": "month", "interval_count": coupon["duration_in_months"]})
    values = {"coupon": coupon, "customer": record["customer"], "end": end, "subscription": record["id"]}
    return discount.build(world, values, world.free_id("di", "discount"), world.now())


def redeem(world: World, found: Record) -> None:
    """Store a discount and count its coupon as redeemed once more."""
    add(world, found)
    coupon = world.tables["coupon"].get(found["coupon"])
    if coupon is not None:
        replace(world, {**coupon, "times_redeemed": coupon["times_redeemed"] + 1})


def total_of(world: World, contract: Contract) -> int:
    """What the first invoice will come to."""
    lines = reckon(world, contract.record, contract.lines, contract.discounts)
    built = [{"id": "", **line} for line in lines]
    return invoice.total_of({"lines": built})


def sign(world: World, contract: Contract, at_once: bool) -> Record:
    """Store the subscription and what comes with it, and bill it; returns the subscription."""
    for found in contract.discounts:
        redeem(world, found)
    record = add(world, contract.record)
    if not contract.billed:
        return record
    return issue(world, record, contract.lines, Issue("subscription_create", at_once=at_once))
