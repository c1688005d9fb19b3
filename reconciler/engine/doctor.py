"""The doctor: key, permissions, account and clock, each checked by itself, all findings together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from reconciler.core.kind import Kind
from reconciler.core.values import digest
from reconciler.engine.sync import not_enabled
from reconciler.engine.target import ClockSkew, Pins, Target, check_target, mode
from reconciler.errors import BillplanError, RemoteError, RemoteRejected
from reconciler.mirrored import TYPES
from reconciler.ports.billing import BillingApi
from reconciler.ports.clock import Clock

_LACKING = "403"


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
    """Check the target, and what the key may read and write. Changes nothing: a write is tried without parameters and
    on an id that nobody has, and Stripe tells a missing permission (403) before a missing object (404)."""
    try:
        target = check_target(api, pins, clock)
    except BillplanError as error:
        yield Check(name=_suspect(error), health=Health.FAILED, detail=error.message, hint=error.hint)
        return
    yield _account(pins, target)
    kinds = [kind for kind in kinds if not kind.in_store]
    yield Check(name="clock", health=Health.OK, detail="within a minute of Stripe's")
    reads = [(k.lookup.permission, _may_read(api, k.lookup.path)) for k in kinds]
    yield _permissions("read permissions", reads, Health.FAILED, "plan needs them; add them to the restricted key")
    counts = [("rak_subscription_read", _may_read(api, "/v1/subscriptions"))]
    hint = "without it a plan cannot say how many subscriptions stay on an old price"
    yield _permissions("subscription counts", counts, Health.WARNING, hint)
    listed = [m for m in TYPES.values() if not m.carried and m.parent is None]
    kept = [(m.permission, _may_read(api, m.path, limited=not m.single)) for m in listed]
    hint = "sync leaves out what it may not read; a plan then lists it live"
    yield _permissions("mirror permissions", kept, Health.WARNING, hint)
    writes = [(_write(k), _may_write(api, k, target)) for k in kinds]
    yield _permissions("write permissions", writes, Health.WARNING, "apply needs them; a key for plan does not")


def _suspect(error: BillplanError) -> str:
    """Name what is to be looked at first."""
    match error:
        case ClockSkew():
            return "clock"
        case RemoteError(status=401) | RemoteError(status=403):
            return "key"
        case RemoteError():
            return "Stripe"
        case _:
            return "account"


def _account(pins: Pins, target: Target) -> Check:
    account = target.scope.account
    if pins.account:
        return Check(name="account", health=Health.OK, detail=f"{account}, {mode(pins.livemode)} mode, pinned")
    detail = f"{account}, {mode(pins.livemode)} mode, not pinned: a key of another account would be taken, too"
    hint = f"add  account: {account}  under stripe: in billplan.yaml"
    return Check(name="account", health=Health.WARNING, detail=detail, hint=hint)


def _write(kind: Kind) -> str:
    return kind.lookup.permission.removesuffix("_read") + "_write"


def _permissions(name: str, found: Sequence[tuple[str, str]], bad: Health, hint: str) -> Check:
    lacking = sorted({permission for permission, trouble in found if trouble == _LACKING})
    other = sorted({trouble for _, trouble in found if trouble not in ("", _LACKING)})
    if lacking:
        return Check(name=name, health=bad, detail=f"the key lacks {', '.join(lacking)}", hint=hint)
    if other:
        return Check(name=name, health=bad, detail="; ".join(other))
    return Check(name=name, health=Health.OK, detail=", ".join(sorted({p for p, _ in found})))


def _may_read(api: BillingApi, path: str, *, limited: bool = True) -> str:
    try:
        api.request("get", path, {"limit": 1} if limited else {})
    except RemoteRejected as error:
        # What the account is not set up for needs no permission.
        return "" if not_enabled(error) else _trouble(error)
    except RemoteError as error:
        return _trouble(error)
    return ""


def _may_write(api: BillingApi, kind: Kind, target: Target) -> str:
    # Ids of products and coupons are chosen by people: a hash of this very second is none of those.
    token = digest([kind.name, target.scope.account, target.now])[:32]
    try:
        api.request("post", f"{kind.lookup.path}/doctor_{token}", {}, idempotency_key=f"billplan-doctor-{token}")
    except RemoteError as error:
        return "" if error.status == 404 or error.code == "resource_missing" else _trouble(error)
    return ""


def _trouble(error: RemoteError) -> str:
    return _LACKING if error.status == 403 else error.message
