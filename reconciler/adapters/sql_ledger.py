"""The journal in the SQL store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, insert, select, true, update

from reconciler.core.journal import Event, Record, Run
from reconciler.errors import StoreError
from reconciler.store.database import Database
from reconciler.store.group_commit import GroupCommit
from reconciler.store.tables import RECORDS, RUNS


class SqlLedger:
    """Keeps runs and their records; safe from several threads. Every method raises StoreError if the store fails."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._records = GroupCommit(self._append)

    def start(self, run: Run) -> int:
        """Open a run, and return its id; the given id is ignored."""
        row = {
            "account": run.account,
            "livemode": run.livemode,
            "project": run.project,
            "plan_digest": run.plan_digest,
            "actor": _storable(run.actor),
            "started_at": run.started_at,
            "finished_at": run.finished_at,
            "outcome": run.outcome,
        }
        with self._database.write() as connection:
            run_id: int = connection.execute(insert(RUNS).values(row).returning(RUNS.c.id)).scalar_one()
        return run_id

    def write(self, run_id: int, record: Record) -> None:
        """Append a record; durable when this returns."""
        self._records.add(
            {
                "run_id": run_id,
                "step_id": record.step_id,
                "address": _storable(record.address),
                "event": record.event.value,
                "at": record.at,
                "attempt": record.attempt,
                "idempotency_key": record.idempotency_key,
                "remote_id": record.remote_id,
                "request_id": record.request_id,
                "detail": _storable(record.detail),
            }
        )

    def _append(self, rows: Sequence[Mapping[str, object]]) -> Sequence[None]:
        with self._database.write() as connection:
            connection.execute(insert(RECORDS), rows)
        return [None] * len(rows)

    def finish(self, run_id: int, at: int, outcome: str) -> None:
        """Close a run; `at` is epoch seconds, UTC. Raises StoreError if the store has no such run."""
        with self._database.write() as connection:
            change = update(RUNS).where(RUNS.c.id == run_id).values(finished_at=at, outcome=outcome)
            if connection.execute(change).rowcount != 1:
                raise StoreError(
                    f"the store {self._database.shown} has no run {run_id}",
                    hint="the store was replaced during the apply: make a new plan and apply it",
                )

    def records(self, plan_digest: str) -> Sequence[Record]:
        """All records of all runs of one plan, oldest first."""
        query = select(RECORDS).join(RUNS).where(RUNS.c.plan_digest == plan_digest).order_by(RECORDS.c.id)
        with self._database.read() as connection:
            return tuple(_record(row) for row in connection.execute(query))

    def last_finished(self, account: str, livemode: bool, project: str) -> Run | None:
        """The run that finished last, by finished_at; of two in one second, the one that started later."""
        query = (
            select(RUNS)
            .where(_of_target(account, livemode, project), RUNS.c.finished_at.is_not(None))
            .order_by(RUNS.c.finished_at.desc(), RUNS.c.id.desc())
            .limit(1)
        )
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else Run(**row._mapping)

    def applied(self, account: str, livemode: bool, project: str, *, kind: str = "") -> dict[str, str]:
        """The remote id that each address, or each of a kind, has by its last success; what left in an apply is not
        among them."""
        succeeded = (
            _of_target(account, livemode, project),
            RECORDS.c.address.startswith(f"{kind}.", autoescape=True) if kind else true(),
            RECORDS.c.event == Event.SUCCEEDED.value,
            RECORDS.c.remote_id.is_not(None),
        )
        query = select(RECORDS.c.address, RECORDS.c.step_id, RECORDS.c.remote_id).join(RUNS).where(*succeeded)
        found: dict[str, str] = {}
        with self._database.read() as connection:
            for address, step_id, remote_id in connection.execute(query.order_by(RECORDS.c.id)):
                # A step on an object that leaves, or that is another address's, names it: "price.x/archive price_1".
                if not step_id.endswith(f" {remote_id}"):
                    found[address] = remote_id
                elif found.get(address) == remote_id:
                    del found[address]
        return found


def _of_target(account: str, livemode: bool, project: str) -> ColumnElement[bool]:
    return and_(RUNS.c.account == account, RUNS.c.livemode == livemode, RUNS.c.project == project)


def _record(row: Row[Any]) -> Record:
    return Record(
        step_id=row.step_id,
        address=row.address,
        event=Event(row.event),
        at=row.at,
        attempt=row.attempt,
        idempotency_key=row.idempotency_key,
        remote_id=row.remote_id,
        request_id=row.request_id,
        detail=row.detail,
    )


def _storable(text: str) -> str:
    """Replace what a database cannot hold: an odd answer of Stripe must not cost the record of what was sent."""
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()
