"""Publishing at plan time: what Stripe Entitlements holds. Always live, since no events tell the mirror of it."""

from __future__ import annotations

from collections.abc import Mapping, Set

from reconciler.core.publish_plan import Entitlements, own_feature
from reconciler.core.published import FEATURE, MAPPING, Publication
from reconciler.core.resources import Observed, Snapshot, Specs
from reconciler.core.values import Value
from reconciler.engine.outside import Outside
from reconciler.engine.refresh import list_kinds
from reconciler.errors import RemoteRejected
from reconciler.kinds.entitlement_feature import ENTITLEMENT_FEATURE
from reconciler.kinds.product_feature import PRODUCT_FEATURE
from reconciler.kinds.product_mapping import PRODUCT_MAPPING


def publishes(specs: Specs) -> bool:
    """Say whether a mapping of the specs is published."""
    mappings = (spec.body for spec in specs.specs if spec.address.kind == PRODUCT_MAPPING.name)
    return any(isinstance(body, Mapping) and "publish" in body for body in mappings)


def look_at_entitlements(
    outside: Outside, publication: Publication, snapshot: Snapshot, declared: Set[str]
) -> Entitlements | None:
    """See features, and the attachments to the products that are or were published; None where nobody publishes.

    What this project published once is looked for wherever features or mappings are declared or stored: the mapping
    that said so may have vanished. Where the account, or the key, is not for entitlements, it can have published
    nothing, unless a mapping says that it does. Raises RemoteError.
    """
    if not declared & {FEATURE, MAPPING} and not any(kind in (FEATURE, MAPPING) for kind, _ in snapshot.by_id):
        return None
    used = bool(publication.before or publication.after)
    try:
        features = list_kinds(outside.api, [ENTITLEMENT_FEATURE], outside.progress)
    except RemoteRejected as error:
        if used:
            message = f"mappings publish to Stripe Entitlements, which cannot be read: {error.message}"
            hint = f"give the key {ENTITLEMENT_FEATURE.lookup.permission} if it lacks that, or take publish: out"
            raise RemoteRejected(message, status=error.status, request_id=error.request_id, hint=hint) from error
        return None
    mine = any(one.alive and own_feature(one, snapshot.project) is not None for one in features)
    if not used and not mine:
        return None
    products = publication.products
    if mine and not publication.before:
        # The store was lost, and with it the memory of which products these features were attached to.
        products |= _managed(snapshot)
    listed = {id for id in products if ("product", id) in snapshot.by_id}
    attachments = list_kinds(outside.api, [PRODUCT_FEATURE], outside.progress, {PRODUCT_FEATURE.name: listed})
    return Entitlements(features=tuple(features), attachments=tuple(attachments))


def _managed(snapshot: Snapshot) -> set[str]:
    """The products that this project manages, or has in a mapping."""
    mapped: set[str] = {str(id) for one in snapshot.of_kind(MAPPING) for id in _listed(one)}
    return mapped | {o.remote_id for a, marked in snapshot.marked.items() if a.kind == "product" for o in marked}


def _listed(mapping: Observed) -> list[Value]:
    return list(mapping.attrs.get("stripe_products") or ())
