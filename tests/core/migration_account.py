"""An account and rows as migration tests want them: a good row, all that it needs, and what an apply leaves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from reconciler.core.address import Address, parse_address
from reconciler.core.changes import Action, Change
from reconciler.core.diagnostics import SourceRange
from reconciler.core.migration_facts import (
    AccountFacts,
    CouponFacts,
    Held,
    Holdings,
    Payer,
    PriceFacts,
    RateFacts,
)
from reconciler.core.migration_plan import MigrationDraft, MigrationRequest, PlannedRow, plan_migrations
from reconciler.core.migrations import Item, Migration, Named, Row, Terms, WantedMigrations, row_address
from reconciler.core.plan import Step
from reconciler.core.sent_terms import SentTerms, sent_terms
from reconciler.core.values import Ref

PROJECT, KEY = "acme", "third_party_sub_id"
MINUTE, HOUR, DAY = 60, 3600, 86400
# 2026-12-01 and 2027-01-01, both at midnight.
NOW, START = 1796083200, 1798761600
NEXT = START + 31 * DAY

PRO = Ref(Address("price", "pro"))


def terms(customer: str = "cus_1", price: Named = "price_pro", **values: Any) -> Terms:
    """The terms of a row: 29 USD a month from the start on."""
    given = {"start": START, "items": (Item(price=price, quantity=1),), "prorated": False}
    return Terms(customer=customer, **{**given, **values})


def row(key: str = "sub_a", line: int = 2, **values: Any) -> Row:
    """A row of zuora.csv; values of its terms and of the row itself may be mixed."""
    own = {name: values.pop(name) for name in ("faults", "waives", "adopt", "filters") if name in values}
    said = terms(**{"metadata": {KEY: key}, **values})
    return Row(key=key, source=SourceRange("zuora.csv", line, 1), terms=said, **own)


def migration(*rows: Row, name: str = "zuora", **values: Any) -> Migration:
    """A block of these rows."""
    given = {"key": KEY, "csv": "zuora.csv", "source": SourceRange("migrations.yaml", 2, 3), **values}
    return Migration(name=name, rows=rows, **given)


def price(id: str | None = "price_pro", **values: Any) -> PriceFacts:
    given: dict[str, Any] = {
        "named": id,
        "id": id,
        "product": "prod_pro",
        "currency": "usd",
        "amounts": {"usd": Decimal(2900)},
        "interval": "month",
        "tax_behavior": "exclusive",
    }
    return PriceFacts(**{**given, **values})


def payer(id: str = "cus_1", **values: Any) -> Payer:
    return Payer(id=id, **{"currency": "usd", "method": True, "email": True, "located": True, **values})


def account(*held: Held, payers: Iterable[Payer] = (), **values: Any) -> AccountFacts:
    """Facts of an account with two customers, two products, a coupon and a tax rate."""
    everybody = {one.id: one for one in (payer(), payer("cus_2"), *payers)}
    given = {
        "now": NOW,
        "livemode": False,
        "prices": {
            "price_pro": price(),
            "price_team": price("price_team", product="prod_team", amounts={"usd": Decimal(9900)}),
            PRO: price(named=PRO),
        },
        "products": {"prod_pro": True, "prod_team": True, "prod_old": False},
        "coupons": {"TEN": CouponFacts(id="TEN", percent_off=Decimal(10))},
        "rates": {"txr_1": RateFacts(id="txr_1", percentage=Decimal(10), inclusive=False)},
        "ids": {PRO: "price_pro"},
        "tax_active": True,
    }
    return AccountFacts(payers=everybody, holdings=Holdings(held), **{**given, **values})


def planned(*blocks: Migration, facts: AccountFacts | None = None, **request: Any) -> MigrationDraft:
    """Plan these migrations."""
    asked = MigrationRequest(project=PROJECT, **request)
    return plan_migrations(WantedMigrations(migrations=blocks), facts or account(), asked)


def only(draft: MigrationDraft) -> Change:
    (change,) = draft.draft.changes
    return change


def only_step(draft: MigrationDraft) -> Step:
    (step,) = draft.draft.steps
    return step


def only_row(draft: MigrationDraft) -> PlannedRow:
    (one,) = draft.planned
    return one


def refusal(draft: MigrationDraft) -> Change:
    """The one refused change, for which nothing is sent, and which says a way out."""
    change = only(draft)
    assert change.action is Action.REFUSED
    assert change.refused
    assert change.hint
    assert change.source is not None
    assert not draft.draft.steps
    return change


def reasons(draft: MigrationDraft) -> list[str]:
    return [fault.reason for one in draft.planned for fault in one.faults]


def told(draft: MigrationDraft) -> list[str]:
    return [one.summary for one in draft.draft.diagnostics]


def applied(draft: MigrationDraft, before: Iterable[Held] = (), created: int = NOW) -> list[Held]:
    """What an account has once the steps of a plan are done, as its listings show it."""
    found = {one.id: one for one in before}
    for number, step in enumerate(draft.draft.steps):
        if step.kind == "payer":
            continue
        held = _made(step, f"{number}_{created}", created) if step.id.endswith("/create") else _changed(step, found)
        found[held.id] = held
    return list(found.values())


def _made(step: Step, number: str, created: int) -> Held:
    schedule = step.path == "/v1/subscription_schedules"
    made = Held(
        object="subscription_schedule" if schedule else "subscription",
        id=f"{'sub_sched' if schedule else 'sub'}_{number}",
        customer=step.params["customer"],
        status="not_started" if schedule else "active",
        created=created,
        start=step.params.get("start_date", created),
        products=frozenset(("prod_pro",)),
        prices=_prices(step.params["phases"]) if schedule else frozenset(),
        sent=_sent(step) if schedule else None,
    )
    return _marked(made, step.params["metadata"])


def _changed(step: Step, found: Mapping[str, Held]) -> Held:
    parts = step.path.split("/")
    held = found[parts[3]]
    if parts[4:] == ["cancel"]:
        return replace(held, status="canceled")
    if parts[4:] == ["release"]:
        return replace(held, status="released")
    if "phases" in step.params:
        phases = step.params["phases"]
        held = replace(held, start=phases[0]["start_date"], prices=_prices(phases), sent=_sent(step))
    return _marked(held, step.params["metadata"])


def _prices(phases: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    return frozenset(str(item.get("price")) for phase in phases for item in phase["items"])


def _sent(step: Step) -> SentTerms:
    return sent_terms(step.params["phases"], step.params["end_behavior"])


def _marked(held: Held, metadata: Mapping[str, str]) -> Held:
    if metadata.get("billplan_address") == "":
        return replace(held, address=None, project=None, digest="", batch="")
    address = metadata.get("billplan_address")
    key = metadata.get(KEY)
    return replace(
        held,
        address=held.address if address is None else parse_address(address),
        project=metadata.get("billplan_project", held.project),
        digest=metadata.get("billplan_digest", held.digest),
        batch=metadata.get("billplan_batch", held.batch),
        attempt=int(metadata.get("billplan_attempt", held.attempt)),
        keys=held.keys if key is None else {KEY: key},
    )


def started(schedule: Held, status: str = "active", subscription: str = "sub_1") -> list[Held]:
    """A schedule that has started, and its subscription, which has the marker of the phases and no digest."""
    return [
        replace(schedule, status="active" if status != "canceled" else "canceled", subscription=subscription),
        Held(
            object="subscription",
            id=subscription,
            customer=schedule.customer,
            status=status,
            created=schedule.start,
            start=schedule.start,
            address=schedule.address,
            project=schedule.project,
            keys=schedule.keys,
            products=schedule.products,
            schedule=schedule.id,
        ),
    ]


def foreign(id: str = "sub_9", customer: str = "cus_1", **values: Any) -> Held:
    """A subscription, or a schedule, that carries no marker of this project."""
    schedule = id.startswith("sub_sched")
    given = {
        "object": "subscription_schedule" if schedule else "subscription",
        "status": "not_started" if schedule else "active",
        "created": NOW - DAY,
        "start": START if schedule else NOW - DAY,
        "products": frozenset(("prod_other",)),
    }
    return Held(id=id, customer=customer, **{**given, **values})


def address(key: str = "sub_a", name: str = "zuora") -> Address:
    return row_address(name, key)
