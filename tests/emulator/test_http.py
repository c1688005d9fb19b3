"""Each resource through the SDK, over HTTP."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import stripe
from requests import get, post

from reconciler.emulator.clock import FrozenClock
from reconciler.emulator.faults import Fault, FaultKind
from reconciler.emulator.server import Server, serve
from reconciler.emulator.state import load_worlds
from reconciler.emulator.world import World
from tests.emulator.conftest import START


def client(server: Server, key: str = "sk_test_emulator") -> Any:
    return stripe.StripeClient(key, base_addresses={"api": server.url}, max_network_retries=0).v1


def test_products_and_prices(v1: Any) -> None:
    product = v1.products.create({"name": "Pro", "id": "pro", "metadata": {"a": "1", "b": "2"}})
    assert product.id == "pro"
    price = v1.prices.create(
        {
            "currency": "usd",
            "product": "pro",
            "billing_scheme": "tiered",
            "tiers_mode": "graduated",
            "recurring": {"interval": "month"},
            "tiers": [{"up_to": 10, "unit_amount_decimal": "0.12"}, {"up_to": "inf", "flat_amount": 500}],
            "currency_options": {
                "eur": {"tiers": [{"up_to": 10, "unit_amount": 1}, {"up_to": "inf", "unit_amount": 2}]}
            },
        }
    )
    assert "tiers" not in price
    shown = v1.prices.retrieve(price.id, {"expand": ["tiers", "currency_options", "product.default_price"]})
    assert [tier.up_to for tier in shown.tiers] == [10, None]
    assert str(shown.tiers[0].unit_amount_decimal) == "0.12"
    assert set(shown.currency_options.to_dict()) == {"usd", "eur"}
    assert shown.product.name == "Pro"
    updated = v1.products.update("pro", {"default_price": price.id, "metadata": {"a": "", "c": "3"}})
    assert updated.metadata.to_dict() == {"b": "2", "c": "3"}
    with pytest.raises(stripe.InvalidRequestError, match="default price"):
        v1.prices.update(price.id, {"active": False})
    with pytest.raises(stripe.InvalidRequestError, match="user-created prices"):
        v1.products.delete("pro")
    other = v1.products.create({"name": "Other"})
    assert v1.products.delete(other.id).deleted
    with pytest.raises(stripe.InvalidRequestError) as missing:
        v1.products.retrieve(other.id)
    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")


def test_paging_follows_cursors_both_ways(v1: Any) -> None:
    product = v1.products.create({"name": "P"})
    ids = [v1.prices.create({"currency": "usd", "product": product.id, "unit_amount": n}).id for n in range(25)]
    pages = v1.prices.list({"limit": 10, "product": product.id})
    assert [price.id for price in pages.auto_paging_iter()] == ids[::-1]
    back = v1.prices.list({"limit": 4, "ending_before": ids[10]})
    assert [price.id for price in back.data] == ids[14:10:-1]
    assert back.has_more
    v1.prices.update(ids[0], {"active": False})
    assert len(list(v1.prices.list({"limit": 100}))) == 24
    assert [price.id for price in v1.prices.list({"active": False})] == [ids[0]]


def test_coupons_and_promotion_codes(v1: Any) -> None:
    product = v1.products.create({"name": "P"})
    coupon = v1.coupons.create(
        {
            "id": "TEN",
            "amount_off": 1000,
            "currency": "usd",
            "currency_options": {"eur": {"amount_off": 900}},
            "duration": "repeating",
            "duration_in_months": 3,
            "applies_to": {"products": [product.id]},
        }
    )
    assert "applies_to" not in coupon
    shown = v1.coupons.retrieve("TEN", {"expand": ["applies_to", "currency_options"]})
    assert shown.applies_to.products == [product.id]
    assert shown.currency_options["usd"].amount_off == 1000
    assert v1.coupons.update("TEN", {"name": "Ten off"}).name == "Ten off"
    promotion = {"type": "coupon", "coupon": "TEN"}
    code = v1.promotion_codes.create({"promotion": promotion, "code": "SPRING"})
    listed = v1.promotion_codes.list({"code": "spring", "expand": ["data.promotion.coupon"]})
    assert listed.data[0].promotion.coupon.name == "Ten off"
    with pytest.raises(stripe.InvalidRequestError, match="already exists"):
        v1.promotion_codes.create({"promotion": promotion, "code": "Spring"})
    assert v1.promotion_codes.update(code.id, {"active": False}).active is False
    v1.promotion_codes.create({"promotion": promotion, "code": "Spring"})
    with pytest.raises(stripe.InvalidRequestError, match="already exists"):
        v1.promotion_codes.update(code.id, {"active": True})
    assert v1.coupons.delete("TEN").deleted
    assert [code.active for code in v1.promotion_codes.list()] == [False, False]
    assert not v1.coupons.list().data


def test_tax_rates(v1: Any) -> None:
    rate = v1.tax_rates.create({"display_name": "VAT", "inclusive": True, "percentage": 7.7, "country": "CH"})
    assert rate.percentage == 7.7
    assert v1.tax_rates.update(rate.id, {"active": False}).active is False
    assert not v1.tax_rates.list({"active": True}).data
    assert [found.id for found in v1.tax_rates.list({"inclusive": True})] == [rate.id]


def test_meters(v1: Any) -> None:
    params = {"default_aggregation": {"formula": "sum"}, "display_name": "Calls", "event_name": "calls"}
    meters = v1.billing.meters
    meter = meters.create(params)
    assert meters.update(meter.id, {"display_name": "API calls"}).display_name == "API calls"
    with pytest.raises(stripe.InvalidRequestError, match="already using the event name"):
        meters.create(params)
    assert meters.deactivate(meter.id).status == "inactive"
    again = meters.create(params)
    with pytest.raises(stripe.InvalidRequestError, match="already using the event name"):
        meters.reactivate(meter.id)
    meters.deactivate(again.id)
    assert meters.reactivate(meter.id).status_transitions.deactivated_at is None
    assert [found.id for found in meters.list({"status": "active"}).auto_paging_iter()] == [meter.id]


def test_customers_and_subscriptions(v1: Any) -> None:
    product = v1.products.create({"name": "P"})
    price = v1.prices.create(
        {"currency": "usd", "product": product.id, "unit_amount": 500, "recurring": {"interval": "month"}}
    )
    customer = v1.customers.create({"email": "a@example.com", "name": "A"})
    assert v1.customers.update(customer.id, {"name": "B"}).name == "B"
    lines = [{"price": price.id, "quantity": 3}]
    with pytest.raises(stripe.InvalidRequestError, match="no attached payment source"):
        v1.subscriptions.create({"customer": customer.id, "items": lines})
    trial = v1.subscriptions.create({"customer": customer.id, "items": lines, "trial_end": START + 86400})
    sent = v1.subscriptions.create(
        {"customer": customer.id, "items": lines, "collection_method": "send_invoice", "days_until_due": 30}
    )
    assert (trial.status, sent.status) == ("trialing", "active")
    assert sent["items"].data[0].price.product == product.id
    deep = v1.subscriptions.retrieve(sent.id, {"expand": ["items.data.price.product", "customer"]})
    assert deep["items"].data[0].price.product.name == "P"
    assert deep.customer.name == "B"
    assert len(v1.subscriptions.list({"price": price.id}).data) == 2
    assert [s.id for s in v1.subscriptions.list({"status": "trialing"})] == [trial.id]
    ending = v1.subscriptions.update(sent.id, {"cancel_at_period_end": True})
    assert ending.cancel_at == ending["items"].data[0].current_period_end
    assert v1.subscriptions.cancel(sent.id).status == "canceled"
    assert [s.id for s in v1.subscriptions.list()] == [trial.id]
    assert len(v1.subscriptions.list({"status": "all"}).data) == 2
    assert v1.customers.delete(customer.id).deleted
    assert v1.customers.retrieve(customer.id).deleted
    assert [s.status for s in v1.subscriptions.list({"status": "all"})] == ["canceled", "canceled"]


def test_schedules_and_what_they_bill(v1: Any, world: World) -> None:
    product = v1.products.create({"name": "P"})
    terms = {"currency": "usd", "product": product.id, "unit_amount": 500, "recurring": {"interval": "month"}}
    customer = v1.customers.create({"email": "a@example.com"})
    phase: dict[str, Any] = {
        "items": [{"price": v1.prices.create(terms).id, "quantity": 3}],
        "duration": {"interval": "month"},
    }
    schedules = v1.subscription_schedules
    made = schedules.create({"customer": customer.id, "start_date": START + 86400, "phases": [phase]})
    assert (made.status, made.phases[0].start_date) == ("not_started", START + 86400)
    with pytest.raises(stripe.InvalidRequestError, match="missing at least one phase with a `start_date`"):
        schedules.update(made.id, {"phases": [phase]})
    later = {**phase, "start_date": START + 2 * 86400, "items": [{**phase["items"][0], "quantity": 1}]}
    assert schedules.update(made.id, {"phases": [later], "metadata": {"a": "b"}}).metadata["a"] == "b"
    world.clock.advance(3 * 86400)
    begun = schedules.retrieve(made.id, {"expand": ["subscription"]})
    assert (begun.status, begun.subscription.status) == ("active", "past_due")
    (invoice,) = v1.invoices.list({"subscription": begun.subscription.id}).data
    assert (invoice.total, invoice.created, invoice.status) == (500, START + 2 * 86400, "open")
    assert schedules.release(made.id).released_subscription == begun.subscription.id
    with pytest.raises(stripe.InvalidRequestError, match="currently in the `released` status"):
        schedules.cancel(made.id)
    other = schedules.create({"customer": customer.id, "start_date": START + 9 * 86400, "phases": [phase]})
    assert schedules.cancel(other.id, {"invoice_now": False, "prorate": False}).status == "canceled"
    assert [one.id for one in schedules.list({"scheduled": True})] == []


def test_events_tell_what_changed_and_why(v1: Any) -> None:
    product = v1.products.create({"name": "P", "metadata": {"a": "1"}}, {"idempotency_key": "k1"})
    v1.products.update(product.id, {"name": "Q", "metadata": {"b": "2"}}, {"idempotency_key": "k2"})
    v1.products.update(product.id, {"name": "Q"})
    events = list(v1.events.list().auto_paging_iter())
    assert [event.type for event in events] == ["product.updated", "product.created"]
    changed = events[0]
    assert changed.data.previous_attributes.to_dict() == {"name": "P", "metadata": {"b": None}}
    assert changed.data.object["name"] == "Q"
    assert changed.request.idempotency_key == "k2"
    assert changed.request.id.startswith("req_")
    assert len(v1.events.list({"type": "product.*"}).data) == 2
    assert len(v1.events.list({"types": ["product.created", "price.created"]}).data) == 1
    assert v1.events.retrieve(changed.id).id == changed.id
    with pytest.raises(stripe.InvalidRequestError):
        v1.events.list({"type": "product.*", "types": ["product.created"]})


def test_account(server: Server) -> None:
    full = stripe.StripeClient("sk_test_emulator", base_addresses={"api": server.url})
    assert full.v1.accounts.retrieve_current().id == "acct_000001"


def test_worlds_are_chosen_by_key() -> None:
    live = World("acct_000002", livemode=True, clock=FrozenClock(START))
    with serve([World(clock=FrozenClock(START)), live]) as server:
        client(server, "sk_live_emulator").products.create({"name": "L"})
        assert len(live.tables["product"]) == 1
        with pytest.raises(stripe.AuthenticationError):
            client(server, "sk_live_nobody").products.list()


def test_dropped_and_truncated_answers_look_like_a_broken_network(world: World, server: Server) -> None:
    v1 = client(server)
    world.add_fault(Fault(FaultKind.DROP_AFTER, "post", "/v1/products"))
    with pytest.raises(stripe.APIConnectionError):
        v1.products.create({"name": "P"}, {"idempotency_key": "k"})
    assert len(world.tables["product"]) == 1
    again = v1.products.create({"name": "P"}, {"idempotency_key": "k"})
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert len(world.tables["product"]) == 1
    world.add_fault(Fault(FaultKind.TRUNCATE))
    with pytest.raises(stripe.APIConnectionError):
        v1.products.list()


def test_a_key_in_use_is_refused_while_its_first_request_runs(world: World, server: Server) -> None:
    world.add_fault(Fault(FaultKind.SLOW, seconds=0.5))
    arrived = threading.Event()
    world.hooks.append(lambda phase, request, index: arrived.set() if phase == "received" else None)
    first: list[Any] = []

    def send() -> None:
        first.append(client(server).products.create({"name": "P"}, {"idempotency_key": "k"}))

    thread = threading.Thread(target=send)
    thread.start()
    arrived.wait(5)
    while not world.idempotency.running:
        time.sleep(0.005)
    with pytest.raises(stripe.StripeError) as conflict:
        client(server).products.create({"name": "P"}, {"idempotency_key": "k"})
    thread.join()
    assert conflict.value.http_status == 409
    assert "idempotency_key_in_use" in str(conflict.value.http_body)
    assert first[0].id == "prod_000001"


def test_the_state_file_survives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    with serve(World(clock=FrozenClock(START)), state_file=path) as server:
        product = client(server).products.create({"name": "P"}, {"idempotency_key": "k"})
        client(server).coupons.create({"percent_off": 12.5})
    with serve(World(clock=FrozenClock(START)), state_file=path) as server:
        v1 = client(server)
        assert v1.products.retrieve(product.id).name == "P"
        assert v1.coupons.list().data[0].percent_off == 12.5
        assert v1.products.create({"name": "P"}, {"idempotency_key": "k"}).id == product.id
        assert v1.products.create({"name": "Q"}).id == "prod_000002"
        assert len(v1.events.list().data) == 3


def test_a_server_that_is_told_to_end_saves_first(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    program = f"""
        from pathlib import Path
        from reconciler.emulator.server import serve
        from reconciler.emulator.world import World
        server = serve(World(), state_file=Path({str(path)!r}))
        server.close_on_sigterm()
        print(server.url, flush=True)
        server.wait()
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        v1 = stripe.StripeClient("sk_test_emulator", base_addresses={"api": url}).v1
        v1.products.create({"name": "P"})
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert [record["name"] for record in load_worlds(path)[0].tables["product"]] == ["P"]


def test_many_clients_at_once_create_each_object_once(world: World, server: Server) -> None:
    def send(number: int) -> None:
        v1 = client(server)
        for position in range(10):
            # Two threads share each key; the one that comes while the other runs may be refused with a 409.
            params, options = {"name": "P"}, {"idempotency_key": f"{number // 2}-{position}"}
            try:
                v1.products.create(params, options)
            except stripe.StripeError as error:
                assert error.http_status == 409  # noqa: PT017

    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(world.tables["product"]) == 40
    assert [line["id"] for line in world.log] == [f"req_{number:06d}" for number in range(1, 81)]


def test_admin_routes(world: World, server: Server) -> None:
    base = f"{server.url}/_emulator"
    assert get(f"{base}/health", timeout=5).json()["status"] == "ok"
    assert post(f"{base}/faults", json={"kind": "rate_limit", "reason": "endpoint-rate"}, timeout=5).status_code == 200
    with pytest.raises(stripe.RateLimitError) as limited:
        client(server).products.list()
    assert (limited.value.headers or {})["Stripe-Rate-Limited-Reason"] == "endpoint-rate"
    assert post(f"{base}/clock", json={"advance": 60}, timeout=5).json() == {"now": START + 60}
    log = get(f"{base}/log", timeout=5).json()["requests"]
    assert [(line["method"], line["path"], line["status"]) for line in log] == [("GET", "/v1/products", 429)]
    assert post(f"{base}/faults", json={"kind": "bogus"}, timeout=5).status_code == 400
    bodies: list[Any] = [{}, [], {"advance": "60"}, {"advance": True}, {"advance": -1}]
    for body in bodies:
        assert post(f"{base}/clock", json=body, timeout=5).status_code == 400
    assert get(f"{base}/nothing", timeout=5).status_code == 404


def test_what_the_own_routes_change_is_saved_soon(world: World, tmp_path: Path) -> None:
    path = tmp_path / "state.json"

    def saved() -> dict[str, Any]:
        for _ in range(100):
            if path.exists():
                found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
                path.unlink()
                return found
            time.sleep(0.05)
        raise AssertionError("nothing was saved")

    with serve(world, state_file=path) as server:
        assert post(f"{server.url}/_emulator/clock", json={"advance": 60}, timeout=5).status_code == 200
        assert saved()["worlds"][0]["now"] == START + 60
        assert post(f"{server.url}/_emulator/happenings", json={"count": 10}, timeout=5).status_code == 200
        assert saved()["worlds"][0]["tables"]["event"]
