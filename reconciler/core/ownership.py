"""The ownership marker: a short hash for each owned attribute as last applied, kept in the object's own metadata.

Format 1: "1:" and for each attribute, sorted, eight characters: three that name it and five of its value's hash. So 62
attributes (45 metadata keys and 17 fields) fit Stripe's 500 characters. A hash of 30 bits tells drift from change; it
never decides whether something is equal. Of more attributes than fit, as of a price in many currencies, there is one
hash of them all, under another version: it tells that something is to be applied anew, but not what.
"""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache

from reconciler.core.values import Attrs, Value, canonical, digest

_VERSION, _SUMMARY = "1:", "0:"
_NAME, _VALUE = 3, 5
# https://docs.stripe.com/metadata
_LONGEST = 500


@lru_cache(maxsize=65536)
def _short(text: str, length: int) -> str:
    hashed = hashlib.sha256(text.encode(errors="surrogatepass")).digest()[:6]
    return base64.urlsafe_b64encode(hashed).decode()[:length]


def encode_digest(attrs: Attrs) -> str:
    """Write the marker for these owned attributes."""
    text = _VERSION + "".join(sorted(_short(n, _NAME) + _short(canonical(v), _VALUE) for n, v in attrs.items()))
    return text if len(text) <= _LONGEST else f"{_SUMMARY}{digest(attrs)}"


class AppliedDigest:
    """The hashes read back from a marker; of an unknown version nothing is known, and the diff is two-way."""

    def __init__(self, text: str) -> None:
        self.known = text.startswith(_VERSION)
        body, width = text[len(_VERSION) :] if self.known else "", _NAME + _VALUE
        entries = [body[i : i + width] for i in range(0, len(body), width)]
        self._hashes = {e[:_NAME]: e[_NAME:] for e in entries}

    def owned(self, name: str) -> bool:
        """Say whether the attribute was owned when the marker was written."""
        return _short(name, _NAME) in self._hashes

    def applied(self, name: str, value: Value) -> bool:
        """Say whether this is the value that was last applied to the attribute."""
        return self._hashes.get(_short(name, _NAME)) == _short(canonical(value), _VALUE)
