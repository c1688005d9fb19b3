"""The JSON Schema of subscription migrations, by which their settings are checked, and their part of the reference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from reconciler.core.migrations import CHECKS, Backdated, Check, Missing
from reconciler.core.row_cells import COLLECTION_METHODS, INTERVALS, PRORATIONS, Unit
from reconciler.core.row_names import NAMED
from reconciler.kinds.subscription_migration import SUBSCRIPTION_MIGRATION
from reconciler.specfiles.durations import PATTERN as DURATION
from reconciler.specfiles.project_schema import Schema
from reconciler.specfiles.row_source import DELIMITERS

PLURAL = SUBSCRIPTION_MIGRATION.plural
ROWS = "subscriptions"
MAX_BATCH_NAME = 40

_DOC = "Subscriptions that move into Stripe Billing: each row becomes one subscription schedule."
EXAMPLE = """\
subscription_migrations:
  zuora-2026:
    source: external:zuora
    csv: migrations/zuora.csv
    key: metadata.third_party_sub_id
    amount_unit: major
    defaults: {collection_method: charge_automatically, proration_behavior: none}
    maps: {price: maps/prices.csv}
    batches: [{name: canary, rows: 25}, {name: rest}]
    released: canary
  hand-written:
    subscriptions:
      sub_1: {customer: cus_1, start_date: 2027-01-01T00:00:00Z, items: [{price: price.pro_monthly, quantity: 2}]}
"""
_NOTES = """\
A file has the columns of Stripe's Billing migration toolkit, whichever of its templates it comes from: `customer`,
`start_date`, `price`, `quantity`, `items.N.price`, `items.N.quantity`, `adhoc_items.N.amount` (and `.product`,
`.currency`, `.interval`, `.interval_count`, `.quantity`), `add_invoice_items.N.amount` (and `.product`, `.currency`),
`metadata.NAME` or `metadata_NAME`, `automatic_tax`, `billing_cycle_anchor`, `coupon`, `currency`, `trial_end`,
`proration_behavior` (`create_prorations` unless it is said), `collection_method`, `default_tax_rate`,
`backdate_start_date`, `days_until_due`, `cancel_at_period_end`; for any N, with gaps. billplan's own are
`source_amount` (what the subscription comes to at its source each period, in the row's currency),
`source_subscription` (the id of what the row replaces in another Stripe account), `waive` (checks that the row does
without) and `adopt` (the schedule or subscription that the row is already). `processing_error` is read over. Any other
column is an error.

A price, product, coupon or tax rate is an id of Stripe's or an address. Dates are epoch seconds or ISO 8601 with a
zone, booleans TRUE or FALSE in any case. A row names its price by `price`, or by `items.N` and `adhoc_items.N`. A row
written under `subscriptions` has its name for a key, `metadata` as a mapping, `items` as a list of `{price, quantity}`
or `{product, amount, currency, interval, interval_count, quantity}`, and `add_invoice_items` as a list.

A cell goes before the default of its column. A default of a part is used where the part stands: `quantity` beside a
`price`, the fields of an item or a fee that the row names, `days_until_due` where invoices are sent. With a map, every
id in a row is an old one that the map must know, or one of the map's new ids. Expressions are rendered in YAML, not in
the rows of files. A row leaves by `removed:` with the action `cancel`, `release` or `forget`; a whole migration is
rolled back by `state: canceled`.
"""


def _text(doc: str, pattern: str = "", **more: Any) -> Schema:
    described: Schema = {"description": doc, "type": "string", "minLength": 1, **more}
    return {**described, "pattern": f"^(?:{pattern})$"} if pattern else described


def _choice(doc: str, choices: tuple[str, ...]) -> Schema:
    return {"description": doc, "enum": [str(one) for one in choices]}


def _flag(doc: str) -> Schema:
    return {"description": doc, "type": "boolean"}


def _whole(doc: str, lowest: int, **more: Any) -> Schema:
    return {"description": doc, "type": "integer", "minimum": lowest, **more}


def _mapping(doc: str, properties: Schema, required: tuple[str, ...] = ()) -> Schema:
    described: Schema = {"description": doc, "type": "object", "properties": properties, "additionalProperties": False}
    return {**described, "required": list(required)} if required else described


def _moment(doc: str) -> Schema:
    return {"description": f"{doc}: ISO 8601 with a zone, or epoch seconds.", "type": ["integer", "string"]}


def _listed(doc: str, entry: Schema, **more: Any) -> Schema:
    return {"description": doc, "type": "array", "items": entry, **more}


def _metadata(doc: str) -> Schema:
    return {"description": doc, "type": "object", "additionalProperties": {"type": "string"}}


def _duration(doc: str) -> Schema:
    count = _whole("How many of them; 1 unless declared.", 1, maximum=1000)
    interval = _choice("day, week, month or year.", INTERVALS)
    return _mapping(doc, {"interval": interval, "interval_count": count}, ("interval",))


def _amount(doc: str) -> Schema:
    return {"description": f"{doc}, in the unit that amount_unit says.", "type": ["integer", "number", "string"]}


def _items() -> Schema:
    entry = _mapping(
        "A price, or a price made for this alone.",
        {
            "price": _text("A price: its id, or its address."),
            "quantity": _whole("How many of it.", 0),
            "product": _text("The product of a price made for this alone: its id, or its address."),
            "amount": _amount("What one of it costs an interval"),
            "currency": _text("Its currency, in lower case."),
            "interval": _choice("How often it is charged.", INTERVALS),
            "interval_count": _whole("How many intervals its period has; 1 unless declared.", 1),
        },
    )
    return _listed("What is subscribed to.", entry, minItems=1, maxItems=20)


def _row() -> Schema:
    fee = _mapping(
        "A fee.",
        {
            "product": _text("A product: its id, or its address."),
            "amount": _amount("What it costs"),
            "currency": _text("Its currency, in lower case."),
        },
        ("product", "amount", "currency"),
    )
    properties: Schema = {
        "customer": _text("The customer's id."),
        "start_date": _moment("When the subscription begins"),
        "price": _text("A price: its id, or its address."),
        "quantity": _whole("How many of it.", 0),
        "items": _items(),
        "add_invoice_items": _listed("What the first invoice has besides.", fee, maxItems=20),
        "metadata": _metadata("What stands in the subscription's metadata."),
        "automatic_tax": _flag("Whether Stripe Tax computes the tax."),
        "billing_cycle_anchor": _moment("When the customer is next charged"),
        "coupon": _text("A coupon: its id, or its address."),
        "currency": _text("The currency of a price that has several, in lower case."),
        "trial_end": _moment("When the trial ends"),
        "proration_behavior": _choice("What the time up to the anchor costs.", tuple(PRORATIONS)),
        "collection_method": _choice("How invoices are paid.", COLLECTION_METHODS),
        "default_tax_rate": _text("A tax rate: its id, or its address."),
        "backdate_start_date": _moment("When the subscription began at its source"),
        "days_until_due": _whole("When an invoice that is sent is due.", 0),
        "cancel_at_period_end": _flag("Whether the subscription ends with its period."),
        "source_amount": _amount("What the subscription comes to at its source each period"),
        "source_subscription": _text("The id of the subscription in another Stripe account that it replaces."),
        "waive": _text("The checks that the row does without."),
        "adopt": _text("The id of the schedule or subscription that the row is already."),
    }
    return _mapping("A subscription; its name is its key.", properties)


def _maps() -> Schema:
    doc = "New ids by old ones: a CSV file, a mapping, or {csv: FILE, from: COLUMN, to: COLUMN}."
    one: Schema = {"type": ["string", "object"], "minLength": 1, "additionalProperties": {"type": "string"}}
    return _mapping(doc, {name: {"description": f"Old ids of a {name.replace('_', ' ')}.", **one} for name in NAMED})


def _batch() -> Schema:
    values: Schema = {"type": ["string", "integer", "number", "boolean", "array"]}
    return _mapping(
        "A part of the rows; without a measure, all that is left.",
        {
            "name": _text("What released: calls it.", maxLength=MAX_BATCH_NAME),
            "rows": _whole("So many of the rows, by their order.", 1),
            "percent": {"description": "So many of a hundred.", "type": "number", "minimum": 0.01, "maximum": 100},
            "where": {
                "description": "The rows whose columns have one of these values.",
                "type": "object",
                "minProperties": 1,
                "additionalProperties": values,
            },
        },
        ("name",),
    )


def _then() -> Schema:
    phase = _mapping(
        "A phase.",
        {
            "duration": _duration("How long it lasts."),
            "end_date": _moment("When it ends"),
            "items": _items(),
            "coupon": _text("Its coupon; the one before unless declared."),
            "drop_coupon": _flag("Whether the coupon before ends with the phase before."),
            "proration_behavior": _choice(
                "What a change within a period costs; none unless declared.", tuple(PRORATIONS)
            ),
            "metadata": _metadata("What is added to the subscription's metadata."),
        },
    )
    # Stripe takes ten phases, and a row's own terms are up to two of them.
    return _listed("Further phases.", phase, minItems=1, maxItems=8)


def _settings() -> Schema:
    return {**_reading(), **_scheduling()}


def _reading() -> Schema:
    """Describe where rows come from, and what they mean."""
    return {
        "source": _text(
            "Where they come from: external:NAME, or internal:Stripe.", r"external:[^\s:@]{1,60}|internal:Stripe"
        ),
        "csv": _text("A CSV file with the toolkit's columns, relative to billplan.yaml."),
        "key": _text("The metadata that identifies a row for ever: metadata.NAME.", r"metadata[._].+"),
        "amount_unit": _choice("What amounts are in: major (21.50) or minor (2150).", tuple(Unit)),
        "delimiter": _choice("What separates the cells of the file.", DELIMITERS),
        "columns": {
            "description": "What the file calls the toolkit's columns, where it calls them otherwise.",
            "type": "object",
            "additionalProperties": {"type": "string", "minLength": 1},
        },
        "defaults": {
            "description": "What stands for empty cells, by column.",
            "type": "object",
            "additionalProperties": {"type": ["string", "integer", "number", "boolean"]},
        },
        "maps": _maps(),
    }


def _scheduling() -> Schema:
    """Describe what becomes of rows, and when."""
    check = {name: _choice("error, warning or off.", tuple(Check)) for name in CHECKS}
    key = "env:[A-Za-z_][A-Za-z0-9_]*|file:.+"
    account = {
        "read": _text("Where its read key is: env:NAME or file:PATH.", key),
        "write": _text("Where its write key is: env:NAME or file:PATH.", key),
        "api_base": _text("Where that account is; where this one is unless declared.", "https?://.+"),
    }
    return {
        "default_payment_method": _choice(
            "Whether a customer must have one, or the newest attached one is made it.", tuple(Missing)
        ),
        "checks": _mapping("How serious checks are.", check),
        "lead_time": _text("How far ahead a start must be, from 1h on; 24h unless declared.", DURATION),
        "batches": _listed("The parts in which the rows go.", _batch(), minItems=1),
        "released": {"description": "The batches that a plan may schedule.", "type": ["string", "array"]},
        "lasts": _duration("How long a row's own terms last before then; one period unless declared."),
        "then": _then(),
        "state": _choice("scheduled, or canceled: roll back what has not started.", ("scheduled", "canceled")),
        "follow_prices": _flag("Whether a replaced price is carried into rows that have not started."),
        "attempt": _whole("Raised to schedule again what was rolled back.", 1, maximum=1000),
        "mid_cycle": _choice("What rows become whose period runs at the start.", ("schedule", "subscription")),
        "backdated_prorations": _choice("What backdated rows with prorations are billed from.", tuple(Backdated)),
        "source_account": _mapping("The Stripe account that they come from.", account, ("read",)),
        "end_source": _choice("at_start: the subscription there ends when the one here begins.", ("at_start",)),
    }


@lru_cache(maxsize=1)
def settings_schema() -> Schema:
    """Describe a migration without the rows that stand in it."""
    return _mapping(_DOC, _settings())


def migration_schema() -> Schema:
    """Describe a whole migration; expressions are not taken into account yet."""
    rows: Schema = {
        "description": "Rows written here, by their keys.",
        "type": "object",
        "additionalProperties": _row(),
        "propertyNames": {"minLength": 1, "maxLength": 200},
    }
    body = _mapping(_DOC, {**_settings(), ROWS: rows})
    return {
        "title": "subscription migration",
        **body,
        "anyOf": [{"required": ["csv", "key"]}, {"required": [ROWS]}],
        "dependentRequired": {"csv": ["key"], "columns": ["csv"], "delimiter": ["csv"], "lasts": ["then"]},
    }


def render_migration_reference() -> str:
    """Render the part of the reference page."""
    schema = migration_schema()
    rows = "".join(f"| `{name}` | {doc} |\n" for name, doc in _rows(schema["properties"], ""))
    table = f"| field | meaning |\n|---|---|\n{rows}"
    return f"\n## {PLURAL}\n\n{_DOC}\n\n```yaml\n{EXAMPLE}```\n\n{table}\n{_NOTES}"


def _rows(properties: Mapping[str, Schema], prefix: str) -> Iterator[tuple[str, str]]:
    for name, schema in properties.items():
        yield prefix + name, schema.get("description", "")
        below = schema.get("items", schema)
        yield from _rows(below.get("properties", {}), f"{prefix}{name}{'[]' if 'items' in schema else ''}.")
        more = schema.get("additionalProperties")
        if isinstance(more, dict):
            yield from _rows(more.get("properties", {}), f"{prefix}{name}.*.")
