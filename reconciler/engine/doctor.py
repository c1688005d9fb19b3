"""The doctor: key, permissions, account and clock, each checked by itself, all findings together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from reconciler.core.kind import Kind
from reconciler.engine.target import Pins, check_target
from reconciler.errors import BillplanError, RemoteError
from reconciler.ports.billing import BillingApi
from reconciler.ports.clock import Clock


class Health(StrEnum):
    """How a check ended: a warning does not stop a plan."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One finding, with the way out."""

    name: str
    health: Health
    detail: str
    hint: str = ""


def examine(api: BillingApi, pins: Pins, clock: Clock, kinds: Sequence[Kind]) -> Iterator[Check]:
    """Check the target, and what the key may read and write. Changes nothing: writes are tried on ids that cannot
    exist, and Stripe tells a missing permission (403) before a missing object (404)."""
    try:
        target = check_target(api, pins, clock)
    except BillplanError as error:
        yield Check(name="account", health=Health.FAILED, detail=error.message, hint=error.hint)
        return
    pinned = "pinned" if pins.account else "not pinned"
    hint = "" if pins.account else f"add  account: {target.scope.account}  under stripe: in billplan.yaml"
    health = Health.OK if pins.account else Health.WARNING
    yield Check(name="account", health=health, detail=f"{target.scope.account}, {pinned}", hint=hint)
    reads = [(k.lookup.permission, _may_read(api, k)) for k in kinds]
    yield _permissions("read permissions", reads, Health.FAILED, "plan needs them; add them to the restricted key")
    writes = [(_write(k), _may_write(api, k, target.now)) for k in kinds]
    yield _permissions("write permissions", writes, Health.WARNING, "apply needs them; a key for plan does not")


def _write(kind: Kind) -> str:
    return kind.lookup.permission.removesuffix("_read") + "_write"


def _permissions(name: str, found: Sequence[tuple[str, str]], bad: Health, hint: str) -> Check:
    lacking = sorted({f"{permission}" for permission, trouble in found if trouble == "403"})
    other = sorted({trouble for _, trouble in found if trouble and trouble != "403"})
    if lacking:
        return Check(name=name, health=bad, detail=f"the key lacks {', '.join(lacking)}", hint=hint)
    if other:
        return Check(name=name, health=bad, detail="; ".join(other))
    return Check(name=name, health=Health.OK, detail=", ".join(sorted({p for p, _ in found})))


def _may_read(api: BillingApi, kind: Kind) -> str:
    try:
        api.request("get", kind.lookup.path, {"limit": 1})
    except RemoteError as error:
        return _trouble(error)
    return ""


def _may_write(api: BillingApi, kind: Kind, now: int) -> str:
    key = f"billplan-doctor-{kind.name}-{now}"
    try:
        api.request("post", f"{kind.lookup.path}/billplan_doctor_no_such_id", {}, idempotency_key=key)
    except RemoteError as error:
        return "" if error.status == 404 or error.code == "resource_missing" else _trouble(error)
    return ""


def _trouble(error: RemoteError) -> str:
    return "403" if error.status == 403 else error.message
