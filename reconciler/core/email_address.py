"""E-mail addresses, compared: upper and lower case are one, everything else tells two apart."""

from __future__ import annotations

import re
import unicodedata

# The letters beyond ASCII that Unicode takes for one of ASCII. They are a file's, or a deceiver's, way to write another
# address: KELVIN SIGN, GREEK QUESTION MARK, GREEK VARIA.
_POSING = re.compile("([\u212a\u037e\u1fef])")


def email_key(text: str) -> str:
    """What two spellings of one address have in common: no blanks around, one case, one way to compose letters.

    A plus-address stays another address: whether both reach one person is for their provider to say. So does one with a
    letter that only looks like another one's.
    """
    return "".join(part if _POSING.match(part) else _folded(part) for part in _POSING.split(text.strip()))


def _folded(text: str) -> str:
    # Not casefold: it takes straße.example for strasse.example, which are two domains and may be two people's.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())
