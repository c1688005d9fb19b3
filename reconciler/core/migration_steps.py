"""The requests of a migration's plan: schedules made, changed, canceled, adopted, renamed and forgotten. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.core.address import Address
from reconciler.core.course import Course
from reconciler.core.deadline import HOUR, deadline_of
from reconciler.core.migration_facts import Held
from reconciler.core.migrations import (
    ATTEMPT,
    BATCH,
    FOLLOWED,
    KIND,
    SOURCE,
    Migration,
    Named,
    Row,
    Terms,
    course_said,
    row_address,
    row_said,
)
from reconciler.core.personal_metadata import without_personal
from reconciler.core.plan import Absent, Step, Unchanged
from reconciler.core.resources import MARK_ADDRESS, MARK_DIGEST, MARK_PROJECT
from reconciler.core.row_standing import SCHEDULE
from reconciler.core.values import Ref, Value, digest

# The kinds of what is not a schedule of a row's: a subscription that a step makes or marks, and a customer.
SUBSCRIPTION, PAYER = "migrated_subscription", "payer"
SCHEDULES, SUBSCRIPTIONS, _CUSTOMERS = "/v1/subscription_schedules", "/v1/subscriptions", "/v1/customers"
_METHOD, _SOURCE = "invoice_settings[default_payment_method]", "default_source"

_VERSION, _LENGTH = "1", 12
NOT_STARTED = {"status": "not_started"}
_RESTORE = "restore the row as it was before and apply"


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """What the marker of a row is to say: its batch, which attempt at it this is, and what it replaces in another
    account, if it is to end there."""

    batch: str
    attempt: int
    source: str = ""


def block_mark(migration: Migration) -> str:
    """The part of the marker's digest that says what the block says of every row's course."""
    return digest(course_said(migration))[:_LENGTH]


def row_mark(row: Row) -> str:
    """The part of the marker's digest that says what the row says."""
    return digest(row_said(row))[:_LENGTH]


def written_digest(row_part: str, block_part: str) -> str:
    """Write the marker's digest."""
    return f"{_VERSION}:{row_part}:{block_part}"


def read_digest(text: str) -> tuple[str, str] | None:
    """Read a marker's digest: the row's part and the block's; None where it is of an unknown version, or none."""
    version, _, rest = text.partition(":")
    row_part, _, block_part = rest.partition(":")
    return (row_part, block_part) if version == _VERSION and row_part and block_part else None


# The marker's keys, and the attributes that they are.
_PROJECT, _ADDRESS, _DIGEST = (
    attr.removeprefix("metadata[").removesuffix("]") for attr in (MARK_PROJECT, MARK_ADDRESS, MARK_DIGEST)
)
_KEYS = {MARK_PROJECT: _PROJECT, MARK_ADDRESS: _ADDRESS, MARK_DIGEST: _DIGEST, f"metadata[{FOLLOWED}]": FOLLOWED}
_ALL_KEYS = (_PROJECT, _ADDRESS, _DIGEST, BATCH, ATTEMPT, SOURCE, FOLLOWED)


class MigrationSteps:
    """Collects the steps of all migrations of a plan. Not a value: it is filled once, and then read.

    `creates` are the steps that create what rows name and is not there yet, by address.
    """

    def __init__(self, project: str, creates: Mapping[Address, str]) -> None:
        self._project = project
        self._creates = creates
        self.steps: list[Step] = []
        self.payers: dict[str, str] = {}

    def marks(self, address: Address) -> dict[str, str]:
        """What a phase carries of the marker, and so the subscription."""
        return {_PROJECT: self._project, _ADDRESS: str(address)}

    def schedule(
        self, migration: Migration, row: Row, course: Course, incarnations: tuple[str, ...], marks: Mapping[str, Value]
    ) -> None:
        """Make the schedule of a row."""
        terms, address = _terms(row), row_address(migration.name, row.key)
        sent: dict[str, Value] = {
            "customer": terms.customer,
            "start_date": terms.start,
            "end_behavior": course.end_behavior,
            "metadata": marks,
            "phases": without_personal(course.phases, migration, row),
        }
        self._add(
            Step(
                id=f"{address}/create",
                address=address,
                kind=KIND,
                title=f"schedule {address}",
                method="post",
                path=SCHEDULES,
                params=sent,
                precondition=Absent(incarnations=incarnations, natural_key=None, key=_key(migration, row)),
                expect={
                    "customer": terms.customer,
                    "start_date": terms.start,
                    "canceled": False,
                    **_identity(marks),
                },
                needs=self._needs(migration, row),
                undo="state: canceled on its migration cancels it until it starts",
                deadline=deadline_of(terms.start),
            )
        )

    def subscribe(
        self, migration: Migration, row: Row, params: Mapping[str, Value], incarnations: tuple[str, ...], deadline: int
    ) -> None:
        """Make the subscription of a row in the middle of its period, before `deadline` (epoch seconds, UTC)."""
        terms, address = _terms(row), row_address(migration.name, row.key)
        self._add(
            Step(
                id=f"{address}/create",
                address=address,
                kind=SUBSCRIPTION,
                title=f"start {address}",
                method="post",
                path=SUBSCRIPTIONS,
                params=without_personal([params], migration, row)[0],
                precondition=Absent(incarnations=incarnations, natural_key=None, key=_key(migration, row)),
                expect={"customer": terms.customer, **_identity(params["metadata"])},
                needs=self._needs(migration, row),
                undo="nothing takes it back: cancel the subscription in the Dashboard",
                deadline=deadline,
            )
        )

    def change(self, migration: Migration, row: Row, course: Course, held: Held, marks: Mapping[str, Value]) -> None:
        """Change a schedule that has not started, phases whole; its marker is written anew."""
        terms, address = _terms(row), row_address(migration.name, row.key)
        if migration.follow_prices:
            # What a row and its block say is no other than before: by this alone does it show that it was sent.
            marks = {**marks, FOLLOWED: digest(sorted(held.prices))[:_LENGTH]}
        first, *rest = without_personal(course.phases, migration, row)
        phases = [{"start_date": terms.start, **first}, *rest]
        self._add(
            Step(
                id=f"{address}/update",
                address=address,
                kind=KIND,
                title=f"{'adopt' if held.address is None else 'change'} {address} ({held.id})",
                method="post",
                path=f"{SCHEDULES}/{held.id}",
                params={"end_behavior": course.end_behavior, "metadata": marks, "phases": phases},
                precondition=Unchanged(remote_id=held.id, before={**NOT_STARTED, **_held_marks(held)}),
                expect={"start_date": terms.start, **_identity(marks)},
                needs=self._needs(migration, row),
                undo=_RESTORE,
                deadline=deadline_of(min(held.start, terms.start)),
            )
        )

    def mark(self, address: Address, held: Held, marks: Mapping[str, Value]) -> None:
        """Write a row's marker on what has begun: the metadata, and nothing else."""
        self._add(
            Step(
                id=f"{address}/mark {held.id}",
                address=address,
                kind=_kind(held),
                title=f"mark {held.id} as {address}",
                method="post",
                path=_path(held),
                params={"metadata": marks},
                precondition=Unchanged(remote_id=held.id, before=_held_marks(held)),
                expect=_identity(marks),
                undo="with a removed: entry, action forget",
            )
        )

    def cancel(self, address: Address, held: Held, undo: str, *, early: bool = False) -> None:
        """Cancel a schedule that has not started. `early`: an hour before it starts at the latest, since a subscription
        is to end then at its source, and must be told to go on."""
        start = {"start_date": held.start} if early else {}
        self._add(
            Step(
                id=f"{address}/cancel {held.id}",
                address=address,
                kind=KIND,
                title=f"cancel {address} ({held.id})",
                method="post",
                path=f"{SCHEDULES}/{held.id}/cancel",
                # Should it start in the very moment, nothing is billed or credited for it.
                params={"invoice_now": False, "prorate": False},
                precondition=Unchanged(remote_id=held.id, before={**NOT_STARTED, **start, **_held_marks(held)}),
                expect={"status": "canceled"},
                undo=undo,
                deadline=held.start - HOUR if early else deadline_of(held.start),
            )
        )

    def release(self, address: Address, held: Held) -> None:
        """Let the subscription of a schedule go on by itself."""
        self._add(
            Step(
                id=f"{address}/release {held.id}",
                address=address,
                kind=KIND,
                title=f"release {address} ({held.id}): its subscription goes on by itself",
                method="post",
                path=f"{SCHEDULES}/{held.id}/release",
                params={},
                precondition=Unchanged(remote_id=held.id, before={"status": "active", **_held_marks(held)}),
                expect={"status": "released"},
                undo="nothing puts the schedule back",
            )
        )

    def forget(self, address: Address, held: Held) -> None:
        """Take the marker off what a row was; it stays as it is."""
        self._add(
            Step(
                id=f"{address}/forget {held.id}",
                address=address,
                kind=_kind(held),
                title=f"forget {address} ({held.id} stays as it is)",
                method="post",
                path=_path(held),
                params={"metadata": dict.fromkeys(_ALL_KEYS, "")},
                precondition=Unchanged(remote_id=held.id, before=_held_marks(held)),
                expect={MARK_PROJECT: None, MARK_ADDRESS: None},
                undo=f"declare the row again with adopt: {held.id}",
            )
        )

    def pay_by_latest(self, customer: str, method: str) -> bool:
        """Make a customer's newest payment method the default; return False where that is planned already."""
        if customer in self.payers:
            return False
        address = Address(PAYER, customer)
        self.payers[customer] = step_id = f"{address}/update"
        self._add(
            Step(
                id=step_id,
                address=address,
                kind=PAYER,
                title=f"make {method} the default payment method of {customer}",
                method="post",
                path=f"{_CUSTOMERS}/{customer}",
                params={"invoice_settings": {"default_payment_method": method}},
                precondition=Unchanged(remote_id=customer, before={_METHOD: None, _SOURCE: None}),
                expect={_METHOD: method},
                undo="unset the customer's default payment method in the Dashboard",
            )
        )
        return True

    def row_marks(
        self, migration: Migration, row: Row, address: Address, said: str, marked: Marked
    ) -> dict[str, Value]:
        """What the schedule of a row carries: the marker, the digest of what was said, and the row's key."""
        marks: dict[str, Value] = {
            _PROJECT: self._project,
            _ADDRESS: str(address),
            _DIGEST: said,
            ATTEMPT: str(marked.attempt),
        }
        if marked.batch:
            marks[BATCH] = marked.batch
        if marked.source:
            marks[SOURCE] = marked.source
        if migration.key:
            marks[migration.key] = row.key
        return marks

    def _needs(self, migration: Migration, row: Row) -> tuple[str, ...]:
        """List the steps that make what a row and its block name, and its customer's default payment method."""
        payer = self.payers.get(_terms(row).customer)
        found = [payer] if payer is not None else []
        if self._creates:
            found += [self._creates[one] for one in named_in(migration, row) if one in self._creates]
        return tuple(dict.fromkeys(found))

    def _add(self, step: Step) -> None:
        self.steps.append(step)


def named_in(migration: Migration, row: Row) -> list[Address]:
    """List the resources of the specs that a row and its block name."""
    terms = _terms(row)
    items = (*terms.items, *(item for then in migration.then for item in then.items))
    named: list[Named | None] = [terms.coupon, terms.default_tax_rate, *(then.coupon for then in migration.then)]
    named += [fee.product for fee in terms.fees]
    named += [item.named for item in items]
    return [one.address for one in named if isinstance(one, Ref)]


def _terms(row: Row) -> Terms:
    if row.terms is None:
        raise ValueError(f"row {row.key!r} cannot be read, and nothing can be sent for it")
    return row.terms


def _key(migration: Migration, row: Row) -> tuple[str, str] | None:
    return (migration.key, row.key) if migration.key else None


def _identity(marks: Mapping[str, Value]) -> dict[str, Value]:
    return {attr: marks[key] for attr, key in _KEYS.items() if key in marks}


def _held_marks(held: Held) -> dict[str, Value]:
    """The marker that an object has at plan time; that of another project only as far as its name."""
    marks: dict[str, Value] = {MARK_PROJECT: held.project}
    if held.project is None or held.address is not None:
        marks[MARK_ADDRESS] = None if held.address is None else str(held.address)
    if held.address is not None and held.digest:
        marks[MARK_DIGEST] = held.digest
    return marks


def _kind(held: Held) -> str:
    return KIND if held.object == SCHEDULE else SUBSCRIPTION


def _path(held: Held) -> str:
    return f"{SCHEDULES if held.object == SCHEDULE else SUBSCRIPTIONS}/{held.id}"
