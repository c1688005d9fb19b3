"""Make a plan: check the target, refresh, compare, guard. Changes nothing, and needs a read-only key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from importlib.metadata import version

from reconciler.core.address import Address
from reconciler.core.binding_plan import merged, plan_bindings
from reconciler.core.binding_targets import declared_ids
from reconciler.core.bindings import binding_address
from reconciler.core.diagnostics import Diagnostic, Severity, SourceRange, in_order
from reconciler.core.guards import Guards, refusals
from reconciler.core.kind import Kind
from reconciler.core.locate import PlanRequest
from reconciler.core.migration_facts import AccountFacts
from reconciler.core.migration_money import MigrationMoney
from reconciler.core.migration_plan import MigrationRequest, PlannedRow, plan_migrations
from reconciler.core.migration_sums import sum_migrations
from reconciler.core.migrations import KIND as MIGRATION
from reconciler.core.migrations import row_address
from reconciler.core.plan import FORMAT_VERSION, Header, Plan
from reconciler.core.planner import Draft, Planner
from reconciler.core.publish_plan import note_detached, with_published
from reconciler.core.published import MAPPING, publication
from reconciler.core.resources import Desired, Specs
from reconciler.core.row_standing import RowStanding
from reconciler.core.selection import select
from reconciler.core.suggest import suggestion
from reconciler.core.validate import check_specs
from reconciler.engine.bindings import CUSTOMER, Looked, look_at_bindings
from reconciler.engine.look import RefreshMode, Seen, look
from reconciler.engine.migrations import TYPES, MigrationsSeen, look_at_migrations, speaks_of_migrations
from reconciler.engine.outside import Outside
from reconciler.engine.product_use import note_losses
from reconciler.engine.publishing import look_at_entitlements
from reconciler.engine.target import Pins
from reconciler.errors import BillplanError, SpecError
from reconciler.kinds.entitlement_feature import ENTITLEMENT_FEATURE

_UNSEEN = Diagnostic(
    code="BP1509",
    summary="what mappings publish was not planned: no events tell of it, so the mirror does not stand for it",
    severity=Severity.WARNING,
    hint="plan without --refresh=none",
)

# Unknown references and moves to nowhere: they follow from names that were not read.
_OF_NAMES = frozenset({"BP1301", "BP1305"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOptions:
    """What a plan is asked for. `expires_in` is in seconds. `count_use`: count who has subscribed to which products,
    for the table of their use and for what a changed mapping takes from customers; it may list all subscriptions."""

    pins: Pins
    guards: Guards
    expires_in: int = 86400
    environment: str | None = None
    select: tuple[str, ...] = ()
    takeover: frozenset[str] = frozenset()
    refresh: RefreshMode = RefreshMode.LIVE
    count_use: bool = True


def checked(specs: Specs, kinds: Mapping[str, Kind], project: str, *, rows: bool = False) -> tuple[Desired, ...]:
    """Check all specs offline; raise SpecError with everything that is wrong: with `rows`, also those that a plan would
    refuse one by one."""
    desired, found = check_specs(specs, kinds, project)
    if specs.diagnostics:
        # What a file failed to say is not wrong a second time: a line that did not load, a name that was not read.
        lines = {(d.source.path, d.source.line) for d in specs.diagnostics if d.source is not None}
        found = [d for d in found if d.code not in _OF_NAMES and (d.source is None or _line(d.source) not in lines)]
    faults = (*specs.bindings.faults(), *specs.migrations.faults()) if rows else ()
    diagnostics = in_order([*specs.diagnostics, *found, *faults])
    if diagnostics:
        raise SpecError(diagnostics)
    return desired


def _line(source: SourceRange) -> tuple[str, int]:
    return source.path, source.line


def make_plan(specs: Specs, outside: Outside, options: PlanOptions) -> Plan:
    """Plan the way from the account as it is to the specs."""
    outside = looking(outside, specs)
    desired = checked(specs, outside.kinds, options.pins.project)
    declared = {d.address.kind for d in desired} | {r.address.kind for r in specs.removed}
    seen = look(outside, options.pins, options.refresh, declared)
    offline = options.refresh is RefreshMode.NONE
    request = plan_request(specs, options)
    planner = Planner(desired, seen.snapshot, outside.kinds, request)
    whole = planner.draft()
    looked = look_at_bindings(outside, specs.bindings, seen, offline=offline)
    whole = _with_bindings(whole, specs, looked, options.pins.project)
    published = publication(desired, whole, seen.snapshot)
    if not offline:
        held = look_at_entitlements(outside, published, seen.snapshot, declared)
        whole = whole if held is None else with_published(whole, published, held, ENTITLEMENT_FEATURE, request)
    elif published.products:
        whole = replace(whole, diagnostics=(*whole.diagnostics, _UNSEEN))
    migrating = look_at_migrations(outside, specs, seen, planner, offline=offline)
    whole, rows = _with_migrations(whole, specs, migrating, planner)
    if options.select:
        bound = {binding_address(id) for id in declared_ids(specs.bindings, looked.seen)}
        named = {d.address for d in desired} | bound | {row_address(one.migration.name, one.row.key) for one in rows}
        _check_selection(options.select, named | {c.address for c in whole.changes})
    draft = select(whole, options.select)
    seen = replace(seen, mirror_as_of=_oldest(seen.mirror_as_of, looked.as_of, migrating.as_of))
    payers = {} if migrating.facts is None else migrating.facts.payers
    plan = plan_of(draft, specs, outside, options, seen, sum_migrations(rows, draft.changes, payers))
    plan = pinned(plan, migrating.facts)
    if not options.count_use or (MAPPING not in declared and not draft.owned.get(MAPPING)):
        return plan
    subscribed = seen.subscribed()
    changes, use = note_losses(plan.changes, seen.snapshot, subscribed)
    return replace(plan, changes=note_detached(changes, published, subscribed), product_use=use)


def pinned(plan: Plan, facts: AccountFacts | None) -> Plan:
    """Pin the accounts that migrations come from: a plan is for these, and for no others."""
    sources = {} if facts is None else {name: one.account for name, one in facts.sources.items()}
    return replace(plan, header=replace(plan.header, sources=sources)) if sources else plan


def looking(outside: Outside, specs: Specs, also: Sequence[str] = ()) -> Outside:
    """The ports as a plan looks through them: what has a planner of its own is looked at only where it is asked for.
    `also` are further types that are read from a mirror."""
    kinds = {name: kind for name, kind in outside.kinds.items() if _looked_at(kind)}
    return replace(outside, kinds=kinds, also=tuple(dict.fromkeys([*_also(specs), *also])))


def _looked_at(kind: Kind) -> bool:
    return not kind.bulk and not kind.derived


def _also(specs: Specs) -> tuple[str, ...]:
    types = TYPES if speaks_of_migrations(specs) else ()
    return tuple(dict.fromkeys([*((CUSTOMER.name,) if specs.bindings else ()), *types]))


def plan_request(specs: Specs, options: PlanOptions) -> PlanRequest:
    """Say what the planner of the catalogue is asked for."""
    return PlanRequest(
        project=options.pins.project,
        moved=specs.moved,
        # How rows of migrations leave is for the planner of those.
        removed=tuple(entry for entry in specs.removed if entry.address.kind != MIGRATION),
        takeover=options.takeover,
    )


def _with_bindings(draft: Draft, specs: Specs, looked: Looked, project: str) -> Draft:
    draft = replace(draft, diagnostics=(*draft.diagnostics, *looked.notes))
    return draft if looked.seen is None else merged(draft, plan_bindings(specs.bindings, looked.seen, project))


def _with_migrations(
    draft: Draft, specs: Specs, found: MigrationsSeen, planner: Planner
) -> tuple[Draft, tuple[PlannedRow, ...]]:
    """Plan the rows of migrations, with the rest of the plan for what they name."""
    draft = replace(draft, diagnostics=(*draft.diagnostics, *found.notes))
    if found.facts is None:
        return draft, ()
    made = plan_migrations(specs.migrations, found.facts, migration_request(specs, planner))
    return merged(draft, made.draft), made.planned


def migration_request(specs: Specs, planner: Planner) -> MigrationRequest:
    """Say what the planner of migrations is asked for; `planner` has drafted the catalogue."""
    return MigrationRequest(
        project=planner.request.project,
        creates=planner.steps.creates,
        removed=tuple(entry for entry in specs.removed if entry.address.kind == MIGRATION),
        moved=tuple(entry for entry in specs.moved if entry.before.kind == MIGRATION),
        takeover=planner.request.takeover,
        # What is scheduled goes live by this plan's word, too, so it is counted with the rest.
        laid=frozenset({RowStanding.SCHEDULED}),
    )


def _oldest(*moments: int | None) -> int | None:
    return min((moment for moment in moments if moment is not None), default=None)


def _check_selection(globs: Sequence[str], addresses: Set[Address]) -> None:
    """Raise for a glob that names nothing: a plan without it would look like one with nothing to do."""
    for glob in globs:
        if not any(a.matches(glob) for a in addresses):
            near = suggestion(glob, [str(a) for a in addresses])
            message = f"--select {glob}: there is no such address, neither declared nor about to leave"
            raise BillplanError(
                message, hint=near or "an address is kind.name, as in price.pro_monthly or 'price.pro_*'"
            )


def plan_of(
    draft: Draft,
    specs: Specs,
    outside: Outside,
    options: PlanOptions,
    seen: Seen,
    migrations: tuple[MigrationMoney, ...],
) -> Plan:
    """Put a plan together, with its header and the words of the guards."""
    target = seen.target
    header = Header(
        format_version=FORMAT_VERSION,
        tool_version=version("billplan"),
        account=target.scope.account,
        livemode=target.scope.livemode,
        api_version=outside.api.api_version,
        project=target.scope.project,
        spec_digest=specs.digest,
        created_at=target.now,
        expires_at=target.now + options.expires_in,
        environment=options.environment,
        mirror_as_of=seen.mirror_as_of,
    )
    return Plan(
        header=header,
        changes=seen.count(draft.changes),
        steps=draft.steps,
        drift=draft.drift,
        diagnostics=(*draft.diagnostics, *_notes(seen)),
        refusals=refusals(draft.changes, draft.owned, options.guards, migrations),
        unmanaged=draft.unmanaged,
        owned=draft.owned,
        unchanged=draft.unchanged,
        complete=not options.select,
        migrations=migrations,
    )


def _notes(seen: Seen) -> tuple[Diagnostic, ...]:
    """Say why the mirror was not used, where it was expected to be."""
    if not seen.note:
        return ()
    hint = "billplan status says how the mirror is; --refresh=live does without it"
    return (Diagnostic(code="BP1601", summary=seen.note, severity=Severity.WARNING, hint=hint),)


def touched_kinds(plan: Plan, kinds: Mapping[str, Kind]) -> Sequence[Kind]:
    """List the kinds that a plan's steps act on, and that are to be listed for it: whole, also for one binding, since
    another customer may have its id or its e-mail by now; with them those that they stand for."""
    touched = {step.kind for step in plan.steps}
    touched |= {kinds[name].stands_for for name in touched}
    return [kinds[name] for name in sorted(touched) if name]
