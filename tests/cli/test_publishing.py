"""A published mapping from the command line: planned in every format, applied, drifted, taken back."""

from __future__ import annotations

from tests.cli.desk import Desk

SPECS = """
products: {pro: {name: Pro}}
features: {sso: {name: SSO, type: boolean}, seats: {name: Seats, type: limit}}
product_mappings:
  pro: {name: Pro, stripe_products: [product.pro], features: {sso: %s, seats: 5}%s}
"""
PUBLISH = ", publish: stripe_entitlements"


def test_a_mapping_is_published_narrowed_and_taken_back(desk: Desk) -> None:
    desk.converge(SPECS % ("true", PUBLISH))
    assert len(desk.live("product_feature")) == 2
    desk.write("specs/a.yaml", SPECS % ("false", PUBLISH))
    text = desk.run("plan").out
    assert 'detach product_feature.acme-pro["sso"]' in text
    assert "no customer with an active subscription loses it" in text
    assert "product_feature.acme-pro" in desk.run("plan", "--format", "markdown").out
    changes = {c["address"]: c["change"]["actions"] for c in desk.run("plan", "--format", "json").document[
        "resource_changes"]}  # fmt: skip
    assert changes['product_feature.acme-pro["sso"]'] == ["delete"]
    assert changes["entitlement_feature.sso"] == ["delete"]
    desk.converge(SPECS % ("false", PUBLISH))
    assert len(desk.live("product_feature")) == 1
    stands = desk.live("product_feature")[0]["id"]
    desk.client().products.features.delete("acme-pro", stands)
    drift = desk.run("drift")
    assert f"acme-pro/features/{stands}" in drift.out
    desk.converge(SPECS % ("false", PUBLISH))
    desk.converge(SPECS % ("true", ""))
    assert not desk.live("product_feature")
    assert not [f for f in desk.live("entitlements.feature") if f["active"]]


def test_a_plan_file_made_before_is_applied_after(desk: Desk) -> None:
    desk.write("specs/a.yaml", SPECS % ("true", PUBLISH))
    desk.run("plan", "--out", "plan.json")
    assert 'product_feature.acme-pro["sso"]' in desk.run("show", "plan.json").out
    desk.done("apply", "plan.json", "--auto-approve")
    desk.done("apply", "plan.json", "--auto-approve")
    assert len(desk.live("product_feature")) == 2
