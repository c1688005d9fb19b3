"""The accounts that migrations come from, each behind a billing API of its own for reading, and one for writing."""

from __future__ import annotations

import threading
from collections.abc import Callable

from reconciler.core.migrations import SourceAccount
from reconciler.errors import BillplanError
from reconciler.ports.billing import BillingApi
from reconciler.ports.sources import KeyOwner

# Opens the account with the key that is in a place, such as env:OLD_READ_KEY.
Opener = Callable[[SourceAccount, str], BillingApi]


class SourceApis:
    """Implements `reconciler.ports.sources.Sources`. Safe from several threads."""

    def __init__(self, opened: Opener) -> None:
        self._opened = opened
        self._apis: dict[tuple[SourceAccount, str], BillingApi] = {}
        self._known: dict[tuple[str, bool], BillingApi] = {}
        self._lock = threading.Lock()

    def ask(self, source: SourceAccount, *, write: bool = False) -> KeyOwner:
        """Ask Stripe whose the read key is, or the write key; raise BillplanError for a key that is not there."""
        where = source.write if write else source.read
        if where is None:
            raise BillplanError("source_account has no write key", hint="source_account: {write: env:OLD_WRITE_KEY}")
        with self._lock:
            api = self._apis.get((source, where))
            if api is None:
                api = self._apis[(source, where)] = self._opened(source, where)
        answer = api.request("get", "/v1/account", {})
        account = str(answer.body["id"])
        with self._lock:
            self._known[(account, write)] = api
        return KeyOwner(account=account, livemode=api.livemode, date=answer.date)

    def of(self, account: str, *, write: bool) -> BillingApi:
        """Give the API of an account that was asked for; raise BillplanError for any other."""
        with self._lock:
            api = self._known.get((account, write))
        if api is None:
            message = f"no {'write' if write else 'read'} key of the source account {account} was checked"
            raise BillplanError(message, hint="see source_account in the migration's block")
        return api
