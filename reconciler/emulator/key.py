"""API keys: which ones a world knows, what they may do, and how Stripe refuses them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.emulator.errors import AuthenticationError, PermissionDenied


@dataclass(frozen=True)
class Key:
    """A full key, or a restricted one when permissions are given; a write permission includes reading."""

    permissions: frozenset[str] | None = None
    revoked: bool = False

    def allows(self, permission: str) -> bool:
        if self.permissions is None or permission in self.permissions:
            return True
        stem, _, access = permission.rpartition("_")
        return access == "read" and f"{stem}_write" in self.permissions


def check_prefixes(keys: Mapping[str, Key], livemode: bool) -> None:
    """Refuse a world whose keys say another mode, or a kind of key that they are not."""
    mode = "live" if livemode else "test"
    for text, key in keys.items():
        kind = "sk" if key.permissions is None else "rk"
        if not text.startswith(f"{kind}_{mode}_"):
            raise ValueError(f"this key must start with {kind}_{mode}_: {mask(text)}")


def mask(text: str) -> str:
    """A key as Stripe's messages show it: the prefix, stars, the last four characters."""
    parts = text.split("_", 2)
    prefix = "_".join(parts[:2]) + "_" if len(parts) == 3 else ""
    rest = text[len(prefix) :]
    return f"{prefix}{'*' * max(len(rest) - 4, 4)}{rest[-4:]}"


def key_text(authorization: str) -> str:
    """The key in an Authorization header: Bearer, or Basic with the key as the user."""
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(credentials, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


def authenticate(keys: Mapping[str, Key], authorization: str) -> tuple[str, Key]:
    """The key of a request, and its text; refuses one that is missing, unknown or revoked."""
    text = key_text(authorization)
    if not text:
        raise AuthenticationError(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using "
            "Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
        )
    key = keys.get(text)
    if key is None:
        raise AuthenticationError(f"Invalid API Key provided: {mask(text)}")
    if key.revoked:
        raise AuthenticationError(f"Expired API Key provided: {mask(text)}", code="api_key_expired")
    return text, key


def authorize(key: Key, text: str, permission: str, account_id: str) -> None:
    """Refuse a restricted key that lacks the permission of the endpoint."""
    if not key.allows(permission):
        raise PermissionDenied(
            f"The provided key '{mask(text)}' does not have the required permissions for this endpoint on account "
            f"'{account_id}'. Having the '{permission}' permission would allow this request to continue."
        )
