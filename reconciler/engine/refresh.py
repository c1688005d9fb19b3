"""Refresh: the snapshot of an account, by list pages of every kind that billplan knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from reconciler.core.kind import Kind
from reconciler.core.resources import Observed, Snapshot
from reconciler.core.values import Value
from reconciler.engine.listing import list_pages
from reconciler.errors import RemoteRejected
from reconciler.ports.billing import BillingApi
from reconciler.ports.progress import Progress


def refresh(api: BillingApi, kinds: Sequence[Kind], project: str, progress: Progress) -> Snapshot:
    """See every object of these kinds live, retired ones included."""
    return snapshot_of(list_kinds(api, kinds, progress), kinds, project)


def list_kinds(api: BillingApi, kinds: Sequence[Kind], progress: Progress) -> list[Observed]:
    """List every object of these kinds live, retired ones included; kinds in parallel, pages as they come."""
    if not kinds:
        return []
    progress.start("reading Stripe", None)
    try:
        with ThreadPoolExecutor(max_workers=len(kinds)) as pool:
            listed = list(pool.map(lambda kind: list_kind(api, kind, {}, progress), kinds))
    finally:
        progress.finish()
    return [one for part in listed for one in part]


def snapshot_of(observed: Sequence[Observed], kinds: Sequence[Kind], project: str) -> Snapshot:
    """Index observations."""
    return Snapshot(observed, project=project, natural={k.name: k.natural_key for k in kinds})


def list_kind(
    api: BillingApi, kind: Kind, more: Mapping[str, Value], progress: Progress | None = None
) -> list[Observed]:
    """List one kind. Active objects come before archived ones: what is archived meanwhile is seen twice, not missed."""
    found: dict[str, Observed] = {}
    expand = [f"data.{name}" for name in kind.expand]
    for listing in kind.lookup.listings:
        for objects, date in list_pages(
            api, kind.lookup.path, {**listing, **more, **({"expand": expand} if expand else {})}
        ):
            found.update({str(raw["id"]): kind.observe(raw, date) for raw in objects})
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
    return None if answer.body.get("deleted") else kind.observe(answer.body, answer.date)
