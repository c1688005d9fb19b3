"""What a plan sees: through a caught-up mirror the same as through live lists, and live where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from reconciler.adapters.offline_api import OfflineApi
from reconciler.adapters.sql_mirror import SqlMirror
from reconciler.adapters.sql_mirrors import SqlMirrors
from reconciler.core.changes import Action
from reconciler.core.guards import Guards
from reconciler.core.plan import Plan
from reconciler.core.standing import Status
from reconciler.emulator.history import grow, happen
from reconciler.emulator.key import Key
from reconciler.engine.drift import tell
from reconciler.engine.look import RefreshMode
from reconciler.engine.make_plan import PlanOptions, make_plan
from reconciler.engine.outside import Outside
from reconciler.engine.sync import SyncOptions, SyncPorts, lock_scope, sync
from reconciler.errors import BillplanError
from reconciler.kinds import BY_NAME
from reconciler.ports.mirror import Doubt
from tests.account import Account, Bodies, Silent, api_of, specs_of
from tests.kinds.plans import PRICE, PRODUCT, by_hand, change
from tests.properties.catalogues import edit, make_catalogue

SPECS: Bodies = {"product.pro": PRODUCT, "price.monthly": PRICE}


class Mirroring(Account):
    """An account with a mirror in its store."""

    @property
    def mirror(self) -> SqlMirror:
        return SqlMirror(self.database, self.world.account_id, False)

    @property
    def outside(self) -> Outside:
        mirrors = SqlMirrors(lambda: self.database, self.clock, False, lambda: True)
        return replace(super().outside, mirrors=mirrors)

    def sync(self, *objects: str, **options: Any) -> None:
        """Mirror the account, or these types of it."""
        ports = SyncPorts(
            api=self.api,
            clock=self.clock,
            locks=self.locks,
            progress=Silent(),
            mirror_of=lambda account, livemode: self.mirror,
        )
        sync(ports, SyncOptions(pins=self.pins, who="a test", objects=objects, **options))

    def see(self, bodies: Bodies, mode: RefreshMode, **more: Any) -> Plan:
        """Plan at this very second."""
        options = PlanOptions(pins=self.pins, guards=Guards(allow=("irreversible:*",)), refresh=mode, **more)
        return make_plan(specs_of(bodies), self.outside, options)

    def requests(self) -> list[str]:
        """What was asked of Stripe since the last look at it."""
        asked = [f"{entry['method']} {entry['path'].partition('?')[0]}" for entry in self.world.log]
        self.world.log.clear()
        return asked


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Mirroring]:
    opened = Mirroring(tmp_path)
    yield opened
    opened.close()


@pytest.mark.parametrize("seed", range(10))
def test_a_plan_from_the_mirror_is_the_plan_from_live_lists(account: Mirroring, seed: int) -> None:
    random = Random(seed)
    grow(account.world, 12, seed)
    bodies = make_catalogue(random)
    account.converge(bodies)
    account.sync()
    for _ in range(3):
        for _ in range(random.randrange(12)):
            account.clock.sleep(random.choice((0, 0, 1, 40, 4000)))
            happen(account.world, random)
        bodies = edit(bodies, random)
        live, mirrored = account.see(bodies, RefreshMode.LIVE), account.see(bodies, RefreshMode.AUTO)
        assert mirrored.header.mirror_as_of is not None
        assert live.header.mirror_as_of is None
        assert replace(mirrored, header=live.header) == live
        account.sync()
        as_it_is = account.see(bodies, RefreshMode.NONE)
        assert replace(as_it_is, header=live.header) == live


def test_a_caught_up_plan_asks_for_the_account_and_the_events_alone(account: Mirroring) -> None:
    grow(account.world, 30)
    account.converge(SPECS)
    account.sync()
    account.requests()
    account.clock.sleep(700)
    assert account.see(SPECS, RefreshMode.AUTO).empty
    assert account.requests() == ["GET /v1/account", "GET /v1/events"]


def test_none_asks_nothing_and_needs_no_key(account: Mirroring) -> None:
    account.converge(SPECS)
    account.sync()
    as_of = account.world.now()
    account.clock.sleep(5000)
    by_hand(account, "/v1/products/acme-pro", name="Renamed")
    account.requests()
    outside = replace(account.outside, api=OfflineApi(False))
    options = PlanOptions(pins=account.pins, guards=Guards(), refresh=RefreshMode.NONE)
    plan = make_plan(specs_of(SPECS), outside, options)
    assert plan.empty
    assert plan.header.mirror_as_of == as_of
    assert account.requests() == []


def test_none_without_a_whole_mirror_says_what_to_sync(account: Mirroring) -> None:
    account.sync("product", "price")
    with pytest.raises(BillplanError, match=r"lacks coupon, promotion_code, tax_rate, meter") as caught:
        account.see(SPECS, RefreshMode.NONE)
    assert "billplan sync --objects coupon,promotion_code,tax_rate,meter" in caught.value.hint


def test_without_a_mirror_auto_lists_live_and_says_nothing(account: Mirroring) -> None:
    plan = account.see(SPECS, RefreshMode.AUTO)
    assert "GET /v1/prices" in account.requests()
    assert not plan.diagnostics
    assert plan.header.mirror_as_of is None


def test_types_that_are_not_ready_are_listed_live_beside_the_others(account: Mirroring) -> None:
    account.converge(SPECS)
    account.sync("product", "price", "coupon")
    account.requests()
    assert account.see(SPECS, RefreshMode.AUTO).empty
    asked = account.requests()
    assert "GET /v1/products" not in asked
    assert {"GET /v1/promotion_codes", "GET /v1/tax_rates", "GET /v1/billing/meters"} <= set(asked)


@pytest.mark.parametrize("status", [Status.ERROR, Status.SYNCING, Status.PENDING])
def test_an_error_never_counts_as_fresh(account: Mirroring, status: Status) -> None:
    account.converge(SPECS)
    account.sync()
    account.mirror.fail("product", status, "it broke")
    account.requests()
    account.see(SPECS, RefreshMode.AUTO)
    assert "GET /v1/products" in account.requests()


def test_a_partial_listing_does_not_stand_for_the_account(account: Mirroring) -> None:
    account.converge(SPECS)
    account.sync(created_after=account.world.now() - 5)
    account.requests()
    account.see(SPECS, RefreshMode.AUTO)
    assert "GET /v1/products" in account.requests()


def test_a_mirror_older_than_the_events_is_not_used(account: Mirroring) -> None:
    account.converge(SPECS)
    account.sync()
    account.clock.sleep(26 * 86400)
    account.requests()
    account.see(SPECS, RefreshMode.AUTO)
    assert "GET /v1/products" in account.requests()


def test_while_a_sync_writes_the_plan_is_made_from_live_lists_and_says_so(account: Mirroring) -> None:
    account.converge(SPECS)
    account.sync()
    with account.locks.acquire(lock_scope(account.world.account_id, False), "ann@host pid 1 (sync)"):
        plan = account.see(SPECS, RefreshMode.AUTO)
    assert plan.empty
    assert plan.applicable
    assert "ann@host pid 1 (sync)" in plan.diagnostics[0].summary
    assert plan.diagnostics[0].code == "BP1601"


def test_a_key_that_may_not_read_events_plans_from_live_lists_and_says_so(account: Mirroring) -> None:
    account.converge(SPECS)
    account.sync()
    allowed = (
        "accounts_kyc_basic",
        "product",
        "plan",
        "coupon",
        "promotion_code",
        "tax_rate",
        "billing_meter",
        "subscription",
    )
    account.world.keys["rk_test_plan"] = Key(frozenset(f"rak_{name}_read" for name in allowed))
    account.api = api_of(account.world, "rk_test_plan")
    plan = account.see(SPECS, RefreshMode.AUTO)
    assert plan.empty
    assert "rak_event_read" in plan.diagnostics[0].summary


def test_subscriptions_on_a_replaced_price_are_counted_in_the_mirror(account: Mirroring) -> None:
    account.converge(SPECS)
    price = account.live("price")[0]["id"]
    customer = by_hand(account, "/v1/customers", name="Ann")["id"]
    for _ in range(3):
        terms = {"collection_method": "send_invoice", "days_until_due": 30}
        one = by_hand(account, "/v1/subscriptions", customer=customer, items=[{"price": price}], **terms)
    account.api.request("delete", f"/v1/subscriptions/{one['id']}", {})
    account.sync()
    account.requests()
    dearer = {**SPECS, "price.monthly": {**PRICE, "unit_amount": 3900}}
    plan = account.see(dearer, RefreshMode.AUTO)
    assert change(plan, "price.monthly").notes == ("2 live subscriptions stay on the old price, and keep paying it",)
    assert "GET /v1/subscriptions" not in account.requests()


def test_drift_tells_when_and_by_which_request_where_the_mirror_has_the_event(account: Mirroring) -> None:
    account.converge({"product.pro": {**PRODUCT, "metadata": {"tier": "1"}}})
    account.sync()
    account.clock.sleep(100)
    by_hand(account, "/v1/products/acme-pro", metadata={"tier": "9"})
    at = account.world.now()
    request = account.world.log[-1]["id"]
    account.clock.sleep(100)
    by_hand(account, "/v1/products/acme-pro", name="Renamed")
    plan = account.see({"product.pro": {**PRODUCT, "metadata": {"tier": "1"}}}, RefreshMode.AUTO)
    told = {d.name: d.told for d in tell(plan, account.mirror.events_of, BY_NAME).drift}
    assert told["metadata[tier]"] is not None
    assert (told["metadata[tier]"].at, told["metadata[tier]"].request_id) == (at, request)
    assert told["name"] is not None
    assert told["name"].at == at + 100


def test_a_plan_from_the_mirror_is_applied_as_any_other(account: Mirroring) -> None:
    account.converge(SPECS)
    account.sync()
    plan = account.see({**SPECS, "product.pro": {"name": "Pro Max"}}, RefreshMode.AUTO)
    assert [c.action for c in plan.changes] == [Action.UPDATE]
    assert account.apply(plan).complete
    assert account.see({**SPECS, "product.pro": {"name": "Pro Max"}}, RefreshMode.AUTO).empty


def test_drift_tells_nothing_where_the_event_of_the_edit_is_not_known_yet(account: Mirroring) -> None:
    account.converge({"product.pro": PRODUCT})
    account.clock.sleep(100)
    account.converge({"product.pro": {"name": "Pro Max"}})
    account.sync()
    account.clock.sleep(100)
    by_hand(account, "/v1/products/acme-pro", name="Renamed")
    plan = account.see({"product.pro": {"name": "Pro Max"}}, RefreshMode.LIVE)
    assert [d.told for d in tell(plan, account.mirror.events_of, BY_NAME).drift] == [None]


def test_more_to_catch_up_than_to_list_is_listed_and_said(account: Mirroring) -> None:
    account.converge(SPECS)
    account.sync()
    for number in range(5300):
        by_hand(account, "/v1/customers", name=f"Customer {number}")
    account.requests()
    plan = account.see(SPECS, RefreshMode.AUTO)
    assert plan.empty
    assert "takes fewer requests" in plan.diagnostics[0].summary
    assert account.requests().count("GET /v1/events") <= 50
    account.sync()
    assert account.mirror.counts()["customer"] == 5300
    account.clock.sleep(1000)
    account.sync()
    assert not account.see(SPECS, RefreshMode.AUTO).diagnostics


def test_what_is_in_doubt_of_other_types_costs_a_plan_nothing(account: Mirroring) -> None:
    account.converge(SPECS)
    account.sync()
    account.mirror.doubt([Doubt("customer", "cus_1"), Doubt("product", "acme-pro")])
    account.requests()
    account.clock.sleep(1000)
    assert not account.see(SPECS, RefreshMode.AUTO).diagnostics
    assert "GET /v1/products/acme-pro" in account.requests()
    assert account.mirror.doubts() == (Doubt("customer", "cus_1"),)
    standings = account.mirror.standings()
    assert (standings["customer"].as_of or 0) < (standings["product"].as_of or 0)
