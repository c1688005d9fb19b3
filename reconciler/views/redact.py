"""What no output shows: keys never, e-mail addresses not unless asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping

from reconciler.core.values import Value

# Keys, restricted keys and webhook secrets of Stripe; the prefix stays, so that a reader knows what stood there.
_SECRET = re.compile(r"\b((?:sk|rk|pk)_(?:live|test)_|whsec_)[A-Za-z0-9_]+")
# The look-behind lets a match start only where a word starts: that keeps long texts linear.
_LOCAL = r"[^\s@\"'`<>()\[\]{},;:|\\/%=&?]"
_EMAIL = re.compile(rf"(?<!{_LOCAL})({_LOCAL}){_LOCAL}*(@|%40)((?:[\w-]+\.)+[^\W\d_]{{2,}})")


def may_hide(text: str) -> bool:
    """Say whether there can be anything to redact; False is certain, and quickly found."""
    return any(trace in text for trace in ("@", "%40", "_live_", "_test_", "whsec_"))


def redact_text(text: str, *, emails: bool = False) -> str:
    """Write `jane@example.com` as `j***@example.com`, unless `emails` are to be shown, and keys as `sk_live_***`."""
    if "_" in text:
        text = _SECRET.sub(r"\1***", text)
    if not emails and ("@" in text or "%40" in text):
        text = _EMAIL.sub(r"\1***\2\3", text)
    return text


def redact_value(value: Value, *, emails: bool = False) -> Value:
    """Redact every text inside a JSON value, the names of its members included."""
    if isinstance(value, str):
        return redact_text(value, emails=emails)
    if isinstance(value, Mapping):
        return {redact_text(str(k), emails=emails): redact_value(v, emails=emails) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [redact_value(v, emails=emails) for v in value]
    return value
