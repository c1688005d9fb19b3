"""Bindings as an application asks for them: who a user is in Stripe, what that unlocks, and the first touch."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

from reconciler.core.bindings import BoundBy, Customer, metadata_key
from reconciler.core.email_address import email_key
from reconciler.core.external_id import external_id_fault, is_plain
from reconciler.core.first_touch import TOLD, Candidates, choose, confirm, taken
from reconciler.core.idempotency import Scope
from reconciler.core.resolved import BoundCustomer, Outcome, Resolved, resolved
from reconciler.core.values import Value, digest
from reconciler.engine.target import Pins, check_target
from reconciler.errors import BillplanError, RemoteError, RemoteRejected
from reconciler.ports.billing import BillingApi
from reconciler.ports.bindings import TouchStore
from reconciler.ports.clock import Clock

_LOG = logging.getLogger(__name__)
_CUSTOMERS = "/v1/customers"
# Threads that touch one user take one turn after the other, and those of others seldom wait for them.
_TURNS = 64


class BadExternalId(BillplanError, ValueError):
    """What was given cannot be an external id."""


class Bindings:
    """Resolves external ids. Safe from several threads, for as long as the application runs; not across a fork.

    As the arbiter of who is first it needs the store that all callers share: PostgreSQL, or one file of SQLite for the
    processes of one machine.
    """

    def __init__(self, store: TouchStore, api: Callable[[], BillingApi], scope: Scope, clock: Clock) -> None:
        """`api` opens Stripe, when a first touch needs it; `scope` is whose bindings these are."""
        self._store = store
        self._open = api
        self._scope = scope
        self._clock = clock
        self._key = metadata_key(scope.project)
        self._turns = tuple(threading.Lock() for _ in range(_TURNS))
        self._checked: BillingApi | None = None
        self._checking = threading.Lock()

    def resolve(self, external_id: str, email: str | None = None) -> Resolved:
        """Say which customer an external id is bound to, and what its current subscriptions unlock.

        An id that is not bound yet is bound now if an e-mail is given, and exactly one customer has it, who is nobody
        else's: once, whoever else asks at the same time. Upper and lower case of an e-mail are one. The caller vouches
        that the e-mail is the user's, so it must have been verified.

        Raises BadExternalId; StoreError; for a first touch also BillplanError where the customers were not mirrored
        yet, and RemoteError where Stripe cannot be asked: then nothing is bound, and the next call tries again.
        """
        _check(external_id)
        bound = self._store.bound_customer(external_id)
        if bound is not None:
            return _bound(external_id, bound)
        given = (email or "").strip()
        if not given or not is_plain(given):
            reason = "it is not bound, and no customer can have that e-mail" if given else "it is not bound"
            return Resolved(external_id=external_id, outcome=Outcome.UNKNOWN, reason=reason)
        with self._turns[hash(external_id) % _TURNS]:
            bound = self._store.bound_customer(external_id)
            return _bound(external_id, bound) if bound else self._touch(external_id, given)

    def close(self) -> None:
        """Close what is kept open between calls. Idempotent."""
        self._store.close()

    def _touch(self, external_id: str, email: str) -> Resolved:
        seen = self._store.candidates(external_id, email_key(email))
        if seen is None:
            message = "the store has not all customers of the account, so none can be found by e-mail"
            raise BillplanError(message, hint="billplan sync")
        chosen = choose(external_id, seen, self._key)
        if isinstance(chosen, Resolved):
            return chosen
        # The mirror may be hours old.
        live, others = self._read(chosen.id), self._others(chosen, email)
        refused = confirm(external_id, seen, self._key, live, others)
        if refused is not None:
            return refused
        return self._claim(external_id, seen, (live or {}).get("metadata") or {})

    def _claim(self, external_id: str, seen: Candidates, metadata: Mapping[str, Value]) -> Resolved:
        (chosen,) = seen.customers
        at = self._clock.now()
        claim = self._store.claim(external_id, chosen.id, BoundBy.TOUCH, at)
        reason = f"it was bound to {chosen.id} by its e-mail"
        if claim.made and metadata.get(self._key) != external_id and not self._write(external_id, chosen.id, at):
            reason += "; the customer's metadata does not tell yet: the next plan says so, and its apply repairs it"
        bound = self._store.bound_customer(external_id)
        if bound is None:
            other = next(one.external_id for one in claim.bound if one.customer == chosen.id)
            reason = taken(chosen.id, other)
            return Resolved(external_id=external_id, outcome=Outcome.CONFLICT, reason=reason, as_of=seen.as_of)
        if not claim.made:
            return _bound(external_id, bound)
        return resolved(external_id, bound, Outcome.BOUND_NOW, reason)

    def _read(self, id: str) -> Mapping[str, Value] | None:
        """The customer as it is; None where there is no such one."""
        try:
            return self._api().request("get", f"{_CUSTOMERS}/{id}", {}).body
        except RemoteRejected as error:
            if error.status == 404:
                return None
            raise

    def _others(self, chosen: Customer, email: str) -> list[str]:
        """The customers, but for the chosen one, that Stripe lists with this e-mail in one of its spellings."""
        # The list's filter tells upper and lower case apart: https://docs.stripe.com/api/customers/list
        found: dict[str, None] = {}
        for spelling in dict.fromkeys((email, chosen.email or email, email_key(email))):
            page = self._api().request("get", _CUSTOMERS, {"email": spelling, "limit": TOLD})
            found |= dict.fromkeys(str(one["id"]) for one in page.body["data"])
        return [id for id in found if id != chosen.id]

    def _write(self, external_id: str, customer: str, at: int) -> bool:
        """Let the customer's metadata tell; say whether it does. The binding holds even if it does not."""
        # With the moment of the claim: a binding made anew after the store was lost must not be answered by the record
        # of the first one's request, for somebody may have taken it out of the metadata since.
        key = f"billplan-{digest(['bind', str(self._scope), external_id, customer, at])[:48]}"
        params = {"metadata": {self._key: external_id}}
        try:
            self._api().request("post", f"{_CUSTOMERS}/{customer}", params, idempotency_key=key)
        except RemoteError as error:
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


def _check(external_id: str) -> None:
    if not isinstance(external_id, str):
        raise BadExternalId(f"an external id is a text, and this one is of type {type(external_id).__name__}")
    fault = external_id_fault(external_id)
    if fault:
        raise BadExternalId(fault, hint="give the id by which the application knows the user")


def _bound(external_id: str, customer: BoundCustomer) -> Resolved:
    return resolved(external_id, customer, Outcome.BOUND, f"it is bound to {customer.id}")
