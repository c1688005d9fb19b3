"""The lines of an invoice: `/v1/invoices/{id}/lines`, of which the invoice itself shows the first."""

from __future__ import annotations

from reconciler.emulator.listing import CURSORS
from reconciler.emulator.route import Answer, Call, Routes
from reconciler.emulator.rules.rows import page_of
from reconciler.emulator.schema import Hash
from reconciler.emulator.services.invoice import PATH, find
from reconciler.emulator.shapes.invoice import rows_of
from reconciler.emulator.world import World

ROUTES = Routes("line_item", "rak_invoice")

LIST = Hash(CURSORS)


@ROUTES.route("get", PATH + "/{id}/lines", LIST)
def list_(world: World, call: Call) -> Answer:
    record = find(world, call.id)
    return page_of(rows_of(record), "line_item", f"{PATH}/{record['id']}/lines", call.params)
