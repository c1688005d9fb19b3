"""Attachments of features to products in Stripe Entitlements. They have no metadata; they are made and deleted."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.fields import ChangeClass, Field, OnChange
from reconciler.core.kind import Kind, Lookup, OnReplace, Request
from reconciler.core.published import PRODUCT_FEATURE as NAME
from reconciler.core.published import attached_as
from reconciler.core.resources import MARK_PROJECT
from reconciler.core.shapes import Struct
from reconciler.core.types import Reference, Text
from reconciler.core.values import Value
from reconciler.kinds.shared import no_rules

_BELOW = "features"
_REFUSE = OnChange.REFUSE


def _place(raw: Mapping[str, Value], product: str) -> dict[str, Value]:
    feature = raw["entitlement_feature"]
    owner = MARK_PROJECT.partition("[")[2].rstrip("]")
    return {
        **raw,
        "id": f"{product}/{_BELOW}/{raw['id']}",
        "product": product,
        "attaches": attached_as(product, str(feature["lookup_key"])),
        "project": (feature.get("metadata") or {}).get(owner),
    }


PRODUCT_FEATURE = Kind(
    name=NAME,
    plural="product_features",
    doc="The attachment of a feature to a product in Stripe Entitlements.",
    body=Struct(
        fields=(
            Field(name="product", type=Text(), doc="The product.", required=True, on_change=_REFUSE),
            Field(
                name="entitlement_feature",
                type=Reference(kind="entitlement_feature", declared=False),
                doc="The feature.",
                required=True,
                on_change=_REFUSE,
            ),
            Field(name="attaches", type=Text(), doc="The product and the feature's lookup key.", on_change=_REFUSE),
            Field(name="project", type=Text(), doc="The project that the feature belongs to.", on_change=_REFUSE),
        )
    ),
    lookup=Lookup(
        path="/v1/products", listings=({},), by_created=False, permission="rak_entitlement_read", below=_BELOW
    ),
    natural_key="attaches",
    marked=False,
    derived=True,
    place=_place,
    on_replace=OnReplace.REFUSED,
    create_class=ChangeClass.ENTITLEMENT,
    retire_class=ChangeClass.ENTITLEMENT,
    retire=Request(
        verb="detach",
        method="delete",
        path="/v1/products/{id}",
        params={},
        expect=None,
        undo="publish it again: it is attached anew",
    ),
    revive=None,
    removals=(),
    check=no_rules,
    alive=lambda raw: True,
)
