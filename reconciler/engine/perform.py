"""One step of an apply: look, check the precondition, send once, and know what came of it.

The four layers against doing anything twice meet here: derived idempotency keys, markers listed live, the journal, and
the lock, which is asked before every send.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.core.idempotency import action_key, create_key
from reconciler.core.journal import Event, Record
from reconciler.core.plan import Absent, Plan, Step, Unchanged
from reconciler.core.resources import Observed
from reconciler.core.values import Attrs, Value
from reconciler.engine.sight import Sight
from reconciler.errors import OutcomeUnknown, RemoteError, RemoteRejected, RemoteUnavailable
from reconciler.ports.billing import Answer, BillingApi
from reconciler.ports.clock import Clock
from reconciler.ports.ledger import Ledger
from reconciler.ports.lock import HeldLock

# A key is burnt by a recorded failure, or by an object that was deleted since; more of those in a day is no accident.
MAX_ATTEMPTS = 20


class Outcome(StrEnum):
    """What came of a step."""

    DONE = "done"
    ALREADY = "already"
    FAILED = "failed"
    STALE = "stale"
    IN_DOUBT = "in_doubt"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A step's outcome; `detail` says why it is not done, without secrets."""

    step: Step
    outcome: Outcome
    remote_id: str | None = None
    request_id: str | None = None
    detail: str = ""

    @property
    def good(self) -> bool:
        return self.outcome in (Outcome.DONE, Outcome.ALREADY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What performing needs besides the step. `run_id` is the journal's run."""

    plan: Plan
    api: BillingApi
    clock: Clock
    ledger: Ledger
    lock: HeldLock
    sight: Sight
    run_id: int


def perform(step: Step, work: Work) -> Result:
    """Do one step, or find that it is done, stale or in doubt. Never sends unless the precondition holds now."""
    try:
        match step.precondition:
            case Absent():
                return _Creation(step, work, step.precondition).run()
            case Unchanged():
                return _Change(step, work, step.precondition).run()
    except RemoteError as error:
        return Result(step=step, outcome=Outcome.FAILED, detail=_words(error), request_id=error.request_id)


class _Attempt:
    """What both ways of performing share: one send, journalled before and after."""

    def __init__(self, step: Step, work: Work) -> None:
        self.step = step
        self.work = work
        self.sight = work.sight
        self.attempt = 0
        self.request_id: str | None = None

    def key(self) -> str:
        raise AssertionError("each way has its own key")

    def send(self, path: str) -> Answer:
        self.work.lock.check()
        self._write(Event.SENT)
        params = self.sight.resolve(self.step.params)
        key = self.key() if self.step.method == "post" else None
        answer = self.work.api.request(self.step.method, path, params, idempotency_key=key)
        self.request_id = answer.request_id
        return answer

    def _write(self, event: Event, detail: str = "", remote_id: str | None = None) -> None:
        record = Record(
            step_id=self.step.id,
            address=str(self.step.address),
            event=event,
            at=self.work.clock.now(),
            attempt=self.attempt,
            idempotency_key=self.key() if self.step.method == "post" else None,
            remote_id=remote_id,
            request_id=self.request_id,
            detail=detail,
        )
        self.work.ledger.write(self.work.run_id, record)

    def end(self, outcome: Outcome, detail: str = "", remote_id: str | None = None) -> Result:
        event = {Outcome.DONE: Event.SUCCEEDED, Outcome.ALREADY: Event.SUCCEEDED, Outcome.IN_DOUBT: Event.UNKNOWN}
        self._write(event.get(outcome, Event.FAILED), detail, remote_id)
        return Result(step=self.step, outcome=outcome, remote_id=remote_id, request_id=self.request_id, detail=detail)

    def settle(self, observed: Observed, outcome: Outcome) -> Result:
        """Take in what the object looks like now; it must show what the step promised."""
        self.sight.take(observed)
        wrong = mismatches(self.sight.resolve(self.step.expect or {}), observed)
        if not wrong:
            return self.end(outcome, remote_id=observed.remote_id)
        words = "; ".join(f"{n} is {live!r}, expected {want!r}" for n, want, live in wrong)
        if outcome is Outcome.DONE:
            return self.end(Outcome.FAILED, f"Stripe answered with something else: {words}", observed.remote_id)
        return self.end(Outcome.STALE, f"{observed.remote_id} is not as planned: {words}", observed.remote_id)

    def too_many(self) -> Result:
        return self.end(Outcome.FAILED, f"{MAX_ATTEMPTS} idempotency keys are used up; try again after 24 hours")


class _Creation(_Attempt):
    """A create: it runs only while its address has exactly the incarnations of plan time."""

    def __init__(self, step: Step, work: Work, precondition: Absent) -> None:
        super().__init__(step, work)
        self.earlier = precondition.incarnations
        self.natural_key = precondition.natural_key

    def key(self) -> str:
        header = self.work.plan.header
        scope = self.sight.scope(header)
        return create_key(scope, self.step.address, self.earlier, self.attempt)

    def run(self) -> Result:
        made = self._made()
        while made is None:
            if self.attempt >= MAX_ATTEMPTS:
                return self.too_many()
            made = self._try()
            self.attempt += 1
        return made

    def _made(self, *, look: bool = False) -> Result | None:
        """Tell what stands where the new object belongs; None where its place is still free."""
        if look:
            self.sight.look(self.step, self.natural_key)
        now = self.sight.incarnations(self.step.address, self.natural_key)
        new = [o for o in now if o.remote_id not in self.earlier]
        gone = sorted(set(self.earlier) - {o.remote_id for o in now})
        if gone:
            return self.end(Outcome.STALE, f"{', '.join(gone)} existed when the plan was made, and is gone")
        if len(new) > 1:
            ids = ", ".join(o.remote_id for o in new)
            return self.end(Outcome.STALE, f"{ids} carry the marker of {self.step.address}; the plan knew none of them")
        return self.settle(new[0], Outcome.ALREADY) if new else None

    def _try(self) -> Result | None:
        try:
            answer = self.send(self.step.path)
        except RemoteRejected as error:
            if error.kind != "idempotency_error" and error.code != "resource_already_exists" and not error.replayed:
                return self.end(Outcome.FAILED, _words(error))
            # Someone's create of this very address came first, perhaps with other parameters; Stripe is the arbiter.
            self.request_id = error.request_id
            found = self._made(look=True)
            if found is None and error.kind != "idempotency_error" and not error.replayed:
                return self.end(Outcome.FAILED, _words(error))
            return found
        except RemoteUnavailable as error:
            found = self._made(look=True)
            return found or (None if error.replayed else self.end(Outcome.FAILED, _words(error)))
        except OutcomeUnknown as error:
            return self._made(look=True) or self.end(Outcome.IN_DOUBT, _words(error))
        return self._replayed(answer) if answer.replayed else self._answered(answer)

    def _answered(self, answer: Answer) -> Result:
        return self.settle(self.sight.observe(self.step.kind, answer), Outcome.DONE)

    def _replayed(self, answer: Answer) -> Result | None:
        """The answer is an old one: the object may have been changed, archived or deleted since."""
        old = self.sight.observe(self.step.kind, answer)
        live = self.sight.read(self.step.kind, old.remote_id)
        if live is not None:
            return self.settle(live, Outcome.ALREADY)
        if old.created >= self.work.plan.header.created_at:
            return self.end(Outcome.STALE, f"{old.remote_id} was created by this plan, and deleted since")
        # It was gone before the plan was made, so the plan means a new one: the next attempt's key is free.
        return self._made(look=True)


class _Change(_Attempt):
    """A request on an object that exists: sent while the object is as it was at plan time, or at its target in part."""

    def __init__(self, step: Step, work: Work, precondition: Unchanged) -> None:
        super().__init__(step, work)
        self.remote_id = str(self.sight.resolve(precondition.remote_id))
        self.before = precondition.before

    def key(self) -> str:
        return action_key(self.work.plan.digest, self.step.id, self.attempt)

    def run(self) -> Result:
        observed = self.sight.current(self.step.kind, self.remote_id)
        while self.attempt < MAX_ATTEMPTS:
            done = self._holds(observed)
            if done is not None:
                return done
            found = self._try()
            if found is not None:
                return found
            self.attempt += 1
            observed = self.sight.read(self.step.kind, self.remote_id)
        return self.too_many()

    def _holds(self, observed: Observed | None) -> Result | None:
        """Tell whether the target holds already, or is out of reach; None while the precondition holds."""
        if observed is None:
            if self.step.expect is None:
                return self.end(Outcome.ALREADY, remote_id=self.remote_id)
            return self.end(Outcome.STALE, f"{self.remote_id} is gone")
        target = self.sight.resolve(self.step.expect or {})
        if self.step.expect is not None and not mismatches(target, observed):
            return self.end(Outcome.ALREADY, remote_id=self.remote_id)
        before = self.sight.resolve(self.before)
        moved = [
            f"{name} is {value(observed, name)!r}, it was {planned!r} when the plan was made"
            for name, planned in before.items()
            if value(observed, name) != planned and (name not in target or value(observed, name) != target[name])
        ]
        return self.end(Outcome.STALE, f"{self.remote_id}: {'; '.join(moved)}") if moved else None

    def _try(self) -> Result | None:
        try:
            answer = self.send(self.step.path.format(id=self.remote_id))
        except RemoteRejected as error:
            if error.status == 404 and self.step.expect is None:
                return self.end(Outcome.ALREADY, remote_id=self.remote_id)
            if error.replayed or error.kind == "idempotency_error":
                return None
            return self.end(Outcome.FAILED, _words(error))
        except (RemoteUnavailable, OutcomeUnknown) as error:
            return self._after_trouble(error)
        if answer.replayed:
            return self._after_replay()
        if self.step.expect is None:
            self.sight.drop(self.step.kind, self.remote_id)
            return self.end(Outcome.DONE, remote_id=self.remote_id)
        return self.settle(self.sight.observe(self.step.kind, answer), Outcome.DONE)

    def _after_replay(self) -> Result | None:
        """An old answer: where the object was set back since, this plan sets it again, under the next key."""
        observed = self.sight.read(self.step.kind, self.remote_id)
        if observed is not None and mismatches(self.sight.resolve(self.step.expect or {}), observed):
            return None
        return self._holds(observed)

    def _after_trouble(self, error: RemoteError) -> Result | None:
        observed = self.sight.read(self.step.kind, self.remote_id)
        if observed is None and self.step.expect is None:
            return self.end(Outcome.ALREADY, remote_id=self.remote_id)
        expect = self.sight.resolve(self.step.expect)
        if observed is not None and expect is not None and not mismatches(expect, observed):
            return self.settle(observed, Outcome.ALREADY)
        if error.replayed:
            return None
        outcome = Outcome.IN_DOUBT if isinstance(error, OutcomeUnknown) else Outcome.FAILED
        return self.end(outcome, _words(error))


def value(observed: Observed, name: str) -> Value:
    """Read an attribute of an object; `alive` is whether it can still be used."""
    return observed.alive if name == "alive" else observed.attrs.get(name)


def mismatches(expect: Attrs, observed: Observed) -> list[tuple[str, Value, Value]]:
    """List the attributes that are not as expected: name, expected, live."""
    return [(n, want, live) for n, want in expect.items() if (live := value(observed, n)) != want]


def _words(error: RemoteError) -> str:
    return f"{error.message}{f' ({error.hint})' if error.hint else ''}"
