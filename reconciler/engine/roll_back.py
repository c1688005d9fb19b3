"""Rolls a migration back at once: a plan as if its block said `state: canceled`, of what was asked for and no more."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reconciler.core.diagnostics import SourceRange
from reconciler.core.migration_sums import sum_migrations
from reconciler.core.migrations import Migration, WantedMigrations, row_address
from reconciler.core.plan import Plan
from reconciler.core.planner import Draft
from reconciler.core.resources import Specs
from reconciler.core.roll_back import RollBackScope, RollBackView, cancels, rolled_back
from reconciler.core.suggest import suggestion
from reconciler.engine.make_plan import PlanOptions, pinned, plan_of
from reconciler.engine.migration_rows import RowsSeen, look_at_rows
from reconciler.engine.outside import Outside
from reconciler.errors import BillplanError

# Where a migration would be declared that no block declares any more.
_NO_BLOCK = SourceRange("billplan.yaml", 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RollBack:
    """A plan that cancels what has not started, and what it comes to."""

    plan: Plan
    view: RollBackView


def plan_roll_back(specs: Specs, outside: Outside, options: PlanOptions, scope: RollBackScope) -> RollBack:
    """Plan a roll back; raise BillplanError for a batch or a row that the migration does not have.

    Of a block that is declared no more, what carries its marker is rolled back.
    """
    blocks = specs.migrations.migrations
    if all(one.name != scope.migration for one in blocks):
        blocks = (*blocks, Migration(name=scope.migration, source=_NO_BLOCK))
    rolled = tuple(replace(one, canceled=True) if one.name == scope.migration else one for one in blocks)
    # What leaves by itself is for a plan of all, and no part of this.
    meant_specs = replace(specs, migrations=WantedMigrations(migrations=rolled), removed=())
    found = look_at_rows(meant_specs, outside, options)
    rows = tuple(one for one in found.planned if scope.takes(one))
    changes = cancels(found.draft.changes, scope, rows)
    _check(scope, found)
    addresses = {change.address for change in changes}
    draft = Draft(
        changes=changes,
        steps=tuple(step for step in found.draft.steps if step.address in addresses),
        drift=(),
        unmanaged={},
        unchanged=0,
        owned=found.draft.owned,
    )
    seen = replace(found.seen, mirror_as_of=found.as_of)
    money = sum_migrations(rows, changes, found.facts.payers)
    plan = plan_of(draft, specs, outside, options, seen, money)
    return RollBack(plan=pinned(replace(plan, complete=False), found.facts), view=rolled_back(rows, changes))


def _check(scope: RollBackScope, found: RowsSeen) -> None:
    """Raise for a batch or a key that nothing has: a plan without it would look like one with nothing to do."""
    own = [one for one in found.planned if one.migration.name == scope.migration]
    if scope.batch is not None:
        batches = (
            dict.fromkeys([*(b.name for b in own[0].migration.batches), *(one.batch for one in own)]) if own else {}
        )
        if scope.batch not in batches:
            known = [name for name in batches if name]
            hint = suggestion(scope.batch, known) or f"there are: {', '.join(known) or 'none'}"
            raise BillplanError(f"{scope.migration} has no batch {scope.batch!r}", hint=hint)
    keys = {one.row.key for one in own}
    for key in sorted(scope.keys):
        # A row that is declared no more is known by what it left in the account.
        if key not in keys and row_address(scope.migration, key) not in found.facts.holdings.by_address:
            hint = suggestion(key, keys) or "a key is what the column of key: says of a row"
            raise BillplanError(f"{scope.migration} has no row {key!r}", hint=hint)
