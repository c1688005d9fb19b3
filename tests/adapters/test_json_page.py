"""Pages whose objects are read no further than needed: whatever they hold, the mirror gets what it would get of all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.adapters.json_page import read_page
from reconciler.core.mirrored import Mirrored, Row, carried_in, read_row, shortened
from reconciler.core.unread import Sheet, Unread
from reconciler.emulator.history import grow
from reconciler.mirrored import TYPES
from reconciler.store.mirror_rows import code_rows
from tests.account import new_world
from tests.mirror.likeness import ask

COMPACT, PRETTY, SPACED = (",", ":"), None, (", ", ": ")
Raw = dict[str, Any]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=5) | st.just("a\0b") | st.just(1.5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(("id", "data", "object", "x")), inner),
    max_leaves=5,
)


@cache
def raws(type: str) -> tuple[Raw, ...]:
    """Objects of a type as lists of a grown account show them."""
    mirrored, found = TYPES[type], list[Raw]()
    expand = [f"data.{path}" for path in (*mirrored.expand, *mirrored.carries)]
    for listing in mirrored.listings if mirrored.path and mirrored.parent is None and not mirrored.single else ():
        told = {name: str(value).lower() for name, value in listing.items()}
        query = urlencode({"limit": 20, **told, **{f"expand[{n}]": path for n, path in enumerate(expand)}})
        found += ask(world(), f"{mirrored.path}?{query}")["data"]
    return tuple(found)


@cache
def world() -> Any:
    grown = new_world()
    grow(grown, 60)
    return grown


def sheet_of(objects: list[Raw], separators: tuple[str, str] | None = COMPACT, ascii: bool = True) -> Sheet:
    body = {"object": "list", "data": objects, "has_more": True, "url": "/v1/things"}
    indent = 2 if separators is None else None
    page = read_page(json.dumps(body, separators=separators, indent=indent, ensure_ascii=ascii, default=float).encode())
    assert page is not None
    assert {**page, "data": None} == {**body, "data": None}
    assert isinstance(page["data"], Sheet)
    return page["data"]


def read_both(mirrored: Mirrored, raw: Raw, separators: tuple[str, str] | None = COMPACT) -> Iterator[tuple[Any, ...]]:
    """What becomes of an object that is read whole, and of one that is not."""
    (unread,) = sheet_of([raw], separators).unread
    # As the page says it: a number with a point is a Decimal.
    for one in (sheet_of([raw])[0], unread):
        rows = [read_row(mirrored, one, "up")]
        rows += [read_row(TYPES[type], carried) for type, carried in carried_in(mirrored, one)]
        yield [(*_told(row), json.loads(row_text(row), parse_float=Decimal)) for row in rows], shortened(mirrored, one)


def row_text(row: Row) -> str:
    return code_rows([row])[0].text


def _told(row: Row) -> tuple[Any, ...]:
    return row.id, row.values, row.lines, [[type(value) for value in row.values]]


KNOWN = [name for name in TYPES if raws(name)]


def test_there_is_something_of_what_matters_most() -> None:
    assert {"customer", "subscription", "invoice", "charge", "price", "event"} <= set(KNOWN)


@pytest.mark.parametrize("separators", [COMPACT, PRETTY, SPACED])
@pytest.mark.parametrize("type", KNOWN)
def test_objects_of_an_account_are_the_same(type: str, separators: tuple[str, str] | None) -> None:
    for raw in raws(type):
        whole, unread = read_both(TYPES[type], raw, separators)
        assert unread == whole


@pytest.mark.parametrize("type", KNOWN)
def test_hardly_any_object_has_to_be_read_whole(type: str) -> None:
    unread = sheet_of(list(raws(type)), PRETTY).unread
    coded = code_rows(read_row(TYPES[type], one) for one in unread)
    assert not any(isinstance(read_row(TYPES[type], one).raw, dict) for one in unread)
    # Stored without the white space, in the order of the page, and so with the digest that it has as a hash.
    assert coded == code_rows(read_row(TYPES[type], raw) for raw in sheet_of(list(raws(type))))


def _places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if at:
        yield at
    for key, child in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _places(child, (*at, key))


@settings(max_examples=400)
@given(st.data())
def test_odd_objects_are_the_same(data: st.DataObject) -> None:
    type = data.draw(st.sampled_from(KNOWN))
    mirrored = TYPES[type]
    raw = json.loads(json.dumps(data.draw(st.sampled_from(raws(type))), default=float))
    for _ in range(data.draw(st.integers(1, 3))):
        *above, last = data.draw(st.sampled_from([at for at in _places(raw) if at != (mirrored.key,)]))
        holder = raw
        for key in above:
            holder = holder[key]
        if data.draw(st.booleans()):
            holder[last] = data.draw(JSON)
        elif isinstance(holder, dict):
            # The same text in another place.
            holder[data.draw(st.sampled_from(("price", "other", "default_payment_method")))] = holder[last]
    try:
        whole: Any = next(iter(read_both(mirrored, raw)))
    except (AttributeError, TypeError, KeyError, ValueError, ArithmeticError) as error:
        with pytest.raises(error.__class__):
            list(read_both(mirrored, raw))
        return
    assert list(read_both(mirrored, raw)) == [whole, whole]


def test_ids_stand_for_whole_objects_wherever_else_their_text_stands() -> None:
    price = {"id": "price_1", "object": "price", "product": "prod_1"}
    item = {"id": "si_1", "price": price, "plan": {"id": "price_1", "object": "plan"}, "tax_rates": [], "quantity": 2}
    raw = {"id": "sub_1", "items": {"data": [item, {**item, "id": "si_2"}], "has_more": True}, "test_clock": None}
    elsewhere = {**raw, "schedule": {"id": "sub_sched_1", "price": price}}
    for one, folded in ((raw, True), (elsewhere, False)):
        (unread,) = sheet_of([one]).unread
        row = read_row(TYPES["subscription"], unread)
        assert isinstance(row.raw, Unread) is folded
        assert [item["price"] for item in json.loads(row_text(row))["items"]["data"]] == ["price_1"] * 2
        assert [line[:4] for line in row.lines[0]] == [
            ("si_1", "price_1", "prod_1", 2),
            ("si_2", "price_1", "prod_1", 2),
        ]
        assert [lines.name for lines in shortened(TYPES["subscription"], unread)] == ["items"]
    assert json.loads(row_text(row))["schedule"] == elsewhere["schedule"]


LIST = b'{"object":"list","has_more":false,"url":"/v1/x","data":[%b]}'
NO_PAGES = {
    "a hash": b'{"id":"cus_1","object":"customer"}',
    "a list with something else beside it": b'{"object":"list","has_more":false,"data":[],"next_page":null}',
    "a list of texts": LIST % b'"a"',
    "a list cut short": (LIST % b'{"id":"a"}')[:-5],
    "a byte that is no UTF-8": LIST % b'{"a":"\xff"}',
    "half of a surrogate pair": LIST % b'{"a":"\\ud800"}',
    "no number": LIST % b'{"a":NaN}',
    "a control character": LIST % b'{"a":"\x01"}',
    "a line break in a text": LIST % b'{"a":"\n"}',
    "a hash without a bottom": LIST % (b'{"a":' * 100_000),
}


@pytest.mark.parametrize("name", NO_PAGES)
def test_page_is_not_taken_unread_that_is(name: str) -> None:
    assert read_page(NO_PAGES[name]) is None


@given(st.lists(st.dictionaries(st.text(), JSON, max_size=4), max_size=3), st.sampled_from((COMPACT, PRETTY, SPACED)))
def test_whoever_takes_the_objects_gets_all_of_them(objects: list[Raw], separators: tuple[str, str] | None) -> None:
    text = json.dumps(objects, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    sheet, expected = sheet_of(objects, separators, ascii=False), json.loads(text, parse_float=Decimal)
    assert sheet == expected
    assert list(sheet) == expected
    assert sheet[:1] == expected[:1]
    assert repr(sheet) == repr(expected)
    assert [dict(one) for one in sheet.unread] == expected
    assert (len(sheet), [len(one) for one in sheet.unread]) == (len(expected), [len(one) for one in expected])
