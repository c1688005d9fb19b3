"""Tax rates: `/v1/tax_rates`. They are archived, never deleted, and their percentage never changes."""

from __future__ import annotations

from decimal import Decimal

from reconciler.emulator.commit import add, replace
from reconciler.emulator.errors import StripeError, not_found
from reconciler.emulator.listing import CURSORS, SPAN, Query, page, span
from reconciler.emulator.metadata import Metadata, merge
from reconciler.emulator.route import Answer, Call, Routes
from reconciler.emulator.schema import EXPAND, Boolean, Choice, Hash, Kind, Number, Text
from reconciler.emulator.shapes import tax_rate
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

ROUTES = Routes("tax_rate", "rak_tax_rate")
PATH = "/v1/tax_rates"

TAX_TYPES = (
    "admissions_tax",
    "amusement_tax",
    "attendance_tax",
    "communications_tax",
    "digital_excise_tax",
    "entertainment_tax",
    "get_fund",
    "gross_receipts_tax",
    "gst",
    "hospitality_tax",
    "hst",
    "igst",
    "jct",
    "lease_tax",
    "luxury_tax",
    "mass_transit_parking_tax",
    "nhil",
    "parking_tax",
    "pst",
    "qst",
    "resort_tax",
    "retail_delivery_fee",
    "rst",
    "sales_tax",
    "service_tax",
    "tourism_tax",
    "utility_users_tax",
    "vat",
)
BOTH: dict[str, Kind] = {
    "active": Boolean(),
    "country": Text(pattern=r"[A-Z]{2}"),
    "description": Text(),
    "display_name": Text(50),
    "expand": EXPAND,
    "jurisdiction": Text(50),
    "state": Text(pattern=r"[A-Z0-9]{1,3}"),
    "tax_type": Choice(TAX_TYPES),
}
CREATE = Hash(
    {
        **BOTH,
        "inclusive": Boolean(),
        "metadata": Metadata(blank=False),
        "percentage": Number(4, Decimal(0), Decimal(100)),
    },
    ("display_name", "inclusive", "percentage"),
)
UPDATE = Hash({**BOTH, "metadata": Metadata()})
RETRIEVE = Hash({"expand": EXPAND})
LIST = Hash({**CURSORS, "active": Boolean(), "created": SPAN, "inclusive": Boolean()})


def find(world: World, id: str) -> Record:
    """The tax rate in a path."""
    record = world.tables["tax_rate"].get(id)
    if record is None:
        raise not_found("tax rate", id)
    return record


@ROUTES.route("post", PATH, CREATE)
def create(world: World, call: Call) -> Answer:
    id = call.forced.id or world.free_id("txr", "tax_rate")
    if id in world.tables["tax_rate"]:
        raise StripeError("Tax rate already exists.", "id", "resource_already_exists")
    created = world.now() if call.forced.created is None else call.forced.created
    return add(world, tax_rate.build(world, call.params, id, created))


@ROUTES.route("get", PATH + "/{id}", RETRIEVE)
def retrieve(world: World, call: Call) -> Answer:
    return find(world, call.id)


@ROUTES.route("post", PATH + "/{id}", UPDATE)
def update(world: World, call: Call) -> Answer:
    before, params = find(world, call.id), call.params
    changes = {name: params[name] for name in tax_rate.PLAIN if name in params}
    if "metadata" in params:
        changes["metadata"] = merge(before["metadata"], params["metadata"])
    return replace(world, {**before, **changes})


@ROUTES.route("get", PATH, LIST)
def list_(world: World, call: Call) -> Answer:
    params = call.params
    wanted = {"active": params["active"]} if "active" in params else {}

    def passes(record: Record) -> bool:
        return "inclusive" not in params or record["inclusive"] == params["inclusive"]

    return page(world, Query("tax_rate", PATH, wanted, (passes,), span(params.get("created"))), params)
