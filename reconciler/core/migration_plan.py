"""The plan of subscription migrations: from declared rows and the account to changes and steps, linear in both. Pure.

Nothing is made twice: what carries a row's marker is the row, whatever it was sent as; what has its key and not its
marker stops it; what has ever started, or was rolled back, is never made again by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.core.address import Address
from reconciler.core.diagnostics import Diagnostic
from reconciler.core.locate import Moves
from reconciler.core.migration_facts import AccountFacts
from reconciler.core.migration_orphans import Orphans
from reconciler.core.migration_steps import MigrationSteps
from reconciler.core.migrations import KIND, WantedMigrations
from reconciler.core.placed_rows import PlacedRow, placed_rows
from reconciler.core.planner import Draft
from reconciler.core.resources import Moved, Removed
from reconciler.core.row_checks import RowChecks
from reconciler.core.row_doubles import Doubles
from reconciler.core.row_plan import Ledger, PlannedRow, RowPlanning, Wishes
from reconciler.core.row_standing import RowStanding
from reconciler.core.source_plan import left_behind, shared_sources

__all__ = ["MigrationDraft", "MigrationRequest", "PlannedRow", "plan_migrations"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationRequest:
    """What a plan is asked for, besides specs and account.

    `creates` are the steps of the same plan that create what rows name and is not there yet, by address. `takeover`
    names rows that may take over what is another project's. `laid` are standings whose rows get a course though nothing
    is done about them: views that count money want it of SCHEDULED ones, those that compare of LIVE ones.
    """

    project: str
    creates: Mapping[Address, str] = field(default_factory=dict)
    removed: tuple[Removed, ...] = ()
    moved: tuple[Moved, ...] = ()
    takeover: frozenset[str] = frozenset()
    laid: frozenset[RowStanding] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationDraft:
    """The migrations' part of a plan, and every declared row as it leaves them, in declared order."""

    draft: Draft
    planned: tuple[PlannedRow, ...]


def plan_migrations(wanted: WantedMigrations, facts: AccountFacts, request: MigrationRequest) -> MigrationDraft:
    """Plan every declared row, what no row declares any more, and what `removed:` and `moved:` say of both."""
    moves = Moves(request.moved)
    placed = [placed_rows(migration, moves, facts.holdings) for migration in wanted.migrations]
    rows = [one for rows in placed for one in rows]
    addresses = {one.address for one in rows} | {one.origin for one in rows if one.origin is not None}
    orphans = Orphans(facts, frozenset(addresses))
    doubles, stray = _doubles(wanted, placed, facts), orphans.by_customer()
    ledger = Ledger(steps=MigrationSteps(request.project, request.creates))
    shared = shared_sources(zip(wanted.migrations, placed, strict=True), facts)
    wishes = Wishes(laid=request.laid, takeover=request.takeover, shared=shared)
    planned: list[PlannedRow] = []
    diagnostics: list[Diagnostic] = []
    for migration, its_rows in zip(wanted.migrations, placed, strict=True):
        checks = RowChecks(migration, facts, request.creates, doubles, stray)
        planning = RowPlanning(migration, facts, checks, ledger, wishes)
        planned += [planning.plan(one) for one in its_rows]
        diagnostics += planning.notices.diagnostics()
    left, told = orphans.plan(request.removed, wanted.migrations, ledger.steps)
    places = {migration.name: migration.source for migration in wanted.migrations}
    behind = left_behind(facts, frozenset(addresses), ledger.steps, places)
    draft = Draft(
        changes=(*ledger.changes, *left, *behind),
        steps=tuple(ledger.steps.steps),
        drift=(),
        unmanaged={},
        unchanged=ledger.unchanged,
        owned={KIND: orphans.owned} if orphans.owned else {},
        diagnostics=(*diagnostics, *told),
    )
    return MigrationDraft(draft=draft, planned=tuple(planned))


def _doubles(wanted: WantedMigrations, placed: Sequence[Sequence[PlacedRow]], facts: AccountFacts) -> Doubles:
    paired = list(zip(wanted.migrations, placed, strict=True))
    fresh = [(migration, one.row, one.address) for migration, rows in paired for one in rows if one.fresh]
    made = [(m, one.row, one.address) for m, rows in paired for one in rows if one.sells_by_itself(m)]
    return Doubles(facts, fresh, made)
