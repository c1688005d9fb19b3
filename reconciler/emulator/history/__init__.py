"""An account with a history: grown from a number, and kept alive by happenings."""

from __future__ import annotations

from reconciler.emulator.history.growth import grow
from reconciler.emulator.history.happening import happen

__all__ = ["grow", "happen"]
