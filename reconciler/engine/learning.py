"""Learning: the store's bindings, made again from what the mirrored customers' metadata says."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.bindings import metadata_key
from reconciler.core.external_id import external_id_fault
from reconciler.ports.bindings import LearningStore
from reconciler.ports.mirror import Mirror


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """How many bindings were `new`, how many external ids several customers have (`disputed`), and how many values of
    the metadata are no external ids (`unusable`)."""

    new: int = 0
    disputed: int = 0
    unusable: int = 0


def learn_bindings(mirror: Mirror, store: LearningStore, project: str, now: int) -> Learned:
    """Take in the bindings that are in customers' metadata and not in the store; `now` is epoch seconds, UTC.

    A binding that the store has already stays as it is, also where the metadata says otherwise: that is drift. An
    external id that several customers have is learned for none of them, and kept as disputed.
    """
    key, holders, unusable = metadata_key(project), dict[str, list[str]](), 0
    for raw in mirror.raws("customer"):
        external_id = (raw.get("metadata") or {}).get(key)
        if not external_id:
            continue
        if external_id_fault(external_id):
            unusable += 1
            continue
        holders.setdefault(external_id, []).append(str(raw["id"]))
    disputed = {external_id: ids for external_id, ids in holders.items() if len(ids) > 1}
    store.dispute((external_id, id) for external_id, ids in disputed.items() for id in ids)
    new = store.learn(((external_id, ids[0]) for external_id, ids in holders.items() if len(ids) == 1), now)
    return Learned(new=new, disputed=len(disputed), unusable=unusable)
