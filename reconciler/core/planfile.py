"""The plan file: a plan as lines of JSON and back, with a hash that notices any changed byte. Pure: knows no disk.

A header, a line for each change, drift, diagnostic and step, and a footer. Every line is ASCII, so that no reader's
idea of encodings or line ends can change what is hashed; the hash covers every byte that precedes it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from reconciler.core.address import parse_address
from reconciler.core.changes import Action, Change, Drift, FieldDiff, Told
from reconciler.core.diagnostics import Diagnostic, Severity, SourceRange
from reconciler.core.fields import ChangeClass
from reconciler.core.plan import FORMAT_VERSION, Absent, Header, Plan, Step, Unchanged, precondition_json
from reconciler.core.product_use import ProductUse, UsedProduct
from reconciler.core.values import revive, to_json
from reconciler.errors import BillplanError

_AGAIN = "make the plan again"
_SEAL = re.compile(r'(?P<sealed>.*),"sha256":"(?P<sha256>[0-9a-f]{64})"\}')
_SECTIONS = ("change", "drift", "diagnostic", "product", "step")
_Record = dict[str, Any]


def write_lines(plan: Plan) -> Iterator[str]:
    """Write a plan line by line, each with its line end."""
    hashed = hashlib.sha256()
    for record in _records(plan):
        line = _line(record) + "\n"
        hashed.update(line.encode("ascii"))
        yield line
    footer = _line(
        {
            "type": "footer",
            "counts": _counts(plan),
            "refusals": plan.refusals,
            "unmanaged": plan.unmanaged,
            "unchanged": plan.unchanged,
            "owned": plan.owned,
            "complete": plan.complete,
            **_use(plan.product_use),
        }
    )[:-1]
    hashed.update(footer.encode("ascii"))
    yield f'{footer},"sha256":"{hashed.hexdigest()}"}}\n'


def read_lines(lines: Iterable[str]) -> Plan:
    """Read what `write_lines` wrote; raise BillplanError if it is of another version, truncated or changed."""
    numbered = ((n, line.removesuffix("\n")) for n, line in enumerate(lines, 1))
    hashed = hashlib.sha256()
    first = next(numbered, (1, ""))[1]
    header = _read_header(first)
    hashed.update(_ascii(first, 1) + b"\n")
    parts: dict[str, list[Any]] = {section: [] for section in _SECTIONS}
    for number, line in numbered:
        record = _parsed(line, number, numbered)
        if record.get("type") == "footer":
            _check_seal(line, number, hashed)
            if next(numbered, None) is not None:
                raise _corrupt("something follows its last line")
            _check_counts(record, parts)
            return _plan(header, record, parts)
        hashed.update(_ascii(line, number) + b"\n")
        section = str(record.get("type"))
        if section not in parts:
            raise _corrupt(f"line {number} is of no known type")
        parts[section].append(_built(_READERS[section], record, number))
    raise _truncated("its last line is missing")


def _plan(header: Header, footer: _Record, parts: Mapping[str, list[Any]]) -> Plan:
    return Plan(
        header=header,
        changes=tuple(parts["change"]),
        steps=tuple(parts["step"]),
        drift=tuple(parts["drift"]),
        diagnostics=tuple(parts["diagnostic"]),
        refusals=tuple(footer["refusals"]),
        unmanaged=footer["unmanaged"],
        unchanged=footer["unchanged"],
        owned=footer["owned"],
        complete=footer["complete"],
        product_use=_read_use(footer, parts["product"]),
    )


# References are revived while the JSON is parsed: walking every value once more would double the time.
_decode = json.JSONDecoder(object_hook=revive).decode


def _read_header(line: str) -> Header:
    try:
        record = json.loads(line)
    except ValueError:
        record = None
    if not isinstance(record, dict) or record.pop("type", None) != "header":
        hint = "`billplan plan --out FILE` makes one"
        raise BillplanError("this is not a plan file: it does not start with a plan's header", hint=hint)
    version = record.get("format_version")
    if version != FORMAT_VERSION:
        message = f"the plan file has format {version}, this billplan reads {FORMAT_VERSION}"
        raise BillplanError(
            message, hint=f"{_AGAIN} with this version of billplan, or apply it with the one that made it"
        )
    header: Header = _built(lambda r: Header(**r), record, 1)
    return header


def _parsed(line: str, number: int, following: Iterator[tuple[int, str]]) -> _Record:
    try:
        record = _decode(line)
    except ValueError:
        # A writer that was stopped leaves half a line at the end; half a line anywhere else is damage.
        if next(following, None) is None:
            raise _truncated(f"line {number} is cut off") from None
        raise _corrupt(f"line {number} is not JSON") from None
    if not isinstance(record, dict):
        raise _corrupt(f"line {number} is not a record")
    return record


def _built(read: Callable[[_Record], Any], record: _Record, number: int) -> Any:
    try:
        return read(record)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # Damage shows here before the hash at the end of the file is reached.
        raise _corrupt(f"line {number} does not hold what it should ({type(error).__name__})") from None


def _ascii(line: str, number: int) -> bytes:
    if not line.isascii():
        raise _corrupt(f"line {number} is not plain ASCII")
    return line.encode("ascii")


def _check_seal(line: str, number: int, hashed: Any) -> None:
    seal = _SEAL.fullmatch(line)
    if seal is None:
        raise _corrupt("its last line has no hash")
    hashed.update(_ascii(seal["sealed"], number))
    if hashed.hexdigest() != seal["sha256"]:
        raise _corrupt("its content and its hash differ, so something changed it after it was made")


def _check_counts(footer: _Record, parts: Mapping[str, list[Any]]) -> None:
    for section, found in parts.items():
        stated = footer["counts"].get(section, 0)
        if stated != len(found):
            raise _corrupt(f"it says that it has {stated} {section} lines, but there are {len(found)}")


def _truncated(what: str) -> BillplanError:
    return BillplanError(f"plan file is truncated: {what}", hint=_AGAIN)


def _corrupt(what: str) -> BillplanError:
    return BillplanError(f"plan file is corrupt: {what}", hint=_AGAIN)


def _line(record: _Record) -> str:
    return json.dumps(to_json(record), separators=(",", ":"))


def _records(plan: Plan) -> Iterator[_Record]:
    yield {"type": "header", **asdict(plan.header)}
    yield from map(_change, plan.changes)
    yield from map(_drift, plan.drift)
    yield from map(_diagnostic, plan.diagnostics)
    if plan.product_use is not None:
        yield from ({"type": "product", **asdict(one)} for one in plan.product_use.products)
    yield from map(_step, plan.steps)


def _counts(plan: Plan) -> dict[str, int]:
    counts = {"change": len(plan.changes), "drift": len(plan.drift), "diagnostic": len(plan.diagnostics)}
    used = {} if plan.product_use is None else {"product": len(plan.product_use.products)}
    return {**counts, **used, "step": len(plan.steps)}


def _use(use: ProductUse | None) -> _Record:
    return {} if use is None else {"product_use": {"left_out": use.left_out, "unknown": use.unknown}}


def _read_use(footer: _Record, products: list[UsedProduct]) -> ProductUse | None:
    return ProductUse(products=tuple(products), **footer["product_use"]) if "product_use" in footer else None


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
        address=parse_address(record["address"]),
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
        address=parse_address(record["address"]),
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
        address=parse_address(record["address"]) if "address" in record else None,
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
    }


def _read_step(record: _Record) -> Step:
    return Step(
        id=record["id"],
        address=parse_address(record["address"]),
        kind=record["kind"],
        title=record["title"],
        method=record["method"],
        path=record["path"],
        params=record["params"],
        precondition=_read_precondition(record["precondition"]),
        expect=record["expect"],
        needs=tuple(record["needs"]),
        undo=record["undo"],
    )


def _read_precondition(record: _Record) -> Absent | Unchanged:
    if "absent" in record:
        return Absent(incarnations=tuple(record["absent"]), natural_key=record["natural_key"])
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
    "step": _read_step,
}
