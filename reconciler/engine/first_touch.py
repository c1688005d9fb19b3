"""Bindings as an application asks for them: who a user is in Stripe, what that unlocks, and the first touch."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

from reconciler.core.bindings import BoundBy, email_mark, metadata_key
from reconciler.core.email_address import email_key
from reconciler.core.external_id import external_id_fault, is_plain
from reconciler.core.first_touch import Candidates, choose, confirm, taken
from reconciler.core.idempotency import Scope
from reconciler.core.resolved import BoundCustomer, Outcome, Resolved, resolved
from reconciler.core.values import Value, digest
from reconciler.engine.customer_look import look
from reconciler.engine.refresh import missing
from reconciler.engine.refusals import Refusals
from reconciler.engine.target import Pins, check_target
from reconciler.errors import BillplanError, RemoteError, RemoteRejected
from reconciler.ports.billing import BillingApi
from reconciler.ports.bindings import Claim, TouchStore
from reconciler.ports.clock import Clock

_LOG = logging.getLogger(__name__)
_CUSTOMERS = "/v1/customers"
# Threads that touch one user take one turn after the other, and those of others seldom wait for them.
_TURNS = 64
_LOOKS = 3


class BadExternalId(BillplanError, ValueError):
    """What was given cannot be an external id."""


class BadEmail(BillplanError, ValueError):
    """What was given cannot be an e-mail."""


class _Gone(Exception):
    """The customer was deleted before its metadata was written."""


class Bindings:
    """Resolves external ids. Safe from several threads, for as long as the application runs; not across a fork.

    As the arbiter of who is first it needs the store that all callers share: PostgreSQL, or one file of SQLite for the
    processes of one machine.
    """

    def __init__(
        self, store: TouchStore, api: Callable[[], BillingApi], scope: Scope, clock: Clock, learn: Callable[[], object]
    ) -> None:
        """`api` opens Stripe, when a first touch needs it; `scope` is whose bindings these are; `learn` takes into the
        store what the mirrored customers' metadata tells."""
        self._store = store
        self._open = api
        self._scope = scope
        self._clock = clock
        self._key = metadata_key(scope.project)
        self._learn = learn
        self._learning = threading.Lock()
        self._turns = tuple(threading.Lock() for _ in range(_TURNS))
        self._refusals = Refusals(clock)
        self._checked: BillingApi | None = None
        self._checking = threading.Lock()

    def resolve(self, external_id: str, email: str | None = None) -> Resolved:
        """Say which customer an external id is bound to, and what its current subscriptions unlock.

        An id that is not bound yet is bound now if an e-mail is given, and exactly one customer has it, who is nobody
        else's: once, whoever else asks at the same time. Upper and lower case of an e-mail are one. The caller vouches
        that the e-mail is the user's, so it must have been verified.

        Raises BadExternalId, BadEmail; StoreError; of an id that is not bound also BillplanError where the customers
        were not all mirrored yet, or too long ago; and for a first touch RemoteError where Stripe cannot be asked: then
        nothing is bound, and the next call tries again.
        """
        _check(external_id, email)
        given = (email or "").strip()
        if not given or not is_plain(given):
            seen = self._look(external_id, None)
            if isinstance(seen, Resolved):
                return seen
            reason = "it is not bound, and no customer can have that e-mail" if given else "it is not bound"
            return Resolved(external_id=external_id, outcome=Outcome.UNKNOWN, reason=reason, as_of=seen.as_of)
        bound = self._store.bound_customer(external_id)
        if bound is not None:
            return _bound(external_id, bound)
        with self._turns[hash(external_id) % _TURNS]:
            seen = self._look(external_id, email_key(given))
            return seen if isinstance(seen, Resolved) else self._touch(external_id, given, seen)

    def close(self) -> None:
        """Close what is kept open between calls. Idempotent."""
        self._store.close()

    def _look(self, external_id: str, key: str | None) -> Resolved | Candidates:
        """Whom an id is bound to by now, or else what the store knows of it, once that is all that the mirror knows."""
        for _ in range(_LOOKS):
            bound = self._store.bound_customer(external_id)
            if bound is not None:
                return _bound(external_id, bound)
            seen = self._store.candidates(external_id, key)
            if seen is None:
                raise _not_mirrored()
            if seen.learned:
                return seen
            self._learn_first(external_id)
        # Each time the mirror had moved on before what it had was learned.
        raise BillplanError("the store's mirror is being changed by another program", hint="try again in a moment")

    def _learn_first(self, external_id: str) -> None:
        """Learn, unless another thread has while this one waited for it."""
        with self._learning:
            seen = self._store.candidates(external_id, None)
            if seen is not None and not seen.learned:
                self._learn()

    def _touch(self, external_id: str, email: str, seen: Candidates) -> Resolved:
        chosen = choose(external_id, seen, self._key)
        if isinstance(chosen, Resolved):
            return chosen
        asked = (external_id, email_mark(email), seen.as_of)
        refused = self._refusals.of(asked)
        if refused is not None:
            return refused
        # The mirror may be hours old.
        live = look(self._api(), chosen, email, seen.as_of)
        refused = confirm(external_id, seen, self._key, live)
        if refused is not None:
            self._refusals.keep(asked, refused)
            return refused
        return self._claim(external_id, seen, (live.customer or {}).get("metadata") or {})

    def _claim(self, external_id: str, seen: Candidates, metadata: Mapping[str, Value]) -> Resolved:
        (chosen,) = seen.customers
        at = self._clock.now()
        claim = self._store.claim(external_id, chosen.id, BoundBy.TOUCH, at)
        reason = f"it was bound to {chosen.id} by its e-mail"
        try:
            if claim.made and metadata.get(self._key) != external_id and not self._write(external_id, chosen.id, at):
                reason += "; the customer's metadata does not tell yet: the next plan says so, and its apply repairs it"
        except _Gone:
            self._store.release(claim.bound[0])
            reason = f"it is not bound, and the only customer that had that e-mail, {chosen.id}, was deleted"
            return Resolved(external_id=external_id, outcome=Outcome.UNKNOWN, reason=reason, as_of=seen.as_of)
        bound = self._store.bound_customer(external_id)
        if bound is None:
            return _not_free(external_id, chosen.id, claim, seen.as_of)
        if not claim.made:
            return _bound(external_id, bound)
        return resolved(external_id, bound, Outcome.BOUND_NOW, reason)

    def _write(self, external_id: str, customer: str, at: int) -> bool:
        """Let the customer's metadata tell; say whether it does. The binding holds even if it does not, unless there is
        no such customer any more: then this raises _Gone."""
        # With the moment of the claim: a binding made anew after the store was lost must not be answered by the record
        # of the first one's request, for somebody may have taken it out of the metadata since.
        key = f"billplan-{digest(['bind', str(self._scope), external_id, customer, at])[:48]}"
        params = {"metadata": {self._key: external_id}}
        try:
            self._api().request("post", f"{_CUSTOMERS}/{customer}", params, idempotency_key=key)
        except RemoteError as error:
            if isinstance(error, RemoteRejected) and missing(error):
                raise _Gone from None
            words = "%s is bound in the store, but its metadata was not written: %s, HTTP status %s, request %s"
            _LOG.warning(words, customer, type(error).__name__, error.status, error.request_id)
            return False
        return True

    def _api(self) -> BillingApi:
        """Stripe, once it has said that the key is this account's."""
        with self._checking:
            if self._checked is None:
                api, scope = self._open(), self._scope
                pins = Pins(project=scope.project, livemode=scope.livemode, account=scope.account)
                check_target(api, pins, self._clock)
                self._checked = api
            return self._checked


def _check(external_id: str, email: str | None) -> None:
    if not isinstance(external_id, str):
        raise BadExternalId(f"an external id is a text, and this one is of type {type(external_id).__name__}")
    fault = external_id_fault(external_id)
    if fault:
        raise BadExternalId(fault, hint="give the id by which the application knows the user")
    if email is not None and not isinstance(email, str):
        raise BadEmail(f"an e-mail is a text, and this one is of type {type(email).__name__}")


def _not_free(external_id: str, customer: str, claim: Claim, as_of: int) -> Resolved:
    """Say who has one side of what was claimed."""
    others = [one.external_id for one in claim.bound if one.customer == customer and one.by is not BoundBy.RESERVED]
    if others:
        reason = taken(customer, others[0])
        return Resolved(external_id=external_id, outcome=Outcome.CONFLICT, reason=reason, as_of=as_of)
    reason = "an apply is binding it, or the customer with that e-mail, and has not heard from Stripe: ask again"
    return Resolved(external_id=external_id, outcome=Outcome.UNKNOWN, reason=reason, as_of=as_of)


def _not_mirrored() -> BillplanError:
    """Who is not bound in a store that was never filled, or lost, is not unknown: the customers' metadata may tell."""
    message = "the store has not all customers of the account, so it cannot say whose an external id is"
    return BillplanError(message, hint="billplan sync")


def _bound(external_id: str, customer: BoundCustomer) -> Resolved:
    return resolved(external_id, customer, Outcome.BOUND, f"it is bound to {customer.id}")
