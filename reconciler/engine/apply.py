"""Apply a plan: each step as soon as what it needs is done, in threads, once, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from reconciler.core.journal import Run
from reconciler.core.kind import Kind
from reconciler.core.plan import Plan, Step
from reconciler.engine.make_plan import Outside, touched_kinds
from reconciler.engine.perform import Outcome, Result, Work, perform
from reconciler.engine.refresh import refresh
from reconciler.engine.sight import Sight
from reconciler.engine.target import Pins, Target, check_plan, check_target
from reconciler.errors import PlanRefused, StalePlan
from reconciler.ports.ledger import Ledger
from reconciler.ports.lock import HeldLock, Locks

OnResult = Callable[[Result], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyOptions:
    """How to apply. `who` names the applier, as the lock and the history show it; waits are in seconds."""

    pins: Pins
    who: str
    spec_digest: str | None = None
    skip_refused: bool = False
    concurrency: int = 16
    wait_seconds: int = 0
    on_result: OnResult = field(default=lambda result: None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What an apply did: the result of every step, in the order of the plan."""

    results: tuple[Result, ...]

    def count(self, *outcomes: Outcome) -> int:
        """Count the steps that ended so."""
        return sum(r.outcome in outcomes for r in self.results)

    @property
    def complete(self) -> bool:
        """Say whether every step is done, now or before."""
        return all(r.good for r in self.results)


def apply(plan: Plan, outside: Outside, ledger: Ledger, locks: Locks, options: ApplyOptions) -> Applied:
    """Carry out a plan under the lock. Raises before anything is sent where the plan must not be applied; what happens
    to single steps is in the results."""
    target = check_target(outside.api, options.pins, outside.clock)
    check_plan(plan.header, target, outside.api.api_version, options.spec_digest)
    if plan.refusals or (not plan.applicable and not options.skip_refused):
        words = [*plan.refusals, *(f"{c.address}: {c.refused}" for c in plan.changes if c.refused)]
        hint = "" if plan.refusals else "mend the specs as the plan says, or leave them out with --skip-invalid"
        raise PlanRefused("the plan is refused: " + "; ".join(words), hint=hint)
    with locks.acquire(str(target.scope), options.who, wait_seconds=options.wait_seconds) as lock:
        _check_newest(plan, ledger, target)
        return _run(plan, outside, (ledger, lock), options, target)


def _check_newest(plan: Plan, ledger: Ledger, target: Target) -> None:
    scope = target.scope
    last = ledger.last_finished(scope.account, scope.livemode, scope.project)
    if last is None or last.plan_digest == plan.digest or last.finished_at is None:
        return
    if last.finished_at > plan.header.created_at:
        message = "another plan was applied after this one was made"
        raise StalePlan(message, hint="make a new plan")


def _run(plan: Plan, outside: Outside, kept: tuple[Ledger, HeldLock], options: ApplyOptions, target: Target) -> Applied:
    ledger, lock = kept
    scope = target.scope
    run = Run(
        id=0,
        account=scope.account,
        livemode=scope.livemode,
        project=scope.project,
        plan_digest=plan.digest,
        actor=options.who,
        started_at=target.now,
    )
    run_id = ledger.start(run)
    kinds = touched_kinds(plan, outside.kinds)
    snapshot = refresh(outside.api, kinds, scope.project, outside.progress)
    sight = Sight(snapshot, outside.api, outside.clock, outside.kinds, target.now)
    work = Work(plan=plan, api=outside.api, clock=outside.clock, ledger=ledger, lock=lock, sight=sight, run_id=run_id)
    outside.progress.start("applying", len(plan.steps))
    applied = _Execution(plan, work, options, outside).run()
    outside.progress.finish()
    ledger.finish(run_id, _finished_at(outside, target), "done" if applied.complete else "partial")
    return applied


def _finished_at(outside: Outside, target: Target) -> int:
    # The end is told by this machine's clock, which was checked against Stripe's at the start.
    return max(target.now, outside.clock.now())


class _Execution:
    """Runs the steps of one plan; used once."""

    def __init__(self, plan: Plan, work: Work, options: ApplyOptions, outside: Outside) -> None:
        self._plan = plan
        self._work = work
        self._options = options
        self._progress = outside.progress
        self._kinds: Mapping[str, Kind] = outside.kinds
        self._results: dict[str, Result] = {}
        self._waiting: dict[str, set[str]] = {s.id: set(s.needs) for s in plan.steps}
        self._dependants: dict[str, list[str]] = {}
        for step in plan.steps:
            for need in step.needs:
                self._dependants.setdefault(need, []).append(step.id)
        self._steps = {s.id: s for s in plan.steps}

    def run(self) -> Applied:
        ready = [s for s in self._plan.steps if not s.needs]
        ready.reverse()
        running: dict[Future[Result], Step] = {}
        with ThreadPoolExecutor(max_workers=self._options.concurrency) as pool:
            try:
                while ready or running:
                    while ready and len(running) < 2 * self._options.concurrency:
                        step = ready.pop()
                        running[pool.submit(perform, step, self._work)] = step
                    finished, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in finished:
                        del running[future]
                        ready += self._note(future.result())
            except BaseException:
                # Nothing more is sent: neither after a lost lock nor after an interrupt.
                for future in running:
                    future.cancel()
                raise
        return Applied(results=tuple(self._results[s.id] for s in self._plan.steps))

    def _note(self, result: Result) -> list[Step]:
        """Take in a result; return the steps that have become ready."""
        self._results[result.step.id] = result
        self._options.on_result(result)
        self._progress.advance()
        if not result.good:
            self._skip_after(result.step.id)
            return []
        if result.step.id == f"{result.step.address}/create" and result.remote_id is not None:
            self._work.sight.made(result.step.address, result.remote_id)
        ready = []
        for dependant in self._dependants.get(result.step.id, ()):
            self._waiting[dependant].discard(result.step.id)
            if not self._waiting[dependant] and dependant not in self._results:
                ready.append(self._steps[dependant])
        return ready

    def _skip_after(self, step_id: str) -> None:
        for dependant in self._dependants.get(step_id, ()):
            if dependant in self._results:
                continue
            detail = f"it needs {step_id}, which was not done"
            result = Result(step=self._steps[dependant], outcome=Outcome.SKIPPED, detail=detail)
            self._results[dependant] = result
            self._options.on_result(result)
            self._progress.advance()
            self._skip_after(dependant)
