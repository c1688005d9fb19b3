"""Names of endpoints: the method and the path of a request, with the ids masked."""

from __future__ import annotations

_NAMESPACES = frozenset({"billing", "billing_portal", "checkout", "entitlements", "tax", "test_helpers"})
_WORDS = frozenset({"create_preview", "search", "upcoming"})


def endpoint_name(method: str, path: str) -> str:
    """Name the operation: "GET /v1/products/{id}/features". Caller-chosen ids look like anything, so it goes by place.

    Stripe limits every named operation on its own: https://docs.stripe.com/rate-limits.
    """
    version, *rest = path.partition("?")[0].strip("/").split("/")
    named = [version]
    if rest and rest[0] in _NAMESPACES:
        named.append(rest.pop(0))
    for place, part in enumerate(rest):
        named.append(part if place % 2 == 0 or part in _WORDS else "{id}")
    return f"{method.upper()} /{'/'.join(named)}"
