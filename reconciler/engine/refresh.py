"""Refresh: the snapshot of an account, by list pages of every kind that billplan knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType

from reconciler.core.kind import Kind
from reconciler.core.resources import Observed, Snapshot
from reconciler.core.values import Value
from reconciler.engine.listing import list_pages
from reconciler.errors import RemoteRejected
from reconciler.ports.billing import BillingApi
from reconciler.ports.progress import Progress

NONE: Mapping[str, Set[str]] = MappingProxyType({})

# So many listings at once.
_MOST = 16


def refresh(
    api: BillingApi, kinds: Sequence[Kind], project: str, progress: Progress, parents: Mapping[str, Set[str]] = NONE
) -> Snapshot:
    """See every object of these kinds live, retired ones included; `parents` are, by kind, those that objects are
    listed below."""
    return snapshot_of(list_kinds(api, kinds, progress, parents), kinds, project)


def list_kinds(
    api: BillingApi, kinds: Sequence[Kind], progress: Progress, parents: Mapping[str, Set[str]] = NONE
) -> list[Observed]:
    """List every object of these kinds live, retired ones included; listings in parallel, pages as they come."""
    listings = [(k, p) for k in kinds for p in (sorted(parents.get(k.name, ())) if k.lookup.below else ("",))]
    if not listings:
        return []
    progress.start("reading Stripe", None)
    try:
        with ThreadPoolExecutor(max_workers=min(len(listings), _MOST)) as pool:
            listed = list(pool.map(lambda one: list_kind(api, one[0], {}, progress, one[1]), listings))
    finally:
        progress.finish()
    return [one for part in listed for one in part]


def snapshot_of(observed: Sequence[Observed], kinds: Sequence[Kind], project: str) -> Snapshot:
    """Index observations."""
    return Snapshot(
        observed,
        project=project,
        natural={k.name: k.natural_key for k in kinds},
        stands_for={k.name: k.stands_for for k in kinds if k.stands_for},
    )


def list_kind(
    api: BillingApi, kind: Kind, more: Mapping[str, Value], progress: Progress | None = None, parent: str = ""
) -> list[Observed]:
    """List one kind, below a parent where it has one; below one that is not there, there is nothing. Active objects
    come before archived ones: what is archived meanwhile is seen twice, not missed."""
    try:
        return _listed(api, kind, more, progress, parent)
    except RemoteRejected as error:
        if kind.lookup.below and missing(error):
            return []
        raise


def _listed(
    api: BillingApi, kind: Kind, more: Mapping[str, Value], progress: Progress | None, parent: str
) -> list[Observed]:
    found: dict[str, Observed] = {}
    expand = [f"data.{name}" for name in kind.expand]
    for listing in kind.lookup.listings:
        params = {**listing, **more, **({"expand": expand} if expand else {})}
        for objects, date in list_pages(api, kind.lookup.listed_at(parent), params):
            observed = [kind.observe(kind.place(raw, parent), date) for raw in objects]
            found.update({one.remote_id: one for one in observed})
            if progress is not None:
                progress.advance(len(objects))
    return list(found.values())


def missing(error: RemoteRejected) -> bool:
    """Say whether an answer is Stripe's word that the object does not exist. A 404 alone is not: a proxy, a mistyped
    api_base or an account that is gone answers so for everything, and nothing may be taken for deleted because of it.
    """
    return error.code == "resource_missing"


def read_one(api: BillingApi, kind: Kind, remote_id: str) -> Observed | None:
    """Read one object live; None where it does not exist, or not any more."""
    try:
        answer = api.request(
            "get", f"{kind.lookup.path}/{remote_id}", {"expand": list(kind.expand)} if kind.expand else {}
        )
    except RemoteRejected as error:
        if missing(error):
            return None
        raise
    if answer.body.get("deleted"):
        return None
    return kind.observe(kind.place(answer.body, remote_id.partition("/")[0]), answer.date)
