"""One happening of business life at a time, drawn by lot: it leaves the same objects and events as the API."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from reconciler.emulator.billing.passage import elapse
from reconciler.emulator.history import clientele, credits, payments, timetable, trade
from reconciler.emulator.history.draw import Happening
from reconciler.emulator.world import World

# How often each thing happens, against the others.
HAPPENINGS: Mapping[Happening, int] = {
    clientele.customer_created: 10,
    clientele.customer_renamed: 5,
    clientele.customer_moved: 5,
    clientele.customer_tagged: 3,
    clientele.customer_deleted: 2,
    clientele.payment_method_attached: 3,
    clientele.subscription_created: 6,
    clientele.subscription_renewed: 8,
    clientele.subscription_resized: 4,
    clientele.subscription_described: 2,
    clientele.subscription_ending: 3,
    clientele.subscription_canceled: 3,
    timetable.schedule_created: 2,
    timetable.schedule_ended: 2,
    payments.invoice_paid: 4,
    payments.invoice_drafted: 2,
    payments.invoice_finalized: 2,
    payments.invoice_voided: 2,
    payments.invoice_written_off: 1,
    payments.charge_refunded: 2,
    trade.product_created: 2,
    trade.product_renamed: 3,
    trade.product_switched: 2,
    trade.product_deleted: 1,
    trade.price_created: 3,
    trade.price_switched: 2,
    trade.price_relabeled: 3,
    trade.coupon_created: 2,
    trade.coupon_renamed: 1,
    trade.coupon_deleted: 1,
    trade.promotion_code_created: 2,
    trade.promotion_code_ended: 1,
    trade.tax_rate_created: 1,
    trade.tax_rate_switched: 1,
    trade.tax_rate_described: 1,
    trade.meter_created: 1,
    trade.meter_renamed: 1,
    trade.meter_switched: 2,
    trade.feature_created: 1,
    trade.feature_renamed: 1,
    trade.feature_archived: 1,
    trade.feature_attached: 2,
    trade.feature_detached: 1,
    credits.credits_granted: 3,
    credits.credits_drawn: 4,
    credits.credits_expired: 1,
    credits.credits_voided: 1,
}


def happen(world: World, random: Random) -> str:
    """Let one thing happen at the world's now, and return its name. The clock may stand still meanwhile."""
    functions, weights = list(HAPPENINGS), list(HAPPENINGS.values())
    with world.lock:
        # What expired or was billed since the last time did so before anything else happens.
        elapse(world)
        while True:
            chosen = random.choices(functions, weights)[0]
            if chosen(world, random):
                return chosen.__name__
