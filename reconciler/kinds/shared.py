"""The fields and requests that several kinds have in common."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.core.fields import ChangeClass, Field, Problem
from reconciler.core.kind import Request
from reconciler.core.money import CURRENCIES
from reconciler.core.shapes import MapOf
from reconciler.core.types import Flag, Text
from reconciler.core.values import Attrs

CURRENCY = Text(
    max_length=3, pattern="[a-z]{3}", known=CURRENCIES, fold=True, what="a three-letter currency code such as usd"
)
CURRENCY_KEY = "|".join(sorted(CURRENCIES))
EXPAND_REASON = "billplan reads objects whole by itself; leave it out"

# Stripe takes 50 keys of 40 characters with values of 500; five are billplan's marks:
# https://docs.stripe.com/metadata
METADATA = Field(
    name="metadata",
    type=MapOf(
        value=Text(max_length=500),
        key_pattern=r"[^\[\]]{1,40}",
        key_name="a metadata key: 1 to 40 characters, no square brackets",
        max_keys=45,
        reserved="billplan_",
    ),
    doc="Key-value pairs of your own; keys that others set stay.",
    clearable=True,
    split=True,
)

ACTIVE = Field(
    name="active",
    type=Flag(),
    doc="Whether it can be used for new sales; true unless declared otherwise.",
    default=True,
    change_class=ChangeClass.MONEY,
)


def archive(path: str) -> Request:
    """Archive by `active: false`."""
    return Request(
        verb="archive",
        method="post",
        path=path,
        params={"active": False},
        expect={"alive": False},
        undo="declare the block again and apply: it becomes active again",
    )


def no_rules(attrs: Attrs) -> Iterable[Problem]:
    """Have no rules across fields."""
    return ()


# Without braces, blanks and slashes, so that it can stand in a path, and in a text, as it is. Stripe's own features
# have lookup keys of 80 characters: https://docs.stripe.com/api/entitlements/feature/create
STORE_NAME = Text(max_length=80, pattern=r"[A-Za-z0-9_.:-]{1,80}", what="a name of 1 to 80 letters, digits and _ . : -")


def delete(path: str) -> Request:
    """Delete from the store."""
    return Request(
        verb="delete",
        method="delete",
        path=path,
        params={},
        expect=None,
        undo="declare the block again and apply: it is made anew",
    )
