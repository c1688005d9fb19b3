"""The gate before every send: the lock, and whether this apply is still to send anything at all."""

from __future__ import annotations

import threading

from reconciler.ports.lock import HeldLock


class Closed(Exception):
    """The apply is stopping. Seen by its own threads alone: what stopped it is raised by the one that runs them."""


class Gate:
    """Lets requests pass while the lock is ours and nothing has stopped the apply; safe from several threads."""

    def __init__(self, lock: HeldLock) -> None:
        self._lock = lock
        self._closed = threading.Event()
        self._key_refused = ""

    def check(self) -> None:
        """Raise LockLost or Closed where nothing must be sent any more; called before each send."""
        if self._closed.is_set():
            raise Closed
        self._lock.check()

    def close(self) -> None:
        """Let nothing pass any more: after a lost lock, an interrupt or a fault of our own."""
        self._closed.set()

    def refuse_key(self, words: str) -> None:
        """Take in that Stripe does not know the API key any more: every other request would be told the same."""
        self._key_refused = self._key_refused or words

    @property
    def key_refused(self) -> str:
        """Stripe's words on the key; empty while it is good."""
        return self._key_refused
