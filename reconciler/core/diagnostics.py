"""What is wrong with a spec, where, and how to mend it. Collected, never raised one by one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.core.address import Address


class Severity(StrEnum):
    """An error stops the run; a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class SourceRange:
    """A place in a file; line and column count from 1."""

    path: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One finding. `code` is stable (BP1203), `hint` is the exact way out."""

    code: str
    summary: str
    severity: Severity = Severity.ERROR
    detail: str = ""
    address: Address | None = None
    source: SourceRange | None = None
    hint: str = ""


def in_order(diagnostics: list[Diagnostic]) -> list[Diagnostic]:
    """Sort by file, line and column; what has no place comes last."""
    nowhere = SourceRange("\U0010ffff", 0, 0)
    return sorted(diagnostics, key=lambda d: (d.source or nowhere, d.code, d.summary))
