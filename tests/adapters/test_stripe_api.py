"""What the adapter to Stripe sends, and what it makes of each answer and each failure."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
import stripe

from reconciler.adapters.limiter import Limiter, documented_figures
from reconciler.adapters.retry import RetryPolicy
from reconciler.adapters.stripe_api import ApiSettings, StripeApi
from reconciler.core.values import Secret
from reconciler.errors import OutcomeUnknown, RemoteError, RemoteRejected, RemoteUnavailable, WrongTarget
from reconciler.ports.billing import BillingApi
from tests.adapters.stripe_script import DATE_EPOCH, KEY, FakeClock, Rig, Wire, answered, failed, rig

LOST = ConnectionResetError("lost")
REFUSED = ConnectionRefusedError("refused")
SHORT = answered(b'{"id": "x_')
RECORDED_500 = failed(500, Idempotent_Replayed="true", Stripe_Should_Retry="true")
IN_USE = failed(409, "idempotency_key_in_use", kind="idempotency_error")


def test_is_a_billing_api() -> None:
    api: BillingApi = rig(answered()).api
    assert api.api_version == stripe.api_version
    assert api.livemode is False


def test_get_puts_parameters_in_the_query_and_no_idempotency_key() -> None:
    set_up = rig(answered({"data": []}))
    created: Mapping[str, Any] = {"gte": 5}
    set_up.api.request(
        "GET", "/v1/prices", {"limit": 100, "active": True, "created": created, "expand": ["data.tiers"]}
    )
    seen = set_up.script.seen[0]
    assert (seen.method, seen.body) == ("get", None)
    assert seen.url.startswith("https://api.stripe.com/v1/prices?")
    assert seen.fields == [("limit", "100"), ("active", "true"), ("created[gte]", "5"), ("expand[0]", "data.tiers")]
    assert set_up.script.keys == [None]


def test_post_sends_nested_parameters_key_and_version() -> None:
    set_up = rig(answered())
    tiers = [{"up_to": "inf", "unit_amount_decimal": Decimal("1.50"), "flags": [True, False]}]
    set_up.api.request("post", "/v1/prices", {"tiers": tiers, "nickname": "", "name": "é & ü"}, idempotency_key="k-1")
    seen = set_up.script.seen[0]
    assert seen.fields == [
        ("tiers[0][up_to]", "inf"),
        ("tiers[0][unit_amount_decimal]", "1.5"),
        ("tiers[0][flags][0]", "true"),
        ("tiers[0][flags][1]", "false"),
        ("nickname", ""),
        ("name", "é & ü"),
    ]
    assert set_up.script.keys == ["k-1"]
    assert seen.headers["Stripe-Version"] == stripe.api_version
    assert seen.headers["Authorization"] == f"Bearer {KEY}"
    assert not any("telemetry" in f"{name} {value}".lower() for name, value in seen.headers.items())


def test_delete_sends_no_idempotency_key() -> None:
    set_up = rig(answered({"id": "c", "deleted": True}))
    set_up.api.request("DELETE", "/v1/coupons/c", {}, idempotency_key="k-1")
    assert set_up.script.keys == [None]


@pytest.mark.parametrize("key", [None, "", "a b", "k\n", "k" * 256])
def test_post_without_a_proper_key_is_a_bug(key: str | None) -> None:
    set_up = rig(answered())
    with pytest.raises(ValueError, match="idempotency key"):
        set_up.api.request("POST", "/v1/products", {}, idempotency_key=key)
    assert set_up.script.seen == []


def test_other_methods_are_a_bug() -> None:
    with pytest.raises(ValueError, match="not a method"):
        rig(answered()).api.request("PUT", "/v1/products", {})


def test_nothing_is_written_for_telemetry(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    rig(answered()).api.request("GET", "/v1/account", {})
    assert list(tmp_path.iterdir()) == []


def test_answer_holds_decimals_date_request_id_and_replay() -> None:
    set_up = rig(answered(b'{"id": "txr_1", "percentage": 25.5, "n": 3}', Idempotent_Replayed="true"))
    answer = set_up.api.request("POST", "/v1/tax_rates", {}, idempotency_key="k")
    assert answer.body == {"id": "txr_1", "percentage": Decimal("25.5"), "n": 3}
    assert isinstance(answer.body["percentage"], Decimal)
    assert (answer.date, answer.request_id, answer.replayed) == (DATE_EPOCH, "req_1", True)


Answers = list[Wire | Exception]
RETRIED: dict[str, Answers] = {
    "a limit": [failed(429, "rate_limit", Stripe_Rate_Limited_Reason="global-rate")],
    "a lock": [failed(429, "lock_timeout")],
    "a lock told as a conflict": [failed(409, "lock_timeout")],
    "a limit told as a bad request": [failed(400, "rate_limit")],
    "a key in use": [IN_USE],
    "a server error": [failed(500)],
    "a gateway's page": [answered(b"<html>bad gateway</html>", 502)],
    "a refused connection": [REFUSED],
    "a lost connection": [LOST],
    "a body cut short": [SHORT],
    "a bad request that Stripe wants again": [failed(400, Stripe_Should_Retry="true")],
    "many things in a row": [LOST, failed(503), REFUSED, IN_USE, SHORT, failed(429)],
}


@pytest.mark.parametrize("name", RETRIED)
def test_post_is_repeated_with_the_same_key_after(name: str) -> None:
    set_up = rig(*RETRIED[name], answered({"id": "prod_1"}))
    answer = set_up.api.request("POST", "/v1/products", {"name": "a"}, idempotency_key="k-1")
    assert answer.body == {"id": "prod_1"}
    assert set_up.script.keys == ["k-1"] * (len(RETRIED[name]) + 1)
    assert len({seen.body for seen in set_up.script.seen}) == 1


Case = tuple[str, Answers, type[RemoteError], int]
ENDS: dict[str, Case] = {
    # method, script (the last answer repeats), what is raised, requests sent
    "bad request is a no at once": ("POST", [failed(400)], RemoteRejected, 1),
    "declined card is a no at once": ("POST", [failed(402)], RemoteRejected, 1),
    "not found is a no at once": ("GET", [failed(404)], RemoteRejected, 1),
    "any other conflict is a no at once": ("POST", [failed(409, "something_else")], RemoteRejected, 1),
    "another use of the key is a no at once": ("POST", [failed(400, kind="idempotency_error")], RemoteRejected, 1),
    "not implemented is a no at once": ("POST", [failed(501, "emulator_gap")], RemoteRejected, 1),
    "limit for ever": ("POST", [failed(429, "rate_limit")], RemoteUnavailable, 8),
    "lock for ever": ("POST", [failed(429, "lock_timeout")], RemoteUnavailable, 8),
    "server errors for ever": ("POST", [failed(503)], RemoteUnavailable, 8),
    "server error that Stripe does not want again": (
        "POST",
        [failed(500, Stripe_Should_Retry="false")],
        RemoteUnavailable,
        1,
    ),
    "limit that Stripe does not want again": ("POST", [failed(429, Stripe_Should_Retry="false")], RemoteUnavailable, 1),
    "gateway's page that Stripe does not want again": (
        "POST",
        [answered(b"<html>", 502, Stripe_Should_Retry="false")],
        RemoteUnavailable,
        1,
    ),
    "recorded server error ends it": ("POST", [failed(500), RECORDED_500], RemoteUnavailable, 2),
    "recorded server error settles a lost answer": ("POST", [LOST, RECORDED_500], RemoteUnavailable, 2),
    "bad request settles a lost answer": ("POST", [LOST, failed(400)], RemoteRejected, 2),
    "revoked key settles nothing": ("POST", [LOST, failed(401)], OutcomeUnknown, 2),
    "refused connection settles nothing": ("POST", [LOST, REFUSED], OutcomeUnknown, 8),
    "server errors settle nothing": ("POST", [LOST, failed(503)], OutcomeUnknown, 8),
    "key in use for ever": ("POST", [IN_USE], OutcomeUnknown, 8),
    "POST refused for ever never left": ("POST", [REFUSED], RemoteUnavailable, 4),
    "POST lost for ever": ("POST", [LOST], OutcomeUnknown, 8),
    "POST timed out for ever": ("POST", [TimeoutError()], OutcomeUnknown, 8),
    "POST cut short for ever": ("POST", [SHORT], OutcomeUnknown, 8),
    "POST answered with a list": ("POST", [answered([1])], OutcomeUnknown, 8),
    "POST answered with no number": ("POST", [answered(b'{"a": NaN}')], OutcomeUnknown, 8),
    "POST answered without a date": ("POST", [answered(Date="")], OutcomeUnknown, 8),
    "POST redirected": ("POST", [answered(status=302)], OutcomeUnknown, 8),
    "GET refused for ever": ("GET", [REFUSED], RemoteUnavailable, 4),
    "GET lost for ever": ("GET", [LOST], RemoteUnavailable, 4),
    "GET cut short for ever": ("GET", [SHORT], RemoteUnavailable, 8),
    "GET answered without a date": ("GET", [answered(Date="")], RemoteUnavailable, 8),
    "DELETE refused for ever": ("DELETE", [REFUSED], RemoteUnavailable, 4),
    "DELETE lost is not sent again": ("DELETE", [LOST], OutcomeUnknown, 1),
    "DELETE cut short is not sent again": ("DELETE", [SHORT], OutcomeUnknown, 1),
    "DELETE with server errors": ("DELETE", [failed(503)], OutcomeUnknown, 8),
    "DELETE not found after a server error": ("DELETE", [failed(500), failed(404)], OutcomeUnknown, 2),
    "DELETE not found": ("DELETE", [failed(404)], RemoteRejected, 1),
    "DELETE limited for ever": ("DELETE", [failed(429)], RemoteUnavailable, 8),
}


def _failure(set_up: Rig, method: str = "POST", path: str = "/v1/products/p") -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        set_up.api.request(method, path, {}, idempotency_key="k-1")
    return caught.value


def test_once_stripe_has_answered_a_refused_connection_is_tried_for_longer() -> None:
    set_up = rig(answered({}), REFUSED)
    set_up.api.request("GET", "/v1/products/p", {})
    assert isinstance(_failure(set_up, "GET"), RemoteUnavailable)
    assert len(set_up.script.seen) == 1 + 8


@pytest.mark.parametrize("name", ENDS)
def test_request_ends_with(name: str) -> None:
    method, script, kind, sent = ENDS[name]
    set_up = rig(*script)
    error = _failure(set_up, method)
    assert type(error) is kind
    assert len(set_up.script.seen) == sent
    assert f"{method} /v1/products/p" in error.message
    assert len(set_up.clock.slept) == sent - 1


def test_error_carries_what_stripe_said() -> None:
    error = {
        "type": "invalid_request_error",
        "code": "resource_missing",
        "param": "product",
        "message": "No such product",
    }
    caught = _failure(rig(answered({"error": error}, 400, Idempotent_Replayed="true")))
    facts = (caught.status, caught.code, caught.param, caught.request_id, caught.kind, caught.replayed)
    assert facts == (400, "resource_missing", "product", "req_1", "invalid_request_error", True)
    assert caught.message == (
        "Stripe refused POST /v1/products/p: No such product (HTTP 400, resource_missing, param product, req_1)"
    )


def test_recorded_server_error_is_marked_as_replayed() -> None:
    caught = _failure(rig(failed(500), RECORDED_500))
    assert caught.replayed
    assert "keeps this failure" in caught.hint


def test_exhausted_tries_are_counted() -> None:
    caught = _failure(rig(failed(503)))
    assert caught.status == 503
    assert "8 tries in" in caught.message


def test_unauthorized_hints_at_the_setting() -> None:
    caught = _failure(rig(failed(401, message=f"Expired API Key provided: {KEY}")))
    assert "STRIPE_API_KEY" in caught.hint
    assert "sk_test_***" in caught.message


def test_forbidden_names_the_missing_permission() -> None:
    said = (
        "The provided key 'rk_test_********abcd' does not have the required permissions for this endpoint on account "
        "'acct_1'. Having the 'rak_product_read' permission would allow this request to continue."
    )
    caught = _failure(rig(failed(403, message=said)))
    assert isinstance(caught, RemoteRejected)
    assert "the permission rak_product_read" in caught.hint
    assert "abcd" not in caught.message


def test_unreachable_host_is_named() -> None:
    assert "cannot reach api.stripe.com" in _failure(rig(REFUSED)).message


def test_unknown_outcome_says_what_to_do() -> None:
    assert "looks first" in _failure(rig(LOST)).hint


WAITS: dict[str, tuple[Answers, list[float]]] = {
    "full jitter doubles its ceiling up to the cap": ([failed(503)], [0.25, 0.5, 1, 2, 4, 8, 10]),
    "Retry-After is the least": ([failed(429, Retry_After="7"), answered()], [7.25]),
    "Retry-After of less than the jitter": ([failed(429, Retry_After="0"), answered()], [0.25]),
    "Retry-After as a date": ([failed(503, Retry_After="Sat, 21 Nov 2026 01:00:09 GMT"), answered()], [9.25]),
    "Retry-After that says nothing": ([failed(503, Retry_After="soon"), answered()], [0.25]),
    "Retry-After past the end of the time": ([failed(503, Retry_After="1000")], []),
}


@pytest.mark.parametrize("name", WAITS)
def test_waits(name: str) -> None:
    script, slept = WAITS[name]
    set_up = rig(*script)
    with suppress(RemoteUnavailable):
        set_up.api.request("GET", "/v1/prices", {})
    assert set_up.clock.slept == pytest.approx(slept)


def test_jitter_is_asked_for_each_wait() -> None:
    numbers = iter([0.0, 1.0, 0.5])
    set_up = rig(failed(503), retry=RetryPolicy(tries=4, base_seconds=1), jitter=lambda: next(numbers))
    _failure(set_up)
    assert set_up.clock.slept == [0.0, 2.0, 2.0]


def test_time_of_all_tries_is_bounded() -> None:
    set_up = rig(failed(503), retry=RetryPolicy(tries=10_000, total_seconds=60))
    _failure(set_up)
    assert 40 < sum(set_up.clock.slept) <= 60


EMAIL = "jane.doe@example.com"
HIDDEN: dict[str, Callable[[], Rig]] = {
    "key in a message": lambda: rig(failed(400, message=f"key {KEY} and rk_live_abcDEF123")),
    "e-mail in a message": lambda: rig(failed(400, message=f"Invalid email: {EMAIL}.")),
    "e-mail in a parameter name": lambda: rig(
        answered({"error": {"message": "no", "param": f"metadata[{EMAIL}]"}}, 400)
    ),
    "e-mail in the address of a lost request": lambda: rig(
        ConnectionResetError(f"GET /v1/customers?email={EMAIL} {KEY}")
    ),
    "e-mail in a page": lambda: rig(answered(f"<p>{EMAIL}</p>".encode(), 500)),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_no_secret_is_shown_of(name: str) -> None:
    set_up = HIDDEN[name]()
    with pytest.raises(RemoteError) as caught:
        set_up.api.request("GET", "/v1/customers", {"email": EMAIL})
    error = caught.value
    assert error.__context__ is None
    told = (str(error), repr(error), error.hint, str(error.param), "".join(traceback.format_exception(error)))
    for text in (*told, repr(set_up.api), repr(vars(set_up.api))):
        assert "verySecret" not in text
        assert "abcDEF" not in text
        assert "jane.doe" not in text


BASES = {
    "no scheme": "localhost:4242",
    "another scheme": "ftp://api.stripe.com",
    "no host": "https://",
    "a port that is none": "http://localhost:port",
    "a password": "https://me:secret@api.stripe.com",
}


def _api(key: str, base: str) -> StripeApi:
    clock = FakeClock()
    limiter = Limiter(documented_figures(livemode=False), clock)
    settings = ApiSettings(api_base=base)
    return StripeApi(Secret(key), settings=settings, limiter=limiter, clock=clock, jitter=lambda: 0.0)


@pytest.mark.parametrize("name", BASES)
def test_address_is_refused_for(name: str) -> None:
    with pytest.raises(WrongTarget, match="not an address") as caught:
        _api(KEY, BASES[name])
    assert "secret" not in str(caught.value)


def test_live_key_is_not_sent_in_the_clear() -> None:
    with pytest.raises(WrongTarget, match="without TLS"):
        _api("sk_live_abc", "http://stripe.example.com")
    assert _api("sk_live_abc", "http://127.0.0.1:4242").livemode
    _api("sk_live_abc", "http://[::1]:4242").close()


class OnceLimited:
    """Refuses each key once, then echoes its body."""

    def __init__(self) -> None:
        self.served: list[str] = []
        self._lock = threading.Lock()

    def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Wire:
        key = headers["Idempotency-Key"]
        with self._lock:
            self.served.append(key)
            first = self.served.count(key) == 1
        return failed(429) if first else answered({"id": (body or b"").decode()})


def test_many_threads_share_one_adapter() -> None:
    exchange = OnceLimited()
    set_up = rig(exchange=exchange)
    wrong: list[str] = []

    def work(number: int) -> None:
        for turn in range(25):
            name = f"{number}-{turn}"
            answer = set_up.api.request("POST", "/v1/products", {"name": name}, idempotency_key=f"k-{name}")
            if answer.body["id"] != f"name={name}":
                wrong.append(name)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert wrong == []
    assert len(exchange.served) == 2 * 16 * 25
    counters = set_up.limiter.counters()
    assert (counters.requests, counters.rate_limited) == (800, 400)
