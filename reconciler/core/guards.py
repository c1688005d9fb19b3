"""The limits that a plan must keep to, as a project declares them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from reconciler.core.changes import Action, Change
from reconciler.core.fields import ChangeClass
from reconciler.core.migration_money import MigrationMoney, totalled
from reconciler.core.migrations import KIND as MIGRATION
from reconciler.core.money import show_amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """Counts and percentages above which a plan is refused; None means no limit.

    Percentages are of the live resources of one kind. `by_kind` holds limits for single kinds, under the names that the
    fields have here, which go before the general ones. `allow` lists `class:address-glob` of changes that need no flag.
    Ceilings of money are in minor units by currency: `max_first_charges` of all first charges of a plan's migrations,
    `max_mrr_moved` of what the rows that it schedules or changes come to a month. Other currencies have no ceiling.
    """

    max_changes: int | None = None
    max_creates: int | None = None
    max_updates: int | None = None
    max_replaces: int | None = None
    max_retires: int | None = None
    max_retire_percent: int | None = 30
    max_update_percent: int | None = None
    max_first_charges: Mapping[str, int] = field(default_factory=dict)
    max_mrr_moved: Mapping[str, int] = field(default_factory=dict)
    by_kind: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    allow: tuple[str, ...] = ()


# How many changes there are of each kind and action.
_Counts: TypeAlias = Counter[tuple[str, Action]]

# So many refusals fit into one message; `billplan show PLAN --format json` has them all.
_TOLD = 200

# Below so many live resources of a kind a percentage says nothing.
MIN_FOR_PERCENT = 10

_COUNTED = {
    "max_creates": (Action.CREATE,),
    "max_updates": (Action.UPDATE, Action.ADOPT),
    "max_replaces": (Action.REPLACE,),
    "max_retires": (Action.RETIRE,),
}
_PERCENT = {"max_retire_percent": (Action.RETIRE, Action.REPLACE), "max_update_percent": (Action.UPDATE, Action.ADOPT)}

# Nothing of these leaves but by a declared word, as `state: canceled`, which means all of it.
_UNJUDGED = {"max_retire_percent": frozenset({MIGRATION})}


def refusals(
    changes: Sequence[Change], owned: Mapping[str, int], guards: Guards, migrations: Sequence[MigrationMoney] = ()
) -> tuple[str, ...]:
    """List what the guards refuse, each with the numbers and the exact way out. `owned` counts live ones by kind."""
    acting = [c for c in changes if c.action not in (Action.NOOP, Action.REFUSED)]
    counts: _Counts = Counter((c.address.kind, _counts_as(c)) for c in acting)
    by_kind = tuple(_by_kind(counts, owned, guards))
    # Where a kind says it already, the whole need not say it again.
    of_all = () if any("%" in words for words in by_kind) else _percent_of_all(counts, owned, guards)
    return (*_too_many(counts, guards), *by_kind, *of_all, *_money(migrations, guards), *_irreversible(acting, guards))


def briefly(words: Sequence[str]) -> list[str]:
    """Give what stands against a plan, as a message can hold it: the first 200, and how many more there are."""
    more = len(words) - _TOLD
    return [*words[:_TOLD], f"and {more:,} more"] if more > 0 else [*words]


def _counts_as(change: Change) -> Action:
    """Name the action that a change counts as: what is set inactive is retired, whatever block says so."""
    if change.action is not Action.UPDATE:
        return change.action
    ended = any(d.name == "active" and d.after is False for d in change.diffs)
    return Action.RETIRE if ended else Action.UPDATE


def _too_many(counts: _Counts, guards: Guards) -> Iterator[str]:
    total = counts.total()
    if guards.max_changes is not None and total > guards.max_changes:
        yield (
            f"{total} changes are over guards.max_changes: {guards.max_changes}; "
            f"if they are meant: --max-changes {total}"
        )
    for name, actions in _COUNTED.items():
        limit, count = getattr(guards, name), sum(n for (_, a), n in counts.items() if a in actions)
        if limit is not None and count > limit:
            yield _over(count, f"guards.{name}", limit)


def _over(count: int, name: str, limit: int) -> str:
    return f"{count} are over {name}: {limit}; if they are meant, raise it to {count} in billplan.yaml"


def _by_kind(counts: _Counts, owned: Mapping[str, int], guards: Guards) -> Iterator[str]:
    for kind in sorted({kind for kind, _ in counts}):
        own = guards.by_kind.get(kind, {})
        changes = sum(n for (k, _), n in counts.items() if k == kind)
        if "max_changes" in own and changes > own["max_changes"]:
            yield _over(changes, f"guards.kinds.{kind}.max_changes", own["max_changes"])
        for name, actions in _COUNTED.items():
            count = sum(counts[(kind, a)] for a in actions)
            if name in own and count > own[name]:
                yield _over(count, f"guards.kinds.{kind}.{name}", own[name])
        for name, actions in _PERCENT.items():
            yield from _percent(name, kind, sum(counts[(kind, a)] for a in actions), (owned.get(kind, 0), guards))


def _percent_of_all(counts: _Counts, owned: Mapping[str, int], guards: Guards) -> Iterator[str]:
    """Apply the percentages to all kinds together: a small catalogue must not be wiped out kind by kind."""
    for name, actions in _PERCENT.items():
        # A kind with a limit of its own has been judged by that.
        own = {kind for kind, limits in guards.by_kind.items() if name in limits}
        own |= _UNJUDGED.get(name, frozenset())
        total = sum(count for kind, count in owned.items() if kind not in own)
        limit, count = (
            getattr(guards, name),
            sum(n for (kind, action), n in counts.items() if action in actions and kind not in own),
        )
        if limit is not None and total >= MIN_FOR_PERCENT and count * 100 > limit * total:
            yield _over_percent(count, total, "resources", f"guards.{name}", limit)


def _percent(name: str, kind: str, count: int, limits: tuple[int, Guards]) -> Iterator[str]:
    total, guards = limits
    own = guards.by_kind.get(kind, {})
    if kind in _UNJUDGED.get(name, ()) and name not in own:
        return
    limit = own.get(name, getattr(guards, name))
    if limit is None or total < MIN_FOR_PERCENT or count * 100 <= limit * total:
        return
    place = f"guards.kinds.{kind}.{name}" if name in own else f"guards.{name}"
    yield _over_percent(count, total, f"{kind}s", place, limit)


def _over_percent(count: int, total: int, what: str, place: str, limit: int) -> str:
    needed, shown = -(-count * 100 // total), -(-count * 1000 // total) / 10
    return (
        f"{count} of {total} live {what} ({shown:g}%) are over {place}: {limit}; "
        f"if they are meant, raise it to {needed} in billplan.yaml"
    )


def _money(migrations: Sequence[MigrationMoney], guards: Guards) -> Iterator[str]:
    sums = (
        ("first charges of {} are", "max_first_charges", [total for one in migrations for total in one.first_charges]),
        ("moved revenue of {} a month is", "max_mrr_moved", [total for one in migrations for total in one.moved]),
    )
    for what, name, totals in sums:
        ceilings: Mapping[str, int] = getattr(guards, name)
        for total in totalled(totals):
            limit, currency = ceilings.get(total.currency), total.currency
            if limit is None or total.amount <= limit:
                continue
            unknown = f" (and what {total.unknown:,} rows use)" if total.unknown else ""
            yield (
                f"{what.format(show_amount(total.amount, currency) + unknown)} over guards.{name}.{currency}: {limit} "
                f"({show_amount(limit, currency)}); if they are meant, raise it to {total.amount} in billplan.yaml"
            )


def _irreversible(acting: Sequence[Change], guards: Guards) -> Iterator[str]:
    for change in acting:
        if change.change_class is ChangeClass.IRREVERSIBLE and not allowed(change, guards.allow):
            yield (
                f"{change.address} cannot be undone ({change.irreversible}); if it is meant: "
                f"--allow 'irreversible:{change.address}', or the same under guards.allow in billplan.yaml"
            )


def allowed(change: Change, allow: Sequence[str]) -> bool:
    """Say whether a `class:address-glob` names this change."""
    split = [a.partition(":") for a in allow]
    return any(c.lower() == change.change_class.value and change.address.matches(glob) for c, _, glob in split)
