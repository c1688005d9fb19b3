"""The last word on a binding, while it is applied: the store's claim arbitrates between all who bind at once."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from reconciler.core.bindings import KIND, Bound, BoundBy, email_mark, email_ref
from reconciler.core.plan import Absent, Step, Unchanged
from reconciler.core.values import Ref
from reconciler.engine.listing import list_pages
from reconciler.engine.sight import FRESH_SECONDS, Sight
from reconciler.errors import BillplanError, RemoteError
from reconciler.ports.billing import BillingApi
from reconciler.ports.bindings import BindingStore
from reconciler.ports.clock import Clock

_PATH = "/v1/customers"
_EMAIL = "email"


class Taken(BillplanError):
    """Somebody else has one side of a binding by now, or the e-mail address of the customer to make."""


class Unseen(BillplanError):
    """It could not be looked at whether a binding is free, so nothing was sent."""


class Claims:
    """Claims bindings in the store; safe to use from several threads. Without a store, metadata is the only word.

    `emails` are the addresses of the customers that may be made, by what stands for them in the plan.
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
        self._claimed: set[str] = set()
        self._lock = threading.Lock()

    def before(self, step: Step) -> None:
        """Take what a step is about to bind; raise Taken where it is somebody else's by now, and Unseen where that
        could not be looked at."""
        if step.kind != KIND:
            return
        match step.precondition:
            case Unchanged(remote_id=customer):
                self._check_metadata(step, str(customer))
                self._claim(step, str(customer))
            case Absent():
                self._check_free(step)
                self._check_email(step)

    def after(self, step: Step, customer: str) -> None:
        """Take what a step has bound, or has found bound; raise Taken where the store has it otherwise."""
        if step.kind != KIND:
            return
        if isinstance(step.precondition, Absent) and not self._is_bound(step, customer):
            observed = self._sight.current(KIND, customer)
            email = self._emails.get(email_ref(step.address.name))
            if observed is None or email is None or observed.attrs.get(_EMAIL) != email_mark(email):
                raise Taken(f"{customer} has this external id, and not the e-mail that the specs say")
        self._claim(step, customer)

    def _is_bound(self, step: Step, customer: str) -> bool:
        """Say whether an earlier run bound it: since then the customer may have got another e-mail address."""
        bound = None if self._store is None else self._store.claimed(step.address.name)
        return bound is not None and bound.customer == customer

    def _claim(self, step: Step, customer: str) -> None:
        if self._store is None or step.id in self._claimed:
            return
        claim = self._store.claim(step.address.name, customer, BoundBy.PLAN, self._clock.now())
        if not claim.holds:
            raise Taken(f"{_words(claim.bound)}, so {step.address.name} cannot be bound to {customer}")
        self._claimed.add(step.id)

    def _check_metadata(self, step: Step, customer: str) -> None:
        found = self._sight.incarnations(step.address, step.address.name)
        others = ", ".join(one.remote_id for one in found if one.remote_id != customer)
        if others:
            raise Taken(f"{others} has {step.address.name} in its metadata by now, so {customer} cannot have it")

    def _check_free(self, step: Step) -> None:
        bound = None if self._store is None else self._store.claimed(step.address.name)
        if bound is not None:
            raise Taken(f"{_words((bound,))} by now, so no customer is made for it")

    def _check_email(self, step: Step) -> None:
        """See that no customer has the e-mail of the one to make: in the listing, and live where that is old."""
        email = self._emails.get(email_ref(step.address.name))
        if email is None:
            raise Taken("the specs say no e-mail for it")
        there = self._by_mark().get(email_mark(email), [])
        if not there and self._clock.monotonic() - self._sight.since > FRESH_SECONDS:
            there = self._with_email(email)
        if there:
            raise Taken(f"{', '.join(there)} has the e-mail of the customer to make by now")

    def _with_email(self, email: str) -> list[str]:
        try:
            pages = list_pages(self._api, _PATH, {"email": email})
            return [str(raw["id"]) for page, _ in pages for raw in page]
        except RemoteError as error:
            message = f"whether a customer has its e-mail by now could not be looked at: {error.message}"
            raise Unseen(message, hint="run the same command again") from None

    def _by_mark(self) -> dict[str, list[str]]:
        with self._lock:
            if self._marked is None:
                self._marked = {}
                for one in self._sight.of_kind(KIND):
                    self._marked.setdefault(str(one.attrs.get(_EMAIL)), []).append(one.remote_id)
            return self._marked


def _words(bound: tuple[Bound, ...]) -> str:
    return " and ".join(f"{one.external_id} is bound to {one.customer}" for one in bound)
