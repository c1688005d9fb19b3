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
from reconciler.core.plan import FORMAT_VERSION, Header, Plan
from reconciler.core.planner import Draft, Planner
from reconciler.core.publish_plan import note_detached, with_published
from reconciler.core.published import publication
from reconciler.core.resources import Desired, Specs
from reconciler.core.selection import select
from reconciler.core.suggest import suggestion
from reconciler.core.validate import check_specs
from reconciler.engine.bindings import CUSTOMER, Looked, look_at_bindings
from reconciler.engine.look import RefreshMode, Seen, look
from reconciler.engine.outside import Outside
from reconciler.engine.product_use import MAPPING, note_losses
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
    """What a plan is asked for. `expires_in` is in seconds."""

    pins: Pins
    guards: Guards
    expires_in: int = 86400
    environment: str | None = None
    select: tuple[str, ...] = ()
    takeover: frozenset[str] = frozenset()
    refresh: RefreshMode = RefreshMode.LIVE


def checked(specs: Specs, kinds: Mapping[str, Kind], project: str, *, rows: bool = False) -> tuple[Desired, ...]:
    """Check all specs offline; raise SpecError with everything that is wrong: with `rows`, also those that a plan would
    refuse one by one."""
    desired, found = check_specs(specs, kinds, project)
    if specs.diagnostics:
        # What a file failed to say is not wrong a second time: a line that did not load, a name that was not read.
        lines = {(d.source.path, d.source.line) for d in specs.diagnostics if d.source is not None}
        found = [d for d in found if d.code not in _OF_NAMES and (d.source is None or _line(d.source) not in lines)]
    faults = specs.bindings.faults() if rows else ()
    diagnostics = in_order([*specs.diagnostics, *found, *faults])
    if diagnostics:
        raise SpecError(diagnostics)
    return desired


def _line(source: SourceRange) -> tuple[str, int]:
    return source.path, source.line


def make_plan(specs: Specs, outside: Outside, options: PlanOptions) -> Plan:
    """Plan the way from the account as it is to the specs."""
    # What has a planner of its own is looked at only where it is asked for.
    outside = replace(outside, kinds={n: k for n, k in outside.kinds.items() if _looked_at(k)}, also=_also(specs))
    desired = checked(specs, outside.kinds, options.pins.project)
    declared = {d.address.kind for d in desired} | {r.address.kind for r in specs.removed}
    seen = look(outside, options.pins, options.refresh, declared)
    request = PlanRequest(
        project=options.pins.project,
        moved=specs.moved,
        removed=specs.removed,
        takeover=options.takeover,
    )
    whole = Planner(desired, seen.snapshot, outside.kinds, request).draft()
    looked = look_at_bindings(outside, specs.bindings, seen, offline=options.refresh is RefreshMode.NONE)
    whole = _with_bindings(whole, specs, looked, options.pins.project)
    published = publication(desired, whole, seen.snapshot)
    held = None
    if options.refresh is not RefreshMode.NONE:
        held = look_at_entitlements(outside, published, seen.snapshot, declared)
        whole = whole if held is None else with_published(whole, published, held, ENTITLEMENT_FEATURE, request)
    elif published.products:
        whole = replace(whole, diagnostics=(*whole.diagnostics, _UNSEEN))
    if options.select:
        bound = {binding_address(id) for id in declared_ids(specs.bindings, looked.seen)}
        _check_selection(options.select, {d.address for d in desired} | bound | {c.address for c in whole.changes})
    draft = select(whole, options.select)
    plan = _plan(draft, specs, outside, options, replace(seen, mirror_as_of=_oldest(seen.mirror_as_of, looked.as_of)))
    if MAPPING not in declared and not draft.owned.get(MAPPING):
        return plan
    subscribed = seen.subscribed()
    changes, use = note_losses(plan.changes, seen.snapshot, subscribed)
    return replace(plan, changes=note_detached(changes, published, subscribed), product_use=use)


def _looked_at(kind: Kind) -> bool:
    return not kind.bulk and not kind.derived


def _also(specs: Specs) -> tuple[str, ...]:
    return (CUSTOMER.name,) if specs.bindings else ()


def _with_bindings(draft: Draft, specs: Specs, looked: Looked, project: str) -> Draft:
    draft = replace(draft, diagnostics=(*draft.diagnostics, *looked.notes))
    return draft if looked.seen is None else merged(draft, plan_bindings(specs.bindings, looked.seen, project))


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


def _plan(draft: Draft, specs: Specs, outside: Outside, options: PlanOptions, seen: Seen) -> Plan:
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
        refusals=refusals(draft.changes, draft.owned, options.guards),
        unmanaged=draft.unmanaged,
        owned=draft.owned,
        unchanged=draft.unchanged,
        complete=not options.select,
    )


def _notes(seen: Seen) -> tuple[Diagnostic, ...]:
    """Say why the mirror was not used, where it was expected to be."""
    if not seen.note:
        return ()
    hint = "billplan status says how the mirror is; --refresh=live does without it"
    return (Diagnostic(code="BP1601", summary=seen.note, severity=Severity.WARNING, hint=hint),)


def touched_kinds(plan: Plan, kinds: Mapping[str, Kind]) -> Sequence[Kind]:
    """List the kinds that a plan's steps act on, and that are to be listed for it: whole, also for one binding, since
    another customer may have its id or its e-mail by now."""
    return [kinds[name] for name in sorted({step.kind for step in plan.steps})]
