"""The limits that a plan must keep to, as a project declares them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.core.changes import Action, Change
from reconciler.core.fields import ChangeClass


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """Counts and percentages above which a plan is refused; None means no limit.

    Percentages are of the live resources of one kind. `by_kind` holds limits for single kinds, under the names that the
    fields have here, which go before the general ones. `allow` lists `class:address-glob` of changes that need no flag.
    """

    max_changes: int | None = None
    max_creates: int | None = None
    max_updates: int | None = None
    max_replaces: int | None = None
    max_retires: int | None = None
    max_retire_percent: int | None = 30
    max_update_percent: int | None = None
    by_kind: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    allow: tuple[str, ...] = ()


# Below so many live resources of a kind a percentage says nothing.
MIN_FOR_PERCENT = 10

_COUNTED = {
    "max_creates": (Action.CREATE,),
    "max_updates": (Action.UPDATE, Action.ADOPT),
    "max_replaces": (Action.REPLACE,),
    "max_retires": (Action.RETIRE,),
}
_PERCENT = {"max_retire_percent": (Action.RETIRE, Action.REPLACE), "max_update_percent": (Action.UPDATE, Action.ADOPT)}


def refusals(changes: Sequence[Change], owned: Mapping[str, int], guards: Guards) -> tuple[str, ...]:
    """List what the guards refuse, each with the numbers and the exact way out. `owned` counts live ones by kind."""
    acting = [c for c in changes if c.action not in (Action.NOOP, Action.REFUSED)]
    by_kind = tuple(_by_kind(acting, owned, guards))
    # Where a kind says it already, the whole need not say it again.
    of_all = () if any("%" in words for words in by_kind) else _percent_of_all(acting, owned, guards)
    return (*_too_many(acting, guards), *by_kind, *of_all, *_irreversible(acting, guards))


def _counts_as(change: Change) -> Action:
    """Name the action that a change counts as: what is set inactive is retired, whatever block says so."""
    ended = any(d.name == "active" and d.after is False for d in change.diffs)
    return Action.RETIRE if change.action is Action.UPDATE and ended else change.action


def _too_many(acting: Sequence[Change], guards: Guards) -> Iterator[str]:
    if guards.max_changes is not None and len(acting) > guards.max_changes:
        yield (
            f"{len(acting)} changes are over guards.max_changes: {guards.max_changes}; "
            f"if they are meant: --max-changes {len(acting)}"
        )
    for name, actions in _COUNTED.items():
        limit, count = getattr(guards, name), sum(_counts_as(c) in actions for c in acting)
        if limit is not None and count > limit:
            yield _over(count, f"guards.{name}", limit)


def _over(count: int, name: str, limit: int) -> str:
    return f"{count} are over {name}: {limit}; if they are meant, raise it to {count} in billplan.yaml"


def _by_kind(acting: Sequence[Change], owned: Mapping[str, int], guards: Guards) -> Iterator[str]:
    counts = Counter((c.address.kind, _counts_as(c)) for c in acting)
    for kind in sorted({c.address.kind for c in acting}):
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


def _percent_of_all(acting: Sequence[Change], owned: Mapping[str, int], guards: Guards) -> Iterator[str]:
    """Apply the percentages to all kinds together: a small catalogue must not be wiped out kind by kind."""
    for name, actions in _PERCENT.items():
        # A kind with a limit of its own has been judged by that.
        own = {kind for kind, limits in guards.by_kind.items() if name in limits}
        total = sum(count for kind, count in owned.items() if kind not in own)
        limit, count = (
            getattr(guards, name),
            sum(_counts_as(c) in actions and c.address.kind not in own for c in acting),
        )
        if limit is not None and total >= MIN_FOR_PERCENT and count * 100 > limit * total:
            yield _over_percent(count, total, "resources", f"guards.{name}", limit)


def _percent(name: str, kind: str, count: int, limits: tuple[int, Guards]) -> Iterator[str]:
    total, guards = limits
    own = guards.by_kind.get(kind, {})
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
