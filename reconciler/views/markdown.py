"""The plan as a comment on a pull request: the same content, harmless as markdown, and never longer than a comment."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.core.changes import Action, Change, Drift
from reconciler.core.diagnostics import Diagnostic, Severity, in_order
from reconciler.core.fields import ChangeClass
from reconciler.core.migration_money import MigrationMoney
from reconciler.core.plan import Plan
from reconciler.core.product_use import ProductUse
from reconciler.views import outline
from reconciler.views.differences import Row, drift_rows, rows_of
from reconciler.views.migrations import Table, heading, row_words, tables
from reconciler.views.notation import Notation
from reconciler.views.outline import Kinds, Limits, counted
from reconciler.views.product_use import TITLE, hidden, left_out, use_rows

# GitHub takes 65,536 characters; what a workflow adds around the comment has to fit as well.
LONGEST = 60_000
_TAIL = 2_000
_PROSE, _VALUE, _LINES = 600, 120, 12
# There is never room for more; writing all of them first takes seconds where each row of a file has one.
_FINDINGS = 3_000
# Markdown reads punctuation inside raw HTML too, save where it is an entity; underscores count at ends of words only.
_CODE = str.maketrans({c: f"&#{ord(c)};" for c in "&<>|`*~[\\$"})
_TEXT: Mapping[int, str] = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "@<!-- -->", "#": "#<!-- -->"} | {c: f"\\{c}" for c in "\\`*[]|~$"}
)
_UNDERSCORE = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_ICONS: Mapping[ChangeClass, str] = {
    ChangeClass.IRREVERSIBLE: ":rotating_light:",
    ChangeClass.MONEY: ":moneybag:",
    ChangeClass.ENTITLEMENT: ":key:",
    ChangeClass.COSMETIC: ":art:",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A part of the comment: `blocks` are whole paragraphs, of which as many are taken as there is room for; `noun` is
    what they are counted as, empty where a count tells nothing."""

    title: str
    noun: str
    blocks: Sequence[str]
    hidden: int = 0
    folded: bool = False


def render_markdown(plan: Plan, kinds: Kinds, *, emails: bool = False) -> str:
    """Write a plan as markdown of at most 60,000 characters. E-mail addresses are redacted unless asked for."""
    return _PlanMarkdown(plan, kinds, emails).render()


class _PlanMarkdown:
    """Writes one plan, and is used once."""

    def __init__(self, plan: Plan, kinds: Kinds, emails: bool) -> None:
        self.plan = plan
        self.kinds = kinds
        self.notation: Notation = outline.notation_of(plan, emails=emails, limit=_VALUE)
        self.limits = Limits(most=100, refused=100)

    def render(self) -> str:
        head, tail = self._head(), self._tail()
        room = LONGEST - len(head) - len(tail) - _TAIL
        written: list[str] = []
        left_out: list[str] = []
        for part in self._parts():
            text = _fitted(part, room)
            if text:
                written.append(text)
                room -= len(text) + 1
            else:
                left_out.append(_titled(part))
        if left_out:
            more = f" and {len(left_out) - _LINES:,} more" if len(left_out) > _LINES else ""
            titles = ", ".join(left_out[:_LINES]) + more
            written.append(f"**Not shown for want of room:** {titles}. To see it all: {_code(outline.SEE_ALL)}\n")
        return "\n".join([head, *written, tail])

    def _parts(self) -> Iterator[_Part]:
        """List the parts in the order in which they get room: what stops the plan first."""
        if self.plan.refusals:
            refusals = [f"- {self._prose(r)}\n" for r in self.plan.refusals[: self.limits.refused]]
            hidden = len(self.plan.refusals) - len(refusals)
            yield _Part(title=":no_entry: Guards refuse this plan", noun="refusal", blocks=refusals, hidden=hidden)
        changes = outline.refused(self.plan)
        if changes:
            blocks, hidden = self._blocks(outline.batches(changes, self.limits))
            yield _Part(title=":no_entry: REFUSED", noun="change", blocks=blocks, hidden=hidden)
        yield from map(self._migration, self.plan.migrations)
        for number, section in enumerate(outline.sections(self.plan, self.limits)):
            # Money is never folded away, not even where something graver stands above it.
            folded = number > 0 and section.change_class.rank < ChangeClass.MONEY.rank
            blocks, hidden = self._blocks(section.batches)
            name = f"{_ICONS[section.change_class]} {section.change_class.value.upper()}"
            title = f"{name}: {outline.MEANINGS[section.change_class]}"
            yield _Part(title=title, noun="change", blocks=blocks, hidden=hidden, folded=folded)
        if self.plan.drift:
            shown = self.plan.drift[: self.limits.cut(len(self.plan.drift))]
            blocks = self._drift(shown)
            hidden = len(self.plan.drift) - len(shown)
            yield _Part(title="Changed outside billplan", noun="field", blocks=blocks, hidden=hidden, folded=True)
        if self.plan.diagnostics:
            found = [self._diagnostic(d) for d in in_order(list(self.plan.diagnostics))[:_FINDINGS]]
            hidden = len(self.plan.diagnostics) - len(found)
            folded = not self._errors()
            yield _Part(title="Errors and warnings", noun="finding", blocks=found, hidden=hidden, folded=folded)
        if self.plan.product_use is not None:
            yield self._use(self.plan.product_use)

    def _use(self, use: ProductUse) -> _Part:
        rows = [f"| {_code(r.count)} | {self._prose(r.mapping)} | {self._prose(r.product)} |" for r in use_rows(use)]
        lines = ["| count | mapping | product |", "|---|---|---|", *rows, ""]
        if hidden(use):
            lines += [f"... and {hidden(use):,} more products. To see them all: {_code(outline.SEE_ALL)}", ""]
        block = "\n".join([*lines, self._prose(left_out(use))]) + "\n"
        return _Part(title=TITLE, noun="table", blocks=[block], folded=True)

    def _migration(self, money: MigrationMoney) -> _Part:
        blocks = [self._money(table) for table in tables(money, self.plan.header.created_at)]
        return _Part(title=f":moneybag: {self._prose(heading(money))}", noun="", blocks=blocks)

    def _money(self, table: Table) -> str:
        lines = [f"**{self._prose(table.title)}**", "", *(f"- {self._prose(sentence)}" for sentence in table.lead)]
        lines += [""] if table.lead and table.rows else []
        if table.rows:
            # A column of remarks has no name, and is left out where there are none.
            shown = [at for at, name in enumerate(table.head) if name or any(row[at] for row in table.rows)]
            marks = ["---:" if at in table.right else "---" for at in shown]
            lines += [f"| {' | '.join(self._prose(table.head[at]) for at in shown)} |", f"|{'|'.join(marks)}|"]
            lines += [f"| {' | '.join(self._prose(row[at]) for at in shown)} |" for row in table.rows]
            lines.append("")
        lines += [f"- {self._prose(note)}" for note in table.notes]
        return "\n".join(lines).rstrip("\n") + "\n"

    def _errors(self) -> bool:
        return any(d.severity is Severity.ERROR for d in self.plan.diagnostics)

    def _head(self) -> str:
        header = self.plan.header
        marker = f"<!-- billplan:{_token(header.project)}:{_token(header.environment or '')} -->"
        mode = "> [!CAUTION]\n> **LIVE MODE: real money.**" if header.livemode else "> [!NOTE]\n> **Test mode.**"
        where = f"Account {self._code(header.account)}, project {self._code(header.project)}"
        where += f", environment {self._code(header.environment)}" if header.environment else ""
        lines = [marker, f"### {self._headline()}", "", f"{mode} {where}.", f"> {outline.made(self.plan)}", ""]
        for change_class, text in outline.glance(self.plan):
            lines.append(f"- {text}" if change_class is ChangeClass.COSMETIC else f"- **{text}**")
        return "\n".join(lines) + "\n"

    def _headline(self) -> str:
        if self.plan.empty:
            return "billplan: nothing to do"
        return "billplan plan" if self.plan.applicable else "billplan plan: REFUSED"

    def _tail(self) -> str:
        lines = []
        if self.plan.unmanaged:
            lines.append(self._prose(outline.unmanaged(self.plan, self.kinds)))
        if not self.plan.complete:
            lines.append(f"**{outline.PARTIAL}**")
        if self.plan.empty:
            nothing = outline.NOTHING if self.plan.complete else outline.NOTHING_PARTIAL
            lines.append(f"**{nothing}** {self.plan.summary['noop']:,} unchanged.")
        else:
            lines.append(f"**{outline.summary_line(self.plan)}**")
        return "\n\n".join(lines) + "\n"

    def _blocks(self, batches: Sequence[outline.Batch]) -> tuple[list[str], int]:
        return [self._change(c) for b in batches for c in b.shown], sum(b.hidden for b in batches)

    def _change(self, change: Change) -> str:
        symbol = outline.SYMBOLS[change.action]
        remote = "" if change.remote_id is None else f" {self._code(change.remote_id)}"
        place = "" if change.source is None else f" ({self._code(str(change.source))})"
        lines = [f"{_code(symbol)} **{outline.verb(change)}** {self._code(str(change.address))}{remote}  "]
        if words := row_words(change):
            return "\n".join([*lines, f"{self._prose(words)}{place}"]) + "\n"
        lines += [f"{self._prose(change.refused or change.reason)}{place}", ""]
        if change.hint:
            lines += [f"**Way out:** {self._prose(change.hint)}", ""]
        kind = self.kinds.get(change.address.kind)
        lines += _table(rows_of(change, kind, self.notation), ("now", "after"), change.action is Action.RETIRE)
        if change.irreversible:
            lines += [f"> **CANNOT BE UNDONE:** {self._prose(change.irreversible)}", ""]
        lines += [f"- note: {self._prose(note)}" for note in change.notes[:_LINES]]
        lines += [f"- and {len(change.notes) - _LINES:,} more notes"] if len(change.notes) > _LINES else []
        return "\n".join(lines).rstrip("\n") + "\n"

    def _drift(self, drift: Sequence[Drift]) -> list[str]:
        changes = {c.address: c for c in self.plan.changes}
        blocks = []
        for one in drift:
            rows = drift_rows(one, changes.get(one.address), self.kinds.get(one.address.kind), self.notation)
            head = f"{self._code(str(one.address))} {self._code(one.remote_id)}"
            blocks.append("\n".join([head, "", *_table(rows, ("as applied", "now"), False)]))
        return blocks

    def _diagnostic(self, diagnostic: Diagnostic) -> str:
        place = "" if diagnostic.source is None else f"{self._code(str(diagnostic.source))} "
        address = "" if diagnostic.address is None else f" ({self._code(str(diagnostic.address))})"
        what = f"**{diagnostic.severity.value} {self._prose(diagnostic.code)}**: {self._prose(diagnostic.summary)}"
        hint = f"<br>hint: {self._prose(diagnostic.hint)}" if diagnostic.hint else ""
        return f"- {place}{what}{address}{hint}\n"

    def _code(self, text: str) -> str:
        shown = self.notation.plain(text)
        return _code(shown if len(shown) <= _PROSE else f"{shown[:_PROSE]}...")

    def _prose(self, text: str) -> str:
        """Write a sentence so that nothing in it formats, links, mentions or opens a tag."""
        shown = self.notation.plain(text)
        shown = shown if len(shown) <= _PROSE else f"{shown[:_PROSE]}..."
        return _escaped(shown)


def _token(text: str) -> str:
    """Write a name for the marker, where nothing may end the comment or look like another name's marker."""
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else f"%{ord(c):x}" for c in text[:100])
    return safe.replace("--", "-%2d")


def _escaped(text: str) -> str:
    linkless = text.translate(_TEXT).replace("://", ":&#47;&#47;").replace("www.", "www&#46;")
    return _UNDERSCORE.sub(r"\\_", linkless)


def _code(text: str) -> str:
    return f"<code>{_UNDERSCORE.sub('&#95;', text.translate(_CODE))}</code>" if text else ""


def _titled(part: _Part) -> str:
    return f"{part.title} ({counted(len(part.blocks) + part.hidden, part.noun)})" if part.noun else part.title


def _fitted(part: _Part, room: int) -> str:
    """Write as many whole blocks as fit, and count the rest; nothing if there is no room for even one."""
    total = len(part.blocks) + part.hidden
    title = _titled(part)
    head = f"<details>\n<summary>{title}</summary>\n\n" if part.folded else f"#### {title}\n\n"
    foot = "\n</details>\n" if part.folded else ""
    room -= len(head) + len(foot) + 200
    taken: list[str] = []
    for block in part.blocks:
        room -= len(block) + 1
        if room < 0:
            break
        taken.append(block)
    if not taken:
        return ""
    rest = total - len(taken)
    more = f"\n**... and {rest:,} more.** To see them all: {_code(outline.SEE_ALL)}\n" if rest else ""
    return f"{head}{chr(10).join(taken)}{more}{foot}"


def _table(rows: Sequence[Row], titles: tuple[str, str], single: bool) -> list[str]:
    if not rows:
        return []
    compared = not single and any(r.before is not None or r.lines for r in rows)
    first, second = titles
    if not compared:
        return ["| field | value |", "|---|---|", *(f"| {_code(r.name)} | {_value(r)} |" for r in rows), ""]
    lines = [f"| field | {first} | {second} |", "|---|---|---|"]
    return [*lines, *(f"| {_code(r.name)} | {_before(r)} | {_value(r)} |" for r in rows), ""]


def _before(row: Row) -> str:
    if row.lines:
        return _joined([line for mark, line in row.lines if mark in "- "])
    return "" if row.before is None else _code(row.before)


def _value(row: Row) -> str:
    shown = _joined([line for mark, line in row.lines if mark in "+ "]) if row.lines else _code(row.after)
    remarks = [f"({_escaped(row.remark)})"] if row.remark else []
    remarks += ["**forces replacement**"] if row.forces else []
    bold = f"**{shown}**" if row.money and shown and not row.lines else shown
    return " ".join([bold, *remarks])


def _joined(lines: Sequence[str]) -> str:
    """Put the lines of a list into one cell; what is left out is counted."""
    shown = [_code(line) for line in lines[:_LINES]]
    return "<br>".join(shown + ([f"... and {len(lines) - _LINES:,} more"] if len(lines) > _LINES else []))
