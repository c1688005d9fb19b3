"""Variables: from `vars:` in billplan.yaml, the environment, files and the command line, the last one winning."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from reconciler.core.types import describe
from reconciler.core.values import Value
from reconciler.specfiles import codes
from reconciler.specfiles.findings import Findings
from reconciler.specfiles.project_schema import VARIABLE_NAME
from reconciler.specfiles.scalars import NumberOutOfRange, parse_plain
from reconciler.specfiles.yaml_text import Document, load_yaml, parse_yaml

_RULE = "a name has letters, digits and _, and no digit first"


def load_variables(files: Sequence[Path], given: Mapping[str, str], findings: Findings) -> dict[str, Value]:
    """Load the files of `--var-file`, in order, and put the texts of `--var` over them."""
    merged: dict[str, Value] = {}
    for path in files:
        document = load_yaml(path, path.as_posix())
        findings.extend(document.diagnostics)
        merged.update(_checked(document, findings))
    for name, text in given.items():
        if re.fullmatch(VARIABLE_NAME, name):
            merged[name] = _parse(name, text, findings)
        else:
            findings.report(codes.VARIABLE, f"--var: {name!r} is not a name", None, _RULE)
    return merged


def _checked(document: Document, findings: Findings) -> Mapping[str, Value]:
    value = document.value
    if value is None:
        return {}
    if not isinstance(value, dict):
        place = document.places.value_at(())
        findings.report(codes.VARIABLE, f"expected a mapping of variables, found {describe(value)}", place)
        return {}
    for name, one in value.items():
        if not re.fullmatch(VARIABLE_NAME, name):
            findings.report(codes.VARIABLE, f"{name!r} is not a name", document.places[(name,)], _RULE)
        elif not isinstance(one, str | int | Decimal):
            summary = f"the variable {name} is a text, a number or a boolean, found {describe(one)}"
            findings.report(codes.VARIABLE, summary, document.places.value_at((name,)))
    return value


def _parse(name: str, text: str, findings: Findings) -> Value:
    """Parse a value of `--var`: quoted, or else all of it as one plain scalar, whatever it holds."""
    if text[:1] in ("'", '"'):
        document = parse_yaml(text, f"--var {name}")
        if not document.diagnostics and isinstance(document.value, str):
            return document.value
        findings.report(codes.VARIABLE, f"--var {name}: the quotes do not hold one text", None)
        return text
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        findings.report(codes.VARIABLE, f"--var {name}: the value is not UTF-8", None)
    try:
        value = parse_plain(text)
    except NumberOutOfRange as error:
        findings.report(codes.VARIABLE, f"--var {name}: {error}", None, "quote it if it is a text")
        return text
    # There is no null in expressions; an empty value is an empty text.
    return text if value is None else value
