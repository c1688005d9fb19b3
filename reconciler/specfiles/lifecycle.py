"""The lifecycle fields of a body: `adopt`, `protect` and `ignore`, which are billplan's own and not Stripe's."""

from __future__ import annotations

import re
from collections.abc import Mapping

from reconciler.core.fields import Field
from reconciler.core.kind import Kind
from reconciler.core.resources import Lifecycle
from reconciler.core.shapes import MapOf, Struct
from reconciler.core.suggest import suggestion
from reconciler.core.types import describe
from reconciler.core.values import Value
from reconciler.specfiles import codes
from reconciler.specfiles.findings import Findings
from reconciler.specfiles.places import Places

FIELDS: Mapping[str, str] = {
    "adopt": "Take over the existing object with this Stripe id.",
    "protect": "Refuse every plan that would retire or replace it, even when its block is gone.",
    "ignore": "Fields that somebody else may change: they are used at the creation and never compared again.",
}
NONE = Lifecycle()
_PART = re.compile(r"(\w+)(?:\.(.+)|\[([^\[\]]+)\])")


def take_lifecycle(body: dict[str, Value], kind: Kind, places: Places, findings: Findings) -> Lifecycle:
    """Take the lifecycle fields off a body; what is wrong with them is reported."""
    if FIELDS.keys().isdisjoint(body):
        return NONE
    adopt, protect, ignore = (body.pop(name, None) for name in FIELDS)
    if adopt is not None and (not isinstance(adopt, str) or not adopt):
        _report(findings, places, "adopt", f"adopt: expected the id of an object in Stripe, found {describe(adopt)}")
        adopt = None
    if protect is not None and not isinstance(protect, bool):
        _report(findings, places, "protect", f"protect: expected true or false, found {describe(protect)}")
    names: list[str] = []
    if isinstance(ignore, list):
        names = [_ignored(name, n, kind, places, findings) for n, name in enumerate(ignore)]
    elif ignore is not None:
        _report(findings, places, "ignore", f"ignore: expected a list of fields, found {describe(ignore)}")
    return Lifecycle(adopt=adopt, protect=protect is True, ignore=tuple(sorted(set(names))))


def _report(findings: Findings, places: Places, name: str, summary: str) -> None:
    findings.report(codes.LIFECYCLE, summary, places.value_at((name,)))


def _ignored(name: Value, index: int, kind: Kind, places: Places, findings: Findings) -> str:
    """Turn `metadata.tier` into the attribute `metadata[tier]`, and check that there is such a field."""
    at = places.nearest(("ignore", index))
    if not isinstance(name, str):
        findings.report(codes.LIFECYCLE, f"ignore: expected the name of a field, found {describe(name)}", at)
        return ""
    fields = {spelled: f for f in kind.body.fields for spelled in (f.name, f.twin) if spelled}
    if name in fields:
        return fields[name].name
    parts = _PART.fullmatch(name)
    if parts is not None and parts[1] in fields:
        field, part = fields[parts[1]], parts[2] or parts[3]
        if _has_part(field, part):
            return f"{field.name}[{part}]"
        findings.report(codes.LIFECYCLE, f"ignore: {part} is no part of {field.name} that can be ignored by itself", at)
        return ""
    near = suggestion(name, fields)
    findings.report(codes.LIFECYCLE, f"ignore: a {kind.name} has no field {name}", at, near)
    return ""


def _has_part(field: Field, part: str) -> bool:
    if not field.split:
        return False
    match field.type:
        case MapOf(key_pattern=pattern, reserved=reserved):
            return re.fullmatch(pattern, part) is not None and not (reserved and part.startswith(reserved))
        case Struct(fields=fields):
            return any(part == below.name for below in fields)
        case _:
            return False
