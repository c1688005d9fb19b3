"""The plan as a person reads it in a terminal: where it goes, what moves money, what cannot be undone."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.changes import Action, Change
from reconciler.core.diagnostics import Severity, in_order
from reconciler.core.fields import ChangeClass
from reconciler.core.plan import Plan
from reconciler.views import outline
from reconciler.views.diagnostics import write_diagnostic
from reconciler.views.differences import Row, drift_rows, rows_of
from reconciler.views.migrations import row_words, write_migration
from reconciler.views.notation import Notation
from reconciler.views.outline import Batch, Kinds, Limits, Section, counted
from reconciler.views.page import Page, Part
from reconciler.views.product_use import write_use

_CLASS_STYLES: Mapping[ChangeClass, str] = {
    ChangeClass.IRREVERSIBLE: "bold white on red",
    ChangeClass.MONEY: "bold black on yellow",
    ChangeClass.ENTITLEMENT: "bold cyan",
    ChangeClass.COSMETIC: "bold",
}
_ACTION_STYLES: Mapping[Action, str] = {
    Action.CREATE: "bold green",
    Action.UPDATE: "bold yellow",
    Action.REPLACE: "bold magenta",
    Action.RETIRE: "bold red",
    Action.ADOPT: "bold cyan",
    Action.REFUSED: "bold red",
    Action.NOOP: "",
}
_MARK_STYLES = {"+": "green", "-": "red", " ": ""}
_ALARM, _QUIET = "bold white on red", "dim"
_BODY = 8


def render_text(plan: Plan, kinds: Kinds, *, color: bool, width: int, emails: bool = False) -> str:
    """Write a plan for a terminal of so many columns. E-mail addresses are redacted unless asked for."""
    return _PlanText(plan, kinds, Page(color=color, width=width), emails).render()


class _PlanText:
    """Writes one plan onto one page, and is used once."""

    def __init__(self, plan: Plan, kinds: Kinds, page: Page, emails: bool) -> None:
        self.plan = plan
        self.kinds = kinds
        self.page = page
        self.notation: Notation = outline.notation_of(plan, emails=emails)
        self.limits = Limits()

    def render(self) -> str:
        self._target()
        self._glance()
        for money in self.plan.migrations:
            write_migration(self.page, money, self.plan.header.created_at, self.notation.plain)
        for section in outline.sections(self.plan, self.limits):
            self._section(section)
        self._drift()
        self._warnings()
        self._final()
        self._refused()
        self._refusals()
        if self.plan.product_use is not None:
            write_use(self.page, self.plan.product_use, outline.SEE_ALL)
        self._end()
        return self.page.text()

    def _target(self) -> None:
        header, plain = self.plan.header, self.notation.plain
        mode: Part = ("*** LIVE MODE: REAL MONEY ***", _ALARM) if header.livemode else ("TEST MODE", "bold green")
        self.page.line(mode, "  account ", (plain(header.account), "bold"))
        where: list[Part] = ["project ", (plain(header.project), "bold")]
        if header.environment:
            where += [", environment ", (plain(header.environment), "bold")]
        self.page.line(*where)
        self.page.line((outline.made(self.plan), _QUIET))

    def _glance(self) -> None:
        lines = outline.glance(self.plan)
        if lines:
            self.page.gap()
        for change_class, text in lines:
            style = _ALARM if change_class is None else _CLASS_STYLES[change_class].replace("bold ", "")
            loud = change_class in (None, ChangeClass.IRREVERSIBLE, ChangeClass.MONEY)
            self.page.line((f"{'>>' if loud else '  '} ", "bold"), (text, style if loud else ""), indent=2)

    def _section(self, section: Section) -> None:
        name = section.change_class.value.upper()
        self.page.gap()
        self.page.line(
            (f"== {name} ==", _CLASS_STYLES[section.change_class]),
            f" {counted(section.count, 'change')}: {outline.MEANINGS[section.change_class]}",
        )
        for batch in section.batches:
            self._batch(batch)

    def _batch(self, batch: Batch) -> None:
        for number, change in enumerate(batch.shown):
            if not number or not row_words(change):
                self.page.gap()
            self._change(change)
        if batch.hidden:
            self.page.gap()
            self._more(f"... and {batch.hidden:,} more {batch.what}")

    def _more(self, what: str) -> None:
        self.page.line((what, "bold"), f"; to see them all: {outline.SEE_ALL}", indent=2)

    def _head(self, change: Change, *rest: Part) -> None:
        style = _ACTION_STYLES[change.action]
        parts: list[Part] = [(f"{outline.SYMBOLS[change.action]:<3} {outline.verb(change)} ", style)]
        parts.append((self.notation.address(change.address), "bold"))
        if change.remote_id is not None:
            parts.append((f"  {self.notation.plain(change.remote_id)}", _QUIET))
        self.page.line(*parts, *rest, indent=2, hang=4)

    def _change(self, change: Change) -> None:
        place, words = self._place(change), row_words(change)
        if words:
            self._head(change, f"  {self.notation.plain(words)}", (place, _QUIET))
            return
        self._head(change)
        if change.reason or place:
            self.page.line(self.notation.plain(change.reason), (place, _QUIET), indent=_BODY - 2)
        self._rows(rows_of(change, self.kinds.get(change.address.kind), self.notation))
        for note in change.notes:
            self.page.line("note: ", self.notation.plain(note), indent=_BODY)
        if change.irreversible:
            final = f"CANNOT BE UNDONE: {self.notation.plain(change.irreversible)}"
            self.page.gap()
            self.page.line((final, _ALARM), indent=_BODY)

    def _place(self, change: Change) -> str:
        return "" if change.source is None else f"  [{self.notation.plain(str(change.source))}]"

    def _rows(self, rows: list[Row]) -> None:
        widest = max((len(r.name) for r in rows if not r.lines and len(r.name) <= 32), default=0)
        for row in rows:
            if row.lines or self._too_long(row):
                self._list(row)
            else:
                self.page.line(*_row(row, widest), indent=_BODY, hang=4)

    def _too_long(self, row: Row) -> bool:
        """Say whether two values are too long to be compared side by side."""
        return row.before is not None and len(row.name + row.before + row.after) + 6 > self.page.room(_BODY)

    def _list(self, row: Row) -> None:
        forced: Part = ("  forces replacement", "bold magenta") if row.forces else ""
        remark = f"  ({row.remark})" if row.remark else ""
        self.page.line(f"{row.name}:", forced, remark, indent=_BODY)
        for mark, line in row.lines or (("-", str(row.before)), ("+", row.after)):
            self.page.line((f"{mark} {line}", _MARK_STYLES[mark]), indent=_BODY + 2, hang=4)

    def _drift(self) -> None:
        drift = self.plan.drift
        if not drift:
            return
        shown = self.limits.cut(len(drift))
        changes = {c.address: c for c in self.plan.changes}
        self.page.gap()
        self.page.line((f"Changed outside billplan ({counted(len(drift), 'field')})", "bold yellow"))
        self.page.line(("as last applied -> as it is now", _QUIET), indent=2)
        last = None
        for one in drift[:shown]:
            if one.address != last:
                self.page.gap()
                head = (f"  {self.notation.plain(one.remote_id)}", _QUIET)
                self.page.line((self.notation.address(one.address), "bold"), head, indent=2)
                last = one.address
            kind = self.kinds.get(one.address.kind)
            self._rows(drift_rows(one, changes.get(one.address), kind, self.notation))
        if shown < len(drift):
            self._more(f"... and {len(drift) - shown:,} more fields")

    def _warnings(self) -> None:
        found = in_order(list(self.plan.diagnostics))
        for severity, title in ((Severity.ERROR, "Errors"), (Severity.WARNING, "Warnings")):
            of_severity = [d for d in found if d.severity is severity]
            if not of_severity:
                continue
            self.page.gap()
            self.page.line((f"{title} ({len(of_severity):,})", "bold"))
            shown = self.limits.cut(len(of_severity))
            for one in of_severity[:shown]:
                write_diagnostic(self.page, one, emails=self.notation.emails, indent=2)
            if shown < len(of_severity):
                self._more(f"... and {len(of_severity) - shown:,} more")

    def _final(self) -> None:
        final = outline.final_changes(self.plan)
        if not final:
            return
        self.page.gap()
        self.page.line((f"What cannot be undone ({len(final):,})", _ALARM))
        shown = self.limits.cut(len(final))
        for change in final[:shown]:
            address = self.notation.address(change.address)
            self.page.line((f"{outline.verb(change)} {address}", "bold"), indent=2)
            self.page.line(self.notation.plain(change.irreversible), indent=6)
        if shown < len(final):
            self._more(f"... and {len(final) - shown:,} more")

    def _refused(self) -> None:
        changes = outline.refused(self.plan)
        if not changes:
            return
        self.page.gap()
        self.page.line((f"== REFUSED == {counted(len(changes), 'change')}", _ALARM))
        for batch in outline.batches(changes, self.limits):
            for change in batch.shown:
                self._refused_change(change)
            if batch.hidden:
                self._more(f"... and {batch.hidden:,} more of {batch.what.split()[0]}")

    def _refused_change(self, change: Change) -> None:
        self.page.gap()
        self._head(change)
        why = self.notation.plain(change.refused or change.reason)
        self.page.line(("why: ", "bold"), why, (self._place(change), _QUIET), indent=6)
        if change.hint:
            self.page.line(("way out: ", "bold"), self.notation.plain(change.hint), indent=6)
        self._rows(rows_of(change, self.kinds.get(change.address.kind), self.notation))
        for note in change.notes:
            self.page.line("note: ", self.notation.plain(note), indent=_BODY)

    def _refusals(self) -> None:
        if not self.plan.refusals:
            return
        self.page.gap()
        self.page.line(("Guards refuse this plan", _ALARM))
        shown = self.limits.cut_refused(len(self.plan.refusals))
        for refusal in self.plan.refusals[:shown]:
            self.page.line(("! ", "bold red"), self.notation.plain(refusal), indent=2)
        if shown < len(self.plan.refusals):
            self._more(f"... and {len(self.plan.refusals) - shown:,} more refusals")

    def _end(self) -> None:
        self.page.gap()
        if self.plan.unmanaged:
            self.page.line((self.notation.plain(outline.unmanaged(self.plan, self.kinds)), _QUIET))
        if not self.plan.complete:
            self.page.line((outline.PARTIAL, "bold yellow"))
        if self.plan.empty:
            nothing = outline.NOTHING if self.plan.complete else outline.NOTHING_PARTIAL
            self.page.line((nothing, "bold green"), f" {self.plan.summary['noop']:,} unchanged.")
            return
        self.page.line((outline.summary_line(self.plan), "bold"))
        self._target_again()

    def _target_again(self) -> None:
        """Say once more where it goes: in a long plan the first lines have left the screen."""
        header = self.plan.header
        account = self.notation.plain(header.account)
        if not self.plan.applicable:
            rest = bool(self.plan.steps) and not self.plan.refusals
            way_out = (
                "as it is; apply --skip-invalid applies what is not refused." if rest else "and cannot be applied."
            )
            self.page.line((f"This plan is refused {way_out}", _ALARM))
        elif header.livemode:
            self.page.line(("*** LIVE MODE: REAL MONEY ***", _ALARM), f"  account {account}")
        else:
            self.page.line(("TEST MODE", "bold green"), f"  account {account}")


def _row(row: Row, widest: int) -> list[Part]:
    strong = "bold" if row.money else ""
    parts: list[Part] = [f"{row.name}: ".ljust(widest + 2)]
    if row.before is not None:
        parts += [(row.before, "red"), " -> "]
    parts.append((row.after, f"{strong} green".strip() if row.before is not None else strong))
    if row.remark:
        parts.append((f"  ({row.remark})", strong))
    if row.forces:
        parts.append(("  forces replacement", "bold magenta"))
    return parts
