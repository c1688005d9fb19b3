"""The rows of migrations as a plan would leave them, without the rest of a plan: for whoever asks how rows stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.core.diagnostics import Diagnostic
from reconciler.core.migration_facts import AccountFacts
from reconciler.core.migration_plan import PlannedRow, plan_migrations
from reconciler.core.migrations import Migration
from reconciler.core.planner import Draft, Planner
from reconciler.core.resources import Specs
from reconciler.core.suggest import suggestion
from reconciler.engine.look import RefreshMode, Seen, look
from reconciler.engine.make_plan import PlanOptions, checked, looking, migration_request, plan_request
from reconciler.engine.migrations import look_at_migrations
from reconciler.engine.outside import Outside
from reconciler.errors import BillplanError


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsSeen:
    """What was seen: `planned` are all declared rows, `draft` is the migrations' part of a plan, `as_of` how old the
    oldest part is that came from the mirror (epoch seconds, UTC), None where all is live."""

    seen: Seen
    facts: AccountFacts
    planned: tuple[PlannedRow, ...]
    draft: Draft
    as_of: int | None
    notes: tuple[Diagnostic, ...] = ()


def look_at_rows(specs: Specs, outside: Outside, options: PlanOptions, also: Sequence[str] = ()) -> RowsSeen:
    """See how the rows of all migrations stand; `also` are types that are wanted from the mirror besides. Raises
    SpecError, WrongTarget and RemoteError as a plan does."""
    outside = looking(outside, specs, also)
    desired = checked(specs, outside.kinds, options.pins.project)
    declared = {d.address.kind for d in desired} | {r.address.kind for r in specs.removed}
    seen = look(outside, options.pins, options.refresh, declared)
    planner = Planner(desired, seen.snapshot, outside.kinds, plan_request(specs, options))
    planner.draft()
    found = look_at_migrations(outside, specs, seen, planner, offline=options.refresh is RefreshMode.NONE, asked=True)
    if found.facts is None:
        raise undeclared()
    made = plan_migrations(specs.migrations, found.facts, migration_request(specs, planner))
    ages = [age for age in (seen.mirror_as_of, found.as_of) if age is not None]
    return RowsSeen(
        seen=seen,
        facts=found.facts,
        planned=made.planned,
        draft=made.draft,
        as_of=min(ages, default=None),
        notes=found.notes,
    )


def chosen(specs: Specs, names: Sequence[str]) -> tuple[Migration, ...]:
    """Find the migrations that are asked for, all without names; raise BillplanError where there is none of a name."""
    declared = {one.name: one for one in specs.migrations.migrations}
    if not declared:
        raise undeclared()
    for name in names:
        if name not in declared:
            hint = suggestion(name, declared) or f"there are: {', '.join(declared)}"
            raise BillplanError(f"no migration {name!r} is declared", hint=hint)
    return tuple(one for name, one in declared.items() if not names or name in names)


def undeclared() -> BillplanError:
    """Say that there is nothing to speak of."""
    hint = "subscription_migrations: {NAME: {csv: migrations/rows.csv, key: metadata.third_party_sub_id}}"
    return BillplanError("the specs declare no subscription migrations", hint=hint)
