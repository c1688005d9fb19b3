"""The accounts that migrations come from, as a port."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from reconciler.core.migrations import SourceAccount


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyOwner:
    """Whose a key is: the account (acct_...) and its mode; `date` is Stripe's time of the answer in epoch seconds."""

    account: str
    livemode: bool
    date: int


class Sources(Protocol):
    """Opens source accounts. Once one was asked for, requests to it pass: below /source/<account>/."""

    def ask(self, source: SourceAccount, *, write: bool = False) -> KeyOwner:
        """Ask Stripe whose the read key is, or the write key; raise BillplanError for a key that is not there."""
        ...
