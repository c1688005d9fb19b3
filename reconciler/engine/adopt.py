"""Import: specs with `adopt:` for what exists in the account and nobody manages yet."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from reconciler.core.address import NAME, Address
from reconciler.core.attrs import leaf, params, root
from reconciler.core.compare import linked
from reconciler.core.kind import Kind
from reconciler.core.resources import MARKS, Observed, Snapshot
from reconciler.core.types import Moment, show_moment
from reconciler.core.values import Ref, Value, replace_refs


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """Spec bodies by plural and name; `skipped` counts by reason what was left out."""

    bodies: Mapping[str, Mapping[str, Mapping[str, Value]]]
    skipped: Mapping[str, int]


def import_specs(
    snapshot: Snapshot, kinds: Sequence[Kind], declared: Set[Address], known: Mapping[tuple[str, str], Address]
) -> Import:
    """Write a spec for each live object in Stripe without a marker. `declared` names are not taken again; `known` maps
    the live objects that are declared already to their addresses."""
    skipped: dict[str, int] = {}
    chosen: list[tuple[Kind, Observed]] = []
    for kind in (kind for kind in kinds if not kind.in_store):
        for one in sorted(snapshot.of_kind(kind.name), key=lambda o: (o.created, o.remote_id)):
            reason = _skip(one, known)
            if reason:
                skipped[reason] = skipped.get(reason, 0) + 1
            else:
                chosen.append((kind, one))
    names = _names(chosen, snapshot.project, declared)
    addresses = {**known, **names}
    bodies: dict[str, dict[str, Mapping[str, Value]]] = {}
    for kind, one in chosen:
        address = names[(one.kind, one.remote_id)]
        bodies.setdefault(kind.plural, {})[address.name] = _body(kind, one, addresses)
    return Import(bodies=bodies, skipped=skipped)


def _skip(one: Observed, known: Mapping[tuple[str, str], Address]) -> str:
    if (one.kind, one.remote_id) in known:
        return "declared already"
    if one.owner is not None:
        return f"belongs to the billplan project {one.owner.project}"
    return "" if one.alive else "archived"


def _names(
    chosen: Sequence[tuple[Kind, Observed]], project: str, declared: Set[Address]
) -> dict[tuple[str, str], Address]:
    taken = set(declared)
    names: dict[tuple[str, str], Address] = {}
    for kind, one in chosen:
        base = _slug(_title(kind, one), project) or kind.name
        address, count = Address(kind.name, base), 1
        while address in taken:
            count += 1
            address = Address(kind.name, f"{base}_{count}")
        taken.add(address)
        names[(one.kind, one.remote_id)] = address
    return names


def _title(kind: Kind, one: Observed) -> str:
    """Find what people call an object: its own key, its name, or for a price its product and interval."""
    generated = re.fullmatch(r"[a-z]+_[A-Za-z0-9]{6,}", one.remote_id) is not None
    key = one.remote_id if kind.natural_key == "id" and not generated else one.attrs.get(kind.natural_key or "")
    if key is None or (kind.natural_key == "id" and generated):
        key = next((one.attrs[n] for n in ("nickname", "name", "display_name", "code") if n in one.attrs), None)
    if key is None and "product" in one.attrs:
        interval = (one.attrs.get("recurring") or {}).get("interval", "once")
        key = f"{one.attrs['product']}_{interval}"
    return str(key or one.remote_id)


def _slug(text: str, project: str) -> str:
    text = re.sub(rf"^{re.escape(project)}-", "", text)
    slug = re.sub(r"[^A-Za-z0-9_-]+", "_", text).strip("_-")[:60].lower()
    return slug if NAME.fullmatch(slug) else f"_{slug}" if slug else ""


def _body(kind: Kind, one: Observed, addresses: Mapping[tuple[str, str], Address]) -> dict[str, Value]:
    attrs = linked(kind, one.attrs, lambda k, i: addresses.get((k, i)))
    base = f"currency_options[{one.attrs.get('currency')}]"
    kept = {
        n: _readable(kind, n, v)
        for n, v in attrs.items()
        # An expanded object names its own currency among its options; the spec names it once.
        if n not in MARKS and n not in ("id", "active", base) and v != leaf(kind.body, n).default
    }
    order = {f.name: n for n, f in enumerate(kind.body.fields)}
    ordered = dict(sorted(kept.items(), key=lambda item: (order[root(item[0])], item[0])))
    return {"adopt": one.remote_id, **replace_refs(params(kind.body, ordered), _address)}


def _readable(kind: Kind, name: str, value: Value) -> Value:
    return show_moment(value) if isinstance(leaf(kind.body, name).type, Moment) else value


def _address(ref: Ref) -> Value:
    return str(ref.address)
