"""`billplan drift`: what somebody changed in Stripe, told apart from what the specs changed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.desk import PRO, Desk

SPECS = """
products:
  pro: {name: Pro, description: For teams, default_price: price.monthly, metadata: {tier: "2"}}
prices:
  monthly: {product: product.pro, currency: usd, unit_amount: 2900, recurring: {interval: month}}
  yearly: {product: product.pro, currency: usd, unit_amount: 29000, recurring: {interval: year}}
coupons:
  launch: {percent_off: 20, duration: once}
"""


@pytest.fixture
def stripe(desk: Desk) -> Any:
    desk.converge(SPECS)
    desk.wait()
    return desk.client()


def price_id(desk: Desk, amount: int) -> str:
    (found,) = (p["id"] for p in desk.live("price") if p["unit_amount"] == amount)
    return str(found)


def test_without_edits_there_is_no_drift(desk: Desk, stripe: Any) -> None:
    ended = desk.done("drift")
    assert "No drift." in ended.out
    assert desk.done("drift", "--format", "json").document["resource_drift"] == []


def test_a_name_is_told_with_both_values(desk: Desk, stripe: Any) -> None:
    stripe.products.update("acme-pro", {"name": "Professional"})
    ended = desk.run("drift")
    assert ended.code == 2
    assert "Changed outside billplan (1 field)" in ended.out
    for word in ("product.pro", "acme-pro", "name: Pro -> Professional"):
        assert word in ended.out
    (drift,) = desk.run("drift", "--format", "json").document["resource_drift"]
    assert drift["address"] == "product.pro"
    assert "Professional" in str(drift)


def test_an_archived_price_is_told(desk: Desk, stripe: Any) -> None:
    stripe.prices.update(price_id(desk, 29000), {"active": False})
    ended = desk.run("drift")
    assert ended.code == 2
    assert "price.yearly" in ended.out
    assert "active: true -> false" in ended.out


def test_a_metadata_key_of_ours_is_told_and_one_of_others_is_not(desk: Desk, stripe: Any) -> None:
    stripe.products.update("acme-pro", {"metadata": {"crm": "x"}})
    assert desk.run("drift").code == 0
    stripe.products.update("acme-pro", {"metadata": {"tier": "3"}})
    ended = desk.run("drift")
    assert ended.code == 2
    assert "metadata.tier" in ended.out.replace("[", ".").replace("]", "")
    assert "crm" not in ended.out


def test_another_default_price_is_told(desk: Desk, stripe: Any) -> None:
    stripe.products.update("acme-pro", {"default_price": price_id(desk, 29000)})
    ended = desk.run("drift")
    assert ended.code == 2
    assert "default_price" in ended.out
    assert price_id(desk, 29000) in ended.out or "price.yearly" in ended.out


def test_a_deleted_object_is_told_as_gone_from_the_journal(desk: Desk, stripe: Any) -> None:
    stripe.coupons.delete("acme-launch")
    ended = desk.run("drift")
    assert ended.code == 2
    assert "coupon.launch" in ended.out
    assert "acme-launch" in ended.out
    assert "it is gone from Stripe" in ended.out
    (drift,) = desk.run("drift", "--format", "json").document["resource_drift"]
    assert (drift["address"], drift["remote_id"]) == ("coupon.launch", "acme-launch")


def test_what_was_never_applied_or_left_by_an_apply_is_not_gone(desk: Desk, stripe: Any) -> None:
    desk.write("specs/a.yaml", PRO)
    desk.done("apply", "--auto-approve", "--allow", "irreversible:*")
    desk.write("specs/a.yaml", SPECS + "tax_rates:\n  vat: {display_name: VAT, percentage: 19, inclusive: false}\n")
    ended = desk.run("drift")
    assert "gone from Stripe" not in ended.out


def test_a_change_of_the_specs_is_no_drift(desk: Desk, stripe: Any) -> None:
    desk.write("specs/a.yaml", SPECS.replace("For teams", "For large teams").replace("2900,", "3900,"))
    assert desk.run("plan", "--detailed-exitcode").code == 2
    assert desk.run("drift").code == 0


def test_an_apply_sets_everything_back(desk: Desk, stripe: Any) -> None:
    stripe.products.update("acme-pro", {"name": "Professional", "default_price": price_id(desk, 29000)})
    stripe.prices.update(price_id(desk, 2900), {"active": False})
    stripe.coupons.delete("acme-launch")
    assert desk.run("drift").code == 2
    planned = desk.run("plan")
    assert "Changed outside billplan" in planned.out
    desk.done("apply", "--auto-approve")
    assert desk.done("drift").code == 0
    assert desk.live("product")[0]["name"] == "Pro"
    assert "Nothing to do." in desk.done("plan").out


def test_drift_writes_nothing_and_hides_e_mail_addresses(desk: Desk, stripe: Any) -> None:
    stripe.products.update("acme-pro", {"description": "Ask jane.doe@example.com"})
    writes = len(desk.writes())
    for form in ("text", "json"):
        ended = desk.run("drift", "--format", form)
        assert ended.code == 2
        assert "jane.doe" not in ended.both
    assert len(desk.writes()) == writes
