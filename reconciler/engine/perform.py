"""One step of an apply: look, check the precondition, send once, and know what came of it.

The four layers against doing anything twice meet here: derived idempotency keys, markers listed live, the journal, and
the lock, which is asked before every send.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from reconciler.core.deadline import late_words
from reconciler.core.expected import mismatches, value
from reconciler.core.idempotency import action_key, create_key
from reconciler.core.inside import differing_parts
from reconciler.core.journal import Event, Record
from reconciler.core.plan import Absent, Plan, Step, Unchanged
from reconciler.core.resources import MARK_REPLACES, Observed
from reconciler.core.results import Outcome, Result
from reconciler.engine.claims import Claims, Taken, Unseen, shown
from reconciler.engine.gate import Closed, Gate
from reconciler.engine.obstacles import Obstacles
from reconciler.engine.refresh import missing
from reconciler.engine.sight import Sight, Unresolved
from reconciler.engine.trouble import open_outcome, said
from reconciler.errors import LockLost, OutcomeUnknown, RemoteError, RemoteRejected, RemoteUnavailable, StoreError
from reconciler.ports.billing import Answer, BillingApi
from reconciler.ports.clock import Clock
from reconciler.ports.ledger import Ledger

# A key is burnt by a recorded failure, or by an object that was deleted since; more of those in a day is no accident.
MAX_ATTEMPTS = 20

# Stripe may say of a key that it has other parameters while the request that has it is still running. These are the
# seconds to wait between looks for what that request makes, before it counts as one that made nothing.
_PATIENCE = (0, 1, 2, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What performing needs besides the step. `digest` is the plan's, `run_id` the journal's run; `done` maps the steps
    that earlier runs of this plan have done to their objects' ids, as far as this store knows. `now` is Stripe's time
    in epoch seconds, UTC, and never earlier than that really is."""

    plan: Plan
    digest: str
    done: Mapping[str, str]
    api: BillingApi
    clock: Clock
    ledger: Ledger
    gate: Gate
    sight: Sight
    claims: Claims
    obstacles: Obstacles
    run_id: int
    now: Callable[[], int]


class _Late(Exception):
    """The deadline of a step has passed; `tried` says whether it was sent before that, and may have taken effect."""

    def __init__(self, *, tried: bool) -> None:
        super().__init__()
        self.tried = tried


def perform(step: Step, work: Work) -> Result:
    """Do one step, or find that it is done, stale or in doubt. Never sends unless the precondition holds now."""
    attempt: _Creation | _Change
    match step.precondition:
        case Absent():
            attempt = _Creation(step, work, step.precondition)
        case Unchanged():
            attempt = _Change(step, work, step.precondition)
    try:
        return attempt.run()
    except RemoteError as error:
        # A look failed. Where something was sent before it, what came of that stays open; where nothing was, the
        # journal is left alone: it may say "in doubt" of an earlier run, and this look has settled nothing.
        if attempt.sent:
            return attempt.fail(error, Outcome.IN_DOUBT)
        attempt.note(error)
        return Result(step=step, outcome=Outcome.FAILED, detail=said(error), request_id=error.request_id)
    except (Unresolved, Unseen) as error:
        return Result(step=step, outcome=Outcome.FAILED, detail=f"{error.message} ({error.hint})")
    except Taken as error:
        return attempt.end(Outcome.STALE, error.message)


class _Attempt:
    """What both ways of performing share: one send, journalled before and after."""

    def __init__(self, step: Step, work: Work) -> None:
        self.step = step
        self.work = work
        self.sight = work.sight
        self.attempt = 0
        self.sent = False
        self.request_id: str | None = None

    def key(self) -> str:
        raise AssertionError("each way has its own key")

    def send(self, path: str) -> Answer:
        params = self.sight.resolve(self.step.params)
        self.work.gate.check()
        self._check_deadline(tried=False)
        self.work.claims.before(self.step)
        try:
            self._write(Event.SENT)
        except StoreError:
            self.work.claims.release(self.step)
            raise
        self.sent = True
        key = self.key() if self.step.method == "post" else None
        tries = 0

        def before_send() -> None:
            nonlocal tries
            self.work.gate.check()
            # Before each try: its turn, or the pause after the one before, may have taken minutes.
            self._check_deadline(tried=tries > 0)
            tries += 1

        try:
            answer = self.work.api.request(self.step.method, path, params, idempotency_key=key, before_send=before_send)
        except (Closed, LockLost):
            if not tries:
                self.work.claims.release(self.step)
                self._write(Event.FAILED, "not sent: the apply was stopped")
            raise
        self.request_id = answer.request_id
        return answer

    def _check_deadline(self, *, tried: bool) -> None:
        if self.step.deadline is not None and self.work.now() >= self.step.deadline:
            raise _Late(tried=tried)

    def too_late(self, late: _Late) -> Result:
        """End a step whose deadline has passed, and of which a look found nothing."""
        if not late.tried:
            return self.end(Outcome.STALE, late_words(self.step))
        # As after a lost connection: the try before may be running still, and commit after our look.
        hint = "an earlier try may have taken effect: run the same apply again, which looks first"
        return self.end(Outcome.IN_DOUBT, f"{late_words(self.step)}; {hint}")

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
        if outcome in (Outcome.DONE, Outcome.ALREADY) and remote_id is not None:
            self.work.claims.after(self.step, remote_id)
        elif outcome is not Outcome.IN_DOUBT:
            self.work.claims.release(self.step)
        event = {Outcome.DONE: Event.SUCCEEDED, Outcome.ALREADY: Event.SUCCEEDED, Outcome.IN_DOUBT: Event.UNKNOWN}
        self._write(event.get(outcome, Event.FAILED), detail, remote_id)
        self.sent = False
        return Result(step=self.step, outcome=outcome, remote_id=remote_id, request_id=self.request_id, detail=detail)

    def fail(self, error: RemoteError, outcome: Outcome = Outcome.FAILED) -> Result:
        """End without success, in Stripe's words."""
        self.note(error)
        if error.status == 409:
            # It may be an earlier request with the same key that is running still.
            self.work.claims.keep(self.step)
        return self.end(outcome, said(error))

    def note(self, error: RemoteError) -> None:
        """Keep what an error tells beyond this step: its request, and whether the key is still good."""
        self.request_id = error.request_id or self.request_id
        if error.status == 401:
            self.work.gate.refuse_key(said(error))

    def settle(self, observed: Observed, outcome: Outcome) -> Result:
        """Take in what the object looks like now; it must show what the step promised."""
        self.sight.take(observed)
        wrong = mismatches(self.sight.resolve(self.step.expect or {}), observed)
        if not wrong:
            return self.end(outcome, remote_id=observed.remote_id)
        parts = [part for name, want, live in wrong for part in differing_parts(name, want, live)]
        words = "; ".join(f"{name} is {live!r}, expected {want!r}" for name, want, live in parts)
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
        self.precondition = precondition

    def key(self) -> str:
        header = self.work.plan.header
        scope = self.sight.scope(header)
        # Objects of others that have the natural key count among the earlier ones: whoever plans this creation in the
        # same account sees the same ones, so the key is the same for all of them.
        return create_key(scope, self.step.address, self.earlier, self.attempt)

    def run(self) -> Result:
        made = self._made() or self._remembered() or self._hindered()
        while made is None:
            if self.attempt >= MAX_ATTEMPTS:
                return self.too_many()
            made = self._try()
            if made is None:
                self.attempt += 1
        return made

    def _made(self, *, look: bool = False) -> Result | None:
        """Tell what stands where the new object belongs; None where its place is still free."""
        if look:
            self.sight.look(self.step, self.precondition.natural_key)
        now = self.sight.incarnations(self.step.address, self.precondition.natural_key)
        # A predecessor under a former address has the natural key until this very create takes it over.
        predecessor = (self.step.expect or {}).get(MARK_REPLACES)
        new = [o for o in now if o.remote_id not in (*self.earlier, predecessor)]
        # A schedule that has started stands for its address together with its subscription: it is the one that is made.
        new = [o for o in new if o.kind == self.step.kind] or new
        if len(new) > 1 or any(o.kind != self.step.kind for o in new):
            ids = ", ".join(o.remote_id for o in new)
            return self.end(Outcome.STALE, f"{ids} carry the marker of {self.step.address}; the plan knew none of them")
        if new:
            return self.settle(new[0], Outcome.ALREADY)
        gone = sorted(set(self.earlier) - {o.remote_id for o in now})
        if gone:
            return self.end(Outcome.STALE, f"{', '.join(gone)} existed when the plan was made, and is gone")
        return None

    def _hindered(self) -> Result | None:
        """Tell what has come since the plan was made, and keeps this from being made."""
        words = self.work.obstacles.words(self.step, self.precondition)
        return self.end(Outcome.STALE, words) if words else None

    def _remembered(self) -> Result | None:
        """Tell what became of what an earlier run made. It is never made again, even if Stripe forgot both it and the
        key."""
        made = self.work.done.get(self.step.id)
        if not made:
            return None
        live = self.sight.read(self.step.kind, made)
        return self._made() or self._undone(made, gone=live is None)

    def _undone(self, remote_id: str, *, gone: bool) -> Result:
        fate = "deleted" if gone else "released from this address"
        return self.end(Outcome.STALE, f"{remote_id} was created by this plan, and {fate} since")

    def _try(self) -> Result | None:
        try:
            answer = self.send(self.step.path)
        except _Late as late:
            return (self._made(look=True) if late.tried else None) or self.too_late(late)
        except RemoteRejected as error:
            return self._rejected(error)
        except (RemoteUnavailable, OutcomeUnknown) as error:
            found = self._made(look=True)
            if found is not None or error.replayed:
                return found
            return self.fail(error, open_outcome(error))
        return self._replayed(answer) if answer.replayed else self._answered(answer)

    def _rejected(self, error: RemoteRejected) -> Result | None:
        self.note(error)
        if error.kind == "idempotency_error":
            # Someone's create of this very address came first, with other parameters; Stripe is the arbiter.
            return self._other()
        if error.replayed or error.code == "resource_already_exists":
            found = self._made(look=True)
            if found is not None or error.replayed:
                return found
        return self.fail(error)

    def _other(self) -> Result | None:
        for seconds in _PATIENCE:
            self.work.clock.sleep(seconds)
            found = self._made(look=True)
            if found is not None:
                return found
        return None

    def _answered(self, answer: Answer) -> Result:
        return self.settle(self.sight.observe(self.step, answer), Outcome.DONE)

    def _replayed(self, answer: Answer) -> Result | None:
        """The answer is an old one: the object may have been changed, archived or deleted since."""
        old = self.sight.observe(self.step, answer)
        self.request_id = answer.request_id
        live = self.sight.read(self.step.kind, old.remote_id)
        found = self._made(look=live is None)
        if found is not None:
            return found
        if old.created >= self.work.plan.header.created_at:
            return self._undone(old.remote_id, gone=live is None)
        # It was gone, or nobody's, before the plan was made, so the plan means a new one: the next attempt's key.
        return None


class _Change(_Attempt):
    """A request on an object that exists: sent while the object is as it was at plan time, or at its target in part."""

    def __init__(self, step: Step, work: Work, precondition: Unchanged) -> None:
        super().__init__(step, work)
        self.named = precondition.remote_id
        self.remote_id = ""
        self.before = shown(precondition.before)

    def key(self) -> str:
        return action_key(self.work.digest, self.step.id, self.attempt)

    def run(self) -> Result:
        self.remote_id = str(self.sight.resolve(self.named))
        observed = self.sight.current(self.step.kind, self.remote_id)
        while self.attempt < MAX_ATTEMPTS:
            done = self._holds(observed)
            if done is not None:
                return done
            if self.step.id in self.work.done:
                return self._set_back()
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
            f"{part} is {now!r}, it was {then!r} when the plan was made"
            for name, planned in before.items()
            if name not in target or value(observed, name) != target[name]
            for part, then, now in differing_parts(name, planned, value(observed, name))
        ]
        return self.end(Outcome.STALE, f"{self.remote_id}: {'; '.join(moved)}") if moved else None

    def _try(self) -> Result | None:
        try:
            answer = self.send(self.step.path.format(id=self.remote_id))
        except _Late as late:
            seen = self.sight.read(self.step.kind, self.remote_id) if late.tried else None
            return (self._holds(seen) if late.tried else None) or self.too_late(late)
        except RemoteRejected as error:
            if missing(error) and self.step.expect is None:
                self.sight.drop(self.step.kind, self.remote_id)
                return self.end(Outcome.ALREADY, remote_id=self.remote_id)
            if error.replayed or error.kind == "idempotency_error":
                return None
            return self.fail(error)
        except (RemoteUnavailable, OutcomeUnknown) as error:
            return self._after_trouble(error)
        if answer.replayed:
            return self._after_replay()
        if self.step.expect is None:
            self.sight.drop(self.step.kind, self.remote_id)
            return self.end(Outcome.DONE, remote_id=self.remote_id)
        return self.settle(self.sight.observe(self.step, answer), Outcome.DONE)

    def _after_replay(self) -> Result | None:
        """The answer is an old one: this plan did the step before, so what the object shows now is somebody's word."""
        observed = self.sight.read(self.step.kind, self.remote_id)
        return self._holds(observed) or self._set_back()

    def _set_back(self) -> Result:
        return self.end(Outcome.STALE, f"{self.remote_id} was changed by this plan, and changed back since")

    def _after_trouble(self, error: RemoteError) -> Result | None:
        observed = self.sight.read(self.step.kind, self.remote_id)
        if observed is None and self.step.expect is None:
            return self.end(Outcome.ALREADY, remote_id=self.remote_id)
        expect = self.sight.resolve(self.step.expect)
        if observed is not None and expect is not None and not mismatches(expect, observed):
            return self.settle(observed, Outcome.ALREADY)
        if error.replayed:
            return None
        return self.fail(error, open_outcome(error))
