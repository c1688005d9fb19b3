"""From a spec as loaded to a resource as desired: types, names, rules across fields, references."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.attrs import flatten, leaf
from reconciler.core.diagnostics import Diagnostic
from reconciler.core.fields import Problem, Problems
from reconciler.core.kind import Kind
from reconciler.core.resources import Desired, Spec
from reconciler.core.types import Text
from reconciler.core.values import Attrs


def desire(spec: Spec, kind: Kind, project: str) -> tuple[Desired | None, list[Diagnostic]]:
    """Check one spec by itself. Returns None with at least one diagnostic where it does not hold."""
    problems = Problems()
    if not isinstance(spec.body, Mapping):
        problems.report((), "BP1204", f"{spec.address} needs a mapping of fields")
        return None, [_diagnostic(spec, p) for p in problems]
    kind.body.check_names(spec.body, (), problems)
    declared = kind.body.parse_declared(spec.body, (), problems)
    if not problems:
        attrs = flatten(kind.body, declared)
        if any(f.name == "active" for f in kind.body.fields):
            attrs.setdefault("active", True)
        problems.extend(kind.check(attrs))
        problems.extend(_check_key(spec, kind, attrs, project))
        problems.extend(_check_home(spec, kind))
    if problems:
        return None, [_diagnostic(spec, p) for p in problems]
    depends = {a: None for n, v in attrs.items() if not leaf(kind.body, n).deferred for a in kind.named_in(n, v)}
    desired = Desired(
        address=spec.address, attrs=attrs, lifecycle=spec.lifecycle, source=spec.source, depends_on=tuple(depends)
    )
    return desired, []


def key_at_creation(desired: Desired, kind: Kind, project: str) -> str | None:
    """Name the natural key that a new object gets: as declared, else `<project>-<name>` if the kind has a default.

    Of what lives in the store, where each project has its own shelf, it is the name itself.
    """
    if kind.natural_key is None:
        return None
    if kind.name_rule is not None:
        return desired.address.name
    declared = desired.attrs.get(kind.natural_key)
    if declared is not None:
        return str(declared)
    return f"{project}-{desired.address.name}" if kind.default_key else None


def _check_key(spec: Spec, kind: Kind, attrs: Attrs, project: str) -> list[Problem]:
    if not kind.default_key or kind.natural_key is None or kind.natural_key in attrs:
        return []
    key, rule = f"{project}-{spec.address.name}", leaf(kind.body, kind.natural_key).type
    found = Problems()
    rule.parse(key, (), found)
    if not found or not isinstance(rule, Text):
        return []
    hint = f"declare {kind.natural_key}: with a value that fits"
    return [
        Problem(path=(), code="BP1207", summary=f"the default {kind.natural_key} {key!r} cannot be used", hint=hint)
    ]


def _check_home(spec: Spec, kind: Kind) -> list[Problem]:
    """Check what only holds of kinds that live in the store: their name is their id, and nobody else makes them."""
    if kind.name_rule is None:
        return []
    found, wrong = [], Problems()
    kind.name_rule.parse(spec.address.name, (), wrong)
    if wrong:
        summary = f"{spec.address.name!r} cannot be the name of a {kind.name}"
        found.append(Problem(path=(), code="BP1207", summary=summary, hint=f"take {kind.name_rule.what}"))
    if spec.lifecycle.adopt is not None:
        summary = f"adopt: a {kind.name} lives in billplan's own store, where there is nothing to take over"
        found.append(Problem(path=("adopt",), code="BP1210", summary=summary, hint="take adopt: out"))
    return found


def _diagnostic(spec: Spec, problem: Problem) -> Diagnostic:
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem.path).lstrip(".")
    named = not problem.path or str(problem.path[-1]) in problem.summary
    return Diagnostic(
        code=problem.code,
        summary=problem.summary if named else f"{where}: {problem.summary}",
        address=spec.address,
        source=spec.place(problem.path),
        hint=problem.hint,
    )
