"""Features and product mappings from the command line: planned, applied, told by status, in a store or without one."""

from __future__ import annotations

import pytest

from tests.cli.desk import PRICED, PROJECT, Desk

MAPPED = PRICED + (
    "features:\n  sso: {name: SSO, type: boolean}\n  calls: {name: Calls, type: quota, reset: month}\n"
    "product_mappings:\n  pro: {name: Pro, stripe_products: [product.pro], features: {sso: true, calls: 1000}}\n"
)


def subscribe(desk: Desk, count: int) -> None:
    price = desk.live("price")[0]["id"]
    for number in range(count):
        customer = desk.client().customers.create({"name": f"Customer {number}"}).id
        terms = {"collection_method": "send_invoice", "days_until_due": 30}
        desk.client().subscriptions.create({"customer": customer, "items": [{"price": price}], **terms})


def test_they_are_planned_applied_and_planned_empty(desk: Desk) -> None:
    desk.write("specs/a.yaml", MAPPED)
    planned = desk.done("plan")
    assert "+   create product_mapping.pro" in planned.out
    assert "not in the store yet" in planned.out
    # A plan makes no store.
    assert not (desk.folder / ".billplan").exists()
    desk.done("apply", "--auto-approve")
    assert desk.run("plan", "--detailed-exitcode").code == 0
    assert not [r for r in desk.requests if "billplan/" in r["path"]]


def test_a_saved_plan_is_applied_and_tells_what_is_lost(desk: Desk) -> None:
    desk.converge(MAPPED)
    subscribe(desk, 3)
    desk.wait()
    desk.write("specs/a.yaml", MAPPED.replace("sso: true, calls: 1000", "calls: 10"))
    planned = desk.done("plan", "--out", "plan.jsonl")
    assert "note: 3 customers lose sso" in planned.out
    assert "note: 3 customers get less of calls" in planned.out
    assert "      3  pro      Pro (acme-pro)" in planned.out
    shown = desk.done("show", "plan.jsonl", "--format", "json").document
    assert shown["product_use"]["products"] == [
        {"id": "acme-pro", "name": "Pro", "mapping": "pro", "subscriptions": 3, "active": True}
    ]
    assert "3 customers lose sso" in desk.done("show", "plan.jsonl", "--format", "markdown").out
    before = len(desk.requests)
    desk.done("apply", "plan.jsonl", "--auto-approve")
    # The plan that verifies an apply leaves out what only tells how much products are used.
    assert not [r for r in desk.requests[before:] if r["path"].startswith("/v1/subscriptions")]
    assert desk.run("plan", "--detailed-exitcode").code == 0


def test_status_tells_what_the_mirror_knows_without_a_key(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.converge(MAPPED)
    subscribe(desk, 2)
    desk.done("sync")
    monkeypatch.delenv("STRIPE_API_KEY")
    assert "      2  pro      Pro (acme-pro)" in desk.done("status").out
    document = desk.done("status", "--format", "json").document
    assert document["product_use"]["subscriptions_left_out"] == 0
    planned = desk.done("plan", "--refresh", "none")
    assert "      2  pro      Pro (acme-pro)" in planned.out
    assert "Nothing to do" in planned.out


def test_without_mappings_the_status_shows_what_there_is_to_map_and_a_plan_does_not(desk: Desk) -> None:
    desk.converge(PRICED)
    subscribe(desk, 2)
    desk.done("sync")
    assert "      2  (not mapped)  Pro (acme-pro)" in desk.done("status").out
    (one,) = desk.done("status", "--format", "json").document["product_use"]["products"]
    assert (one["id"], one["mapping"], one["subscriptions"]) == ("acme-pro", None, 2)
    assert "Products by active" not in desk.done("plan").out


def test_a_lost_store_is_filled_again(desk: Desk) -> None:
    desk.converge(MAPPED)
    desk.remove(".billplan")
    desk.wait()
    assert "3 to create" in desk.done("plan").out
    desk.done("apply", "--auto-approve")
    assert desk.run("plan", "--detailed-exitcode").code == 0


def test_where_nobody_tells_the_store_only_what_lives_there_needs_it(desk: Desk) -> None:
    desk.write("billplan.yaml", f"{PROJECT}store: env:STORE_URL\n")
    desk.write("specs/a.yaml", PRICED)
    assert "2 to create" in desk.done("plan").out
    desk.write("specs/a.yaml", MAPPED)
    ended = desk.run("plan")
    assert ended.code == 1
    assert "the environment variable STORE_URL is not set" in ended.err


def test_import_and_doctor_leave_them_out(desk: Desk) -> None:
    desk.converge(MAPPED)
    assert desk.run("import", "--kind", "feature").code == 64
    assert "features" not in desk.done("import").both
    assert "billplan_" not in desk.done("doctor").out
    assert not [r for r in desk.requests if "/billplan/" in r["path"]]


def test_what_was_deleted_by_a_plan_is_no_drift_and_comes_back_when_it_is_declared_again(desk: Desk) -> None:
    for specs in (MAPPED, PRICED, MAPPED):
        desk.converge(specs)
        desk.wait()
        assert desk.done("drift").code == 0
