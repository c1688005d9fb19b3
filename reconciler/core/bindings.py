"""Customer bindings: which customer of Stripe's an id of the user's own application stands for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.core.address import Address
from reconciler.core.diagnostics import Diagnostic, SourceRange
from reconciler.core.email_address import email_key
from reconciler.core.values import Ref, Value, digest

KIND = "customer_binding"

# What a binding is to a person who reads it in a file, and to a table's key.
MAX_EXTERNAL_ID = 200


def metadata_key(project: str) -> str:
    """The key under which a customer's metadata holds the project's own id of it."""
    return f"billplan_id_{project}"


def metadata_attr(project: str) -> str:
    """The attribute of a customer that this key is."""
    return f"metadata[{metadata_key(project)}]"


def binding_address(external_id: str) -> Address:
    """The address of a binding, whichever file declares it."""
    return Address(KIND, external_id)


def email_mark(email: str) -> str:
    """A hash by which two spellings of one e-mail address are known for the same, and neither is shown."""
    return digest(email_key(email))


def email_ref(external_id: str) -> Ref:
    """What stands in a plan for the e-mail address that a binding declares: an apply reads it from the specs."""
    return Ref(binding_address(external_id), "email")


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedBinding:
    """A declared binding: to a customer by id, to the only one with an e-mail, or to one that is made (`create`).

    `wrong` says why the row cannot be used, `hint` the way out; such a row is refused, and the others are not. Its
    `external_id` is empty where it has none that could be shown whole. `skipped_by` names the source that leaves the
    row out where no customer has its e-mail, or it has none: its user is no customer.
    """

    external_id: str
    source: SourceRange
    customer: str | None = None
    email: str | None = None
    create: Mapping[str, Value] | None = None
    wrong: str = ""
    hint: str = ""
    skipped_by: str = ""

    @property
    def address(self) -> Address:
        """The binding's address; of a row that has no external id its place, as a file with a key."""
        if self.external_id.strip():
            return binding_address(self.external_id)
        column = "" if self.source.column == 1 else f", column {self.source.column}"
        return Address(KIND, self.source.path, f"line {self.source.line}{column}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataSource:
    """A declared source that lies in the customers themselves: every customer that has `key` in its metadata."""

    name: str
    key: str
    source: SourceRange


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedBindings:
    """All bindings that a project declares."""

    rows: tuple[WantedBinding, ...] = ()
    from_metadata: tuple[MetadataSource, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.rows or self.from_metadata)

    def faults(self) -> tuple[Diagnostic, ...]:
        """Say of every row that cannot be used what is wrong with it: an offline check takes them for errors."""
        return tuple(
            Diagnostic(
                code="BP1501",
                summary=row.wrong,
                address=row.address if row.external_id.strip() else None,
                source=row.source,
                hint=row.hint,
            )
            for row in self.rows
            if row.wrong
        )

    def emails(self) -> dict[Ref, str]:
        """Give the e-mail addresses that customers are found by, or made with, by what stands for them in a plan."""
        return {
            email_ref(row.external_id): row.email
            for row in self.rows
            if row.email is not None and row.customer is None and not row.wrong
        }

    @property
    def said(self) -> Value:
        """What the rows and sources say, for the digest of the specs."""
        rows = [[r.external_id, r.customer, r.email, r.create, r.wrong, bool(r.skipped_by)] for r in self.rows]
        return [rows, [[s.name, s.key] for s in self.from_metadata]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """What bindings need to know of a customer. `created` and `as_of` are epoch seconds, UTC."""

    id: str
    created: int
    as_of: int
    email: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


class Customers:
    """The customers of an account that have not been deleted, findable by id and by e-mail."""

    def __init__(self, customers: Iterable[Customer]) -> None:
        self.by_id: dict[str, Customer] = {one.id: one for one in customers}
        self._by_email: dict[str, list[str]] = {}
        for one in self.by_id.values():
            if one.email and one.email.strip():
                self._by_email.setdefault(email_key(one.email), []).append(one.id)

    def with_email(self, email: str) -> list[Customer]:
        """The customers with this address, by age and id."""
        found = [self.by_id[id] for id in self._by_email.get(email_key(email), ())]
        return sorted(found, key=lambda one: (one.created, one.id))


class BoundBy(StrEnum):
    """What made a binding: a plan, the customer's first touch, or the metadata that a sync found.

    RESERVED: nothing yet. An apply is about to bind, and has not heard from Stripe: nobody else may take either side.
    """

    PLAN = "plan"
    TOUCH = "touch"
    METADATA = "metadata"
    RESERVED = "reserved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A binding in the store; `at` is epoch seconds, UTC."""

    external_id: str
    customer: str
    by: BoundBy
    at: int
