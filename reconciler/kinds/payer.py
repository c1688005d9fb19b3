"""Payers: customers as far as migrations change them, which is what they pay with where nothing else is said."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.fields import ChangeClass, Field
from reconciler.core.kind import Kind, Lookup, OnReplace, Request
from reconciler.core.shapes import Struct
from reconciler.core.types import Reference
from reconciler.core.values import Value
from reconciler.kinds.shared import no_rules

PATH = "/v1/customers"


def _alive(raw: Mapping[str, Value]) -> bool:
    return not raw.get("deleted")


def _source(name: str, kind: str, doc: str) -> Field:
    return Field(
        name=name, type=Reference(kind=kind, declared=False), doc=doc, change_class=ChangeClass.MONEY, clearable=True
    )


PAYER = Kind(
    name="payer",
    plural="payers",
    doc="A customer, and what invoices are charged to.",
    body=Struct(
        fields=(
            Field(
                name="invoice_settings",
                type=Struct(
                    fields=(_source("default_payment_method", "payment_method", "What invoices are charged to."),)
                ),
                doc="How invoices are paid.",
                split=True,
            ),
            _source("default_source", "source", "What was charged before there were payment methods."),
        )
    ),
    lookup=Lookup(path=PATH, listings=({},), permission="rak_customer_read"),
    natural_key=None,
    marked=False,
    bulk=True,
    on_replace=OnReplace.REFUSED,
    retire=Request(
        verb="keep", method="get", path=f"{PATH}/{{id}}", params={}, expect={}, undo="no plan takes a customer away"
    ),
    revive=None,
    removals=(),
    retire_unasked=False,
    check=no_rules,
    alive=_alive,
)
