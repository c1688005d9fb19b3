"""The mirrors of a store, which is opened when one is first needed."""

from __future__ import annotations

from collections.abc import Callable

from reconciler.adapters.sql_locks import SqlLocks
from reconciler.adapters.sql_mirror import SqlMirror, mirrored_accounts
from reconciler.errors import BillplanError
from reconciler.ports.clock import Clock
from reconciler.ports.lock import Locks
from reconciler.ports.mirror import Mirror
from reconciler.store.database import Database


class SqlMirrors:
    """Opens mirrors. `exists` says whether there is a store at all, since looking must not make one.

    It says None where nobody tells where the store is: to open one would raise that.
    """

    def __init__(
        self, database: Callable[[], Database], clock: Clock, livemode: bool, exists: Callable[[], bool | None]
    ) -> None:
        self._database = database
        self._clock = clock
        self._livemode = livemode
        self._exists = exists

    def of(self, account: str, livemode: bool) -> Mirror | None:
        """The mirror of an account in a mode; None where there is no store yet."""
        if not self._exists():
            return None
        return SqlMirror(self._database(), account, livemode)

    def only_account(self) -> str:
        """The account whose mirror is meant where nothing names it: the only one of this mode in the store."""
        if self._exists() is False:
            raise BillplanError("nothing was mirrored yet: there is no store", hint="billplan sync")
        accounts = mirrored_accounts(self._database(), self._livemode)
        if len(accounts) == 1:
            return accounts[0]
        if not accounts:
            raise BillplanError(f"nothing was mirrored yet into {self._database().shown}", hint="billplan sync")
        message = f"the store mirrors {len(accounts)} accounts: {', '.join(accounts)}"
        raise BillplanError(message, hint="pin one as stripe.account in billplan.yaml")

    @property
    def locks(self) -> Locks:
        return SqlLocks(self._database(), self._clock)
