"""A pure way to plans: specs and an imagined account in, a draft out; and the account as it is after its apply."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.core.locate import PlanRequest
from reconciler.core.plan import Absent, Step, Unchanged
from reconciler.core.planner import Draft, Planner
from reconciler.core.resources import Desired, Snapshot, Specs
from reconciler.core.validate import check_specs
from reconciler.core.values import Ref, replace_refs
from reconciler.kinds import BY_NAME
from tests.account import Bodies, specs_of

PROJECT = "acme"
NOW = 1_795_000_000
Raw = dict[str, Any]
Objects = dict[tuple[str, str], Raw]


def checked(specs: Specs) -> tuple[Desired, ...]:
    """Check specs that must hold."""
    desired, diagnostics = check_specs(specs, BY_NAME, PROJECT)
    assert not diagnostics, diagnostics
    return desired


def snapshot_of(objects: Objects) -> Snapshot:
    """Observe raw objects, as a refresh does."""
    natural = {name: kind.natural_key for name, kind in BY_NAME.items()}
    observed = [BY_NAME[kind].observe(raw, NOW) for (kind, _), raw in objects.items()]
    return Snapshot(observed, project=PROJECT, natural=natural)


def draft_of(bodies: Bodies | Specs, objects: Objects | None = None) -> Draft:
    """Plan bodies by address, or specs, over an account."""
    specs = bodies if isinstance(bodies, Specs) else specs_of(bodies)
    request = PlanRequest(project=PROJECT, moved=specs.moved, removed=specs.removed)
    return Planner(checked(specs), snapshot_of(objects or {}), BY_NAME, request).draft()


def applied(steps: Iterable[Step], objects: Objects) -> Objects:
    """Carry steps out on a copy of an account: the plain thing that Stripe would do with each."""
    account, made = copy.deepcopy(objects), dict[str, str]()
    for step in steps:
        params = _sent(step, made)
        match step.precondition:
            case Absent():
                created = max((raw["created"] for raw in account.values()), default=NOW) + 1
                one = params.get("id", f"{step.kind}_{created - NOW:03}")
                account[(step.kind, one)] = _merged({"id": one, "created": created}, params)
                made[str(step.address)] = one
            case Unchanged(remote_id=target):
                one = made[str(target.address)] if isinstance(target, Ref) else target
                if step.method == "delete":
                    del account[(step.kind, one)]
                else:
                    verb = step.path.rpartition("/")[2]
                    status = {"deactivate": {"status": "inactive"}, "reactivate": {"status": "active"}}.get(verb, {})
                    account[(step.kind, one)] = _merged(account[(step.kind, one)], {**params, **status})
    return account


def _sent(step: Step, made: Mapping[str, str]) -> Raw:
    params: Raw = replace_refs(step.params, lambda ref: made[str(ref.address)])
    return {n: v for n, v in params.items() if n not in ("expand", "transfer_lookup_key")}


def _merged(raw: Raw, params: Raw) -> Raw:
    """Metadata, currencies and restrictions merge key by key, an empty text unsets, all else is put in its place."""
    merged = dict(raw)
    for name, value in params.items():
        if value == "":
            merged.pop(name, None)
        elif isinstance(value, dict) and name in ("metadata", "currency_options", "restrictions"):
            merged[name] = _merged(merged.get(name, {}), value)
        else:
            merged[name] = value
    return merged
