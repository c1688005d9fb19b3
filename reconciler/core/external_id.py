"""External ids: what an application calls one of its own users, in its own words."""

from __future__ import annotations

import unicodedata

from reconciler.core.bindings import MAX_EXTERNAL_ID

# Control characters, the separators of lines and paragraphs, and halves of surrogate pairs, which are no text.
_UNUSABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})


def external_id_fault(text: str) -> str:
    """Say why a text cannot be an external id; empty where it can."""
    if not text.strip():
        return "an external id must not be empty"
    if len(text) > MAX_EXTERNAL_ID:
        return f"an external id has at most {MAX_EXTERNAL_ID} characters, and this one has {len(text)}"
    if not is_plain(text):
        return "an external id must not hold control characters"
    if text != text.strip():
        return "an external id has no blanks around it"
    return ""


def is_plain(text: str) -> bool:
    """Say whether a text is one line, free of control characters and of what no database can store."""
    return text.isprintable() or not any(unicodedata.category(letter) in _UNUSABLE for letter in text)
