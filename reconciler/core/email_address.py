"""E-mail addresses, compared: upper and lower case are one, everything else tells two apart."""

from __future__ import annotations

import unicodedata


def email_key(text: str) -> str:
    """What two spellings of one address have in common: no blanks around, one case, one way to compose letters.

    A plus-address stays another address: whether both reach one person is for their provider to say.
    """
    # Not casefold: it takes straße.example for strasse.example, which are two domains and may be two people's.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text.strip()).lower())
