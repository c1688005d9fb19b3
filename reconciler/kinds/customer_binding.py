"""Customer bindings: the user's own id of a Stripe customer, kept in that customer's metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.core.bindings import KIND, email_mark, metadata_key
from reconciler.core.fields import ChangeClass, Field, OnChange, Path, Problems
from reconciler.core.kind import Kind, Lookup, OnReplace, Request
from reconciler.core.shapes import ListOf, Struct
from reconciler.core.types import Text
from reconciler.core.values import Value
from reconciler.kinds.shared import METADATA, no_rules

PLURAL, SOURCES = "customer_bindings", "customer_binding_sources"

# What a customer that `create:` makes starts with, besides its e-mail. The rest is the application's to set.
NEW_CUSTOMER = Struct(
    fields=(
        Field(name="name", type=Text(max_length=256), doc="The customer's full name or business name."),
        Field(name="business_name", type=Text(max_length=150), doc="The customer's business name."),
        Field(name="individual_name", type=Text(max_length=150), doc="The customer's own name."),
        Field(name="description", type=Text(), doc="What the Dashboard shows beside the customer."),
        Field(name="phone", type=Text(max_length=20), doc="A phone number."),
        Field(
            name="preferred_locales",
            type=ListOf(item=Text(max_length=10)),
            doc="The customer's languages, the best one first.",
        ),
        Field(
            name="tax_exempt",
            type=Text(choices=("exempt", "none", "reverse")),
            doc="Whether the customer is exempt from taxes.",
        ),
        Field(
            name="address",
            type=Struct(
                fields=tuple(
                    Field(name=name, type=Text(max_length=500), doc=doc)
                    for name, doc in (
                        ("line1", "The first line."),
                        ("line2", "The second line."),
                        ("postal_code", "The postal code."),
                        ("city", "The city."),
                        ("state", "The state or province."),
                        ("country", "The country, as two letters."),
                    )
                )
            ),
            doc="The customer's address.",
        ),
        METADATA,
    ),
    excluded=(("email", "it stands beside create:, since customers are looked for by it"),),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _OneKey:
    """Metadata of which one key matters: the others are neither compared nor kept."""

    key: str

    def parse(self, value: Value, path: Path, problems: Problems) -> Value:
        return value

    def read(self, raw: Value) -> Value:
        value = raw.get(self.key)
        return {self.key: str(value)} if value else None

    def encode(self, value: Value) -> Value:
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "object"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mark:
    """An e-mail address, of which only a hash is kept: enough to say whether two are the same."""

    def parse(self, value: Value, path: Path, problems: Problems) -> Value:
        return email_mark(value)

    def read(self, raw: Value) -> Value:
        return email_mark(str(raw)) if str(raw).strip() else None

    def encode(self, value: Value) -> Value:
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string"}


def customer_binding_kind(project: str) -> Kind:
    """Describe the bindings of a project: what a plan's steps send, and what an apply sees of each customer."""
    key = metadata_key(project)
    return Kind(
        name=KIND,
        plural=PLURAL,
        doc="Binds the user's own id to a Stripe customer, for good.",
        body=Struct(
            fields=(
                Field(
                    name="metadata",
                    type=_OneKey(key=key),
                    doc="The external id.",
                    on_change=OnChange.REFUSE,
                    change_class=ChangeClass.ENTITLEMENT,
                    split=True,
                ),
                Field(name="email", type=_Mark(), doc="The e-mail address, as a hash.", on_change=OnChange.REFUSE),
            )
        ),
        lookup=Lookup(path="/v1/customers", listings=({},), permission="rak_customer_read"),
        natural_key=f"metadata[{key}]",
        marked=False,
        bulk=True,
        on_replace=OnReplace.REFUSED,
        create_class=ChangeClass.ENTITLEMENT,
        retire=Request(
            verb="keep", method="get", path="/v1/customers/{id}", params={}, expect={}, undo="a binding never leaves"
        ),
        revive=None,
        removals=(),
        retire_unasked=False,
        check=no_rules,
        alive=_alive,
    )


def _alive(raw: Mapping[str, Value]) -> bool:
    return not raw.get("deleted")
