"""What a schedule may be asked to be: phases that are refused, changes of what waits and of what runs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.timeline import SCHEDULES, SUBSCRIPTIONS, Timeline, at, timeline

START = at("2024-01-01")
MONTH = {"interval": "month"}
NONE = {"proration_behavior": "none"}


@pytest.fixture
def call() -> Timeline:
    """An account with a price of each kind that phases can go wrong with, by their ids."""
    made = timeline()
    for id, extra in (("yearly", {"recurring": {"interval": "year"}}), ("once", {}), ("euro", {"currency": "eur"})):
        made.make("/v1/products", {"id": id, "name": id})
        recurring = {} if id == "once" else {"recurring": MONTH}
        terms = {"currency": "usd", "product": id, "unit_amount": 500, "lookup_key": id, **recurring, **extra}
        made.make("/v1/prices", terms)
    made.make("/v1/coupons", {"id": "ONCE", "percent_off": 10, "duration": "once"})
    made.make("/v1/coupons", {"id": "EVER", "percent_off": 10, "duration": "forever"})
    made.make("/v1/coupons", {"id": "EURO", "amount_off": 10, "currency": "eur"})
    made.make("/v1/coupons", {"id": "LAST", "percent_off": 10, "redeem_by": START - 60})
    made.make("/v1/coupons", {"id": "FEW", "percent_off": 10, "max_redemptions": 3})
    return made


def keyed(call: Timeline, key: str) -> str:
    (record,) = call.get("/v1/prices", {"lookup_keys": [key]}).body["data"]
    id: str = record["id"]
    return id


def phase(price: str, **extra: Any) -> dict[str, Any]:
    return {"items": [{"price": price}], **extra}


@pytest.mark.parametrize(
    ("changes", "code", "param"),
    [
        ({"customer": None}, "parameter_missing", "customer"),
        ({"customer": "cus_x"}, "resource_missing", "customer"),
        ({"phases": None}, "parameter_missing", "phases"),
        ({"start_date": None}, "parameter_missing", "start_date"),
        ({"start_date": "tomorrow"}, "parameter_invalid_integer", "start_date"),
        ({"start_date": at("2023-12-14")}, "emulator_gap", "start_date"),
        ({"end_behavior": "bogus"}, None, "end_behavior"),
        ({"end_behavior": "renew"}, "emulator_gap", "end_behavior"),
        ({"end_behavior": "none"}, "emulator_gap", "end_behavior"),
        ({"billing_mode": {"type": "classic"}}, "emulator_gap", "billing_mode"),
        ({"default_settings": {"collection_method": "send_invoice"}}, "parameter_missing",
         "phases[0][invoice_settings][days_until_due]"),
        ({"cancel_at_period_end": True}, "parameter_unknown", "cancel_at_period_end"),
    ],
)  # fmt: skip
def test_a_schedule_that_cannot_be(call: Timeline, changes: dict[str, Any], code: str | None, param: str) -> None:
    sent = {"customer": call.customer(), "start_date": START, "phases": [phase(call.price())], **changes}
    reply = call.post(SCHEDULES, {name: value for name, value in sent.items() if value is not None})
    assert (reply.code, reply.param) == (code, param), reply.body
    assert not len(call.world.tables["subscription_schedule"])


@pytest.mark.parametrize(
    ("changes", "code", "param"),
    [
        ({"items": []}, None, ""),
        ({"items": [{"quantity": 1}]}, "parameter_missing", "[items][0][price]"),
        ({"items": [{"price": "price_x"}]}, "resource_missing", "[items][0][price]"),
        ({"items": [{"price": "once"}]}, None, "[items][0][price]"),
        ({"items": [{"price": "own"}, {"price": "own"}]}, None, "[items][1][price]"),
        ({"items": [{"price": "own"}, {"price": "yearly"}]}, "emulator_gap", "[items]"),
        ({"items": [{"price": "own"}, {"price": "euro"}]}, None, "[items]"),
        ({"currency": "eur"}, None, "[items]"),
        ({"iterations": 3}, "parameter_unknown", "[iterations]"),
        ({"coupon": "EVER"}, "parameter_unknown", "[coupon]"),
        ({"end_date": START}, None, "[end_date]"),
        ({"end_date": START + 9, "duration": MONTH}, "parameters_exclusive", "[end_date]"),
        ({"trial": True}, "emulator_gap", ""),
        ({"trial": True, "trial_end": START + 5, "duration": MONTH}, "parameters_exclusive", "[trial]"),
        ({"trial_end": START, "duration": MONTH}, None, "[trial_end]"),
        ({"trial_end": START + 90 * 86400, "duration": MONTH}, None, "[trial_end]"),
        ({"trial": True, "duration": MONTH, "billing_cycle_anchor": "phase_start"}, None, "[billing_cycle_anchor]"),
        ({"billing_cycle_anchor": START}, None, "[billing_cycle_anchor]"),
        ({"proration_behavior": "always_invoice"}, "emulator_gap", "[proration_behavior]"),
        ({"collection_method": "send_invoice"}, "parameter_missing", "[invoice_settings][days_until_due]"),
        ({"invoice_settings": {"days_until_due": 3}}, None, "[invoice_settings][days_until_due]"),
        ({"default_payment_method": "pm_x"}, "resource_missing", "[default_payment_method]"),
        ({"default_tax_rates": ["txr_x"]}, "resource_missing", "[default_tax_rates][0]"),
        ({"default_tax_rates": ["inclusive"]}, None, "[default_tax_rates][0]"),
        ({"discounts": [{"coupon": "NONE"}]}, "resource_missing", "[discounts][0][coupon]"),
        ({"discounts": [{"coupon": "EURO"}]}, None, "[discounts][0][coupon]"),
        ({"discounts": [{"coupon": "LAST"}]}, "emulator_gap", "[discounts]"),
        ({"discounts": [{"coupon": "FEW"}]}, "emulator_gap", "[discounts]"),
        ({"discounts": [{"promotion_code": "promo_1"}]}, "emulator_gap", "[discounts][0][promotion_code]"),
        ({"add_invoice_items": [{"price": "own"}]}, None, "[add_invoice_items][0][price]"),
        ({"add_invoice_items": [{"quantity": 1}]}, "parameter_missing", "[add_invoice_items][0][price]"),
        ({"automatic_tax": {"enabled": True}, "default_tax_rates": ["exclusive"]}, None, "[default_tax_rates]"),
        ({"metadata": {"a": "x" * 501}}, None, "[metadata][a]"),
    ],
)  # fmt: skip
def test_a_phase_that_cannot_be(call: Timeline, changes: dict[str, Any], code: str | None, param: str) -> None:
    names = {key: keyed(call, key) for key in ("yearly", "once", "euro")} | {"own": call.price()}
    for name, inclusive in (("inclusive", True), ("exclusive", False)):
        rate = {"display_name": name, "inclusive": inclusive, "percentage": 5}
        names[name] = call.make("/v1/tax_rates", rate)
    phases = [_named({"items": [{"price": "own"}], **changes}, names)]
    prices = len(call.world.tables["price"])
    reply = call.post(SCHEDULES, {"customer": call.customer(), "start_date": START, "phases": phases})
    where = f"phases[0]{param}"
    assert reply.status in (400, 501)
    assert (reply.code, reply.param) == (code, where) or (param == "" and reply.code in (code, "parameter_missing"))
    assert not len(call.world.tables["subscription_schedule"])
    assert len(call.world.tables["price"]) == prices


def _named(value: Any, names: dict[str, str]) -> Any:
    """What was written with names, with ids."""
    if isinstance(value, dict):
        return {key: _named(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [_named(inner, names) for inner in value]
    return names.get(value, value) if isinstance(value, str) else value


def test_prices_that_come_along_are_kept_only_if_the_schedule_is(call: Timeline) -> None:
    product = call.make("/v1/products", {"name": "Bespoke"})
    data = {"currency": "usd", "product": product, "recurring": MONTH, "unit_amount": 1}
    bad = [{"items": [{"price_data": data}], "default_payment_method": "pm_x"}]
    before = len(call.world.tables["price"])
    assert call.post(SCHEDULES, {"customer": call.customer(), "start_date": START, "phases": bad}).status == 400
    assert len(call.world.tables["price"]) == before
    id = call.schedule(call.customer(), [{"items": [{"price_data": data}]}])
    made = call.get(f"{SCHEDULES}/{id}").body["phases"][0]["items"][0]["price"]
    price = call.get(f"/v1/prices/{made}").body
    assert (price["unit_amount"], price["active"], price["product"]) == (1, False, product)
    for active in (True, False):
        assert made not in [row["id"] for row in call.get("/v1/prices", {"active": active, "limit": 100}).body["data"]]
    assert (
        call.post(SCHEDULES, {"customer": call.customer(), "start_date": START, "phases": [phase(made)]}).status == 400
    )
    again = {"phases": [phase(made, start_date=START)]}
    assert call.post(f"{SCHEDULES}/{id}", again).status == 200
    for wrong in ({"unit_amount_decimal": "1"}, {"unit_amount": None}, {"product": "prod_x"}):
        values = {name: value for name, value in {**data, **wrong}.items() if value is not None}
        sent = {"customer": call.customer(), "start_date": START, "phases": [{"items": [{"price_data": values}]}]}
        assert call.post(SCHEDULES, sent).param.startswith("phases[0][items][0][price_data]")  # type: ignore[union-attr]


def test_automatic_tax_needs_a_place_and_a_behaviour(call: Timeline) -> None:
    taxed = {"automatic_tax": {"enabled": True}}
    price = call.price()

    def refusal(customer: str, price: str) -> str | None:
        return call.post(SCHEDULES, {"customer": customer, "start_date": START, "phases": [phase(price, **taxed)]}).code

    nowhere = call.make("/v1/customers", {"email": "b@example.com"})
    assert refusal(nowhere, price) == "customer_tax_location_invalid"
    assert refusal(call.customer(), call.price(tax_behavior="unspecified")) is None
    call.world.tax_places = {}
    reply = call.post(SCHEDULES, {"customer": call.customer(), "start_date": START, "phases": [phase(price, **taxed)]})
    assert "head office" in reply.body["error"]["message"]


def test_sent_invoices_need_an_address(call: Timeline) -> None:
    silent = call.make("/v1/customers", {"name": "N"})
    sent = {"collection_method": "send_invoice", "invoice_settings": {"days_until_due": 30}}
    phases = [phase(call.price(), **sent)]
    reply = call.post(SCHEDULES, {"customer": silent, "start_date": START, "phases": phases})
    assert "Missing email" in reply.body["error"]["message"]


def test_the_phases_of_a_schedule_add_up_to_fifty_keys(call: Timeline) -> None:
    many = [{f"{letter}{n}": "1" for n in range(30)} for letter in "ab"]
    phases = [phase(call.price(), duration=MONTH, metadata=one) for one in many]
    sent = {"customer": call.customer(), "start_date": START}
    assert call.post(SCHEDULES, {**sent, "phases": phases}).param == "metadata"
    phases[1]["metadata"] |= dict.fromkeys(many[0], "")
    id = call.make(SCHEDULES, {**sent, "phases": phases})
    call.until("2024-02-01")
    assert call.held(id)["metadata"] == {f"b{n}": "1" for n in range(30)}


def test_one_phase_can_be_charged_where_the_others_are_sent(call: Timeline) -> None:
    defaults = {"collection_method": "send_invoice", "invoice_settings": {"days_until_due": 30}}
    phases = [
        phase(call.price(), duration=MONTH, collection_method="charge_automatically"),
        phase(call.price(), duration=MONTH),
    ]
    call.schedule(call.customer(), phases, default_settings=defaults)
    call.until("2024-02-02")
    assert [one["collection_method"] for one in call.invoices()] == ["charge_automatically", "send_invoice"]
    assert call.invoices()[1]["due_date"] == at("2024-03-02")


def test_a_customer_is_billed_in_one_currency(call: Timeline) -> None:
    customer = call.customer()
    call.schedule(customer, [phase(call.price())])
    sent = {"customer": customer, "start_date": START, "phases": [phase(keyed(call, "euro"))]}
    assert "combine currencies" in call.post(SCHEDULES, sent).body["error"]["message"]


@pytest.mark.parametrize(
    ("phases", "param"),
    [
        ([{"duration": MONTH}, {"trial": "true", "duration": MONTH}], "phases[1][trial_end]"),
        ([{"duration": MONTH, "discounts": [{"coupon": "ONCE"}]}] * 2, "phases[1][discounts]"),
        ([{"end_date": START + 86400}, {"duration": MONTH, "discounts": [{"coupon": "EVER"}]}],
         "phases[1][proration_behavior]"),
        ([{}, {"duration": MONTH}], "phases[0][end_date]"),
    ],
)  # fmt: skip
def test_transitions_that_cannot_be_billed_are_refused_before(
    call: Timeline, phases: list[dict[str, Any]], param: str
) -> None:
    price = call.price()
    sent = {"customer": call.customer(), "start_date": START, "phases": [phase(price, **one) for one in phases]}
    reply = call.post(SCHEDULES, sent)
    assert (reply.status in (400, 501), reply.param) == (True, param), reply.body


def test_an_end_within_a_period_is_refused(call: Timeline) -> None:
    price, sent = call.price(), {"customer": call.customer(), "start_date": START, "end_behavior": "cancel"}
    ten = {"duration": {"interval": "day", "interval_count": 10}}
    for terms in ({}, NONE):
        reply = call.post(SCHEDULES, {**sent, "phases": [phase(price, **ten, **terms)]})
        assert (reply.code, reply.param) == ("emulator_gap", "end_behavior")
    twice = {"duration": {"interval": "month", "interval_count": 2}}
    assert call.post(SCHEDULES, {**sent, "phases": [phase(price, **twice)]}).status == 200


def test_what_waits_can_be_changed_as_a_whole(call: Timeline) -> None:
    id = call.schedule(call.customer(), [phase(call.price(), metadata={"row": "1"})], metadata={"a": "1", "b": "2"})
    path, dearer = f"{SCHEDULES}/{id}", call.price(20_000)
    reply = call.post(path, {"phases": [phase(dearer)]})
    assert "missing at least one phase with a `start_date`" in reply.body["error"]["message"]
    assert call.post(path, {"phases": [phase(dearer, start_date=at("2023-12-01"))]}).status == 501
    later = at("2024-01-05")
    changes = {
        "phases": [
            phase(dearer, start_date=later, duration=MONTH, discounts=[{"coupon": "EVER"}]),
            phase(call.price(), start_date=at("2024-02-05"), duration=MONTH),
        ],
        "metadata": {"a": "", "c": "3"},
        "end_behavior": "cancel",
    }
    plan = call.post(path, changes).body
    assert [(one["start_date"], one["end_date"]) for one in plan["phases"]] == [
        (later, at("2024-02-05")),
        (at("2024-02-05"), at("2024-03-05")),
    ]
    assert (plan["metadata"], plan["end_behavior"]) == ({"b": "2", "c": "3"}, "cancel")
    wrong = [phase(dearer, start_date=later, duration=MONTH), phase(dearer, start_date=later)]
    assert call.post(path, {"phases": wrong}).param == "phases[1][start_date]"
    call.until("2024-04-01")
    assert call.billed() == [("2024-01-05", 18_000), ("2024-02-05", 10_000)]
    over = call.post(path, {"metadata": {"d": "4"}})
    assert "currently in the `completed` status" in over.body["error"]["message"]


def test_what_waits_can_be_started(call: Timeline) -> None:
    price = call.price()
    id = call.schedule(call.customer(), [phase(price)])
    plan = call.post(f"{SCHEDULES}/{id}", {"phases": [phase(price, start_date="now")]}).body
    assert (plan["status"], plan["phases"][0]["start_date"]) == ("active", call.world.now())
    assert call.held(id)["status"] == "active"


def test_what_has_begun_keeps_its_start_and_its_terms(call: Timeline) -> None:
    price, other = call.price(), call.price(20_000)
    three = {"duration": {"interval": "month", "interval_count": 3}}
    id = call.schedule(call.customer(), [phase(price, duration=MONTH), phase(price, **three)])
    call.until("2024-02-10")
    path, begun = f"{SCHEDULES}/{id}", at("2024-02-01")
    moved = call.post(path, {"phases": [phase(price, start_date=begun + 1, **three)]})
    assert "start date of the current phase" in moved.body["error"]["message"]
    assert call.post(path, {"phases": [phase(other, start_date=begun, **three)]}).code == "emulator_gap"
    over = phase(price, start_date=begun, end_date=at("2024-02-09"))
    assert call.post(path, {"phases": [over]}).status == 400
    # Past phases can be left out, or sent again as they were.
    shorter = [phase(price, start_date=begun, duration=MONTH), phase(other, duration=MONTH)]
    for given in (shorter, [phase(price, start_date=START, duration=MONTH), {**shorter[0]}, shorter[1]]):
        plan = call.post(path, {"phases": given, "end_behavior": "cancel"}).body
        assert [one["start_date"] for one in plan["phases"]] == [START, begun, at("2024-03-01")]
    assert call.held(id)["cancel_at"] is None
    call.until("2024-03-02")
    assert call.held(id)["cancel_at"] == at("2024-04-01")
    call.until("2024-06-01")
    assert call.billed() == [("2024-01-01", 10_000), ("2024-02-01", 10_000), ("2024-03-01", 20_000)]


def test_a_subscription_can_be_put_under_a_schedule(call: Timeline) -> None:
    price, other = call.price(), call.price(20_000)
    sent = {"customer": call.customer(), "items": [{"price": price}], "metadata": {"a": "b"}}
    held = call.make(SUBSCRIPTIONS, sent)
    assert call.post(SCHEDULES, {"from_subscription": held, "end_behavior": "cancel"}).param == "end_behavior"
    plan = call.post(SCHEDULES, {"from_subscription": held}).body
    (current,) = plan["phases"]
    assert (plan["status"], plan["subscription"], current["end_date"]) == ("active", held, at("2024-01-15"))
    again = call.post(SCHEDULES, {"from_subscription": held})
    assert "already attached to a schedule" in again.body["error"]["message"]
    assert call.post(f"{SUBSCRIPTIONS}/{held}", {"cancel_at_period_end": True}).code == "emulator_gap"
    assert call.post(f"{SUBSCRIPTIONS}/{held}", {"metadata": {"c": "d"}}).status == 200
    begun = phase(price, start_date=current["start_date"], end_date=current["end_date"])
    changed = call.post(f"{SCHEDULES}/{plan['id']}", {"phases": [begun, phase(other, duration=MONTH)]})
    assert changed.status == 200, changed.body
    call.until("2024-03-01")
    assert call.billed() == [("2023-12-15", 10_000), ("2024-01-15", 20_000), ("2024-02-15", 20_000)]
    shown = call.get(f"{SUBSCRIPTIONS}/{held}").body
    assert (shown["metadata"], shown["schedule"]) == ({"a": "b", "c": "d"}, None)


def test_a_coupon_that_a_schedule_waits_for_cannot_be_deleted(call: Timeline) -> None:
    id = call.schedule(call.customer(), [phase(call.price(), discounts=[{"coupon": "EVER"}])])
    assert call.send("delete", "/v1/coupons/EVER").code == "emulator_gap"
    call.post(f"{SCHEDULES}/{id}/cancel")
    assert call.send("delete", "/v1/coupons/EVER").status == 200
