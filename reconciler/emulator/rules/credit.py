"""Credit grants and the ledger behind them: every balance is the sum of its transactions.

For requests and for account histories: each function takes the moment at which something happened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reconciler.emulator.commit import add, replace
from reconciler.emulator.shapes import credit_balance_transaction, credit_grant
from reconciler.emulator.shapes.credit_balance_transaction import value_of
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

GRANTS = "billing.credit_grant"
TRANSACTIONS = "billing.credit_balance_transaction"


def grant(world: World, values: Mapping[str, Any], created: int) -> Record:
    """Grant credits (billing.credit_grant.created) and fund them; returns the grant.

    `values` are create parameters that were checked: `amount`, `applicability_config`, `customer`; and, if need be,
    `category`, `effective_at`, `expires_at`, `id`, `metadata`, `name`, `priority`.
    """
    id = values.get("id") or world.free_id("credgr", GRANTS)
    holder = world.tables["customer"].get(values["customer"]) or {}
    built = credit_grant.build(world, dict(values), id, created) | {"test_clock": world.clock_of(holder) or None}
    record = add(world, built)
    funds = {"side": "credit", "reason": "credits_granted", "value": record["amount"]["monetary"]["value"]}
    _move(world, record, {**funds, "effective_at": record["effective_at"]}, created)
    return record


def draw(world: World, grant_id: str, amount: int, created: int, invoice: str | None = None) -> Record:
    """Apply part of a grant or all that is left of it (credits_applied); returns the transaction.

    To an invoice, if one is named, whose first line that the grant is for and that costs so much takes it. ValueError
    if the grant is not effective at that moment, has ended, or has less.
    """
    record = find(world, grant_id)
    expires = record["expires_at"]
    over = record["ended"] or (expires is not None and expires <= created)
    if over or not record["effective_at"] <= created <= world.now():
        raise ValueError(f"the credits of {grant_id} cannot be applied at {created}")
    if not 0 < amount <= remaining(world, grant_id):
        raise ValueError(f"{grant_id} has {remaining(world, grant_id)} left, not {amount}")
    values: dict[str, Any] = {"side": "debit", "reason": "credits_applied", "value": amount}
    if invoice is not None:
        values |= {"invoice": invoice, "invoice_line_item": _line(world, record, invoice, amount)}
    return _move(world, record, values, created)


def usable(world: World, customer: str, currency: str) -> list[Record]:
    """The grants that can be applied to a customer's invoice now, in the order in which Stripe applies them."""
    now = world.now()
    found = [
        record
        for record in world.tables[GRANTS].having("customer", customer)
        if record["amount"]["monetary"]["currency"] == currency
        and not record["ended"]
        and record["effective_at"] <= now
        and (record["expires_at"] is None or now < record["expires_at"])
    ]
    return sorted(found, key=_rank)


def _rank(record: Record) -> tuple[int, ...]:
    """By priority, 0 first; then what expires sooner, what was given away, what took effect and was granted sooner."""
    expires, granted = record["expires_at"], record["category"] != "promotional"
    lasting = (1, 0) if expires is None else (0, expires)
    return (record["priority"], *lasting, int(granted), record["effective_at"], record["created"])


def take(world: World, record: Record, amount: int, billed: tuple[str, str]) -> Record:
    """Apply so much of a usable grant now (credits_applied) to an invoice and its line; returns the transaction."""
    values = {"side": "debit", "reason": "credits_applied", "value": amount}
    return _move(world, record, {**values, "invoice": billed[0], "invoice_line_item": billed[1]}, world.now())


def give_back(world: World, transaction_id: str, created: int) -> Record:
    """Reinstate what an invoice took that is now void; what comes back after the expiry expires at once."""
    taken = world.tables[TRANSACTIONS].get(transaction_id)
    applied = None if taken is None else (taken["debit"] or {}).get("credits_applied")
    if taken is None or applied is None:
        raise ValueError(f"{transaction_id} applied no credits to an invoice")
    record = find(world, taken["credit_grant"])
    back = {"side": "credit", "reason": "credits_application_invoice_voided", "value": -value_of(taken), **applied}
    given = _move(world, record, back, created)
    if record["ended"] or (record["expires_at"] is not None and record["expires_at"] <= created):
        _end(world, record, "credits_expired", created)
    return given


def expire(world: World, record: Record, moment: int) -> Record:
    """End a grant before its time, or give it an end: what is left expires now."""
    after = replace(world, {**record, "expires_at": moment, "updated": moment}, moment=moment)
    return _end(world, after, "credits_expired", moment)


def void(world: World, record: Record, moment: int) -> Record:
    """Cancel a grant of which nothing was applied."""
    after = replace(world, {**record, "updated": moment, "voided_at": moment}, moment=moment)
    return _end(world, after, "credits_voided", moment)


def settle(world: World) -> None:
    """Record the expiry of every grant of a grown account whose time has come, as of that time."""
    due = [record for record in world.tables[GRANTS].having("expiring", True) if record["expires_at"] <= world.now()]
    for record in sorted(due, key=lambda record: (record["expires_at"], record["id"])):
        _end(world, record, "credits_expired", record["expires_at"])


def lapse(world: World, record: Record) -> None:
    """Record that a grant has expired: its time has come as the clock passes."""
    _end(world, record, "credits_expired", record["expires_at"])


def remaining(world: World, grant_id: str) -> int:
    """What is left of a grant, effective or not yet."""
    return sum(value_of(record) for record in world.tables[TRANSACTIONS].having("credit_grant", grant_id))


def balances(world: World, customer: str, counts: Callable[[Record], bool]) -> dict[str, tuple[int, int]]:
    """What is available and what the ledger says, by currency, over those of a customer's grants that count.

    The two are one here, since expiries are recorded on the dot and no draft invoice sets credits aside.
    """
    found: dict[str, tuple[int, int]] = {}
    for record in world.tables[GRANTS].having("customer", customer):
        if counts(record):
            currency = record["amount"]["monetary"]["currency"]
            total = found.get(currency, (0, 0))[0] + ledger(world, record)
            found[currency] = (total, total)
    return found


def ledger(world: World, record: Record) -> int:
    """A grant's balance over what is effective by now: nothing of one that is still pending."""
    rows = world.tables[TRANSACTIONS].having("credit_grant", record["id"])
    return sum(value_of(row) for row in rows if row["effective_at"] <= world.now())


def unused(world: World, record: Record) -> bool:
    """Whether a grant counts toward the limit: neither ended nor used up, though perhaps not effective yet."""
    expired = record["expires_at"] is not None and record["expires_at"] <= world.now()
    return not record["ended"] and not expired and remaining(world, record["id"]) > 0


def applied(world: World, grant_id: str) -> bool:
    """Whether an invoice ever took of a grant."""
    rows = world.tables[TRANSACTIONS].having("credit_grant", grant_id)
    return any(row["debit"] is not None and row["debit"]["type"] == "credits_applied" for row in rows)


def find(world: World, id: str) -> Record:
    """The grant of an id; ValueError if there is none."""
    record = world.tables[GRANTS].get(id)
    if record is None:
        raise ValueError(f"there is no credit grant {id}")
    return record


def _end(world: World, record: Record, reason: str, moment: int) -> Record:
    """Take away what is left. Nobody is told that the grant has ended, since nothing that it shows has changed."""
    ended = {**record, "ended": True}
    world.tables[GRANTS].put(ended)
    left = remaining(world, record["id"])
    if left:
        # What never took effect is taken away when it would have, so that the ledger never falls below zero.
        effective = max(moment, record["effective_at"])
        _move(world, ended, {"side": "debit", "reason": reason, "value": left, "effective_at": effective}, moment)
    return ended


def _move(world: World, record: Record, values: Mapping[str, Any], created: int) -> Record:
    id = world.free_id("cbtxn", TRANSACTIONS)
    return add(world, credit_balance_transaction.build(world, {**values, "grant": record}, id, created))


def _line(world: World, record: Record, invoice_id: str, amount: int) -> str:
    """The line of an invoice that takes credits of a grant."""
    bill = world.tables["invoice"].get(invoice_id)
    currency = record["amount"]["monetary"]["currency"]
    if bill is None or bill["customer"] != record["customer"] or bill["currency"] != currency:
        raise ValueError(f"the customer of {record['id']} has no invoice {invoice_id} in {currency}")
    for line in bill["lines"]:
        price = world.tables["price"].get(line["price"])
        if price is not None and line["amount"] >= amount and fits(record["applicability_config"]["scope"], price):
            id: str = line["id"]
            return id
    raise ValueError(f"{invoice_id} has no metered line of {amount} that {record['id']} is for")


def metered(price: Record) -> bool:
    """Whether a price charges what a meter counts: credits pay for nothing else."""
    return bool((price["recurring"] or {}).get("meter"))


def fits(scope: Record, price: Record) -> bool:
    """Whether credits of a scope can pay for a price."""
    return metered(price) and ("price_type" in scope or any(named["id"] == price["id"] for named in scope["prices"]))
