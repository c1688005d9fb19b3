"""Request parameters as the SDK's form encoder takes them without changing what they say, and as a query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from urllib.parse import urlencode

from reconciler.core.values import Value, decimal_text


def form_params(params: Mapping[str, Value]) -> dict[str, Value]:
    """Turn parameters into nested dicts, lists and strings.

    Raises ValueError for what a form cannot say (None, an empty list or hash: the encoder would drop them in silence,
    where '' unsets), and TypeError for floats, references and secrets.
    """
    return {name: _form_value(name, value) for name, value in params.items()}


def form_query(params: Mapping[str, Value]) -> str:
    """Write what `form_params` returned as a query, in its order: a[b]=c, and a[0]=c for lists."""
    # The brackets stay as they are, as the SDK has them.
    return urlencode([pair for name, value in params.items() for pair in _pairs(name, value)], safe="[]")


def _pairs(name: str, value: Value) -> Iterator[tuple[str, str]]:
    match value:
        case Mapping():
            children = list(value.items())
        case list():
            children = list(enumerate(value))
        case _:
            yield name, value
            return
    for key, child in children:
        yield from _pairs(f"{name}[{key}]", child)


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
