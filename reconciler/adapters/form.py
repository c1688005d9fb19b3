"""Request parameters as the SDK's form encoder takes them without changing what they say."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from reconciler.core.values import Value, decimal_text

# raw_request takes these names for itself, and they would never arrive.
_TAKEN_BY_SDK = frozenset(
    {
        "api_key",
        "base",
        "content_type",
        "headers",
        "idempotency_key",
        "max_network_retries",
        "method_",
        "stripe_account",
        "stripe_context",
        "stripe_version",
        "url_",
        "usage",
    }
)


def form_params(params: Mapping[str, Value]) -> dict[str, Value]:
    """Turn parameters into nested dicts, lists and strings.

    Raises ValueError for what a form cannot say (None, an empty list or hash: the encoder would drop them in silence,
    where '' unsets), and TypeError for floats, references and secrets.
    """
    taken = sorted(_TAKEN_BY_SDK.intersection(params))
    if taken:
        raise ValueError(f"parameters that cannot be sent by this name: {', '.join(taken)}")
    return {name: _form_value(name, value) for name, value in params.items()}


def _form_value(name: str, value: Value) -> Value:
    match value:
        case bool():
            return "true" if value else "false"
        case str() | int():
            return str(value)
        case Decimal():
            return decimal_text(value)
        case Mapping() if value:
            return {str(key): _form_value(f"{name}[{key}]", child) for key, child in value.items()}
        case list() | tuple() if value:
            return [_form_value(f"{name}[{place}]", child) for place, child in enumerate(value)]
        case None | Mapping() | list() | tuple():
            raise ValueError(f"{name}: {value!r} cannot be sent; leave it out, or send '' to unset it")
    raise TypeError(f"{name}: {type(value).__name__} cannot be sent")
