"""What every view of a plan says in the same order and words: the gravest first, refusals last, and the counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.core.bindings import KIND as BINDING
from reconciler.core.changes import Action, Change
from reconciler.core.fields import ChangeClass
from reconciler.core.kind import Kind
from reconciler.core.migrations import KIND as MIGRATION
from reconciler.core.plan import Plan
from reconciler.core.plan_json import made_anew
from reconciler.core.types import show_moment
from reconciler.views.notation import Notation

Kinds = Mapping[str, Kind]

SEE_ALL = "billplan show PLAN --format json"
NOTHING = "Nothing to do. Stripe matches the specs."
NOTHING_PARTIAL = "Nothing to do in what this plan looked at."
PARTIAL = "This plan is partial: it was not made from all specs and kinds."

SYMBOLS: Mapping[Action, str] = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.REPLACE: "-/+",
    Action.RETIRE: "-",
    Action.ADOPT: "<-",
    Action.REFUSED: "!",
    Action.NOOP: " ",
}

MEANINGS: Mapping[ChangeClass, str] = {
    ChangeClass.IRREVERSIBLE: "cannot be undone once applied",
    ChangeClass.MONEY: "what customers pay, or are credited",
    ChangeClass.ENTITLEMENT: "what customers may use",
    ChangeClass.COSMETIC: "names, texts and marks; no money",
}

_GRAVEST_FIRST = tuple(reversed(ChangeClass))
# Kinds of thousands of rows that are all alike.
_BULK = frozenset({BINDING, MIGRATION})
# What touches existing objects comes before what is merely new.
_ACTION_ORDER = (Action.RETIRE, Action.REPLACE, Action.UPDATE, Action.ADOPT, Action.CREATE, Action.REFUSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Changes of one kind and action: those to show, and how many more there are."""

    shown: tuple[Change, ...]
    hidden: int
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """All changes of one class, in batches."""

    change_class: ChangeClass
    count: int
    batches: tuple[Batch, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Above how many changes alike only the first few are shown, of bulk resources sooner. What is refused has to be
    mended one by one, so of that there are many."""

    most: int = 200
    bulk: int = 50
    few: int = 20
    refused: int = 200

    def cut(self, total: int, kind: str = "") -> int:
        """Say how many of so many are shown, of a kind if there is one."""
        return self.few if total > (self.bulk if kind in _BULK else self.most) else total

    def cut_refused(self, total: int) -> int:
        """Say how many of so many refusals are shown."""
        return min(self.refused, total)


def sections(plan: Plan, limits: Limits) -> list[Section]:
    """Sort the changes that a plan makes into sections, the gravest class first."""
    found = []
    for change_class in _GRAVEST_FIRST:
        changes = [
            c for c in plan.changes if c.change_class is change_class and c.action not in (Action.NOOP, Action.REFUSED)
        ]
        if changes:
            found.append(Section(change_class=change_class, count=len(changes), batches=batches(changes, limits)))
    return found


def refused(plan: Plan) -> list[Change]:
    """List the changes that are refused."""
    return [c for c in plan.changes if c.action is Action.REFUSED]


def batches(changes: Iterable[Change], limits: Limits) -> tuple[Batch, ...]:
    """Put changes of one kind and action together, and cut what is too long to be read."""
    groups: dict[tuple[int, str], list[Change]] = {}
    for change in changes:
        order = _ACTION_ORDER.index(change.action) if change.action in _ACTION_ORDER else len(_ACTION_ORDER)
        groups.setdefault((order, change.address.kind), []).append(change)
    return tuple(_batch(kind, group, limits) for (_, kind), group in sorted(groups.items()))


def _batch(kind: str, group: list[Change], limits: Limits) -> Batch:
    total, refused = len(group), group[0].action is Action.REFUSED
    shown = limits.cut_refused(total) if refused else limits.cut(total, kind)
    return Batch(shown=tuple(group[:shown]), hidden=total - shown, what=f"{kind} to {verb(group[0])}")


def verb(change: Change) -> str:
    """Name what happens in the kind's own word: a price is archived, a coupon deleted."""
    match change.action:
        case Action.REPLACE:
            return "replace"
        case Action.REFUSED:
            return "refused"
        case Action.RETIRE:
            return change.verb or "archive"
        case _:
            return change.verb or change.action.value


def past(word: str) -> str:
    """Say that it happened: archived, deleted."""
    return f"{word}d" if word.endswith("e") else f"{word}ed"


def counted(count: int, noun: str, plural: str = "") -> str:
    """Count a noun: 1 change, 2 changes."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def notation_of(plan: Plan, *, emails: bool, limit: int = 160) -> Notation:
    """Make the notation for a plan's values."""
    return Notation(pending=made_anew(plan), emails=emails, limit=limit)


def summary_line(plan: Plan) -> str:
    """Say in one sentence what the plan does."""
    counts = plan.summary
    retired = Counter(verb(c) for c in plan.changes if c.action is Action.RETIRE) or Counter({"archive": 0})
    replaced = Counter(c.verb or "archive" for c in plan.changes if c.action is Action.REPLACE)
    replacing = f"{counts['replace']:,} to replace"
    if replaced:
        olds = ", ".join(f"{n:,} {past(word)}" for word, n in sorted(replaced.items()))
        replacing += f" ({counts['replace']:,} new, {olds})"
    parts = [f"{counts['create']:,} to create", f"{counts['update']:,} to update", replacing]
    parts += [f"{n:,} to {word}" for word, n in sorted(retired.items())]
    parts += [f"{counts['adopt']:,} to adopt"] if counts["adopt"] else []
    parts += [f"{counts['refused']:,} REFUSED"] if counts["refused"] else []
    calls = counted(len(plan.steps), "API call")
    return f"Plan: {', '.join(parts)}. {counts['noop']:,} unchanged. {calls}."


def unmanaged(plan: Plan, kinds: Kinds) -> str:
    """Say how much there is that nobody declared."""
    names = {k: kinds[k].plural if k in kinds else f"{k}s" for k in plan.unmanaged}
    counts = [counted(n, k, names[k]).replace("_", " ") for k, n in sorted(plan.unmanaged.items())]
    return f"Not managed by billplan, and left alone: {', '.join(counts)}."


def glance(plan: Plan) -> list[tuple[ChangeClass | None, str]]:
    """Say what matters before anything else is read; None stands for what keeps the plan from being applied."""
    lines: list[tuple[ChangeClass | None, str]] = []
    stopped = len(refused(plan)) + len(plan.refusals)
    if stopped:
        lines.append((None, f"CANNOT BE APPLIED: {counted(stopped, 'refusal')}, see below"))
    acting = [c for c in plan.changes if c.action not in (Action.NOOP, Action.REFUSED)]
    final = sum(1 for c in acting if c.irreversible or c.change_class is ChangeClass.IRREVERSIBLE)
    counts = Counter(c.change_class for c in acting)
    if final:
        lines.append((ChangeClass.IRREVERSIBLE, f"{counted(final, 'change')} CANNOT BE UNDONE"))
    if counts[ChangeClass.MONEY]:
        money = counts[ChangeClass.MONEY]
        lines.append((ChangeClass.MONEY, f"{counted(money, 'change')} {'moves' if money == 1 else 'move'} MONEY"))
    elif acting:
        lines.append((ChangeClass.COSMETIC, "no change is of class MONEY"))
    if counts[ChangeClass.ENTITLEMENT]:
        entitlement = counted(counts[ChangeClass.ENTITLEMENT], "change")
        lines.append((ChangeClass.ENTITLEMENT, f"{entitlement} of what customers may use (ENTITLEMENT)"))
    if counts[ChangeClass.COSMETIC]:
        lines.append((ChangeClass.COSMETIC, f"{counted(counts[ChangeClass.COSMETIC], 'cosmetic change')}"))
    return lines


def final_changes(plan: Plan) -> list[Change]:
    """List the changes that cannot be taken back."""
    return [c for c in plan.changes if c.irreversible and c.action is not Action.REFUSED]


def made(plan: Plan) -> str:
    """Say when the plan was made, how old what it saw was if it came from the mirror, and until when it holds."""
    header = plan.header
    seen = "" if header.mirror_as_of is None else f" from the mirror as of {show_moment(header.mirror_as_of)}"
    return f"made {show_moment(header.created_at)}{seen}, expires {show_moment(header.expires_at)}"
