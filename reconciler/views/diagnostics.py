"""Findings in specs, written as compilers write them, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.core.diagnostics import Diagnostic, Severity, in_order
from reconciler.views.notation import Notation
from reconciler.views.outline import counted
from reconciler.views.page import Page, Part

# A finding is one line, however long: editors and CI read places from line starts, and wrap by themselves.
UNWRAPPED = 1_000_000
_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow"}


def write_diagnostic(page: Page, diagnostic: Diagnostic, *, emails: bool = False, indent: int = 0) -> None:
    """Write one finding: place, severity, code, what is wrong; below it details and the way out."""
    plain = Notation(emails=emails).plain
    place = "" if diagnostic.source is None else f"{diagnostic.source}: "
    address = "" if diagnostic.address is None else f" ({diagnostic.address})"
    severity: Part = (diagnostic.severity.value, _STYLES[diagnostic.severity])
    what = plain(f" {diagnostic.code}: {diagnostic.summary}{address}")
    page.line(plain(place), severity, what, indent=indent)
    for line in diagnostic.detail.splitlines():
        page.line(plain(line), indent=indent + 2)
    if diagnostic.hint:
        page.line(f"hint: {plain(diagnostic.hint)}", indent=indent + 2)


def render_diagnostics(diagnostics: Sequence[Diagnostic], *, color: bool, emails: bool = False) -> str:
    """Write all findings in the order of the files, and how many there are; nothing where there are none."""
    page = Page(color=color, width=UNWRAPPED)
    for diagnostic in in_order(list(diagnostics)):
        write_diagnostic(page, diagnostic, emails=emails)
    if diagnostics:
        page.gap()
        page.line((f"{tally(diagnostics)}.", "bold"))
    return page.text()


def tally(diagnostics: Sequence[Diagnostic]) -> str:
    """Count errors and warnings: `2 errors, 1 warning`."""
    counts = [(s, sum(1 for d in diagnostics if d.severity is s)) for s in Severity]
    return ", ".join(counted(n, s.value) for s, n in counts if n) or "no errors"
