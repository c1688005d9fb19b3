"""The last word on a binding, while it is applied: the store arbitrates between all who bind at once."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress

from reconciler.core.bindings import KIND, Bound, BoundBy, email_mark, email_ref
from reconciler.core.email_address import email_key
from reconciler.core.plan import Absent, Step, Unchanged
from reconciler.core.values import Attrs, Ref
from reconciler.engine.listing import list_pages
from reconciler.engine.sight import FRESH_SECONDS, Sight
from reconciler.errors import BillplanError, RemoteError, StoreError
from reconciler.ports.billing import BillingApi
from reconciler.ports.bindings import BindingStore, Claim
from reconciler.ports.clock import Clock

_PATH = "/v1/customers"
_EMAIL = "email"

# A request of which nothing was heard has come to something by then, or never will.
_DOUBT_SECONDS = 600


class Taken(BillplanError):
    """Somebody else has one side of a binding by now, or the e-mail that its customer was found by is not its alone."""


class Unseen(BillplanError):
    """It could not be looked at whether a binding is free, so nothing was sent."""


class Claims:
    """Reserves bindings in the store until Stripe has answered; safe to use from several threads. Without a store,
    metadata is the only word.

    `emails` are the addresses that customers are found by, or made with, by what stands for them in the plan.
    """

    def __init__(
        self, store: BindingStore | None, sight: Sight, emails: Mapping[Ref, str], api: BillingApi, clock: Clock
    ) -> None:
        self._store = store
        self._sight = sight
        self._emails = emails
        self._api = api
        self._clock = clock
        self._marked: dict[str, list[str]] | None = None
        self._marked_at = sight.since
        self._reserved: dict[str, Bound] = {}
        self._lock = threading.Lock()

    def before(self, step: Step) -> None:
        """Reserve what a step is about to bind; raise Taken where it is somebody else's by now, and Unseen where that
        could not be looked at."""
        if step.kind != KIND:
            return
        match step.precondition:
            case Unchanged(remote_id=customer):
                self._check_metadata(step, str(customer))
                self._check_customer(step, str(customer))
                self._reserve(step, str(customer))
            case Absent():
                self._check_email(step)
                self._reserve(step, None)

    def after(self, step: Step, customer: str) -> None:
        """Bind what a step has bound, or has found bound; raise Taken where the store has it otherwise."""
        if step.kind != KIND:
            return
        if isinstance(step.precondition, Absent) and not self._is_bound(step, customer):
            observed = self._sight.current(KIND, customer)
            email = self._emails.get(email_ref(step.address.name))
            if observed is None or email is None or observed.attrs.get(_EMAIL) != email_mark(email):
                raise Taken(f"{customer} has this external id, and not the e-mail that the specs say")
        if self._store is None:
            return
        claim = self._store.settle(step.address.name, customer, self._clock.now())
        self.keep(step)
        if not claim.holds:
            raise Taken(f"{_words(claim.bound)}, so {step.address.name} cannot be bound to {customer}")

    def keep(self, step: Step) -> None:
        """Leave the reservation of a step: what its request comes to is not known yet."""
        with self._lock:
            self._reserved.pop(step.id, None)

    def release(self, step: Step) -> None:
        """Take back the reservation of a step that was not sent, or turned down. Never raises: what is left of it ends
        by itself."""
        with self._lock:
            reserved = self._reserved.pop(step.id, None)
        if self._store is not None and reserved is not None:
            with suppress(StoreError):
                self._store.release(reserved)

    def _is_bound(self, step: Step, customer: str) -> bool:
        """Say whether an earlier run bound it: since then the customer may have got another e-mail address."""
        bound = None if self._store is None else self._store.claimed(step.address.name)
        return bound is not None and bound.customer == customer

    def _reserve(self, step: Step, customer: str | None) -> None:
        if self._store is None:
            return
        claim = self._claim(self._store, step.address.name, customer)
        if not claim.holds:
            words = _words(claim.bound)
            if customer is None:
                raise Taken(f"{words} by now, so no customer is made for it")
            raise Taken(f"{words}, so {step.address.name} cannot be bound to {customer}")
        (bound,) = claim.bound
        if bound.by is BoundBy.RESERVED:
            with self._lock:
                self._reserved[step.id] = bound

    def _claim(self, store: BindingStore, external_id: str, customer: str | None) -> Claim:
        claim = store.reserve(external_id, customer, self._clock.now())
        # Only an apply reserves, and this one has the lock: who reserved it has ended, and what has come of it was in
        # the listing, which has neither another customer with the id nor the customer with another id.
        old = [b for b in claim.bound if b.by is BoundBy.RESERVED and b.at + _DOUBT_SECONDS < self._sight.listed_at]
        if claim.holds or not old:
            return claim
        for bound in old:
            store.release(bound)
        return store.reserve(external_id, customer, self._clock.now())

    def _check_metadata(self, step: Step, customer: str) -> None:
        name = step.address.name
        found = [one.remote_id for one in self._sight.incarnations(step.address, name) if one.remote_id != customer]
        others = ", ".join(id for id in found if not self._bound_otherwise(id, name))
        if others:
            raise Taken(f"{others} has {name} in its metadata by now, so {customer} cannot have it")

    def _bound_otherwise(self, customer: str, external_id: str) -> bool:
        """Say whether the store knows that somebody edited a customer's metadata: it is bound to another id."""
        bound = None if self._store is None else self._store.bound_to(customer)
        return bound is not None and bound.external_id != external_id

    def _check_customer(self, step: Step, customer: str) -> None:
        """See that the customer is there, and if it was found by its e-mail, that it alone has that one still."""
        observed = self._sight.seen(KIND, customer)
        if observed is None or not observed.alive:
            raise Taken(f"{customer} was deleted")
        if not _by_email(step):
            return
        mark = email_mark(self._email(step))
        if observed.attrs.get(_EMAIL) != mark:
            raise Taken(f"{customer} has another e-mail by now than the one that it was found by")
        others = [id for id in self._with_mark(step, mark) if id != customer]
        if others:
            raise Taken(f"{', '.join(others)} has the e-mail too, by now, that {customer} was found by")

    def _check_email(self, step: Step) -> None:
        """See that no customer has the e-mail of the one to make: in the listing, and live where that is old."""
        email = self._email(step)
        there = self._with_mark(step, email_mark(email))
        if not there and self._clock.monotonic() - self._sight.since > FRESH_SECONDS:
            there = [id for spelling in dict.fromkeys((email, email_key(email))) for id in self._with_email(spelling)]
        if there:
            raise Taken(f"{', '.join(dict.fromkeys(there))} has the e-mail of the customer to make by now")

    def _email(self, step: Step) -> str:
        email = self._emails.get(email_ref(step.address.name))
        if email is None:
            raise Taken("the specs say no e-mail for it")
        return email

    def _with_email(self, email: str) -> list[str]:
        try:
            pages = list_pages(self._api, _PATH, {"email": email})
            return [str(raw["id"]) for page, _ in pages for raw in page]
        except RemoteError as error:
            raise _unseen(error) from None

    def _with_mark(self, step: Step, mark: str) -> list[str]:
        """List who has an e-mail, in whatever spelling: of the listing, and of those that came since."""
        with self._lock:
            now = self._clock.monotonic()
            if now - self._marked_at > FRESH_SECONDS:
                try:
                    self._sight.look(step, None)
                except RemoteError as error:
                    raise _unseen(error) from None
                self._marked, self._marked_at = None, now
            if self._marked is None:
                self._marked = {}
                for one in self._sight.of_kind(KIND):
                    self._marked.setdefault(str(one.attrs.get(_EMAIL)), []).append(one.remote_id)
            return self._marked.get(mark, [])


def shown(before: Attrs) -> Attrs:
    """The part of a precondition that may be shown: not the e-mail, which is compared without."""
    return {name: value for name, value in before.items() if not (isinstance(value, Ref) and value.attr == _EMAIL)}


def _by_email(step: Step) -> bool:
    return isinstance(step.precondition, Unchanged) and _EMAIL in step.precondition.before


def _unseen(error: RemoteError) -> Unseen:
    message = f"whether a customer has its e-mail by now could not be looked at: {error.message}"
    return Unseen(message, hint="run the same command again")


def _words(bound: tuple[Bound, ...]) -> str:
    return " and ".join(_word(one) for one in bound)


def _word(bound: Bound) -> str:
    if bound.by is not BoundBy.RESERVED:
        return f"{bound.external_id} is bound to {bound.customer}"
    return f"{bound.external_id} is being bound by an apply that has not heard from Stripe (plan again in ten minutes)"
