"""Credits on an invoice: applied when it is finalized, given back when it is voided.

They pay for metered lines only, after their discounts and before their taxes. Guesses, since Stripe's documents do not
say: credits must be effective when the invoice is finalized, not when its period ended; the lines are paid in the order
in which the invoice shows them; of a price with tax inside, credits pay the tax too.
"""

from __future__ import annotations

from reconciler.emulator.billing.lines import price_of
from reconciler.emulator.billing.reckoning import retaxed
from reconciler.emulator.rules.credit import TRANSACTIONS, fits, give_back, remaining, take, usable
from reconciler.emulator.shapes.invoice import net_of
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World


def apply_credits(world: World, record: Record) -> Record:
    """A draft with the credits that its customer has for it; each use of a grant for a line is a transaction."""
    grants = usable(world, record["customer"], record["currency"])
    if not grants:
        return record
    return {**record, "lines": [_paid(world, record, line, grants) for line in record["lines"]]}


def _paid(world: World, record: Record, line: Record, grants: list[Record]) -> Record:
    price, due = price_of(world, line["price"]), net_of(line)
    applied: list[tuple[str, int]] = []
    for grant in grants:
        amount = min(due, remaining(world, grant["id"]))
        if amount > 0 and fits(grant["applicability_config"]["scope"], price):
            applied.append((take(world, grant, amount, (record["id"], line["id"]))["id"], amount))
            due -= amount
    return retaxed(world, record, {**line, "credits": applied}) if applied else line


def reinstate(world: World, record: Record) -> None:
    """Give back what an invoice took that is now void; what a history or a seed applied to it, too."""
    for row in world.tables[TRANSACTIONS].having("customer", record["customer"]):
        applied = (row["debit"] or {}).get("credits_applied")
        if applied is not None and applied["invoice"] == record["id"]:
            give_back(world, row["id"], world.now())
