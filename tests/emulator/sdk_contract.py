"""What the pinned SDK says about Stripe: its request parameters as trees, and its answers as required fields.

Read from the annotations of the installed package, which are the best machine-readable contract there is.
"""

from __future__ import annotations

import functools
import inspect
import operator
import sys
import types
import typing
from collections.abc import Iterator
from typing import Any, Dict, ForwardRef, TypeVar, Union, get_args, get_origin  # noqa: UP035

import stripe
import typing_extensions
from pydantic import ConfigDict, TypeAdapter
from stripe import _request_options
from stripe._object_classes import OBJECT_CLASSES

OPTIONS = frozenset(_request_options.RequestOptions.__annotations__)
_T = TypeVar("_T")
_UNTYPED: Any = Dict[str, _T]  # type: ignore[valid-type]  # noqa: UP006


def _evaluate(annotation: Any, namespace: dict[str, Any]) -> Any:
    """An annotation with every name in it resolved."""
    while isinstance(annotation, str | ForwardRef):
        text = annotation if isinstance(annotation, str) else annotation.__forward_arg__
        annotation = eval(text, namespace)
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is typing_extensions.NotRequired:
        return typing_extensions.NotRequired[_evaluate(inner[0], namespace)]
    if origin is list:
        return list[_evaluate(inner[0], namespace)]  # type: ignore[misc]
    if origin is dict:
        return dict[str, _evaluate(inner[1], namespace)]  # type: ignore[misc]
    if origin in (Union, types.UnionType):
        return functools.reduce(operator.or_, (_evaluate(part, namespace) for part in inner))
    return annotation


def fields(params: type[Any]) -> dict[str, Any]:
    """The parameters of a class, without the options that are no parameters."""
    namespace = dict(vars(sys.modules[params.__module__]))
    namespace.update(UntypedStripeObject=_UNTYPED, StripeContext=str)
    return {
        name: _evaluate(annotation, namespace)
        for name, annotation in params.__annotations__.items()
        if name not in OPTIONS
    }


def is_params(hint: Any) -> bool:
    return isinstance(hint, type) and hasattr(hint, "__total__")


def alternatives(hint: Any) -> list[Any]:
    """What a hint may be: the members of unions, without NotRequired."""
    if get_origin(hint) is typing_extensions.NotRequired:
        return alternatives(get_args(hint)[0])
    if get_origin(hint) in (Union, types.UnionType):
        return [part for member in get_args(hint) for part in alternatives(member)]
    return [hint]


def paths(params: type[Any], prefix: str = "") -> Iterator[str]:
    """Every parameter at every depth; `[]` for the members of arrays and `{}` for names of the caller's choice."""
    for name, hint in fields(params).items():
        path = f"{prefix}.{name}" if prefix else name
        yield path
        for member in alternatives(hint):
            yield from _inner(member, path)


def _inner(hint: Any, path: str) -> Iterator[str]:
    if is_params(hint):
        yield from paths(hint, path)
    elif get_origin(hint) is list:
        for member in alternatives(get_args(hint)[0]):
            yield from _inner(member, f"{path}.[]")
    elif get_origin(hint) is dict:
        for member in alternatives(get_args(hint)[1]):
            yield from _inner(member, f"{path}.{{}}")


def required(params: type[Any], prefix: str = "") -> Iterator[str]:
    """The parameters that the SDK's types require, at every depth."""
    for name, hint in fields(params).items():
        path = f"{prefix}.{name}" if prefix else name
        if get_origin(hint) is not typing_extensions.NotRequired:
            yield path


def validator(params: type[Any]) -> TypeAdapter[Any]:
    """Validates parameters as the SDK types them; unknown ones are refused at any depth."""
    return TypeAdapter(_closed(params))


def _closed(hint: Any) -> Any:
    if is_params(hint):
        make: Any = typing_extensions.TypedDict
        rebuilt = make(hint.__name__, {name: _closed(inner) for name, inner in fields(hint).items()})
        rebuilt.__pydantic_config__ = ConfigDict(extra="forbid")
        return rebuilt
    origin, inner = get_origin(hint), get_args(hint)
    if origin is typing_extensions.NotRequired:
        return typing_extensions.NotRequired[_closed(inner[0])]
    if origin is list:
        return list[_closed(inner[0])]  # type: ignore[misc]
    if origin is dict:
        return dict[str, _closed(inner[1])]  # type: ignore[misc]
    if origin in (Union, types.UnionType):
        return functools.reduce(operator.or_, (_closed(part) for part in inner))
    return hint


def _response_namespace(cls: type[Any]) -> dict[str, Any]:
    namespace: dict[str, Any] = dict(vars(typing))
    for module, name in OBJECT_CLASSES.values():
        # A name may be there twice, in v1 and v2: the annotations of v1 mean their own.
        namespace[name] = getattr(stripe, name, None) or getattr(__import__(module, fromlist=[name]), name)
    namespace.update(vars(sys.modules[cls.__module__]))
    namespace["CardResource"] = stripe.Card
    return namespace


def missing(cls: type[Any], body: Any, path: str = "") -> Iterator[str]:
    """The fields that an answer lacks, or has null or unknown against what the SDK's class says."""
    namespace = _response_namespace(cls)
    namespace.update({name: inner for name, inner in vars(cls).items() if isinstance(inner, type)})
    annotations = {n: a for n, a in inspect.get_annotations(cls).items() if n != "OBJECT_NAME"}
    for name in body:
        if name not in annotations:
            yield f"{path}{name}: unknown to the SDK"
    for name, annotation in annotations.items():
        hint = eval(annotation, namespace) if isinstance(annotation, str) else annotation
        if name == "deleted":
            continue
        if name not in body:
            yield f"{path}{name}: absent"
        elif body[name] is None:
            if type(None) not in get_args(hint):
                yield f"{path}{name}: null"
        else:
            yield from _missing_inside(hint, body[name], f"{path}{name}")


def _missing_inside(hint: Any, value: Any, path: str) -> Iterator[str]:
    for member in alternatives(hint):
        nested = isinstance(member, type) and issubclass(member, stripe.StripeObject)
        if nested and isinstance(value, dict) and inspect.get_annotations(member):
            yield from missing(member, value, f"{path}.")
        elif get_origin(member) is list and isinstance(value, list):
            for position, row in enumerate(value):
                yield from _missing_inside(get_args(member)[0], row, f"{path}.{position}")
