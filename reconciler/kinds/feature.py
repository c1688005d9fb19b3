"""Features: what a plan unlocks, by the name that the application asks for. They live in the store."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.core.feature_values import BOOLEAN, FEATURE_TYPES, QUOTA
from reconciler.core.fields import ChangeClass, Field, OnChange, Problem
from reconciler.core.kind import Kind, Lookup, OnReplace
from reconciler.core.shapes import Struct
from reconciler.core.types import Text
from reconciler.core.values import Attrs
from reconciler.kinds.shared import METADATA, STORE_NAME, delete


def _check(attrs: Attrs) -> Iterable[Problem]:
    quota = attrs["type"] == QUOTA
    if quota and "reset" not in attrs:
        hint = "say reset: day, week, month or year; a number that never starts anew is of type limit"
        yield Problem(path=("type",), code="BP1210", summary="a feature of type quota needs reset", hint=hint)
    if not quota and "reset" in attrs:
        summary = f"reset belongs to a quota, and this is a {attrs['type']}"
        yield Problem(path=("reset",), code="BP1210", summary=summary)
    if attrs["type"] == BOOLEAN and "unit" in attrs:
        yield Problem(path=("unit",), code="BP1210", summary="unit belongs to a quota or a limit, and this is boolean")


FEATURE = Kind(
    name="feature",
    plural="features",
    doc="Something that a plan unlocks. Its name is what the application asks for; it lives in billplan's store.",
    body=Struct(
        fields=(
            Field(name="name", type=Text(max_length=80), doc="What people call it.", required=True),
            Field(
                name="type",
                type=Text(choices=FEATURE_TYPES),
                doc="boolean: there or not; quota: so many in a period; limit: so many at a time. Cannot change.",
                required=True,
                on_change=OnChange.REFUSE,
                change_class=ChangeClass.ENTITLEMENT,
            ),
            Field(name="unit", type=Text(max_length=40), doc="What one is called: call, seat.", clearable=True),
            Field(
                name="reset",
                type=Text(choices=("day", "week", "month", "year")),
                doc="After which period a quota starts anew.",
                clearable=True,
                change_class=ChangeClass.ENTITLEMENT,
            ),
            METADATA,
        ),
    ),
    lookup=Lookup(path="/billplan/features", listings=({},), by_created=False),
    natural_key="id",
    chosen_id=True,
    name_rule=STORE_NAME,
    on_replace=OnReplace.REFUSED,
    # Nobody has a feature before a mapping says so, and none is deleted while one does.
    retire_class=ChangeClass.COSMETIC,
    retire=delete("/billplan/features/{id}"),
    revive=None,
    removals=("delete",),
    check=_check,
    example=(
        "features:\n  sso: {name: SSO, type: boolean}\n"
        "  api_calls: {name: API calls, type: quota, unit: call, reset: month}\n"
        "  seats: {name: Seats, type: limit}\n"
    ),
)
