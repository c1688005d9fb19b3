"""Requests on the wire: what leaves, and what is made of each answer."""

from __future__ import annotations

import json
import traceback
from collections.abc import Mapping
from decimal import Decimal
from importlib.metadata import version
from typing import Any

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from reconciler.adapters.form import form_params
from reconciler.adapters.reply import reply_of
from reconciler.adapters.stripe_transport import InProcessClient
from reconciler.adapters.stripe_wire import StripeWire
from reconciler.core.values import Secret
from reconciler.errors import RemoteError, RemoteRejected, RemoteUnavailable
from tests.adapters.stripe_script import KEY, Script, Wire, answered, failed, rig

BASE = "https://api.stripe.com"


def sent_url(path: str, params: Mapping[str, Any]) -> str:
    """The URL that a GET leaves with."""
    script = Script([answered({})])
    get = StripeWire(Secret(KEY), api_base=f"{BASE}/", http_client=InProcessClient(script))
    get.send("get", path, form_params(params))
    return script.seen[0].url.removeprefix(BASE)


def test_headers_are_the_few_that_matter() -> None:
    set_up = rig(answered({}))
    set_up.api.request("GET", "/v1/prices", {"limit": 1})
    seen = set_up.script.seen[0]
    assert seen.body is None
    assert seen.headers == {
        "Authorization": f"Bearer {KEY}",
        "Stripe-Version": stripe.api_version,
        "User-Agent": f"billplan/{version('billplan')} stripe-python/{stripe.VERSION}",
    }


QUERIES: dict[str, tuple[Mapping[str, Any], str]] = {
    "nothing": ({}, ""),
    "a number and a truth": ({"limit": 100, "active": False}, "?limit=100&active=false"),
    "a range of times": ({"created": {"gte": 1, "lt": 20}}, "?created[gte]=1&created[lt]=20"),
    "expansions": ({"expand": ["data.tiers", "data.items"]}, "?expand[0]=data.tiers&expand[1]=data.items"),
    "a hash in a list in a hash": ({"a": {"b": [{"c": "d"}, "e"]}}, "?a[b][0][c]=d&a[b][1]=e"),
    "lists in a list": ({"a": [["b"], ["c", "d"]]}, "?a[0][0]=b&a[1][0]=c&a[1][1]=d"),
    "a decimal": ({"a": Decimal("1.50")}, "?a=1.5"),
    "an empty text": ({"a": ""}, "?a="),
    "letters of all kinds": ({"name": "é 漢"}, "?name=%C3%A9+%E6%BC%A2"),
    "what a query is made of": ({"q": "a&b=c?d#e+f/g"}, "?q=a%26b%3Dc%3Fd%23e%2Bf%2Fg"),
    "what is encoded already, once more": ({"q": "100%25", "email": "a%40b.c"}, "?q=100%2525&email=a%2540b.c"),
}


@pytest.mark.parametrize("name", QUERIES)
def test_query_of(name: str) -> None:
    params, query = QUERIES[name]
    assert sent_url("/v1/prices", params) == f"/v1/prices{query}"


def test_query_of_a_path_that_has_one_is_added_to() -> None:
    assert sent_url("/v1/prices?active=true", {"limit": 1}) == "/v1/prices?active=true&limit=1"


@pytest.mark.parametrize("path", ["v1/prices", "@evil.example/v1", ".evil.example/v1", "//evil.example/v1", ""])
def test_path_that_could_name_another_host_is_a_bug(path: str) -> None:
    set_up = rig(answered({}))
    with pytest.raises(ValueError, match="not a path"):
        set_up.api.request("GET", path, {})
    assert set_up.script.seen == []


NAMES = st.sampled_from(["limit", "created", "gte", "metadata", "ünlaut", "a b", "0"])
LEAVES = st.text(st.characters(codec="utf-8")) | st.integers() | st.booleans()
PARAMETERS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(NAMES, inner, min_size=1, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(NAMES, PARAMETERS, max_size=4))
def test_url_is_the_sdks_own(params: dict[str, Any]) -> None:
    script = Script([answered({})])
    client = stripe.StripeClient(KEY, http_client=InProcessClient(script, dropped=OSError), max_network_retries=0)
    client.raw_request("get", "/v1/prices", **form_params(params))
    assert script.seen[0].url == BASE + sent_url("/v1/prices", params)


LOST = ConnectionResetError("lost")
RETRIED: dict[str, Wire | Exception] = {
    "a server error": failed(500),
    "a limit": failed(429, "rate_limit", Stripe_Rate_Limited_Reason="global-rate"),
    "a lock": failed(429, "lock_timeout"),
    "a refused connection": ConnectionRefusedError("refused"),
    "a connection dropped in mid page": LOST,
    "a body cut short": answered(b'{"object": "list", "data": [{"id": "su'),
    "an empty body": answered(b""),
    "a page of a gateway": answered(b"<html>bad gateway</html>", 502),
    "a page of a portal that says all is well": answered(b"<html>please log in</html>"),
    "bytes that are no UTF-8": answered(b'{"id": "\xff"}'),
    "a page of a gateway that is no UTF-8": answered(b"<html>\xe9</html>", 502),
    "a list": answered([1]),
    "a redirect to nowhere": answered(status=302),
}


@pytest.mark.parametrize("name", RETRIED)
def test_get_is_sent_again_after(name: str) -> None:
    set_up = rig(RETRIED[name], answered({"id": "sub_1"}))
    answer = set_up.api.request("GET", "/v1/subscriptions", {"limit": 100, "created": {"gte": 5}})
    assert answer.body == {"id": "sub_1"}
    assert len(set_up.script.seen) == 2
    assert set_up.script.seen[0] == set_up.script.seen[1]
    assert set_up.limiter.counters().rate_limited == ("429" in str(RETRIED[name]))


@pytest.mark.parametrize("name", ["a page of a proxy in latin-1", "an error that is a text"])
def test_post_that_is_answered_by_something_else_is_told_in_words(name: str) -> None:
    odd = {
        "a page of a proxy in latin-1": answered("<h1>é</h1>".encode("latin-1"), 502, Stripe_Should_Retry="false"),
        "an error that is a text": answered({"error": "no"}, 400),
    }
    set_up = rig(odd[name])
    with pytest.raises(RemoteError):
        set_up.api.request("POST", "/v1/products", {"name": "a"}, idempotency_key="k-1")


def test_error_that_is_a_text_is_a_no() -> None:
    # The SDK's own way takes it for a hash, and crashes.
    set_up = rig(answered({"error": "no"}, 400))
    with pytest.raises(RemoteRejected, match="HTTP 400 without an explanation"):
        set_up.api.request("GET", "/v1/prices", {})


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


class _Number(float):
    """A decimal that json.dumps writes digit by digit."""

    def __init__(self, _: object) -> None:
        self.text = ""

    def __repr__(self) -> str:
        return self.text


def _dumped(value: Any) -> Any:
    match value:
        case Decimal():
            number = _Number(0)
            number.text = f"{value:E}" if value.as_tuple().exponent else f"{value}.0"
            return number
        case list():
            return [_dumped(child) for child in value]
        case dict():
            return {key: _dumped(child) for key, child in value.items()}
    return value


@given(st.dictionaries(st.text(), JSON_VALUES, max_size=5), st.booleans())
def test_body_is_read_as_by_the_standard_library(body: dict[str, Any], ascii_only: bool) -> None:
    text = json.dumps(_dumped(body), ensure_ascii=ascii_only)
    expected = json.loads(text, parse_float=Decimal)
    read = reply_of(200, {}, text.encode()).body
    assert read == expected
    assert repr(read) == repr(expected)


BODIES: dict[bytes, object] = {
    b'{"a": 1.50}': Decimal("1.50"),
    b'{"a": 1E+2}': Decimal("1E+2"),
    b'{"a": -0.0}': Decimal("-0.0"),
    b'{"a": 0.1234567890123456789012345678901234567890}': Decimal("0.1234567890123456789012345678901234567890"),
    b'{"a": 18446744073709551616}': 2**64,
    b'{"a": -9223372036854775809}': -(2**63) - 1,
    b'{"a": 1, "a": 2}': 2,
    b' \r\n\t{"a": "\\ud83d\\ude00"}\n': "😀",
    b'{"a": "\\ud800"}': "\ud800",
}


@pytest.mark.parametrize("body", BODIES)
def test_value_of(body: bytes) -> None:
    read = reply_of(200, {}, body).body
    assert read is not None
    assert (type(read["a"]), str(read["a"])) == (type(BODIES[body]), str(BODIES[body]))


NO_HASH = {
    "Infinity": b'{"a": -Infinity}',
    "something after the end": b'{"a": 1}{',
    "a comma too many": b'{"a": 1,}',
    "a leading zero": b'{"a": 01}',
    "a control character": b'{"a": "\n"}',
    "a byte order mark": b'\xef\xbb\xbf{"a": 1}',
    "another encoding": '{"a": 1}'.encode("utf-16"),
    "an exponent past all bounds": b'{"a": 1e99999999999999999999}',
    "a number past all bounds": b'{"a": ' + b"9" * 5000 + b"}",
    "a hash without a bottom": b'{"a":' * 100_000,
}


@pytest.mark.parametrize("name", NO_HASH)
def test_body_is_none_for(name: str) -> None:
    assert reply_of(200, {}, NO_HASH[name]).body is None


EMAIL = "jane.doe@example.com"
FAILURES: dict[str, Wire | Exception] = {
    "a refusal": failed(400, message=f"key {KEY} of {EMAIL}"),
    "a page": answered(f"<p>{EMAIL} {KEY}</p>".encode(), 502),
    "a page that says all is well": answered(f"<p>{EMAIL} {KEY}</p>".encode()),
    "a lost connection": ConnectionResetError(f"GET /v1/customers?email={EMAIL} {KEY}"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_no_secret_is_shown_of(name: str) -> None:
    set_up = rig(FAILURES[name])
    with pytest.raises(RemoteError) as caught:
        set_up.api.request("GET", "/v1/customers", {"email": EMAIL})
    error = caught.value
    assert error.__context__ is None
    told = [str(error), repr(error), error.hint, *traceback.format_exception(error)]
    get = StripeWire(Secret(KEY), api_base=BASE, http_client=InProcessClient(set_up.script))
    for text in [*told, repr(get), repr(vars(get)), repr(vars(set_up.api))]:
        assert "verySecret" not in text
        assert "jane.doe" not in text


def test_page_that_is_never_whole_is_given_up() -> None:
    set_up = rig(RETRIED["a body cut short"])
    with pytest.raises(RemoteUnavailable, match=r"an answer that cannot be read .HTTP 200, req_1.; 8 tries"):
        set_up.api.request("GET", "/v1/subscriptions", {})
