"""Products: what is sold. Never deleted, archived instead; the id is chosen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reconciler.core.address import Address
from reconciler.core.fields import ChangeClass, Field, OnChange, Problem
from reconciler.core.kind import Kind, Lookup, OnReplace
from reconciler.core.resources import Desired
from reconciler.core.shapes import ListOf, Struct
from reconciler.core.types import DecimalNumber, Flag, Reference, Text
from reconciler.core.values import Ref
from reconciler.kinds.shared import ACTIVE, EXPAND_REASON, METADATA, archive, no_rules


def _check_together(one: Desired, declared: Mapping[Address, Desired]) -> Iterable[Problem]:
    default = one.attrs.get("default_price")
    price = declared.get(default.address) if isinstance(default, Ref) else None
    if price is None:
        return
    path, name = ("default_price",), price.address
    if isinstance(price.attrs["product"], Ref) and price.attrs["product"].address != one.address:
        summary = f"{name} is a price of {price.attrs['product']}, not of {one.address}"
        yield Problem(path=path, code="BP1210", summary=summary, hint="a default price is one of the product's own")
    if price.attrs.get("active") is False:
        yield Problem(path=path, code="BP1210", summary=f"{name} is declared with active: false")


_INCH = DecimalNumber(minimum=0, places=2)

_DIMENSIONS = Struct(
    fields=(
        Field(name="height", type=_INCH, doc="Height in inches.", required=True),
        Field(name="length", type=_INCH, doc="Length in inches.", required=True),
        Field(name="weight", type=_INCH, doc="Weight in ounces.", required=True),
        Field(name="width", type=_INCH, doc="Width in inches.", required=True),
    )
)

_TAX_DETAILS = Struct(
    fields=(
        Field(name="performance_location", type=Text(), doc="Id of the tax location where the service is performed."),
        Field(name="tax_code", type=Text(), doc="Tax code, txcd_..."),
    )
)

PRODUCT = Kind(
    name="product",
    plural="products",
    doc="What is sold: a plan, an add-on, a service.",
    body=Struct(
        fields=(
            Field(
                name="id",
                type=Text(max_length=255, pattern=r"[A-Za-z0-9_.-]+", what="an id of letters, digits, _ - ."),
                doc="The product's id in Stripe; <project>-<name> unless declared. Cannot change.",
                on_change=OnChange.REFUSE,
            ),
            Field(name="name", type=Text(), doc="The name that customers see.", required=True),
            Field(name="description", type=Text(max_length=40000), doc="A text for customers.", clearable=True),
            ACTIVE,
            Field(
                name="images",
                type=ListOf(item=Text(max_length=2048), max_items=8),
                doc="Up to eight addresses of images.",
                clearable=True,
            ),
            Field(
                name="marketing_features",
                type=ListOf(
                    item=Struct(fields=(Field(name="name", type=Text(max_length=80), doc="The text.", required=True),)),
                    max_items=15,
                ),
                doc="Up to fifteen features for pricing tables.",
                clearable=True,
            ),
            METADATA,
            Field(name="package_dimensions", type=_DIMENSIONS, doc="Size for shipping.", clearable=True),
            Field(name="shippable", type=Flag(), doc="Whether it is shipped."),
            Field(
                name="statement_descriptor",
                type=Text(max_length=22, pattern="[^<>\\\\'\"*]*[A-Za-z][^<>\\\\'\"*]*", what="a statement descriptor"),
                doc="What the card statement says, up to 22 characters.",
            ),
            Field(
                name="tax_code",
                type=Text(),
                doc="Tax code, txcd_...",
                clearable=True,
                change_class=ChangeClass.MONEY,
            ),
            Field(
                name="tax_details",
                type=_TAX_DETAILS,
                doc="Details for tax calculation.",
                clearable=True,
                change_class=ChangeClass.MONEY,
            ),
            Field(
                name="type",
                type=Text(choices=("good", "service")),
                doc="good or service; of interest to old integrations only. Cannot change.",
                on_change=OnChange.REFUSE,
            ),
            Field(name="unit_label", type=Text(max_length=12), doc="What one unit is called: seat.", clearable=True),
            Field(name="url", type=Text(max_length=5000), doc="A page about the product.", clearable=True),
            Field(
                name="default_price",
                type=Reference(kind="price"),
                doc="The price that is offered by default: price.name, or a Stripe id.",
                clearable=True,
                deferred=True,
                change_class=ChangeClass.MONEY,
            ),
        ),
        excluded=(
            ("default_price_data", "declare the price under prices: and name it as default_price: price.NAME"),
            ("expand", EXPAND_REASON),
        ),
    ),
    lookup=Lookup(path="/v1/products", listings=({},), permission="rak_product_read"),
    natural_key="id",
    chosen_id=True,
    default_key=True,
    on_replace=OnReplace.REFUSED,
    retire=archive("/v1/products/{id}"),
    revive=None,
    removals=("archive", "forget"),
    check=no_rules,
    check_together=_check_together,
    example="products:\n  pro: {name: Pro, description: For teams}\n",
)
