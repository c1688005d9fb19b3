"""The entries of lists that belong to one resource: what two of them claim, or nobody has, is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from reconciler.core.address import Address
from reconciler.core.compare import Link
from reconciler.core.kind import Kind
from reconciler.core.locate import Located
from reconciler.core.resources import Desired, Snapshot
from reconciler.core.values import Value, canonical

_Entry = tuple[Address, str, str, Value]


def refuse_shared_entries(
    desired: Mapping[Address, Desired], located: dict[Address, Located], kinds: Mapping[str, Kind], link: Link
) -> None:
    """Refuse resources that list one thing twice, or both: one by its address and the other by its id, perhaps."""
    claims: dict[tuple[str, str, str], _Entry] = {}
    for entry in _entries(desired, kinds):
        address, field, listed, value = entry
        same = link(listed, value) if isinstance(value, str) else value.address
        claim = (address.kind, field, canonical(value) if same is None else str(same))
        other = claims.setdefault(claim, entry)
        if other is not entry:
            hint = f"it belongs to one {address.kind}: take it out of one of the two"
            for one, rest in ((entry, other), (other, entry)):
                reason = f"{one[3]} of {field} stands in {rest[0]} as well, at {desired[rest[0]].source}"
                if one[0] == rest[0]:
                    reason = f"{one[3]} and {rest[3]} of {field} are one {listed}"
                located[one[0]] = replace(located[one[0]], refused=reason, hint=hint)


def refuse_unknown_ids(
    desired: Mapping[Address, Desired], located: dict[Address, Located], kinds: Mapping[str, Kind], snapshot: Snapshot
) -> None:
    """Refuse resources of the store that list an id which the account does not have: Stripe never sees that list."""
    for address, field, listed, value in _entries(desired, kinds):
        if isinstance(value, str) and (listed, value) not in snapshot.by_id and not located[address].refused:
            reason = f"{field} names {value}, and this account has no such {listed}"
            hint = f"check the id, and that it is of the right mode; or give the address: {listed}.NAME"
            located[address] = replace(located[address], refused=reason, hint=hint)


def _entries(desired: Mapping[Address, Desired], kinds: Mapping[str, Kind]) -> Iterator[_Entry]:
    for address in sorted((a for a in desired if kinds[a.kind].exclusive), key=str):
        for field, listed in kinds[address.kind].exclusive:
            for value in desired[address].attrs.get(field, ()):
                yield address, field, listed, value
