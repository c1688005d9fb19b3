"""Whom declared bindings mean: the one customer of each row, or why there is none. Refused rows do not stop others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler.core.binding_rows import double, spot
from reconciler.core.bindings import (
    Bound,
    Customer,
    Customers,
    MetadataSource,
    WantedBinding,
    WantedBindings,
    metadata_key,
)
from reconciler.core.changes import FieldDiff
from reconciler.core.email_address import email_key
from reconciler.core.external_id import external_id_fault

# So many are named in a message; the rest is counted.
TOLD = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingsSeen:
    """What a plan of bindings sees: all customers, the store's bindings by external id, and the e-mail addresses (by
    their keys) that only deleted customers had, as far as that is known."""

    customers: Customers
    bound: Mapping[str, Bound] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()


class Held:
    """Who is bound to what now: by the store, and by the customers' metadata."""

    def __init__(self, seen: BindingsSeen, project: str) -> None:
        self.key = metadata_key(project)
        self.customers = seen.customers
        self.bound = seen.bound
        self.by_customer = {one.customer: one for one in seen.bound.values()}
        # By external id the customers that have it in their metadata; apart those that the store has bound to another
        # one: somebody edited them, and they are repaired.
        self.carriers: dict[str, list[Customer]] = {}
        self.edited: dict[str, list[Customer]] = {}
        for customer in seen.customers.by_id.values():
            held = self.of(customer)
            if held is not None:
                if self._knows_better(customer, held):
                    self.edited.setdefault(held, []).append(customer)
                else:
                    self.carriers.setdefault(held, []).append(customer)

    def _knows_better(self, customer: Customer, held: str) -> bool:
        stored = self.by_customer.get(customer.id)
        return stored is not None and stored.external_id != held

    def of(self, customer: Customer) -> str | None:
        """The external id in a customer's metadata; None also where that holds a text which cannot be one."""
        text = self.written(customer)
        return None if text is None or external_id_fault(text) else text

    def written(self, customer: Customer) -> str | None:
        """What is in a customer's metadata where its external id belongs."""
        return customer.metadata.get(self.key) or None

    def home(self, external_id: str) -> Customer | None:
        """The customer that an external id is bound to now, unless that one was deleted."""
        stored = self.bound.get(external_id)
        if stored is not None:
            return self.customers.by_id.get(stored.customer)
        carriers = self.carriers.get(external_id, ())
        return carriers[0] if len(carriers) == 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Whom a row means: a customer, or if there is none and nothing is refused, one that is to be made.

    `how` says by what it was found, `by_email`: by its e-mail, now; `strayed`: by an e-mail address that the customer
    bound before has no more.
    """

    row: WantedBinding
    customer: Customer | None = None
    how: str = ""
    note: str = ""
    by_email: bool = False
    strayed: bool = False
    refused: str = ""
    hint: str = ""
    diffs: tuple[FieldDiff, ...] = ()


def split_off_skipped(rows: Iterable[WantedBinding], held: Held) -> tuple[list[WantedBinding], list[WantedBinding]]:
    """Part the rows that bind from those that their sources leave out: whose e-mail no customer has, if they say one,
    and which are not bound yet."""
    kept: list[WantedBinding] = []
    skipped: list[WantedBinding] = []
    for row in rows:
        (skipped if row.skipped_by and _means_nobody(row, held) else kept).append(row)
    return kept, skipped


def _means_nobody(row: WantedBinding, held: Held) -> bool:
    if row.wrong or row.customer is not None or len(held.carriers.get(row.external_id, ())) > 1:
        return False
    found = row.email is not None and held.customers.with_email(row.email)
    return not found and held.home(row.external_id) is None


def target_of(row: WantedBinding, held: Held, seen: BindingsSeen) -> Target:
    """Find the customer that a row means."""
    if row.wrong:
        return Target(row=row, refused=row.wrong, hint=row.hint)
    carriers = held.carriers.get(row.external_id, ())
    if len(carriers) > 1:
        return Target(row=row, refused=carried_twice(carriers, held.key), hint=take_off(held.key))
    return _by_id(row, held) if row.customer is not None else _by_email(row, held, seen)


def carried_twice(carriers: Sequence[Customer], key: str) -> str:
    """Word that several customers have one external id in their metadata."""
    return f"{listed(one.id for one in carriers)} all carry it in their metadata ({key}), and one customer can have it"


def take_off(key: str) -> str:
    """Word the way out of an external id on the wrong customer."""
    return f"take {key} off the metadata of the wrong one in Stripe's Dashboard, then plan again"


def _by_id(row: WantedBinding, held: Held) -> Target:
    customer = held.customers.by_id.get(str(row.customer))
    if customer is None:
        refused = f"{row.customer} is no customer of this account, or was deleted"
        return Target(row=row, refused=refused, hint="check the id, and that the key is of the right account and mode")
    other = row.email is not None and email_key(row.email) != email_key(customer.email or "")
    note = f"the e-mail that is declared with it is not this customer's; the id at {spot(row.source)} counts"
    return Target(row=row, customer=customer, how=f"named by {spot(row.source)}", note=note if other else "")


def _by_email(row: WantedBinding, held: Held, seen: BindingsSeen) -> Target:
    email, place = row.email or "", spot(row.source)
    found, home = held.customers.with_email(email), held.home(row.external_id)
    if home is not None and (not found or any(one.id == home.id for one in found)):
        # Bound for good: an e-mail address is how a customer is found at first, and may change.
        return Target(row=row, customer=home, how="bound before", strayed=bool(email) and not found)
    if len(found) == 1:
        how = f"the only customer with the e-mail of {place}"
        return Target(row=row, customer=found[0], how=how, by_email=True)
    if found:
        refused = f"{len(found):,} customers share the e-mail of {place}: {listed(one.id for one in found)}"
        hint = "say which one is meant by its id: customer: cus_...  (billplan bindings attention tells them apart)"
        return Target(row=row, refused=refused, hint=hint)
    stored = held.bound.get(row.external_id)
    if stored is not None:
        return Target(row=row, refused=f"it is bound to {stored.customer}, which was deleted", hint=NEW_ID)
    if row.create is not None:
        return Target(row=row, how=f"no customer has the e-mail of {place}, so one is made")
    deleted = "; a customer that had it was deleted" if email_key(email) in seen.gone else ""
    hint = "mend the e-mail, name the customer by its id, or let one be made: create: {}"
    return Target(row=row, refused=f"no customer has the e-mail of {place}{deleted}", hint=hint)


NEW_ID = "a binding is for good: bind the user's new customer under another external id"


def refuse_shared(targets: Iterable[Target]) -> list[Target]:
    """Refuse all rows that mean one and the same customer, or would make two with one e-mail address."""
    found = list(targets)
    shared: dict[tuple[str, str], list[int]] = {}
    for number, target in enumerate(found):
        if not target.refused:
            shared.setdefault(_meant(target), []).append(number)
    for (kind, id), numbers in shared.items():
        if len(numbers) > 1:
            rows = [found[n].row for n in numbers]
            whom = f"the customer {id}" if kind == "id" else "the customer to make for one e-mail"
            places = listed(f"{row.external_id} ({spot(row.source)})" for row in rows)
            refused = f"{whom} is declared for {len(rows)} external ids: {places}"
            hint = "keep one; a row with the customer's id goes before what a from_metadata source says"
            for n in numbers:
                found[n] = replace(found[n], refused=refused, hint=hint)
    return found


def _meant(target: Target) -> tuple[str, str]:
    if target.customer is not None:
        return "id", target.customer.id
    return "email", email_key(str(target.row.email))


def rows_in_metadata(
    sources: Iterable[MetadataSource], rows: Iterable[WantedBinding], customers: Customers
) -> tuple[list[WantedBinding], list[str]]:
    """Make rows of what customers' metadata declares, and list the customers that other rows declare otherwise.

    What is declared by itself goes before a source: that is how a source's doubtful cases are decided.
    """
    declared = {row.external_id: row for row in rows}
    named = {row.customer: row.external_id for row in declared.values() if row.customer is not None}
    alike: dict[str, dict[str, WantedBinding]] = {}
    overruled: list[str] = []
    for source in sources:
        for customer in customers.by_id.values():
            value = customer.metadata.get(source.key, "")
            if not value.strip():
                continue
            if value in declared or customer.id in named:
                overruled += [] if _agrees(declared.get(value), customer) else [customer.id]
                continue
            alike.setdefault(value, {}).setdefault(customer.id, _row(value, customer, source))
    return [_one(list(same.values())) for same in alike.values()], overruled


def declared_ids(wanted: WantedBindings, seen: BindingsSeen | None) -> set[str]:
    """The external ids that are declared: by rows, and by the metadata of the customers that were seen."""
    found = [] if seen is None else rows_in_metadata(wanted.from_metadata, wanted.rows, seen.customers)[0]
    return {row.external_id for row in (*wanted.rows, *found)}


def _agrees(row: WantedBinding | None, customer: Customer) -> bool:
    if row is None or row.wrong:
        return False
    if row.customer is not None:
        return row.customer == customer.id
    return email_key(customer.email or "") == email_key(row.email or "")


def _row(value: str, customer: Customer, source: MetadataSource) -> WantedBinding:
    fault = external_id_fault(value)
    hint = f"mend {source.key} in the metadata of {customer.id}, or declare its binding by itself" if fault else ""
    wrong = f"{fault} (metadata {source.key} of {customer.id})" if fault else ""
    return WantedBinding(external_id=value, source=source.source, customer=customer.id, wrong=wrong, hint=hint)


def _one(same: list[WantedBinding]) -> WantedBinding:
    if len(same) == 1:
        return same[0]
    return replace(double(same), hint="say which one is meant:  customer_bindings: {THE ID: {customer: cus_...}}")


def listed(names: Iterable[str]) -> str:
    """List names, the first few only."""
    found = list(names)
    more = f" and {len(found) - TOLD:,} more" if len(found) > TOLD else ""
    return ", ".join(found[:TOLD]) + more
