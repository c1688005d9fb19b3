"""`billplan doctor`: each trouble by its name with its way out; the account stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from reconciler.emulator.key import Key
from tests.cli.desk import PRICED, PROJECT, Desk

NAMES = ("product", "plan", "coupon", "promotion_code", "tax_rate", "billing_meter")
READS = frozenset(f"rak_{name}_read" for name in (*NAMES, "accounts_kyc_basic", "subscription"))
WRITES = frozenset(f"rak_{name}_write" for name in NAMES)


@pytest.fixture(autouse=True)
def _unchanged(desk: Desk) -> Iterator[None]:
    desk.write("specs/a.yaml", PRICED)
    desk.client().products.create({"id": "prod_1", "name": "P"})
    before = len(desk.writes())
    yield
    assert len(desk.writes()) == before


def restricted(desk: Desk, permissions: frozenset[str]) -> None:
    desk.world.keys["rk_test_narrow"] = Key(permissions)
    desk.environ(STRIPE_API_KEY="rk_test_narrow")


def found(desk: Desk, code: int) -> dict[str, Any]:
    """Run the doctor for JSON; see that it ends so."""
    ended = desk.run("doctor", "--format", "json")
    assert ended.code == code, ended.both
    return {c["name"]: c for c in ended.document}


def test_a_full_key_of_a_pinned_account_is_well(desk: Desk) -> None:
    desk.write("billplan.yaml", f"{PROJECT}  account: acct_000001\n")
    checks = found(desk, 0)
    assert {c["health"] for c in checks.values()} == {"ok"}
    expected = ["specs", "store", "account", "clock", "read permissions", "subscription counts"]
    assert list(checks) == [*expected, "mirror permissions", "write permissions", "lock"]
    assert checks["specs"]["detail"] == "2 resources declared"
    text = desk.done("doctor").out
    assert text.count("     ok  ") == 9
    assert "acct_000001, test mode, pinned" in text


def test_what_a_sync_may_not_read_is_named_and_is_no_failure(desk: Desk) -> None:
    restricted(desk, READS | WRITES)
    checks = found(desk, 0)
    assert checks["mirror permissions"]["health"] == "warning"
    assert "rak_invoice_read" in checks["mirror permissions"]["detail"]
    assert "rak_event_read" in checks["mirror permissions"]["detail"]


def test_what_the_account_is_not_set_up_for_needs_no_permission(desk: Desk) -> None:
    desk.world.disabled.add("billing.credit_grant")
    assert found(desk, 0)["mirror permissions"]["health"] == "ok"


def test_an_account_that_is_not_pinned_gets_the_line_to_paste(desk: Desk) -> None:
    ended = desk.done("doctor")
    assert "warning  account: acct_000001, test mode, not pinned" in ended.out
    assert "add  account: acct_000001  under stripe: in billplan.yaml" in ended.out


@pytest.mark.parametrize("name", NAMES)
def test_a_permission_to_read_that_is_lacking_is_named(desk: Desk, name: str) -> None:
    restricted(desk, READS - {f"rak_{name}_read"})
    ended = desk.run("doctor")
    assert ended.code == 1
    assert f"FAILED  read permissions: the key lacks rak_{name}_read\n" in ended.out
    assert "rk_test_narrow" not in ended.both


def test_a_key_that_may_only_read_is_well_enough_for_plans(desk: Desk) -> None:
    restricted(desk, READS)
    checks = found(desk, 0)
    assert checks["read permissions"]["health"] == "ok"
    assert checks["write permissions"]["health"] == "warning"
    assert checks["write permissions"]["detail"] == f"the key lacks {', '.join(sorted(WRITES))}"
    assert "a key for plan does not" in checks["write permissions"]["hint"]


@pytest.mark.parametrize("name", NAMES)
def test_a_permission_to_write_that_is_lacking_is_named(desk: Desk, name: str) -> None:
    restricted(desk, READS | WRITES - {f"rak_{name}_write"})
    checks = found(desk, 0)
    assert checks["write permissions"]["detail"] == f"the key lacks rak_{name}_write"


def test_a_key_that_may_not_count_subscriptions_is_told_what_is_missed(desk: Desk) -> None:
    restricted(desk, READS - {"rak_subscription_read"})
    check = found(desk, 0)["subscription counts"]
    assert (check["health"], check["detail"]) == ("warning", "the key lacks rak_subscription_read")


def test_the_permission_to_read_the_account_is_named(desk: Desk) -> None:
    restricted(desk, READS - {"rak_accounts_kyc_basic_read"})
    check = found(desk, 1)["key"]
    assert check["health"] == "failed"
    assert "rak_accounts_kyc_basic_read" in check["hint"]


def test_another_account_and_a_revoked_key_fail(desk: Desk) -> None:
    desk.write("billplan.yaml", f"{PROJECT}  account: acct_other\n")
    check = found(desk, 1)["account"]
    assert "billplan.yaml pins acct_other" in check["detail"]
    desk.write("billplan.yaml", PROJECT)
    desk.world.keys["sk_test_wasrevoked"] = Key(revoked=True)
    desk.environ(STRIPE_API_KEY="sk_test_wasrevoked")
    check = found(desk, 1)["key"]
    assert "Expired API Key" in check["detail"]
    assert "wasrevoked" not in str(check)


def test_a_missing_key_does_not_hide_the_other_findings(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STRIPE_API_KEY")
    checks = found(desk, 1)
    assert checks["specs"]["health"] == checks["store"]["health"] == "ok"
    assert checks["key"]["detail"] == "the environment variable STRIPE_API_KEY is not set"


def test_a_clock_that_is_off_fails(desk: Desk) -> None:
    desk.world.clock.advance(300)
    check = found(desk, 1)["clock"]
    assert "300 seconds off" in check["detail"].replace("299", "300").replace("301", "300")
    assert "NTP" in check["hint"]


def test_a_store_that_cannot_be_used_fails_and_the_rest_is_checked(desk: Desk) -> None:
    desk.write("billplan.yaml", f"{PROJECT}store: sqlite:specs/a.yaml\n")
    checks = found(desk, 1)
    assert checks["store"]["health"] == "failed"
    assert "is not an SQLite database" in checks["store"]["detail"]
    assert checks["write permissions"]["health"] == "ok"
    assert "lock" not in checks


def test_mistakes_in_specs_fail_and_lead_to_validate(desk: Desk) -> None:
    desk.write("specs/a.yaml", "products:\n  a: {nam: A}\n")
    check = found(desk, 1)["specs"]
    assert "in the specs" in check["detail"]
    assert "billplan validate" in check["hint"]


def test_a_write_is_tried_on_ids_that_nobody_has_and_without_parameters(desk: Desk) -> None:
    desk.done("doctor")
    desk.done("doctor")
    posts = [r for r in desk.requests if r["method"] == "POST" and "/doctor_" in r["path"]]
    assert len(posts) == 2 * len(NAMES)
    assert {r["status"] for r in posts} == {404}
    assert {r["params"] for r in posts} == {""}
    assert all(len(r["path"].rpartition("/doctor_")[2]) == 32 for r in posts)


PUBLISHED = """
features: {sso: {name: SSO, type: boolean}}
product_mappings: {pro: {name: Pro, stripe_products: [prod_1], features: {sso: true}%s}}
"""


@pytest.mark.parametrize("published", [True, False])
def test_the_permissions_for_entitlements_are_asked_for_only_where_a_mapping_publishes(
    desk: Desk, published: bool
) -> None:
    desk.write("specs/mapped.yaml", PUBLISHED % (", publish: stripe_entitlements" if published else ""))
    restricted(desk, READS | WRITES)
    checks = found(desk, 1 if published else 0)
    assert ("rak_entitlement_read" in checks["read permissions"]["detail"]) is published
    assert ("rak_entitlement_write" in checks["write permissions"]["detail"]) is published
