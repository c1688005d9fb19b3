"""The plan as one JSON document in Terraform's shape, so that policies written for Terraform plans carry over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import asdict
from itertools import groupby
from typing import Any

from reconciler.core.address import Address
from reconciler.core.attrs import params
from reconciler.core.changes import Action, Change, Drift
from reconciler.core.diagnostics import Diagnostic, SourceRange
from reconciler.core.kind import Kind
from reconciler.core.migration_money import money_record
from reconciler.core.plan import Plan, Step, precondition_json
from reconciler.core.product_use import ProductUse
from reconciler.core.shapes import Struct
from reconciler.core.values import Attrs, Ref, Value, refs_in, to_json

Kinds = Mapping[str, Kind]
Document = dict[str, Any]

_ACTIONS: Mapping[Action, list[str]] = {
    Action.NOOP: ["no-op"],
    Action.CREATE: ["create"],
    Action.ADOPT: ["update"],
    Action.UPDATE: ["update"],
    Action.REPLACE: ["create", "delete"],
    Action.RETIRE: ["delete"],
    Action.REFUSED: ["no-op"],
}
_NO_BODY = Struct(fields=())


def plan_document(plan: Plan, kinds: Kinds) -> Document:
    """Spell a whole plan, with the exact calls that an apply makes."""
    return {name: list(v) if isinstance(v, Iterator) else v for name, v in document_members(plan, kinds)}


def document_members(plan: Plan, kinds: Kinds) -> Iterator[tuple[str, Any]]:
    """Yield the members of the document one by one; what is long comes as an iterator, to be written as it is made."""
    pending = made_anew(plan)
    yield from plan.header.said().items()
    yield "applicable", plan.applicable
    yield "complete", plan.complete
    yield "digest", plan.digest
    yield "summary", plan.summary
    yield "refusals", list(plan.refusals)
    yield "unmanaged", dict(plan.unmanaged)
    yield "resource_changes", (_resource_change(c, kinds, pending) for c in plan.changes)
    yield "resource_drift", (_resource_drift(list(d), kinds) for _, d in groupby(plan.drift, _drifting))
    yield "diagnostics", (diagnostic_document(d) for d in plan.diagnostics)
    if plan.product_use is not None:
        yield "product_use", use_document(plan.product_use)
    if plan.migrations:
        yield "migrations", (money_record(one) for one in plan.migrations)
    yield "steps", (_step(s) for s in plan.steps)


def made_anew(plan: Plan) -> frozenset[Address]:
    """List the addresses whose object the apply makes, and whose id nobody can know before."""
    return frozenset(c.address for c in plan.changes if c.action in (Action.CREATE, Action.REPLACE))


def use_document(use: ProductUse) -> Document:
    """Spell how much products are used: all of them, the most used first."""
    return {
        "products": [asdict(product) for product in use.products],
        "unmapped_products": use.unmapped,
        "subscriptions_left_out": use.left_out,
        "not_counted": use.unknown or None,
    }


def diagnostic_document(diagnostic: Diagnostic) -> Document:
    """Spell one diagnostic."""
    return {
        "severity": diagnostic.severity.value,
        "code": diagnostic.code,
        "summary": diagnostic.summary,
        "detail": diagnostic.detail or None,
        "hint": diagnostic.hint or None,
        "address": None if diagnostic.address is None else str(diagnostic.address),
        "source": _source(diagnostic.source),
    }


def _source(source: SourceRange | None) -> Document | None:
    return None if source is None else {"path": source.path, "line": source.line, "column": source.column}


def _parts(address: Address) -> Document:
    return {"address": str(address), "kind": address.kind, "name": address.name, "key": address.key}


def _resource_change(change: Change, kinds: Kinds, pending: Set[Address]) -> Document:
    body = _body(change.address, kinds)
    optional = {"refused": change.refused, "hint": change.hint, "irreversible": change.irreversible}
    return {
        **_parts(change.address),
        "remote_id": change.remote_id,
        "change": _change(change, body, pending),
        "action": change.action.value,
        "verb": change.verb or change.action.value,
        "change_class": change.change_class.value,
        "reason": change.reason,
        **{name: text for name, text in optional.items() if text},
        "notes": list(change.notes),
        "replace_paths": [d.name for d in change.diffs if d.forces] if change.action is Action.REPLACE else [],
        "source": _source(change.source),
    }


def _change(change: Change, body: Struct, pending: Set[Address]) -> Document:
    before, after = (None if side is None else _laid(body, side) for side in _sides(change))
    shown: Document = {
        "actions": ["forget"] if change.verb == "forget" else _ACTIONS[change.action],
        "before": None if before is None else _nested(before, frozenset()),
        "after": None if after is None else _nested(after, pending),
        # Most changes wait for nothing, and to ask that is cheaper than to mark each part.
        "after_unknown": _unknown(after, pending) if refs_in(after) else {},
    }
    if change.action is Action.ADOPT:
        shown["importing"] = {"id": change.remote_id}
    return shown


def _sides(change: Change) -> tuple[Attrs | None, Attrs | None]:
    """Return both sides whole. A change lists only what differs of an object that stays; the rest is as it will be."""
    match change.action:
        case Action.CREATE:
            return None, change.after
        case Action.RETIRE:
            return change.before, None
        case Action.REFUSED:
            present = change.before or {d.name: d.before for d in change.diffs}
            return (None, None) if change.remote_id is None else (present, present)
        case _ if change.verb == "forget":
            return change.before, None
        case _:
            differing = {d.name: d.after for d in change.diffs}
            same = {n: v for n, v in change.after.items() if n not in differing}
            return {**same, **{d.name: d.before for d in change.diffs}, **change.before}, {**differing, **change.after}


def _nested(laid: Mapping[str, Value], pending: Set[Address]) -> Value:
    return to_json(_resolved(laid, pending) if refs_in(laid) else laid)


def _laid(body: Struct, attrs: Attrs) -> dict[str, Value]:
    """Lay flat attributes back into a tree, spelled as requests spell them; what is unset is null."""
    laid = params(body, {n: v for n, v in attrs.items() if v is not None})
    for name in (n for n, v in attrs.items() if v is None):
        *heads, last = name.replace("]", "").split("[")
        target = laid
        for head in heads:
            target = target.setdefault(head, {})
        target[last] = None
    return laid


def _resolved(value: Value, pending: Set[Address]) -> Value:
    """Write references as the addresses they name, which ids change and they do not; null where the apply decides."""
    if isinstance(value, Ref):
        return None if value.address in pending else str(value)
    if isinstance(value, Mapping):
        return {k: _resolved(v, pending) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_resolved(v, pending) for v in value]
    return value


def _unknown(value: Value, pending: Set[Address]) -> Value:
    """Mark what only the apply can know with true; leave out what is known, as Terraform does."""
    if isinstance(value, Mapping):
        found = {k: _unknown(v, pending) for k, v in value.items()}
        return {k: v for k, v in found.items() if v not in (False, {}, [])}
    if isinstance(value, list | tuple):
        marks = [_unknown(v, pending) for v in value]
        return marks if any(m not in (False, {}, []) for m in marks) else []
    return isinstance(value, Ref) and value.address in pending


def _drifting(drift: Drift) -> tuple[Address, str]:
    return drift.address, drift.remote_id


def _resource_drift(drift: list[Drift], kinds: Kinds) -> Document:
    body = _body(drift[0].address, kinds)
    return {
        **_parts(drift[0].address),
        "remote_id": drift[0].remote_id,
        "change": {
            "actions": ["update"],
            "before": _nested(_laid(body, {d.name: d.applied for d in drift}), frozenset()),
            "after": _nested(_laid(body, {d.name: d.live for d in drift}), frozenset()),
        },
        "applied_unknown": [d.name for d in drift if not d.known],
        "told": {d.name: asdict(d.told) for d in drift if d.told is not None},
    }


def _body(address: Address, kinds: Kinds) -> Struct:
    kind = kinds.get(address.kind)
    return _NO_BODY if kind is None else kind.body


def _step(step: Step) -> Document:
    return {
        "id": step.id,
        **_parts(step.address),
        "object": step.kind,
        "title": step.title,
        "method": step.method,
        "path": step.path,
        "params": to_json(step.params),
        "precondition": to_json(precondition_json(step.precondition)),
        "expect": to_json(step.expect),
        "needs": list(step.needs),
        "undo": step.undo,
        **({} if step.deadline is None else {"deadline": step.deadline}),
    }
