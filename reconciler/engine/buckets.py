"""The buckets of customers, from the store alone: nothing is asked of Stripe, and the age of what is seen is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.core.binding_targets import BindingsSeen
from reconciler.core.buckets import Buckets, sort_into_buckets
from reconciler.core.customer_standing import CustomerStanding
from reconciler.core.idempotency import Scope
from reconciler.engine.bindings import CUSTOMER, customers_in
from reconciler.engine.outside import Outside
from reconciler.engine.target import Pins
from reconciler.errors import BillplanError
from reconciler.mirrored import BY_NAME

_USE = tuple(BY_NAME[name] for name in ("subscription", "invoice"))


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketsSeen:
    """All customers in their buckets, as the mirror had them at `as_of`; `now` and `as_of` are epoch seconds, UTC.

    `standings` says how much each customer is in use, by id; it is None where the mirror has not all subscriptions and
    invoices.
    """

    account: str
    livemode: bool
    project: str
    now: int
    as_of: int
    buckets: Buckets
    seen: BindingsSeen
    standings: Mapping[str, CustomerStanding] | None


def look_at_buckets(outside: Outside, pins: Pins) -> BucketsSeen:
    """Sort the mirror's customers; raise BillplanError where it has not all of them."""
    if outside.mirrors is None:
        raise BillplanError("there is no store", hint="billplan sync makes one")
    account = pins.account or outside.mirrors.only_account()
    mirror = outside.mirrors.of(account, pins.livemode)
    standing = None if mirror is None else mirror.standings()[CUSTOMER.name]
    if mirror is None or standing is None or not standing.fresh or standing.created_after is not None:
        message = f"the mirror of {account} has not all customers, so nobody can say which e-mail addresses are shared"
        raise BillplanError(message, hint="billplan sync; billplan status says how far the mirror is")
    scope = Scope(account=account, livemode=pins.livemode, project=pins.project)
    store, as_of = outside.bindings(scope), standing.as_of or 0
    seen = BindingsSeen(customers=customers_in(mirror, as_of), bound={} if store is None else store.all())
    facts, standings = outside.facts(scope), mirror.standings()
    whole = all(standings[one.name].fresh and standings[one.name].created_after is None for one in _USE)
    return BucketsSeen(
        account=account,
        livemode=pins.livemode,
        project=pins.project,
        now=outside.clock.now(),
        as_of=as_of,
        buckets=sort_into_buckets(seen, pins.project),
        seen=seen,
        standings=facts.standings() if facts is not None and whole else None,
    )
