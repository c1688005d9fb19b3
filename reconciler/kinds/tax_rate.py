"""Tax rates: a percentage that is added to, or included in, amounts."""

from __future__ import annotations

from reconciler.core.fields import ChangeClass, Field, OnChange
from reconciler.core.kind import Kind, Lookup
from reconciler.core.shapes import Struct
from reconciler.core.types import DecimalNumber, Flag, Text
from reconciler.kinds.shared import ACTIVE, EXPAND_REASON, METADATA, archive, no_rules

_TAX_TYPES = (
    "admissions_tax amusement_tax attendance_tax communications_tax digital_excise_tax entertainment_tax get_fund "
    "gross_receipts_tax gst hospitality_tax hst igst jct lease_tax luxury_tax mass_transit_parking_tax nhil "
    "parking_tax pst qst resort_tax retail_delivery_fee rst sales_tax service_tax tourism_tax utility_users_tax vat"
)

TAX_RATE = Kind(
    name="tax_rate",
    plural="tax_rates",
    doc="A percentage that is added to amounts, or included in them.",
    body=Struct(
        fields=(
            Field(name="display_name", type=Text(max_length=50), doc="What invoices call it.", required=True),
            Field(
                name="percentage",
                type=DecimalNumber(minimum=0, maximum=100, places=4),
                doc="The rate in percent.",
                required=True,
                on_change=OnChange.REPLACE,
                change_class=ChangeClass.MONEY,
            ),
            Field(
                name="inclusive",
                type=Flag(),
                doc="Whether amounts include the tax.",
                required=True,
                on_change=OnChange.REPLACE,
                change_class=ChangeClass.MONEY,
            ),
            Field(
                name="country",
                type=Text(max_length=2, pattern="[A-Z]{2}", what="a two-letter country code"),
                doc="Two-letter country code.",
                change_class=ChangeClass.MONEY,
            ),
            Field(
                name="state", type=Text(max_length=50), doc="State or province code.", change_class=ChangeClass.MONEY
            ),
            Field(
                name="tax_type",
                type=Text(choices=tuple(_TAX_TYPES.split())),
                doc="The kind of tax: vat, sales_tax, ...",
                change_class=ChangeClass.MONEY,
            ),
            Field(name="jurisdiction", type=Text(max_length=50), doc="Where it is levied, as invoices show it."),
            Field(name="description", type=Text(), doc="A note that customers do not see."),
            ACTIVE,
            METADATA,
        ),
        excluded=(("expand", EXPAND_REASON),),
    ),
    lookup=Lookup(path="/v1/tax_rates", listings=({},), permission="rak_tax_rate_read"),
    natural_key=None,
    create_class=ChangeClass.MONEY,
    retire=archive("/v1/tax_rates/{id}"),
    revive=None,
    removals=("archive", "forget"),
    check=no_rules,
    example="tax_rates:\n  vat_de: {display_name: VAT, percentage: 19, inclusive: false, country: DE}\n",
)
