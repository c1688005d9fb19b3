"""A process that can be killed at any moment of any request: from then on it does nothing to Stripe or its store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from reconciler.core.journal import Event, Record, Run
from reconciler.errors import OutcomeUnknown
from reconciler.ports.billing import BillingApi
from reconciler.ports.ledger import Ledger
from tests.account import Account
from tests.relay import Relay


class Killed(BaseException):
    """The process is no more."""


class Moment(StrEnum):
    """When, in the life of one request, it happens."""

    UNJOURNALLED = "before anything is written"
    UNSENT = "before the send"
    COMMITTED = "after the commit"
    ANSWERED = "after the answer"
    DROPPED = "connection dropped after the commit"


KILLS = (Moment.UNJOURNALLED, Moment.UNSENT, Moment.COMMITTED, Moment.ANSWERED)


@dataclass
class Death:
    """What befalls the `nth` request that changes something, and how many were seen; `steps` in the order sent."""

    nth: int = 0
    moment: Moment | None = None
    seen: int = 0
    dead: bool = False

    def strikes(self, moment: Moment) -> bool:
        return self.seen == self.nth and self.moment is moment

    def die(self) -> None:
        self.dead = True
        raise Killed

    def live(self) -> None:
        if self.dead:
            raise Killed


class MortalApi(Relay):
    """A billing API that only a living process can use."""

    def __init__(self, inner: BillingApi, death: Death) -> None:
        super().__init__(inner)
        self._death = death

    @contextmanager
    def around(self, method: str, path: str) -> Iterator[None]:
        self._death.live()
        if method != "get" and self._death.strikes(Moment.UNSENT):
            self._death.die()
        yield
        if method != "get" and self._death.strikes(Moment.COMMITTED):
            self._death.die()
        if method != "get" and self._death.strikes(Moment.DROPPED):
            raise OutcomeUnknown("no answer in time")


class MortalLedger:
    """A journal that only a living process writes."""

    def __init__(self, inner: Ledger, death: Death) -> None:
        self._inner = inner
        self._death = death

    def start(self, run: Run) -> int:
        return self._inner.start(run)

    def write(self, run_id: int, record: Record) -> None:
        self._death.live()
        if record.event is Event.SENT:
            self._death.seen += 1
            if self._death.strikes(Moment.UNJOURNALLED):
                self._death.die()
        self._inner.write(run_id, record)
        if record.event is not Event.SENT and self._death.strikes(Moment.ANSWERED):
            self._death.die()

    def finish(self, run_id: int, at: int, outcome: str) -> None:
        self._death.live()
        self._inner.finish(run_id, at, outcome)

    def records(self, plan_digest: str) -> Sequence[Record]:
        return self._inner.records(plan_digest)

    def last_finished(self, account: str, livemode: bool, project: str) -> Run | None:
        return self._inner.last_finished(account, livemode, project)

    def applied(self, account: str, livemode: bool, project: str) -> dict[str, str]:
        return self._inner.applied(account, livemode, project)


def make_mortal(account: Account, death: Death) -> None:
    """Let this death befall what the account does from here on."""
    account.around = lambda api: MortalApi(api, death)
    account.ledger = MortalLedger(account.ledger, death)
