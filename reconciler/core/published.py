"""What published mappings say of Stripe Entitlements: which features stand on which products."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.core.address import Address
from reconciler.core.changes import Action
from reconciler.core.diagnostics import SourceRange
from reconciler.core.feature_values import is_more
from reconciler.core.locate import head_of
from reconciler.core.planner import Draft
from reconciler.core.resources import Desired, Snapshot
from reconciler.core.values import Attrs, Ref, Value

MAPPING, FEATURE, _PRODUCT = "product_mapping", "feature", "product"
ENTITLEMENT_FEATURE, PRODUCT_FEATURE = "entitlement_feature", "product_feature"
STRIPE_ENTITLEMENTS = "stripe_entitlements"

# A product's id and a feature's name.
Attached = tuple[str, str]


def attached_as(product: str, lookup_key: str) -> str:
    """Name an attachment by what it joins."""
    return f"{product}/{lookup_key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A published mapping: the ids of its products, and what it says of features. `source` is where it is declared."""

    name: str
    products: tuple[str, ...]
    features: Mapping[str, Value]
    source: SourceRange | None = None

    def named(self) -> Iterable[Attached]:
        """List what it decides about."""
        return ((product, name) for product in self.products for name in self.features)

    def unlocked(self) -> Iterable[Attached]:
        """List what it wants attached: nothing for a feature that is false or 0."""
        return ((product, name) for product, name in self.named() if is_more(self.features[name], None))


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """The published mappings as the store has them, and as a plan makes them; `titles` are the features' own names."""

    before: tuple[Published, ...] = ()
    after: tuple[Published, ...] = ()
    titles: Mapping[str, str] = field(default_factory=dict)

    @property
    def products(self) -> set[str]:
        """The ids of all products that are or were published."""
        return {product for one in (*self.before, *self.after) for product in one.products}


def publication(desired: Sequence[Desired], draft: Draft, snapshot: Snapshot) -> Publication:
    """Say what is published before and after a plan: what it refuses stays as the store has it."""
    declared = {d.address: d for d in desired}
    refused = {c.address for c in draft.changes if c.action is Action.REFUSED}
    ids = _product_ids(draft, snapshot)

    def after(kind: str) -> dict[str, Attrs]:
        stored = {o.remote_id: o.attrs for o in snapshot.of_kind(kind) if Address(kind, o.remote_id) in refused}
        return stored | {a.name: d.attrs for a, d in declared.items() if a.kind == kind and a not in refused}

    def read(name: str, attrs: Attrs) -> Published:
        one = declared.get(Address(MAPPING, name))
        listed = (ids.get(e.address) if isinstance(e, Ref) else str(e) for e in attrs.get("stripe_products", ()))
        return Published(
            name=name,
            products=tuple(dict.fromkeys(id for id in listed if id is not None)),
            features=attrs.get("features") or {},
            source=None if one is None else one.source,
        )

    before = {one.remote_id: one.attrs for one in snapshot.of_kind(MAPPING)}
    return Publication(
        before=tuple(read(name, attrs) for name, attrs in sorted(before.items()) if _is_published(attrs)),
        after=tuple(read(name, attrs) for name, attrs in sorted(after(MAPPING).items()) if _is_published(attrs)),
        titles={name: str(attrs["name"]) for name, attrs in after(FEATURE).items()},
    )


def _is_published(attrs: Attrs) -> bool:
    return attrs.get("publish") == STRIPE_ENTITLEMENTS


def _product_ids(draft: Draft, snapshot: Snapshot) -> dict[Address, str]:
    """The ids of this project's products: as the account has them, or as the plan makes them."""
    heads = ((a, head_of(marked)[0]) for a, marked in snapshot.marked.items() if a.kind == _PRODUCT)
    ids = {address: head.remote_id for address, head in heads if head is not None}
    ids |= {c.address: c.remote_id for c in draft.changes if c.address.kind == _PRODUCT and c.remote_id}
    made = (s for s in draft.steps if s.kind == _PRODUCT and s.id == f"{s.address}/create")
    return ids | {s.address: str(s.params["id"]) for s in made}
