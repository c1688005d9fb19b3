"""Lengths of time as settings write them: 90m, 24h, 7d."""

from __future__ import annotations

PATTERN = "[1-9][0-9]{0,5}[mhd]"
_MINUTES = {"m": 1, "h": 60, "d": 24 * 60}


def minutes(text: str) -> int:
    """Turn what the pattern takes into minutes."""
    return int(text[:-1]) * _MINUTES[text[-1]]
