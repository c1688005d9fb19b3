"""What a load has found wrong so far."""

from __future__ import annotations

from reconciler.core.diagnostics import Diagnostic, SourceRange


class Findings(list[Diagnostic]):
    """Collects diagnostics, so that one run reports everything."""

    def report(self, code: str, summary: str, source: SourceRange | None, hint: str = "") -> None:
        self.append(Diagnostic(code=code, summary=summary, source=source, hint=hint))
