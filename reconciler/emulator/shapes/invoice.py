"""The invoice and its lines: a record that keeps what tells it from others, and what an answer shows of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reconciler.emulator.shapes.shape import Beyond, Expansion, Inside, Link, Rows, Shape
from reconciler.emulator.shapes.tax_rate import shown_rates
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

SHOWN_LINES = 10
# What the emulator never sets, as Stripe shows it when nothing is set.
UNSET: Record = {
    "account_name": None,
    "account_tax_ids": None,
    "amount_overpaid": 0,
    "amount_paid_off_stripe": None,
    "amount_shipping": 0,
    "application": None,
    "attempt_count": 0,
    "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None, "provider": None, "status": None},
    "automatically_finalizes_at": None,
    "collection_method": "charge_automatically",
    "custom_fields": None,
    "customer_account": None,
    "customer_address": None,
    "customer_email": None,
    "customer_name": None,
    "customer_phone": None,
    "customer_shipping": None,
    "customer_tax_exempt": "none",
    "customer_tax_ids": [],
    "default_payment_method": None,
    "default_source": None,
    "default_tax_rates": [],
    "description": None,
    "discounts": [],
    "due_date": None,
    "footer": None,
    "from_invoice": None,
    "issuer": {"account": None, "type": "self"},
    "last_finalization_error": None,
    "latest_revision": None,
    "metadata": {},
    "next_payment_attempt": None,
    "number": None,
    "on_behalf_of": None,
    "payment_settings": {"default_mandate": None, "payment_method_options": None, "payment_method_types": None},
    "post_payment_credit_notes_amount": 0,
    "pre_payment_credit_notes_amount": 0,
    "receipt_number": None,
    "rendering": None,
    "shipping_cost": None,
    "shipping_details": None,
    "starting_balance": 0,
    "statement_descriptor": None,
    "status_details": None,
    "test_clock": None,
    "threshold_reason": None,
    "total_discount_amounts": [],
    "total_taxes": [],
    "webhooks_delivered_at": None,
}
# Of a record, what is shown elsewhere than at its top.
MOMENTS = ("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")
KEPT = frozenset({*MOMENTS, "amount_due", "life", "paid_off_stripe", "subscription", "subscription_metadata"})
# Of a line, what only some have.
GIVEN = ("credits", "discounts", "invoice_item", "metadata", "proration", "subscription_item", "taxes", "untaxed")
# What is taken off a line before taxes, and how Stripe names what took it.
PRETAX = {"discounts": "discount", "credits": "credit_balance_transaction"}
NO_CREDIT: Record = {"credited_items": None}


def build(world: World, values: dict[str, Any], id: str, created: int) -> Record:
    """A new draft: `customer` (its record), `currency`, `billing_reason`, `period` (start and end), `lines` (each of
    `build_line`) and, if it bills one, `subscription` (its record); and, if need be, `description`, `metadata`.
    """
    customer, subscription = values["customer"], values.get("subscription")
    start, end = values.get("period", (created, created))
    record: Record = {
        "id": id,
        "object": "invoice",
        "billing_reason": values.get("billing_reason", "manual"),
        "created": created,
        "currency": values["currency"],
        "customer": customer["id"],
        "lines": values["lines"],
        "period_end": end,
        "period_start": start,
        "status": "draft",
        "subscription": None if subscription is None else subscription["id"],
        **{name: values[name] for name in ("description", "metadata") if values.get(name)},
    }
    # An invoice keeps what the customer was called when it was written.
    for name in ("address", "email", "name", "phone", "shipping"):
        if customer[name] is not None:
            record[f"customer_{name}"] = customer[name]
    if customer["tax_exempt"] != "none":
        record["customer_tax_exempt"] = customer["tax_exempt"]
    if subscription is None:
        return record
    if subscription["metadata"]:
        record["subscription_metadata"] = subscription["metadata"]
    if subscription["collection_method"] == "send_invoice":
        record["collection_method"] = "send_invoice"
    same = ("default_tax_rates", "discounts", "test_clock")
    return record | {name: subscription[name] for name in same if subscription.get(name)}


def build_line(world: World, values: dict[str, Any]) -> Record:
    """One line: `amount`, `price` (id), `quantity`, `start` and `end` of what it pays for, `description`; and, if need
    be, `subscription_item` and `invoice_item` (ids), `metadata`, `proration` for what was billed between two periods,
    and what billing makes of a line: `credits` (with their transactions), `discounts`, `taxes`, `untaxed`.
    """
    same = ("amount", "description", "end", "price", "quantity", "start")
    return {
        "id": world.new_id("il"),
        **{name: values[name] for name in same},
        **{name: values[name] for name in GIVEN if values.get(name)},
    }


def net_of(line: Record) -> int:
    """What a line comes to after its discounts and credits, before taxes that are not in it yet."""
    return int(line["amount"] - sum(amount for name in PRETAX for _, amount in line.get(name, ())))


def total_of(record: Record) -> int:
    """What all lines come to, with discounts and taxes."""
    added = (tax["amount"] for line in record["lines"] for tax in line.get("taxes", ()) if not tax["inclusive"])
    return int(sum(net_of(line) for line in record["lines"]) + sum(added))


def due_of(record: Record) -> int:
    """What is left to pay after the customer's balance."""
    due: int = record["amount_due"] if "amount_due" in record else max(total_of(record), 0)
    return due


def rows_of(record: Record) -> list[Record]:
    """The lines as records of their own, which know their invoice."""
    common = {"object": "line_item", "currency": record["currency"], "invoice": record["id"]}
    return [{**common, "of": record["subscription"], **line} for line in record["lines"]]


def present(world: World, record: Record) -> Record:
    """The whole invoice, with its first lines."""
    status, total, due = record["status"], total_of(record), due_of(record)
    paid = due if status == "paid" else 0
    rows = record["lines"]
    taxes = [tax for line in rows for tax in line.get("taxes", ())]
    shown = {
        **UNSET,
        **{name: value for name, value in record.items() if name not in KEPT},
        "account_country": world.country,
        "amount_due": due,
        "amount_paid": paid,
        "amount_remaining": due - paid,
        "attempted": record.get("attempt_count", 0) > 0 or status == "paid",
        "auto_advance": status in ("draft", "open") and not record.get("life", {}).get("stuck", False),
        "effective_at": record.get("finalized_at"),
        "default_tax_rates": shown_rates(world, record.get("default_tax_rates", ())),
        "ending_balance": None if status == "draft" else record.get("ending_balance", 0),
        "hosted_invoice_url": None,
        "invoice_pdf": None,
        "lines": _first_lines(world, record),
        "livemode": world.livemode,
        "parent": _parent(record),
        "status_transitions": {name: record.get(name) for name in MOMENTS},
        "subtotal": sum(line["amount"] for line in rows),
        "subtotal_excluding_tax": sum(line.get("untaxed", line["amount"]) for line in rows),
        "total": total,
        "total_discount_amounts": _summed(line.get("discounts", ()) for line in rows),
        "total_excluding_tax": total - sum(tax["amount"] for tax in taxes),
        "total_pretax_credit_amounts": _pretax(rows),
        "total_taxes": [_tax(tax) for tax in _by_rate(taxes)],
    }
    if record.get("paid_off_stripe"):
        shown["amount_paid_off_stripe"] = paid
    if status != "draft":
        hosted = f"https://invoice.stripe.com/i/{world.account_id}/{record['id']}"
        shown["hosted_invoice_url"] = hosted
        shown["invoice_pdf"] = f"https://pay.stripe.com/invoice/{world.account_id}/{record['id']}/pdf"
    return shown


def _summed(lines: Iterable[Iterable[tuple[str, int]]]) -> list[Record]:
    sums: dict[str, int] = {}
    for discounts in lines:
        for id, amount in discounts:
            sums[id] = sums.get(id, 0) + amount
    return [{"amount": amount, "discount": id} for id, amount in sums.items()]


def _first_lines(world: World, record: Record) -> Record:
    url, rows = f"/v1/invoices/{record['id']}/lines", record["lines"]
    first = [present_line(world, row) for row in rows_of({**record, "lines": rows[:SHOWN_LINES]})]
    return {"object": "list", "data": first, "has_more": len(rows) > SHOWN_LINES, "url": url}


def _pretax(rows: list[Record]) -> list[Record]:
    """What is taken off before taxes: one entry a discount, over all lines, then one a use of credits."""
    sums: dict[tuple[str, str], int] = {}
    for name, kind in PRETAX.items():
        for row in rows:
            for id, amount in row.get(name, ()):
                sums[kind, id] = sums.get((kind, id), 0) + amount
    nothing: Record = dict.fromkeys(PRETAX.values())
    return [{**nothing, "amount": amount, kind: id, "type": kind} for (kind, id), amount in sums.items()]


def _by_rate(taxes: list[Record]) -> list[Record]:
    """One entry a rate; the amounts of all lines added up."""
    sums: dict[tuple[Any, ...], Record] = {}
    for tax in taxes:
        key = (tax["rate"], tax["inclusive"], tax["reason"])
        before = sums.get(key, {**tax, "amount": 0, "taxable": 0})
        sums[key] = {**before, **{name: before[name] + tax[name] for name in ("amount", "taxable")}}
    return list(sums.values())


def _tax(tax: Record) -> Record:
    return {
        "amount": tax["amount"],
        "tax_behavior": "inclusive" if tax["inclusive"] else "exclusive",
        "tax_rate_details": None if tax["rate"] is None else {"tax_rate": tax["rate"]},
        "taxability_reason": tax["reason"],
        "taxable_amount": tax["taxable"],
        "type": "tax_rate_details",
    }


def _parent(record: Record) -> Record | None:
    if record["subscription"] is None:
        return None
    details = {"metadata": record.get("subscription_metadata", {}), "subscription": record["subscription"]}
    return {"quote_details": None, "subscription_details": details, "type": "subscription_details"}


def present_line(world: World, row: Record) -> Record:
    """One line, as `rows_of` gives it."""
    price = world.tables["price"].get(row["price"])
    assert price is not None, "prices are never deleted"
    quantity = row["quantity"]
    return {
        "id": row["id"],
        "object": "line_item",
        "amount": row["amount"],
        "currency": row["currency"],
        "description": row["description"],
        "discount_amounts": [{"amount": amount, "discount": id} for id, amount in row.get("discounts", ())],
        "discountable": not row.get("proration", False),
        "discounts": [],
        "invoice": row["invoice"],
        "livemode": world.livemode,
        "metadata": row.get("metadata", {}),
        "parent": _line_parent(row),
        "period": {"end": row["end"], "start": row["start"]},
        "pretax_credit_amounts": _pretax([row]),
        "pricing": {
            "price_details": {"price": row["price"], "product": price["product"]},
            "type": "price_details",
            "unit_amount_decimal": price["unit_amount_decimal"],
        },
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        "subscription": row["of"],
        "subtotal": row["amount"],
        "taxes": [_tax(tax) for tax in row.get("taxes", ())],
    }


def _line_parent(row: Record) -> Record | None:
    details = {
        "invoice_item": row.get("invoice_item"),
        "proration": row.get("proration", False),
        "proration_details": NO_CREDIT,
        "subscription": row["of"],
    }
    if "subscription_item" not in row:
        if "invoice_item" not in row:
            return None
        return {"invoice_item_details": details, "subscription_item_details": None, "type": "invoice_item_details"}
    details["subscription_item"] = row["subscription_item"]
    return {"invoice_item_details": None, "subscription_item_details": details, "type": "subscription_item_details"}


_LINE: dict[str, Expansion] = {
    "discounts": Beyond(),
    "pricing": Inside({"price_details": Inside({"price": Link("price")})}),
    "subscription": Link("subscription"),
}
LINE_ITEM = Shape("line_item", "line_item", present_line, _LINE)
INVOICE = Shape(
    "invoice",
    "invoice",
    present,
    {
        "account_tax_ids": Beyond(),
        "application": Beyond(),
        "confirmation_secret": Beyond(),
        "customer": Link("customer"),
        "default_payment_method": Link("payment_method"),
        "default_source": Beyond(),
        "discounts": Link("discount"),
        "latest_revision": Link("invoice"),
        "lines": Rows(_LINE),
        "on_behalf_of": Beyond(),
        "parent": Inside({"subscription_details": Inside({"subscription": Link("subscription")})}),
        "payments": Beyond(),
        "test_clock": Beyond(),
    },
)
