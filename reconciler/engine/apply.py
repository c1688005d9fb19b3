"""Apply a plan: each step as soon as what it needs is done, in threads, once, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field

from reconciler.core.guards import briefly
from reconciler.core.journal import Run, fold
from reconciler.core.migration_steps import SUBSCRIPTION
from reconciler.core.migrations import KIND as MIGRATION
from reconciler.core.migrations import SourceAccount
from reconciler.core.plan import Plan, Step
from reconciler.core.results import Outcome, Result
from reconciler.core.values import Ref
from reconciler.engine.claims import Claims
from reconciler.engine.elapsed import Elapsed
from reconciler.engine.gate import Gate
from reconciler.engine.make_plan import touched_kinds
from reconciler.engine.obstacles import Obstacles, begun_since
from reconciler.engine.outside import Outside
from reconciler.engine.perform import Work, perform
from reconciler.engine.refresh import refresh
from reconciler.engine.sight import Sight, Since
from reconciler.engine.source_accounts import check_sources, lock_scopes
from reconciler.engine.target import Pins, Target, check_plan, check_target
from reconciler.errors import PlanRefused, StalePlan, StoreError
from reconciler.ports.ledger import Ledger
from reconciler.ports.lock import HeldLock, Locks
from reconciler.ports.progress import Progress

OnResult = Callable[[Result], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyOptions:
    """How to apply. `who` names the applier, as the lock and the history show it; waits are in seconds. `known` are
    values that a plan leaves to the specs, such as e-mail addresses, by what stands for them in it. `sources` are the
    accounts that migrations come from, by migration, as the specs say.
    """

    pins: Pins
    who: str
    spec_digest: str | None = None
    known: Mapping[Ref, str] = field(default_factory=dict)
    sources: Mapping[str, SourceAccount] = field(default_factory=dict)
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
    # From before Stripe tells its time, and before the lock is waited for.
    elapsed = Elapsed(outside.clock)
    target = check_target(outside.api, options.pins, outside.clock)
    check_plan(plan.header, target, outside.api.api_version, options.spec_digest)
    if plan.refusals or (not plan.applicable and not options.skip_refused):
        words = [*plan.refusals, *(f"{c.address}: {c.refused}" for c in plan.changes if c.refused)]
        hint = "" if plan.refusals else "mend the specs as the plan says, or leave them out with --skip-invalid"
        raise PlanRefused("the plan is refused: " + "; ".join(briefly(words)), hint=hint)
    check_sources(plan, outside, options.sources, target)
    with ExitStack() as held:
        taken = [
            held.enter_context(locks.acquire(scope, options.who, wait_seconds=options.wait_seconds))
            for scope in lock_scopes(plan, target)
        ]
        _check_newest(plan, ledger, target)
        return _Run(plan, outside, ledger, options, (target, elapsed)).under(_AllLocks(taken))


class _AllLocks:
    """Implements `reconciler.ports.lock.HeldLock` for several: of this account, and of those that are written to."""

    def __init__(self, locks: Sequence[HeldLock]) -> None:
        self._locks = locks

    def check(self) -> None:
        for lock in self._locks:
            lock.check()


def _check_newest(plan: Plan, ledger: Ledger, target: Target) -> None:
    scope = target.scope
    last = ledger.last_finished(scope.account, scope.livemode, scope.project)
    if last is None or last.plan_digest == plan.digest or last.finished_at is None:
        return
    if last.finished_at > plan.header.created_at:
        message = "another plan was applied after this one was made"
        raise StalePlan(message, hint="make a new plan")


class _Run:
    """One apply of a plan that may be applied, from its listing to the end of its run in the journal."""

    def __init__(
        self, plan: Plan, outside: Outside, ledger: Ledger, options: ApplyOptions, checked: tuple[Target, Elapsed]
    ) -> None:
        """`checked` is the target, and how long ago Stripe told its time."""
        self._plan = plan
        # It is a hash of every step, so it is not taken again for each of them.
        self._digest = plan.digest
        self._outside = outside
        self._ledger = ledger
        self._options = options
        self._target, self._elapsed = checked

    def under(self, lock: HeldLock) -> Applied:
        """Look, then do every step. A run that is stopped is closed in the journal, and says so."""
        outside, progress = self._outside, self._outside.progress
        sight = self._look()
        obstacles = self._obstacles(sight)
        run_id = self._ledger.start(self._opened())
        work = Work(
            plan=self._plan,
            digest=self._digest,
            done=fold(self._ledger.records(self._digest)).done,
            api=outside.api,
            clock=outside.clock,
            ledger=self._ledger,
            gate=Gate(lock),
            sight=sight,
            claims=Claims(outside.bindings(self._target.scope), sight, self._options.known, outside.api, outside.clock),
            obstacles=obstacles,
            run_id=run_id,
            now=self._now,
        )
        progress.start("applying", len(self._plan.steps))
        try:
            applied = _Execution(work, self._options, outside.progress).run()
        except BaseException:
            with suppress(StoreError):
                self._ledger.finish(run_id, self._now(), "stopped")
            raise
        finally:
            progress.finish()
        self._ledger.finish(run_id, self._now(), "done" if applied.complete else "partial")
        return applied

    def _look(self) -> Sight:
        outside = self._outside
        since = Since(epoch=self._target.now, monotonic=outside.clock.monotonic())
        kinds = touched_kinds(self._plan, outside.kinds)
        parents: dict[str, set[str]] = {}
        for step in self._plan.steps:
            parents.setdefault(step.kind, set()).add(outside.kinds[step.kind].lookup.parent_in(step.path))
        snapshot = refresh(outside.api, kinds, self._target.scope.project, outside.progress, parents)
        return Sight(snapshot, outside.api, outside.clock, outside.kinds, since, self._options.known)

    def _obstacles(self, sight: Sight) -> Obstacles:
        """Find what keeps rows from being made, by the schedules that were listed and the subscriptions since."""
        seen = [*sight.of_kind(MIGRATION), *sight.of_kind(SUBSCRIPTION)]
        return Obstacles([*seen, *begun_since(self._plan, self._outside.api)], self._plan)

    def _opened(self) -> Run:
        scope = self._target.scope
        return Run(
            id=0,
            account=scope.account,
            livemode=scope.livemode,
            project=scope.project,
            plan_digest=self._digest,
            actor=self._options.who,
            started_at=self._now(),
        )

    def _now(self) -> int:
        # By Stripe's clock, as a plan tells when it was made: this machine's may be up to a minute off.
        return self._target.now + self._elapsed.seconds()


class _Execution:
    """Runs the steps of one plan; used once."""

    def __init__(self, work: Work, options: ApplyOptions, progress: Progress) -> None:
        self._work = work
        self._options = options
        self._progress = progress
        self._results: dict[str, Result] = {}
        self._steps = {s.id: s for s in work.plan.steps}
        self._waiting: dict[str, set[str]] = {s.id: set(s.needs) for s in work.plan.steps if s.needs}
        self._dependants: dict[str, list[str]] = {}
        for step in work.plan.steps:
            for need in step.needs:
                self._dependants.setdefault(need, []).append(step.id)

    def run(self) -> Applied:
        ready = [s for s in self._work.plan.steps if not s.needs]
        ready.reverse()
        running: set[Future[Result]] = set()
        with ThreadPoolExecutor(max_workers=self._options.concurrency) as pool:
            try:
                while ready or running:
                    # A key that Stripe does not know any more would only be told so again, step by step.
                    while ready and self._work.gate.key_refused:
                        self._skip(ready.pop(), f"not tried: {self._work.gate.key_refused}")
                    while ready and len(running) < 2 * self._options.concurrency:
                        running.add(pool.submit(perform, ready.pop(), self._work))
                    finished, running = wait(running, return_when=FIRST_COMPLETED)
                    for future in finished:
                        ready += self._note(future.result())
            except BaseException:
                # Nothing more is sent, neither after a lost lock nor after an interrupt or a fault of our own. What is
                # on its way is waited for, and journalled by its own thread, before this goes up.
                self._work.gate.close()
                for future in running:
                    future.cancel()
                raise
        return Applied(results=tuple(self._results[s.id] for s in self._work.plan.steps))

    def _note(self, result: Result) -> list[Step]:
        """Take in a result; return the steps that have become ready."""
        self._tell(result)
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

    def _tell(self, result: Result) -> None:
        self._results[result.step.id] = result
        self._options.on_result(result)
        self._progress.advance()

    def _skip(self, step: Step, why: str) -> None:
        self._tell(Result(step=step, outcome=Outcome.SKIPPED, detail=why))
        self._skip_after(step.id)

    def _skip_after(self, step_id: str) -> None:
        for dependant in self._dependants.get(step_id, ()):
            if dependant not in self._results:
                self._skip(self._steps[dependant], f"it needs {step_id}, which was not done")
