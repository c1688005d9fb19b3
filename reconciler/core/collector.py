"""The garbage collector, held back while something large is built."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Of what is alive, this many more than at the last time: some dozen pages.
_SELDOM = 300_000


@contextmanager
def collector_paused() -> Iterator[None]:
    """Collect no cycles until the block ends; for work that makes none. Reference counts go on freeing the rest."""
    # Walking a heap that only grows, again and again, takes a quarter of the time of a plan over 10,000 prices.
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def collector_slowed() -> Iterator[None]:
    """Collect cycles seldom until the block ends; for long work that makes few, whatever else it makes and drops."""
    # A page of a hundred objects is ten thousand hashes, and gone in a moment: by default each is walked through often.
    before = gc.get_threshold()
    gc.set_threshold(_SELDOM, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
