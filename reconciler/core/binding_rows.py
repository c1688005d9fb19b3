"""Rows of bindings, checked one by one and together: what can be known of them without asking anybody."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from reconciler.core.address import Address
from reconciler.core.bindings import MAX_EXTERNAL_ID, WantedBinding
from reconciler.core.diagnostics import SourceRange
from reconciler.core.email_address import email_key
from reconciler.core.external_id import external_id_fault, is_plain
from reconciler.core.values import Value

_CUSTOMER = re.compile(r"cus_[A-Za-z0-9_]{1,250}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_LONGEST_EMAIL = 512
_SHOWN = 60
_MOST_PLACES = 5
_NOBODY = "the row has neither a customer nor an e-mail"

Wrong = tuple[str, str]


def checked_row(
    values: Mapping[str, Value],
    source: SourceRange,
    create: Mapping[str, Value] | None = None,
    wrong: str = "",
    hint: str = "",
    skipped_by: str = "",
) -> WantedBinding:
    """Make a binding of a row's fields (external_id, email, customer); what is wrong with it comes with it.

    `wrong` and `hint` tell what the row's reader found wrong already, `skipped_by` the source that leaves users out who
    are no customers. No message holds an e-mail address.
    """
    external_id, found = _external_id(values.get("external_id"))
    customer, email = values.get("customer"), values.get("email")
    if not wrong:
        wrong, hint = found if found[0] else _fault(customer, email)
    if wrong == _NOBODY and skipped_by:
        wrong, hint = "", ""
    if wrong:
        return WantedBinding(external_id=external_id, source=source, wrong=wrong, hint=hint)
    address = email.strip() if isinstance(email, str) else None
    # A customer's own id is surer than an e-mail address: nobody is looked for, or made, where it is known.
    made = create if customer is None else None
    return WantedBinding(
        external_id=external_id, source=source, customer=customer, email=address, create=made, skipped_by=skipped_by
    )


def _external_id(value: Value) -> tuple[str, Wrong]:
    """Give the external id, and what is wrong with it; no part of one that is too long, or no text, stands for it."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is None:
        return "", ("the row has no external id", "give it one, or take the row out")
    if not isinstance(value, str):
        return "", (f"the external id is {_kind_of(value)}, not a text", "write it in quotes")
    fault = external_id_fault(value)
    if fault and value != value.strip() and not external_id_fault(value.strip()):
        return value, (f"the external id {_shown(value)} has blanks around it", "take them out")
    if fault:
        if len(value) > MAX_EXTERNAL_ID:
            return "", (fault, "bind the user by a shorter id")
        whole = value.encode("utf-8", "ignore").decode("utf-8") == value
        return value if whole else "", (fault, "give the row a proper one")
    return value, ("", "")


def _fault(customer: Value, email: Value) -> Wrong:
    """Say why a row names no customer."""
    for what, value in (("customer", customer), ("e-mail", email)):
        if value is not None and not isinstance(value, str):
            return f"the {what} is {_kind_of(value)}, not a text", "write it in quotes"
    if customer is None and email is None:
        return "the row has neither a customer nor an e-mail", "give it one of the two, or take the row out"
    if customer is not None and not _CUSTOMER.fullmatch(customer):
        return f"the customer {_shown(customer)} is not the id of a Stripe customer", "such an id starts with cus_"
    if customer is None and not _is_email(email):
        return "the e-mail of this row is not an e-mail address", "it has a name, one @ and a domain, and no blanks"
    return "", ""


def _is_email(text: str) -> bool:
    address = text.strip()
    return len(address) <= _LONGEST_EMAIL and is_plain(address) and _EMAIL.fullmatch(address) is not None


def _kind_of(value: Value) -> str:
    match value:
        case bool():
            return "true or false"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case _:
            return "a number"


def _shown(text: str) -> str:
    """Show a text in a message; what may be an e-mail address in the wrong column is not shown."""
    if "@" in text:
        return "(a text with an @)"
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")


def settled(named: Sequence[WantedBinding], rows: Iterable[WantedBinding]) -> Iterator[WantedBinding]:
    """Yield all rows, but let one of `named` go before the one other row that has its external id, if that one says no
    more than an e-mail, or nothing, or the same customer: so a person says whom a row means that cannot tell by
    itself."""
    named_ids = {row.external_id for row in named}
    others: dict[str, list[WantedBinding]] = {}
    for row in rows:
        if row.external_id in named_ids:
            others.setdefault(row.external_id, []).append(row)
        else:
            yield row
    for row in named:
        same = others.pop(row.external_id, [])
        if len(same) == 1 and same[0].wrong in ("", _NOBODY) and same[0].customer in (None, row.customer):
            # With the e-mail, so that a plan can say if it is not this customer's.
            yield row if row.email else replace(row, email=same[0].email)
        else:
            yield from (row, *same)


def without_doubles(rows: Iterable[WantedBinding]) -> tuple[WantedBinding, ...]:
    """Sort rows by external id and place; make one bad row of those that declare the same external id."""
    alike: dict[str, list[WantedBinding]] = {}
    nameless: dict[Address, WantedBinding] = {}
    for row in rows:
        if row.external_id.strip():
            alike.setdefault(row.external_id, []).append(row)
        else:
            # By their places: a file that two sources name has each of its rows once.
            nameless.setdefault(row.address, row)
    kept = list(nameless.values())
    for same in alike.values():
        kept.append(same[0] if len(same) == 1 else double(same))
    return tuple(sorted(kept, key=lambda row: (row.external_id, row.source)))


def double(rows: Iterable[WantedBinding]) -> WantedBinding:
    """Put together the rows that declare one external id: none of them can be meant more than the others."""
    same = sorted(rows, key=lambda row: row.source)
    places = [f"{spot(row.source)} ({said(row)})" for row in same[:_MOST_PLACES]]
    more = f" and {len(same) - _MOST_PLACES} more" if len(same) > _MOST_PLACES else ""
    alike = {(row.customer, row.email and email_key(row.email)) for row in same}
    agreed = "" if len(alike) > 1 or any(row.wrong for row in same) else ", each time the same"
    wrong = f"it is declared {len(same)} times{agreed}: {', '.join(places)}{more}"
    hint = "keep the one that is meant, and take the others out"
    return replace(same[0], customer=None, email=None, create=None, wrong=wrong, hint=hint)


def said(row: WantedBinding) -> str:
    """Say what a row binds to, without any e-mail address."""
    if row.wrong:
        return "a row that is wrong itself"
    return row.customer or ("an e-mail" if row.email else "nobody")


def spot(source: SourceRange) -> str:
    """Name a row's place: file and line."""
    return f"{source.path}:{source.line}"
