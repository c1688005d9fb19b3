"""Metadata of rows that holds somebody's e-mail address: plans refer to it, and an apply reads it from the specs. Pure.

What is a row's key stands in its address, and so in plans: that is what rows are known by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler.core.address import Address
from reconciler.core.migrations import KIND, Migration, Row, WantedMigrations, row_address
from reconciler.core.values import Ref, Value


def without_personal(phases: Sequence[Mapping[str, Value]], migration: Migration, row: Row) -> list[Value]:
    """Put references where the metadata of phases, or of a subscription, holds what must not stand in a plan."""
    hidden = {text: ref for ref, text in (*_of_row(migration, row).items(), *_of_block(migration).items())}
    hidden.pop(row.key, None)
    if not hidden:
        return list(phases)
    return [
        {**one, "metadata": {name: hidden.get(text, text) for name, text in (one.get("metadata") or {}).items()}}
        for one in phases
    ]


def personal_texts(wanted: WantedMigrations) -> dict[Ref, str]:
    """Give what plans refer to so, by what stands for it in them."""
    found: dict[Ref, str] = {}
    for migration in wanted.migrations:
        found |= _of_block(migration)
    for migration, row in wanted.rows():
        found |= _of_row(migration, row)
    return found


def _of_row(migration: Migration, row: Row) -> dict[Ref, str]:
    if row.terms is None or not any("@" in text for text in row.terms.metadata.values()):
        return {}
    address = row_address(migration.name, row.key)
    return {Ref(address, f"metadata[{name}]"): text for name, text in row.terms.metadata.items() if "@" in text}


def _of_block(migration: Migration) -> dict[Ref, str]:
    address = Address(KIND, migration.name)
    return {
        Ref(address, f"then[{number}].metadata[{name}]"): text
        for number, then in enumerate(migration.then)
        for name, text in then.metadata.items()
        if "@" in text
    }
