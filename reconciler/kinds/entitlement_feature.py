"""Features of Stripe Entitlements, which follow the features of the mappings that are published."""

from __future__ import annotations

from reconciler.core.fields import ChangeClass, Field, OnChange
from reconciler.core.kind import Kind, Lookup, OnReplace, Request
from reconciler.core.published import ENTITLEMENT_FEATURE as NAME
from reconciler.core.shapes import Struct
from reconciler.core.types import Text
from reconciler.kinds.shared import METADATA, no_rules

_PATH = "/v1/entitlements/features"

ENTITLEMENT_FEATURE = Kind(
    name=NAME,
    plural="entitlement_features",
    doc="A feature in Stripe Entitlements, known by its lookup key: the name of a feature that a mapping publishes.",
    body=Struct(
        fields=(
            Field(name="name", type=Text(max_length=80), doc="What people call it.", required=True),
            Field(
                name="lookup_key",
                type=Text(max_length=80),
                doc="What it is known by.",
                required=True,
                on_change=OnChange.REFUSE,
                change_class=ChangeClass.ENTITLEMENT,
            ),
            METADATA,
        )
    ),
    # Archived ones are left out unless asked for: https://docs.stripe.com/api/entitlements/feature/list
    lookup=Lookup(
        path=_PATH,
        listings=({"archived": False}, {"archived": True}),
        by_created=False,
        permission="rak_entitlement_read",
    ),
    natural_key="lookup_key",
    on_replace=OnReplace.REFUSED,
    takes_over=True,
    final=True,
    derived=True,
    create_class=ChangeClass.ENTITLEMENT,
    retire_class=ChangeClass.ENTITLEMENT,
    retire=Request(
        verb="archive",
        method="post",
        path=f"{_PATH}/{{id}}",
        params={"active": False},
        expect={"alive": False},
        undo="publish it again: a new one with the same lookup key is made",
    ),
    revive=None,
    removals=(),
    check=no_rules,
)
