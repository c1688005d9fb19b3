"""Product mappings: which products of Stripe's unlock which features, under the name that the application asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reconciler.core.address import Address
from reconciler.core.feature_values import FeatureValue, misfit
from reconciler.core.fields import ChangeClass, Field, Problem
from reconciler.core.kind import Kind, Lookup, OnReplace
from reconciler.core.published import MAPPING, STRIPE_ENTITLEMENTS
from reconciler.core.resources import Desired
from reconciler.core.shapes import ListOf, MapOf, Struct
from reconciler.core.types import Reference, Text, describe
from reconciler.core.values import Attrs
from reconciler.kinds.shared import METADATA, STORE_NAME, delete

_ENTITLEMENT = ChangeClass.ENTITLEMENT


def _check(attrs: Attrs) -> Iterable[Problem]:
    if attrs.get("features") == {}:
        summary = "the mapping of features is empty"
        yield Problem(path=("features",), code="BP1205", summary=summary, hint="leave the field out")


def _check_together(one: Desired, declared: Mapping[Address, Desired]) -> Iterable[Problem]:
    for name, value in one.attrs.get("features", {}).items():
        feature = declared.get(Address("feature", name))
        wanted = "" if feature is None else misfit(value, feature.attrs["type"])
        if feature is not None and wanted:
            is_a = f"{feature.address} is a {feature.attrs['type']} ({feature.source})"
            summary = f"features.{name}: {is_a} and takes {wanted}, found {describe(value)}"
            hint = "mend the value; a feature's type cannot change once it is applied"
            yield Problem(path=("features", name), code="BP1211", summary=summary, hint=hint)


PRODUCT_MAPPING = Kind(
    name=MAPPING,
    plural="product_mappings",
    doc=(
        "What products of Stripe's unlock. Its name is what the application asks for; it lives in billplan's store. "
        "A Stripe product belongs to one mapping."
    ),
    body=Struct(
        fields=(
            Field(name="name", type=Text(max_length=80), doc="What people call it.", required=True),
            Field(
                name="stripe_products",
                type=ListOf(item=Reference(kind="product")),
                doc="The products in Stripe whose subscriptions unlock it.",
                required=True,
                change_class=_ENTITLEMENT,
            ),
            Field(
                name="features",
                type=MapOf(value=FeatureValue(), key_pattern=STORE_NAME.pattern, key_name="the name of a feature"),
                doc="What it unlocks: a value for each feature, by the feature's name.",
                clearable=True,
                change_class=_ENTITLEMENT,
            ),
            Field(
                name="publish",
                type=Text(choices=(STRIPE_ENTITLEMENTS,)),
                doc=(
                    "Where else it is told: stripe_entitlements makes, or takes over by its lookup key, a feature of "
                    "Stripe's for each feature that it unlocks, and attaches it to its products. A feature that is "
                    "false or 0 here is detached from them, and what no mapping publishes any more is detached and "
                    "archived. Features that are not this project's stay attached, and so does what no mapping names "
                    "or has named."
                ),
                clearable=True,
                change_class=_ENTITLEMENT,
            ),
            METADATA,
        ),
    ),
    lookup=Lookup(path="/billplan/product_mappings", listings=({},), by_created=False),
    natural_key="id",
    chosen_id=True,
    name_rule=STORE_NAME,
    keyed=(("features", "feature"),),
    exclusive=(("stripe_products", "product"),),
    on_replace=OnReplace.REFUSED,
    create_class=_ENTITLEMENT,
    retire_class=_ENTITLEMENT,
    retire=delete("/billplan/product_mappings/{id}"),
    revive=None,
    removals=("delete",),
    check=_check,
    check_together=_check_together,
    example=(
        "product_mappings:\n  pro:\n    name: Pro\n    stripe_products: [product.pro, prod_Legacy2023]\n"
        "    features: {sso: true, api_calls: 10000, seats: unlimited}\n"
    ),
)
