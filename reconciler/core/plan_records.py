"""The parts of a plan as records, one for each line of a plan file, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from reconciler.core.changes import Action, Change, Drift, FieldDiff, Told
from reconciler.core.diagnostics import Diagnostic, Severity, SourceRange
from reconciler.core.fields import ChangeClass
from reconciler.core.migration_money import money_record, read_money
from reconciler.core.plan import Absent, Plan, Step, Unchanged, precondition_json
from reconciler.core.product_use import UsedProduct

_Record = dict[str, Any]


def records(plan: Plan) -> Iterator[_Record]:
    """Spell a plan: the header, and a record for each of its parts."""
    yield {"type": "header", **plan.header.said()}
    yield from map(_change, plan.changes)
    yield from map(_drift, plan.drift)
    yield from map(_diagnostic, plan.diagnostics)
    if plan.product_use is not None:
        yield from ({"type": "product", **asdict(one)} for one in plan.product_use.products)
    yield from ({"type": "migration", **money_record(one)} for one in plan.migrations)
    yield from map(_step, plan.steps)


def read_part(record: _Record) -> Any:
    """Build the part that a record describes, whose `address` is one already; raise KeyError, TypeError, ValueError or
    AttributeError where it does not hold what it should."""
    return _READERS[record["type"]](record)


def _read_product(record: _Record) -> UsedProduct:
    return UsedProduct(**{name: record[name] for name in UsedProduct.__dataclass_fields__})


def _lean(record: _Record) -> _Record:
    """Leave out what is empty: most changes have no notes, no hint and no currency."""
    return {k: v for k, v in record.items() if v not in (None, "", ()) and v != {}}


def _change(change: Change) -> _Record:
    diffs = [
        {"name": d.name, "before": d.before, "after": d.after} | ({"forces": True} if d.forces else {})
        for d in change.diffs
    ]
    return _lean(
        {
            "type": "change",
            "address": str(change.address),
            "action": change.action.value,
            "class": change.change_class.value,
            "reason": change.reason,
            "remote_id": change.remote_id,
            "before": change.before,
            "after": change.after,
            "diffs": tuple(diffs),
            "irreversible": change.irreversible,
            "notes": change.notes,
            "refused": change.refused,
            "hint": change.hint,
            "verb": change.verb,
            "currency": change.currency,
            "source": _place(change.source),
        }
    )


def _read_change(record: _Record) -> Change:
    return Change(
        address=record["address"],
        action=Action(record["action"]),
        change_class=ChangeClass(record["class"]),
        reason=record.get("reason", ""),
        remote_id=record.get("remote_id"),
        before=record.get("before", {}),
        after=record.get("after", {}),
        diffs=tuple(_read_diff(d) for d in record.get("diffs", ())),
        irreversible=record.get("irreversible", ""),
        notes=tuple(record.get("notes", ())),
        refused=record.get("refused", ""),
        hint=record.get("hint", ""),
        verb=record.get("verb", ""),
        currency=record.get("currency", ""),
        source=_read_place(record),
    )


def _read_diff(record: _Record) -> FieldDiff:
    return FieldDiff(
        name=record["name"], before=record["before"], after=record["after"], forces=record.get("forces", False)
    )


def _drift(drift: Drift) -> _Record:
    return {
        "type": "drift",
        "address": str(drift.address),
        "remote_id": drift.remote_id,
        "name": drift.name,
        "applied": drift.applied,
        "known": drift.known,
        "live": drift.live,
        **({} if drift.told is None else {"told": asdict(drift.told)}),
    }


def _read_drift(record: _Record) -> Drift:
    return Drift(
        address=record["address"],
        remote_id=record["remote_id"],
        name=record["name"],
        applied=record["applied"],
        known=record["known"],
        live=record["live"],
        told=Told(**record["told"]) if "told" in record else None,
    )


def _diagnostic(diagnostic: Diagnostic) -> _Record:
    return _lean(
        {
            "type": "diagnostic",
            "code": diagnostic.code,
            "severity": diagnostic.severity.value,
            "summary": diagnostic.summary,
            "detail": diagnostic.detail,
            "address": None if diagnostic.address is None else str(diagnostic.address),
            "source": _place(diagnostic.source),
            "hint": diagnostic.hint,
        }
    )


def _read_diagnostic(record: _Record) -> Diagnostic:
    return Diagnostic(
        code=record.get("code", ""),
        summary=record.get("summary", ""),
        severity=Severity(record["severity"]),
        detail=record.get("detail", ""),
        address=record.get("address"),
        source=_read_place(record),
        hint=record.get("hint", ""),
    )


def _step(step: Step) -> _Record:
    return {
        "type": "step",
        "id": step.id,
        "address": str(step.address),
        "kind": step.kind,
        "title": step.title,
        "method": step.method,
        "path": step.path,
        "params": step.params,
        "precondition": precondition_json(step.precondition),
        "expect": step.expect,
        "needs": step.needs,
        "undo": step.undo,
        **({} if step.deadline is None else {"deadline": step.deadline}),
    }


def _read_step(record: _Record) -> Step:
    return Step(
        id=record["id"],
        address=record["address"],
        kind=record["kind"],
        title=record["title"],
        method=record["method"],
        path=record["path"],
        params=record["params"],
        precondition=_read_precondition(record["precondition"]),
        expect=record["expect"],
        needs=tuple(record["needs"]),
        undo=record["undo"],
        deadline=record.get("deadline"),
    )


def _read_precondition(record: _Record) -> Absent | Unchanged:
    if "absent" in record:
        key = None
        if "key" in record:
            name, value = record["key"]
            key = (str(name), str(value))
        return Absent(incarnations=tuple(record["absent"]), natural_key=record["natural_key"], key=key)
    return Unchanged(remote_id=record["unchanged"], before=record["before"])


def _place(source: SourceRange | None) -> list[str | int] | None:
    return None if source is None else [source.path, source.line, source.column]


def _read_place(record: _Record) -> SourceRange | None:
    return SourceRange(*record["source"]) if "source" in record else None


_READERS: Mapping[str, Callable[[_Record], Any]] = {
    "change": _read_change,
    "drift": _read_drift,
    "diagnostic": _read_diagnostic,
    "product": _read_product,
    "migration": read_money,
    "step": _read_step,
}
SECTIONS = tuple(_READERS)
