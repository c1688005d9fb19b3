"""Migrations as people ask for them: checked, their status, verified once live, rolled back at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.core.address import Address
from reconciler.core.checked_rows import CheckedMigration, checked_offline, checked_planned
from reconciler.core.collector import collector_paused
from reconciler.core.diagnostics import Diagnostic
from reconciler.core.migration_status import MigrationStatus, orphans_of, status_of
from reconciler.core.migrations import Migration
from reconciler.core.resources import Specs
from reconciler.core.roll_back import RollBackScope
from reconciler.engine.look import RefreshMode
from reconciler.engine.make_plan import PlanOptions, checked
from reconciler.engine.migration_rows import RowsSeen, chosen, look_at_rows
from reconciler.engine.migration_verify import Verified, verify_migrations
from reconciler.engine.outside import Outside
from reconciler.engine.roll_back import RollBack, plan_roll_back
from reconciler.engine.source_draft import Drafted, draft_migration


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The migrations that were asked for, checked; `notes` say what could not be looked at, or how old it is."""

    migrations: tuple[CheckedMigration, ...]
    notes: tuple[Diagnostic, ...] = ()

    @property
    def good(self) -> bool:
        """Say whether no row fails."""
        return not any(one.failing for one in self.migrations)


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationsStatus:
    """How far the migrations are that were asked for. `orphans` are those of migrations that are declared no more.
    `now` and `as_of`, the age of what came from the mirror, are epoch seconds, UTC."""

    account: str
    livemode: bool
    now: int
    as_of: int | None
    migrations: tuple[MigrationStatus, ...]
    orphans: dict[str, tuple[Address, ...]]
    notes: tuple[Diagnostic, ...] = ()


class Migrations:
    """The migrations of a project. `outside` gives the ports: offline they ask Stripe nothing."""

    def __init__(self, specs: Specs, outside: Callable[[RefreshMode], Outside], options: PlanOptions) -> None:
        self._specs = specs
        self._outside = outside
        self._options = options

    def check_offline(self, names: Sequence[str] = ()) -> Checked:
        """Check rows by themselves: no key is needed. Raises SpecError for what is wrong with a file or a block."""
        checked(self._specs, self._outside(RefreshMode.NONE).kinds, self._options.pins.project)
        return Checked(migrations=tuple(checked_offline(one) for one in chosen(self._specs, names)))

    @collector_paused()
    def check(self, names: Sequence[str] = (), refresh: RefreshMode = RefreshMode.AUTO) -> Checked:
        """Check rows by themselves and against the account."""
        migrations = chosen(self._specs, names)
        found = self._look(refresh)
        return Checked(migrations=checked_planned(migrations, found.planned), notes=found.notes)

    @collector_paused()
    def status(self, names: Sequence[str] = (), refresh: RefreshMode = RefreshMode.AUTO) -> MigrationsStatus:
        """Say how far migrations are; of those that are declared no more, what they left behind."""
        found = self._look(refresh)
        orphans = orphans_of(found.planned, self._specs.moved, found.facts)
        migrations = self._asked_for(names, orphans, looked=not found.notes)
        target = found.seen.target
        return MigrationsStatus(
            account=target.scope.account,
            livemode=target.scope.livemode,
            now=target.now,
            as_of=found.as_of,
            migrations=tuple(
                replace(status_of(one, found.planned, found.facts), orphans=orphans.pop(one.name, ()))
                for one in migrations
            ),
            orphans={name: left for name, left in orphans.items() if not names or name in names},
            notes=found.notes,
        )

    @collector_paused()
    def verify(self, names: Sequence[str] = (), keys: Collection[str] = ()) -> Verified:
        """Hold the rows that went live against their subscriptions and first invoices."""
        options = replace(self._options, refresh=RefreshMode.AUTO)
        return verify_migrations(self._specs, self._outside(RefreshMode.AUTO), options, names, keys)

    @collector_paused()
    def plan_roll_back(self, scope: RollBackScope) -> RollBack:
        """Plan to cancel at once what has not started; the plan is applied as any other."""
        # Read live: what started a moment ago must not look as if it had not.
        options = replace(self._options, refresh=RefreshMode.LIVE)
        return plan_roll_back(self._specs, self._outside(RefreshMode.LIVE), options, scope)

    def declares(self, name: str) -> bool:
        """Say whether the specs have a migration of this name."""
        return any(one.name == name for one in self._specs.migrations.migrations)

    @collector_paused()
    def draft(self, name: str) -> Drafted:
        """Draft the rows of a migration from the account that it comes from."""
        (migration,) = chosen(self._specs, [name])
        return draft_migration(self._outside(RefreshMode.LIVE), self._options.pins, migration)

    def _asked_for(
        self, names: Sequence[str], orphans: Mapping[str, Sequence[Address]], *, looked: bool
    ) -> tuple[Migration, ...]:
        """Find the blocks that are asked for; raise BillplanError for a name of which nothing is declared or left."""
        named = [name for name in names if self.declares(name) or name not in orphans]
        undeclared = not self._specs.migrations and (orphans or not looked)
        return () if (names or undeclared) and not named else chosen(self._specs, named)

    def _look(self, refresh: RefreshMode) -> RowsSeen:
        return look_at_rows(self._specs, self._outside(refresh), replace(self._options, refresh=refresh))
