"""A project, put together: the library's front door."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from reconciler.adapters.limiter import Figures
from reconciler.adapters.sql_bindings import SqlBindings
from reconciler.adapters.sql_mirror import SqlMirror
from reconciler.core.changes import Action, Change
from reconciler.core.collector import collector_paused
from reconciler.core.guards import Guards, briefly, refusals
from reconciler.core.idempotency import Scope
from reconciler.core.migrations import SourceAccount
from reconciler.core.mirror_status import MirrorStatus
from reconciler.core.personal_metadata import personal_texts
from reconciler.core.plan import Plan
from reconciler.core.resources import Desired, Specs
from reconciler.core.results import Result
from reconciler.engine.adopt import Import, import_specs
from reconciler.engine.aftermath import doubt_applied
from reconciler.engine.apply import Applied, ApplyOptions, apply
from reconciler.engine.drift import tell, with_vanished
from reconciler.engine.first_touch import Bindings
from reconciler.engine.learning import learn_bindings
from reconciler.engine.look import RefreshMode
from reconciler.engine.make_plan import PlanOptions, checked, make_plan
from reconciler.engine.migrating import Migrations
from reconciler.engine.mirror_status import no_types, types_of
from reconciler.engine.product_use import use_as_mirrored
from reconciler.engine.refresh import refresh
from reconciler.engine.source_accounts import check_sources, declared_sources
from reconciler.engine.sync import Synced, SyncOptions, SyncPorts, lock_scope, sync
from reconciler.engine.target import check_plan, check_target
from reconciler.errors import BillplanError, PlanRefused, StoreError
from reconciler.kinds import BY_NAME, STRIPE_KINDS
from reconciler.mirrored import EVENT
from reconciler.ports.progress import Progress
from reconciler.specfiles.project_file import FILE_NAME, ProjectFile, find_project, load_project
from reconciler.specfiles.project_specs import gather_specs
from reconciler.store.location import Backend
from reconciler.views.document import json_chunks
from reconciler.views.markdown import render_markdown
from reconciler.views.text import render_text
from reconciler.wiring import Wiring


class NoProgress:
    """Tells nobody how far it is."""

    def start(self, what: str, total: int | None) -> None:
        """Say nothing."""

    def expect(self, about: int) -> None:
        """Say nothing."""

    def advance(self, count: int = 1) -> None:
        """Say nothing."""

    def finish(self) -> None:
        """Say nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A plan, ready to be shown."""

    plan: Plan

    def render(self, form: str = "text", *, color: bool = False, width: int = 100) -> str:
        """Show the plan as text, json or markdown; e-mail addresses are redacted."""
        return "".join(self.chunks(form, color=color, width=width))

    def chunks(self, form: str = "text", *, color: bool = False, width: int = 100) -> Iterator[str]:
        """Show the plan piece by piece: the JSON of a large one need not be in memory whole."""
        match form:
            case "text":
                yield render_text(self.plan, BY_NAME, color=color, width=width)
            case "json":
                yield from json_chunks(self.plan, BY_NAME)
            case "markdown":
                yield render_markdown(self.plan, BY_NAME)
            case _:
                raise ValueError(f"no such format: {form}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What a run is allowed beyond billplan.yaml: `class:address-glob`s, addresses to take over, a count of changes."""

    allow: tuple[str, ...] = ()
    takeover: tuple[str, ...] = ()
    max_changes: int | None = None
    skip_refused: bool = False


class Project:
    """A project in its environment. Opens Stripe and the store when they are first needed; close it at the end."""

    def __init__(self, file: ProjectFile, environ: Mapping[str, str], progress: Progress | None = None) -> None:
        self.file = file
        self.wiring = Wiring(file, environ, progress or NoProgress())

    @classmethod
    def load(
        cls,
        path: Path | str | None = None,
        *,
        environment: str | None = None,
        variables: Mapping[str, str] | None = None,
        var_files: Sequence[Path] = (),
        progress: Progress | None = None,
    ) -> Project:
        """Load the given project file, or the given folder's, or the one in the working folder or above it."""
        found = find_project(Path.cwd()) if path is None else _given(Path(path))
        file = load_project(found, environment=environment, variables=variables or {}, var_files=tuple(var_files))
        return cls(file, os.environ, progress)

    def __enter__(self) -> Project:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what was opened."""
        self.wiring.close()

    @cached_property
    def specs(self) -> Specs:
        """The specs as loaded, with what is wrong in their files: a use case raises that with all it finds itself."""
        return gather_specs(self.file)

    def validate(self) -> tuple[Desired, ...]:
        """Check the specs offline; raise SpecError with everything that is wrong, rows of sources included."""
        return checked(self.specs, self.wiring.kinds, self.file.project, rows=True)

    def plan(
        self, *, select: Sequence[str] = (), consent: Consent | None = None, refresh: str = RefreshMode.AUTO
    ) -> Review:
        """Plan the way from the account as it is to the specs. Changes nothing in Stripe.

        `refresh` is auto (the mirror where it was synced, caught up), live (lists) or none (the mirror as it is).
        """
        options = self._options(consent or Consent(), RefreshMode(refresh))
        return Review(plan=self._plan(replace(options, select=tuple(select))))

    def _options(self, consent: Consent, refresh: RefreshMode) -> PlanOptions:
        return PlanOptions(
            pins=self.wiring.pins,
            guards=self._guards(consent),
            expires_in=self.file.expires_in,
            environment=self.file.environment,
            takeover=frozenset(consent.takeover),
            refresh=refresh,
        )

    @collector_paused()
    def _plan(self, options: PlanOptions) -> Plan:
        outside = self.wiring.outside if options.refresh is not RefreshMode.NONE else self.wiring.offline
        return self._told(make_plan(self.specs, outside, options))

    def _told(self, plan: Plan) -> Plan:
        """Say of drift who changed what when, as far as the mirror knows; a store that cannot be read knows nothing."""
        if not plan.drift:
            return plan
        try:
            mirror = self.wiring.mirrors.of(plan.header.account, plan.header.livemode)
            return plan if mirror is None else tell(plan, mirror.events_of, self.wiring.kinds)
        except StoreError:
            return plan

    def _guards(self, consent: Consent) -> Guards:
        declared = self.file.guards
        most = declared.max_changes if consent.max_changes is None else consent.max_changes
        return replace(declared, allow=(*declared.allow, *consent.allow), max_changes=most)

    def drift(self) -> Review:
        """Plan, and tell also what was applied once and is gone from Stripe."""
        plan = self.plan().plan
        header = plan.header
        applied = self.wiring.ledger.applied(header.account, header.livemode, header.project)
        return Review(plan=self._told(with_vanished(plan, applied)))

    def check(self, plan: Plan, *, consent: Consent | None = None) -> None:
        """Raise where a plan as a whole cannot be applied: another target, too old, or refused. Changes nothing."""
        target = check_target(self.wiring.api, self.wiring.pins, self.wiring.clock)
        check_plan(plan.header, target, self.wiring.api.api_version, self.specs.digest)
        if plan.header.sources:
            check_sources(plan, self.wiring.outside, self._sources, target)
        self._decided(plan, consent or Consent())
        # Opened before anybody is asked: an apply that cannot be journalled does not begin.
        _ = self.wiring.database

    @property
    def _sources(self) -> Mapping[str, SourceAccount]:
        """The accounts that migrations come from, by migration."""
        return declared_sources(self.specs.migrations.migrations)

    def _decided(self, plan: Plan, consent: Consent) -> Plan:
        """Judge a plan by the guards of today; raise PlanRefused with all that stands in its way."""
        self._check_lock(plan)
        decided = plan.judged(refusals(plan.changes, plan.owned, self._guards(consent), plan.migrations))
        stuck = [] if consent.skip_refused else [c for c in plan.changes if c.refused]
        refused = [f"{c.address}: {c.refused}" + (f" ({c.hint})" if c.hint else "") for c in stuck]
        if decided.refusals or refused:
            words = "\n".join(("the plan is refused:", *briefly([*decided.refusals, *refused])))
            hint = "mend the specs as the plan says, or apply the rest with --skip-invalid" if refused else ""
            raise PlanRefused(words, hint=hint)
        return decided

    def apply(
        self,
        plan: Plan,
        *,
        consent: Consent | None = None,
        wait_seconds: int = 0,
        on_result: Callable[[Result], None] = lambda result: None,
    ) -> Applied:
        """Apply a plan once; what guards refused may be allowed now. The same plan may be applied again."""
        consent = consent or Consent()
        decided = self._decided(plan, consent)
        limits = self.file.stripe.limits
        options = ApplyOptions(
            pins=self.wiring.pins,
            who=f"{self.wiring.actor()} (plan {plan.digest[:12]})",
            spec_digest=self.specs.digest,
            known={**self.specs.bindings.emails(), **personal_texts(self.specs.migrations)},
            sources=self._sources,
            skip_refused=consent.skip_refused,
            concurrency=limits.concurrency or Figures().concurrency,
            wait_seconds=wait_seconds,
            on_result=on_result,
        )
        applied = apply(decided, self.wiring.outside, self.wiring.ledger, self.wiring.locks, options)
        doubt_applied(self.wiring.mirrors, plan.header, applied.results)
        return applied

    def verify(self, plan: Plan) -> tuple[Change, ...]:
        """Plan anew; list what is left to do at the addresses that a plan touched: nothing after a whole apply."""
        touched = {c.address for c in plan.changes if not c.refused}
        # How much products are used was told before, and changes nothing of what is left.
        seen = self._plan(replace(self._options(Consent(), RefreshMode.LIVE), count_use=False))
        return tuple(c for c in seen.changes if c.address in touched and c.action is not Action.NOOP)

    def _check_lock(self, plan: Plan) -> None:
        if plan.header.livemode and self.wiring.database.backend is Backend.SQLITE and self.file.lock != "external":
            message = "a live apply needs a lock that every runner sees, and the store is a SQLite file of this machine"
            hint = "use a PostgreSQL store, or write  lock: external  where CI lets one apply run at a time"
            raise BillplanError(message, hint=hint)

    def sync(self, *, objects: Sequence[str] = (), created_after: int | None = None, full: bool = False) -> Synced:
        """Bring the mirror up to date; `created_after` is epoch seconds, UTC. A type that failed is in the result."""
        wiring = self.wiring
        ports = SyncPorts(
            api=wiring.api,
            clock=wiring.clock,
            locks=wiring.locks,
            progress=wiring.progress,
            mirror_of=lambda account, livemode: SqlMirror(wiring.database, account, livemode),
        )
        who = f"{wiring.actor()} (sync)"
        options = SyncOptions(pins=wiring.pins, who=who, objects=tuple(objects), created_after=created_after, full=full)
        synced = sync(ports, options)
        scope = Scope(account=synced.account, livemode=synced.livemode, project=self.file.project)
        mirror = SqlMirror(wiring.database, scope.account, scope.livemode)
        store = SqlBindings(wiring.database, scope)
        return replace(synced, learned=learn_bindings(mirror, store, scope.project, wiring.clock.now()))

    @property
    def bindings(self) -> Bindings:
        """Who a user of the application is in Stripe, and what that unlocks; opened anew in each process."""
        return self.wiring.bindings

    @property
    def migrations(self) -> Migrations:
        """The subscription migrations of the specs: checks, status, verification, roll back."""
        return self.migrations_within(Consent())

    def migrations_within(self, consent: Consent) -> Migrations:
        """The same, within what a run is allowed beyond billplan.yaml."""
        wiring = self.wiring
        return Migrations(
            self.specs,
            lambda refresh: wiring.offline if refresh is RefreshMode.NONE else wiring.outside,
            self._options(consent, RefreshMode.AUTO),
        )

    def status(self) -> MirrorStatus:
        """Say how far the mirror is, from the store alone."""
        wiring = self.wiring
        account, livemode = wiring.pins.account or wiring.mirrors.only_account(), wiring.pins.livemode
        if wiring.has_store() is False:
            return MirrorStatus(account=account, livemode=livemode, now=wiring.clock.now(), types=no_types())
        project, mirror = self.file.project, SqlMirror(wiring.database, account, livemode)
        types = types_of(mirror)
        return MirrorStatus(
            account=account,
            livemode=livemode,
            now=wiring.clock.now(),
            types=types,
            cursor=next(one.standing.as_of for one in types if one.type == EVENT.name),
            syncing=wiring.locks.holder(lock_scope(account, livemode)),
            applying=wiring.locks.holder(str(Scope(account=account, livemode=livemode, project=project))),
            last_apply=wiring.ledger.last_finished(account, livemode, project),
            product_use=use_as_mirrored(wiring.offline.api, mirror),
        )

    def import_specs(self, kinds: Sequence[str] = ()) -> Import:
        """Write specs with `adopt:` for what exists in the account and nobody manages."""
        desired = checked(self.specs, self.wiring.kinds, self.file.project)
        target = check_target(self.wiring.api, self.wiring.pins, self.wiring.clock)
        snapshot = refresh(self.wiring.api, STRIPE_KINDS, target.scope.project, self.wiring.progress)
        known = {(d.address.kind, d.lifecycle.adopt): d.address for d in desired if d.lifecycle.adopt is not None}
        known |= {(o.kind, o.remote_id): a for a, marked in snapshot.marked.items() for o in marked}
        wanted = [k for k in STRIPE_KINDS if not kinds or k.name in kinds or k.plural in kinds]
        return import_specs(snapshot, wanted, {d.address for d in desired}, known)

    @property
    def scope(self) -> Scope:
        """Where this project acts, as Stripe says of the key."""
        return check_target(self.wiring.api, self.wiring.pins, self.wiring.clock).scope


def _given(place: Path) -> Path:
    """Find the project file that was asked for by name: never another one, further up."""
    found = place / FILE_NAME if place.is_dir() else place
    if not found.is_file():
        raise BillplanError(f"there is no project file {found}", hint="see --config; billplan init makes a project")
    return found
