"""Learning: the store's bindings, made again from what the mirrored customers' metadata says."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.bindings import metadata_key
from reconciler.core.external_id import external_id_fault
from reconciler.ports.bindings import LearningStore, Lesson
from reconciler.ports.mirror import Mirror

_CUSTOMER = "customer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """How many bindings were `new`, how many external ids several customers have (`disputed`), and how many values of
    the metadata are no external ids (`unusable`)."""

    new: int = 0
    disputed: int = 0
    unusable: int = 0


def learn_bindings(mirror: Mirror, store: LearningStore, project: str, now: int) -> Learned:
    """Take in the bindings that are in customers' metadata and not in the store; `now` is epoch seconds, UTC.

    A binding that the store has already stays as it is, also where the metadata says otherwise: that is drift, and such
    metadata stands for nothing. An external id that several customers have is learned for none of them, and kept as
    disputed; one that was learned before is taken back. Learns nothing from a mirror that has not all customers:
    another one might have the id too.
    """
    key, holders, unusable = metadata_key(project), dict[str, list[str]](), 0
    # Before the customers are read: what comes in meanwhile is newer than what is noted.
    standing = mirror.standings()[_CUSTOMER]
    if standing.as_of is None or standing.created_after is not None:
        return Learned()
    stored = store.by_customer()
    for raw in mirror.raws(_CUSTOMER):
        external_id = (raw.get("metadata") or {}).get(key)
        if not external_id or stored.get(raw["id"], external_id) != external_id:
            continue
        if external_id_fault(external_id):
            unusable += 1
            continue
        holders.setdefault(external_id, []).append(str(raw["id"]))
    disputed = {external_id: ids for external_id, ids in holders.items() if len(ids) > 1}
    lesson = Lesson(
        as_of=standing.as_of,
        found=[(external_id, ids[0]) for external_id, ids in holders.items() if len(ids) == 1],
        disputed=[(external_id, id) for external_id, ids in disputed.items() for id in ids],
    )
    return Learned(new=store.learn(lesson, now), disputed=len(disputed), unusable=unusable)
