"""Each kind takes every parameter that the pinned SDK has, and no other; what may change is what its updates take."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Any

import pytest
import stripe.params
import stripe.params.billing

from reconciler.core.fields import Field, FieldType, OnChange
from reconciler.core.kind import Kind, OnReplace
from reconciler.core.shapes import ListOf, MapOf, Struct
from reconciler.core.types import Text
from reconciler.kinds import STRIPE_KINDS
from tests.emulator.sdk_contract import alternatives, fields, is_params, paths, required

PARAMS: dict[str, tuple[type[Any], type[Any]]] = {
    "product": (stripe.params.ProductCreateParams, stripe.params.ProductUpdateParams),
    "price": (stripe.params.PriceCreateParams, stripe.params.PriceUpdateParams),
    "coupon": (stripe.params.CouponCreateParams, stripe.params.CouponUpdateParams),
    "promotion_code": (stripe.params.PromotionCodeCreateParams, stripe.params.PromotionCodeUpdateParams),
    "tax_rate": (stripe.params.TaxRateCreateParams, stripe.params.TaxRateUpdateParams),
    "meter": (stripe.params.billing.MeterCreateParams, stripe.params.billing.MeterUpdateParams),
}

# A parameter of updates only, which an empty text unsets: https://github.com/stripe/stripe-python/issues/658
UPDATE_ONLY = {("product", "default_price")}

# An empty text would unset all currencies at once, never the one that a spec no longer declares.
NOT_ONE_BY_ONE = {("price", "currency_options")}

each_kind = pytest.mark.parametrize("kind", STRIPE_KINDS, ids=lambda kind: kind.name)


def field_paths(struct: Struct, prefix: str = "") -> Iterator[str]:
    """Every field at every depth, both spellings, under the names that `paths` gives the SDK's parameters."""
    for field in struct.fields:
        for name in (field.name, field.twin):
            if name is not None:
                yield f"{prefix}{name}"
        yield from _inner(field.type, f"{prefix}{field.name}")
    yield from (f"{prefix}{name}" for name, _ in struct.excluded)


def _inner(kind: FieldType, path: str) -> Iterator[str]:
    match kind:
        case Struct():
            yield from field_paths(kind, f"{path}.")
        case ListOf():
            yield from _inner(kind.item, f"{path}.[]")
        case MapOf():
            yield from _inner(kind.value, f"{path}.{{}}")


def leaves(struct: Struct, prefix: str = "") -> Iterator[tuple[str, Field]]:
    """The fields that carry their own rule of change: those of the body, and of structs that are split."""
    for field in struct.fields:
        if field.split and isinstance(field.type, Struct):
            yield from leaves(field.type, f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}", field


def literals(hint: Any) -> set[str]:
    """The texts of an enumeration, without the empty one that unsets."""
    found = [set(typing.get_args(a)) for a in alternatives(hint) if typing.get_origin(a) is typing.Literal]
    return set().union(*found) - {""}


def clears(hint: Any) -> bool:
    return any(typing.get_origin(a) is typing.Literal and "" in typing.get_args(a) for a in alternatives(hint))


def choices(params: type[Any], prefix: str = "") -> Iterator[tuple[str, set[str]]]:
    """Every enumeration of the SDK, by path."""
    for name, hint in fields(params).items():
        path = f"{prefix}{name}"
        if literals(hint):
            yield path, literals(hint)
        for member in alternatives(hint):
            yield from _inner_choices(member, path)


def _inner_choices(hint: Any, path: str) -> Iterator[tuple[str, set[str]]]:
    if is_params(hint):
        yield from choices(hint, f"{path}.")
    marks: dict[Any, str] = {list: "[]", dict: "{}"}
    mark = marks.get(typing.get_origin(hint))
    for member in alternatives(typing.get_args(hint)[-1]) if mark else ():
        yield from _inner_choices(member, f"{path}.{mark}")


def field_types(struct: Struct, prefix: str = "") -> Iterator[tuple[str, FieldType]]:
    for field in struct.fields:
        yield f"{prefix}{field.name}", field.type
        yield from _inner_types(field.type, f"{prefix}{field.name}")


def _inner_types(kind: FieldType, path: str) -> Iterator[tuple[str, FieldType]]:
    match kind:
        case Struct():
            yield from field_types(kind, f"{path}.")
        case ListOf():
            yield from _inner_types(kind.item, f"{path}.[]")
        case MapOf():
            yield from _inner_types(kind.value, f"{path}.{{}}")


def not_excluded(kind: Kind, path: str) -> bool:
    return path.split(".")[0] not in dict(kind.body.excluded)


def test_every_kind_is_held_against_the_sdk() -> None:
    assert {k.name for k in STRIPE_KINDS} == set(PARAMS)


@each_kind
def test_every_create_parameter_is_a_field_or_excluded_with_a_reason(kind: Kind) -> None:
    create, _ = PARAMS[kind.name]
    named = set(field_paths(kind.body))
    missing = sorted(p for p in paths(create) if not_excluded(kind, p) and p not in named)
    assert not missing
    assert all(reason for _, reason in kind.body.excluded)


@each_kind
def test_no_field_exists_that_the_sdk_does_not_name(kind: Kind) -> None:
    create, update = PARAMS[kind.name]
    known = {*paths(create), *(name for name in fields(update) if (kind.name, name) in UPDATE_ONLY)}
    assert sorted(set(field_paths(kind.body)) - known) == []


@each_kind
def test_what_is_excluded_is_a_parameter_and_not_also_a_field(kind: Kind) -> None:
    create, _ = PARAMS[kind.name]
    excluded = set(dict(kind.body.excluded))
    assert excluded <= set(fields(create))
    assert not excluded & {f.name for f in kind.body.fields}


@each_kind
def test_what_the_sdk_requires_is_required(kind: Kind) -> None:
    create, _ = PARAMS[kind.name]
    demanded = {f.name for f in kind.body.fields if f.required}
    assert set(required(create)) <= demanded


@each_kind
def test_the_fields_that_change_in_place_are_those_of_the_update(kind: Kind) -> None:
    create, update = PARAMS[kind.name]
    in_place = {path for path, field in leaves(kind.body) if field.on_change is OnChange.UPDATE}
    declared = {path for path, _ in leaves(kind.body)}
    assert in_place == {p for p in paths(update) if p in declared}
    created_only = {p for p in paths(create) if p in declared} - set(paths(update))
    assert declared - in_place == created_only


@each_kind
def test_ids_and_event_names_are_refused_a_change_and_other_create_only_fields_replaced(kind: Kind) -> None:
    refusing = {path for path, field in leaves(kind.body) if field.on_change is OnChange.REFUSE}
    expected = {"product": {"id", "type"}, "coupon": {"id"}, "meter": {"event_name"}}
    assert refusing == expected.get(kind.name, set())
    # Where an id or an event name is what an object is known by, there is no place for a second one.
    assert (kind.on_replace is OnReplace.REFUSED) == (kind.name in expected)


@each_kind
def test_what_can_be_unset_is_what_the_sdk_lets_an_empty_text_stand_for(kind: Kind) -> None:
    _, update = PARAMS[kind.name]
    unset = {n for n, hint in fields(update).items() if clears(hint) and (kind.name, n) not in NOT_ONE_BY_ONE}
    unset |= {n for k, n in UPDATE_ONLY if k == kind.name}
    assert {f.name for f in kind.body.fields if f.clearable} == unset


@each_kind
def test_the_choices_of_a_field_are_those_of_the_sdk(kind: Kind) -> None:
    create, _ = PARAMS[kind.name]
    own = {p: set(t.choices) for p, t in field_types(kind.body) if isinstance(t, Text) and t.choices}
    assert own == {p: found - {"inf"} for p, found in choices(create) if not_excluded(kind, p) and found != {"inf"}}
