"""The use of an account's products in a plan: the mappings as they will be, and what customers lose by it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from reconciler.core.address import Address
from reconciler.core.changes import Action, Change
from reconciler.core.locate import head_of
from reconciler.core.product_use import ACTIVE_STATUSES, ProductUse, Subscribed, count_subscribed, product_use
from reconciler.core.published import MAPPING
from reconciler.core.resources import Observed, Origin, Snapshot
from reconciler.core.unlocked import Narrowing, unlocked
from reconciler.core.values import Attrs, Ref, Value
from reconciler.engine.refresh import list_kind
from reconciler.kinds.product import PRODUCT
from reconciler.kinds.product_mapping import PRODUCT_MAPPING
from reconciler.ports.billing import BillingApi
from reconciler.ports.mirror import Mirror


def note_losses(
    changes: Sequence[Change], snapshot: Snapshot, subscribed: Subscribed
) -> tuple[tuple[Change, ...], ProductUse]:
    """Say of each change that narrows a mapping how many customers lose what; also how much each product is used, under
    the mappings as these changes make them."""
    observed = {one.remote_id: one.attrs for one in snapshot.of_kind(MAPPING)}
    changed = {_name(change): change for change in changes if _is_written(change)}
    before, after = observed, _after(observed, changed, changes, snapshot)
    narrowing = Narrowing(
        before=unlocked(before, changed.keys()), after=unlocked(after, changed.keys()), changed=changed.keys()
    )
    losses = narrowing.losses(subscribed)
    noted = tuple(
        replace(change, notes=(*change.notes, *losses.get(_name(change), ()))) if _is_written(change) else change
        for change in changes
    )
    mapped = {product: one.mapping for product, one in narrowing.after.items()}
    return noted, product_use(_products(snapshot.of_kind("product")), mapped, subscribed)


def use_as_mirrored(api: BillingApi, mirror: Mirror) -> ProductUse | None:
    """Say how much each product is used as far as the mirror knows, under the mappings as they are in the store; None
    where neither knows a product."""
    mappings = {one.remote_id: one.attrs for one in list_kind(api, PRODUCT_MAPPING, {})}
    products = _products(PRODUCT.observe(raw, 0, Origin.MIRROR) for raw in mirror.raws(PRODUCT.name))
    if not mappings and not products:
        return None
    mapped = {product: one.mapping for product, one in unlocked(mappings, frozenset()).items()}
    return product_use(products, mapped, subscribed_in(mirror))


def subscribed_in(mirror: Mirror) -> Subscribed:
    """Count who has subscribed to which products, as the mirror is."""
    if not mirror.standings()["subscription"].whole:
        return Subscribed(unknown="the mirror lacks subscription (billplan sync)")
    return count_subscribed(mirror.subscribed(ACTIVE_STATUSES))


def _products(observed: Iterable[Observed]) -> dict[str, tuple[str, bool]]:
    return {one.remote_id: (str(one.attrs.get("name", "")), one.alive) for one in observed}


def _is_written(change: Change) -> bool:
    """Say whether a change writes a mapping; what is refused stays as it is."""
    return change.address.kind == MAPPING and change.action is not Action.REFUSED


def _name(change: Change) -> str:
    return change.remote_id or change.address.name


def _after(
    observed: Mapping[str, Attrs], changed: Mapping[str, Change], changes: Sequence[Change], snapshot: Snapshot
) -> dict[str, Attrs]:
    """The mappings as these changes of them make them; the other changes tell the ids of what they list."""
    known = {change.address: change.remote_id for change in changes}
    after = dict(observed)
    for name, change in changed.items():
        if change.action is Action.RETIRE:
            after.pop(name, None)
        else:
            set_to = {**change.after, **{diff.name: diff.after for diff in change.diffs}}
            listed = [_id(entry, known, snapshot) for entry in set_to.get("stripe_products", ())]
            products = {"stripe_products": [id for id in listed if id]} if "stripe_products" in set_to else {}
            after[name] = {**observed.get(name, {}), **set_to, **products}
    return after


def _id(entry: Value, known: Mapping[Address, str | None], snapshot: Snapshot) -> str | None:
    """The id of an entry of a list; None for what the apply makes, which nobody has subscribed to."""
    if not isinstance(entry, Ref):
        return str(entry)
    if known.get(entry.address):
        return known[entry.address]
    head, _, _ = head_of(snapshot.marked.get(entry.address, ()))
    return None if head is None else head.remote_id
