"""What a plan sees of an account for its migrations: the same in lists, in the mirror and offline, in few requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.changes import Action
from reconciler.core.migrations import Missing, row_address
from reconciler.core.resources import Specs
from reconciler.emulator.key import Key
from reconciler.emulator.rules.billing import attach_payment_method
from reconciler.errors import BillplanError, RemoteRejected
from reconciler.kinds import BY_NAME
from reconciler.ports.mirror import Doubt
from tests.account import Bodies, api_of
from tests.engine.migration_account import (
    CATALOGUE,
    DAY,
    GUARDS,
    KEY,
    START,
    MigrationAccount,
    migrating,
    migration,
    terms,
)
from tests.engine.migration_account import row as declared
from tests.engine.migration_sight import AUTO, LIVE, MONTH, NONE, PRO, facts, one_row, schedule, see, subscribe, told


@pytest.fixture
def account(tmp_path: Path) -> Iterator[MigrationAccount]:
    account = MigrationAccount(tmp_path)
    account.converge(CATALOGUE)
    yield account
    account.close()


class TestOfCustomers:
    def test_those_that_rows_name_are_known_and_no_others(self, account: MigrationAccount) -> None:
        able = account.payer(email="a@example.com", address={"country": "DE"})
        bare = account.customer()
        account.customer()
        specs = migrating(migration([declared("a", terms(able, PRO)), declared("b", terms(bare, PRO))]))
        account.sync()
        for mode in (LIVE, AUTO, NONE):
            payers = facts(account, specs, mode).payers
            assert set(payers) == {able, bare}
            assert (payers[able].method, payers[able].email, payers[able].located) == (True, True, True)
            assert (payers[bare].method, payers[bare].email, payers[bare].located) == (False, False, False)

    def test_one_who_has_been_billed_has_a_currency(self, account: MigrationAccount) -> None:
        customer = account.payer()
        subscribe(account, customer, account.price())
        assert facts(account, one_row(customer)).payers[customer].currency == "usd"

    @pytest.mark.parametrize("synced", [False, True])
    def test_a_deleted_one_is_told_from_one_that_never_was(self, account: MigrationAccount, synced: bool) -> None:
        gone = account.payer()
        if synced:
            account.sync()
        account.by_hand("delete", f"/v1/customers/{gone}")
        specs = migrating(migration([declared("a", terms(gone, PRO)), declared("b", terms("cus_old", PRO))]))
        modes = (AUTO, NONE) if synced else (LIVE,)
        for mode in modes:
            payers = facts(account, specs, mode).payers
            assert payers[gone].deleted
            assert "cus_old" not in payers

    def test_one_on_a_test_clock_is_found_though_no_list_has_it(self, account: MigrationAccount) -> None:
        clock = account.by_hand("post", "/v1/test_helpers/test_clocks", frozen_time=account.world.now())["id"]
        customer = account.customer(test_clock=clock)
        assert facts(account, one_row(customer)).payers[customer].clocked

    def test_what_is_no_id_is_never_put_into_a_path(self, account: MigrationAccount) -> None:
        before = len(account.world.log)
        assert not facts(account, one_row("jane@example.com/../x")).payers
        assert not [line for line in account.world.log[before:] if "jane" in str(line["path"])]

    def test_of_unknown_ones_few_are_asked_for(self, account: MigrationAccount) -> None:
        rows = [declared(f"s{n}", terms(f"cus_other{n}", PRO)) for n in range(1000)]
        before = len(account.world.log)
        assert not facts(account, migrating(migration(rows))).payers
        assert sum("/v1/customers/" in str(line["path"]) for line in account.world.log[before:]) == 100


class TestOfPaymentMethods:
    def card(self, account: MigrationAccount, customer: str) -> str:
        """Attach a card that is not the default."""
        attach_payment_method(account.world, customer, account.world.now())
        record = next(one for one in account.live("customer") if one["id"] == customer)
        method = str(record["invoice_settings"]["default_payment_method"])
        settings = {**record["invoice_settings"], "default_payment_method": None}
        account.world.tables["customer"].put({**record, "invoice_settings": settings})
        return method

    def specs(self, who: Mapping[str, str], **settings: Any) -> Specs:
        rows = [declared(key, terms(id, PRO)) for key, id in who.items()]
        return migrating(migration(rows, **{"missing_method": Missing.SET_LATEST, **settings}))

    def test_the_newest_is_looked_for_where_it_is_to_become_the_default(self, account: MigrationAccount) -> None:
        has, lacks, bare = account.payer(), account.customer(), account.customer()
        method = self.card(account, lacks)
        before = len(account.world.log)
        payers = facts(account, self.specs({"a": has, "b": lacks, "c": bare})).payers
        assert {id: payers[id].latest for id in (has, lacks, bare)} == {has: None, lacks: method, bare: None}
        asked = [str(line["path"]) for line in account.world.log[before:] if "payment_methods" in str(line["path"])]
        assert len(asked) == 2

    def test_nobody_is_asked_for_where_it_is_required(self, account: MigrationAccount) -> None:
        lacks = account.customer()
        self.card(account, lacks)
        specs = self.specs({"a": lacks}, missing_method=Missing.REQUIRE)
        assert facts(account, specs).payers[lacks].latest is None

    def test_nobody_is_asked_for_whose_row_has_started(self, account: MigrationAccount) -> None:
        lacks = account.customer(email="a@example.com")
        method = self.card(account, lacks)
        specs = self.specs({"a": lacks})
        plan = account.migrate(specs)
        assert [step.params for step in plan.steps if step.kind == "payer"] == [
            {"invoice_settings": {"default_payment_method": method}}
        ]
        account.by_hand("post", f"/v1/customers/{lacks}", invoice_settings={"default_payment_method": ""})
        # What has not may be changed yet, or be scheduled anew once it was rolled back.
        assert facts(account, specs).payers[lacks].latest == method
        account.world.clock.advance(START + 60 - account.world.now())
        before = len(account.world.log)
        assert facts(account, specs).payers[lacks].latest is None
        assert not [line for line in account.world.log[before:] if "payment_methods" in str(line["path"])]


class TestOfWhatIsThere:
    def test_rows_keys_and_customers_of_rows_are_kept_and_nothing_else(self, account: MigrationAccount) -> None:
        mine, other, known, price = account.payer(), account.payer(), account.payer(), account.price()
        specs = migrating(migration([declared("sub_1", terms(mine, PRO)), declared("sub_2", terms(known, PRO))]))
        account.migrate(migrating(migration([declared("sub_1", terms(mine, PRO))])))
        keyed = schedule(account, other, price, metadata={KEY: "sub_2"})
        schedule(account, other, price, metadata={KEY: "sub_3"})
        running = subscribe(account, known, price)
        subscribe(account, other, price)
        account.sync()
        ours = next(s["id"] for s in account.schedules() if "billplan_project" in s["metadata"])
        for mode in (LIVE, AUTO, NONE):
            held = facts(account, specs, mode).holdings
            assert set(held.by_id) == {ours, keyed, running}
            assert [one.id for one in held.by_address[row_address("zuora", "sub_1")]] == [ours]
            assert [one.id for one in held.by_key[KEY, "sub_2"]] == [keyed]
            assert [one.id for one in held.by_customer[known]] == [running]

    def test_lists_and_mirror_tell_the_same(self, account: MigrationAccount) -> None:
        price, rows = account.price(), []
        for n in range(6):
            rows.append(declared(f"sub_{n}", terms(account.payer(email="a@example.com"), PRO, start=START + n * DAY)))
        specs = migrating(migration(rows))
        account.migrate(specs)
        customers = [one.terms.customer for one in rows if one.terms is not None]
        subscribe(account, customers[0], price)
        schedule(account, customers[1], price)
        account.by_hand("post", f"/v1/subscription_schedules/{account.schedules()[2]['id']}/cancel")
        account.world.clock.advance(START + 2 * DAY + 60 - account.world.now())
        account.sync()
        live, mirrored, offline = (facts(account, specs, mode) for mode in (LIVE, AUTO, NONE))
        seen = {id: told(one) for id, one in live.holdings.by_id.items()}
        assert Counter(one["object"] for one in seen.values()) == {"subscription_schedule": 7, "subscription": 4}
        assert {one["status"] for one in seen.values()} == {"active", "canceled", "not_started"}
        for other in (mirrored, offline):
            assert {id: told(one) for id, one in other.holdings.by_id.items()} == seen
            assert other.payers == live.payers
            assert other.prices == live.prices

    def test_a_started_schedule_and_its_subscription_know_each_other(self, account: MigrationAccount) -> None:
        specs = one_row(account.payer(), anchor=START + 9 * DAY)
        account.migrate(specs)
        account.world.clock.advance(START + 60 - account.world.now())
        first, second = sorted(
            facts(account, specs).holdings.by_address[row_address("zuora", "sub_1")], key=lambda o: o.object
        )
        assert (first.object, second.object) == ("subscription", "subscription_schedule")
        assert (first.schedule, second.subscription) == (second.id, first.id)
        assert (second.start, second.status, first.status) == (START, "active", "trialing")
        account.by_hand("post", f"/v1/subscription_schedules/{second.id}/release")
        released = facts(account, specs).holdings.by_id[second.id]
        assert (released.status, released.subscription, released.billing) == ("released", first.id, False)

    def test_markers_of_others_and_broken_ones_are_no_rows(self, account: MigrationAccount) -> None:
        customer, price = account.payer(), account.price()
        for project, address in (
            ("other", 'subscription_migration.zuora["sub_1"]'),
            ("acme", "subscription_migration.zuora["),
            ("acme", "product.pro"),
        ):
            schedule(account, customer, price, metadata={"billplan_project": project, "billplan_address": address})
        held = facts(account, one_row(customer)).holdings
        assert len(held.by_id) == 3
        assert not held.by_address
        assert sorted(one.project or "" for one in held.by_id.values()) == ["acme", "acme", "other"]

    def test_products_of_prices_that_no_list_has_are_found(self, account: MigrationAccount) -> None:
        customer = account.payer()
        data = {"currency": "usd", "product": "acme-pro", "recurring": MONTH, "unit_amount": 100}
        later = schedule(account, customer, "", phases=[{"items": [{"price_data": data}], "duration": MONTH}])
        running = str(
            account.by_hand("post", "/v1/subscriptions", customer=customer, items=[{"price_data": data}])["id"]
        )
        account.sync()
        for mode in (LIVE, AUTO, NONE):
            held = facts(account, one_row(customer), mode).holdings.by_id
            assert held[running].products == {"acme-pro"}, mode
            if mode is not NONE:
                assert held[later].products == {"acme-pro"}, mode

    def test_of_a_subscription_with_many_items_all_are_seen(self, account: MigrationAccount) -> None:
        customer = account.payer()
        bodies: Bodies = {
            **{f"product.p{n}": {"name": f"P{n}"} for n in range(12)},
            **{
                f"price.p{n}": {"product": f"product.p{n}", "currency": "usd", "unit_amount": 1, "recurring": MONTH}
                for n in range(12)
            },
            **CATALOGUE,
        }
        account.converge(bodies)
        items = [{"price": account.price(f"p{n}")} for n in range(12)]
        account.by_hand("post", "/v1/subscriptions", customer=customer, items=items)
        specs = migrating(migration([declared("sub_1", terms(customer, PRO))]), bodies=bodies)
        (held,) = facts(account, specs).holdings.by_customer[customer]
        assert held.products == {f"acme-p{n}" for n in range(12)}


class TestOfTheRest:
    @pytest.mark.parametrize(("places", "active"), [({}, False), ({"DE": "19"}, True)])
    def test_stripe_tax_is_asked_for_where_a_row_wants_it(
        self, account: MigrationAccount, places: dict[str, str], active: bool
    ) -> None:
        account.world.tax_places = places
        customer = account.payer()
        assert facts(account, one_row(customer, automatic_tax=True)).tax_active is active
        before = len(account.world.log)
        assert facts(account, one_row(customer)).tax_active is None
        assert not [line for line in account.world.log[before:] if "/v1/tax/" in str(line["path"])]

    def test_a_key_that_may_not_read_the_tax_settings_is_told_so(self, account: MigrationAccount) -> None:
        customer = account.payer()
        names = ("customer", "subscription", "subscription_schedule", "product", "plan", "coupon", "tax_rate")
        more = ("promotion_code", "billing_meter", "accounts_kyc_basic")
        account.world.keys["rk_test_plan"] = Key(frozenset(f"rak_{name}_read" for name in (*names, *more)))
        account.api = api_of(account.world, "rk_test_plan")
        found = see(account, one_row(customer, automatic_tax=True))
        assert found.facts is not None
        assert found.facts.tax_active is None
        (note,) = found.notes
        assert note.code == "BP1732"
        assert "rak_tax_settings_read" in note.hint

    def test_a_key_that_may_not_list_schedules_cannot_plan_migrations(self, account: MigrationAccount) -> None:
        everything = frozenset(kind.lookup.permission for kind in BY_NAME.values() if kind.lookup.permission)
        account.world.keys["rk_test_plan"] = Key(everything | {"rak_accounts_kyc_basic_read", "rak_customer_read"})
        account.api = api_of(account.world, "rk_test_plan")
        with pytest.raises(RemoteRejected, match="subscription") as refused:
            see(account, one_row("cus_1"))
        assert "permission" in refused.value.hint

    def test_lists_take_a_request_for_a_hundred_and_the_mirror_none(self, account: MigrationAccount) -> None:
        rows = [declared(f"sub_{n}", terms(account.payer(), PRO)) for n in range(250)]
        specs = migrating(migration(rows))
        account.migrate(specs)
        before = len(account.world.log)
        assert len(facts(account, specs).holdings.by_id) == 250
        paths = [str(line["path"]).partition("?")[0] for line in account.world.log[before:]]
        assert paths.count("/v1/customers") == paths.count("/v1/subscription_schedules") == 3
        assert paths.count("/v1/subscriptions") == 1
        account.sync()
        before = len(account.world.log)
        assert len(facts(account, specs, AUTO).holdings.by_id) == 250
        assert {str(line["path"]).partition("?")[0] for line in account.world.log[before:]} <= {
            "/v1/account",
            "/v1/events",
        }

    def test_a_mirror_that_lacks_a_type_is_made_up_for_by_its_list(self, account: MigrationAccount) -> None:
        customer = account.payer()
        account.sync("product", "price", "coupon", "promotion_code", "tax_rate", "meter", "customer")
        running = subscribe(account, customer, account.price())
        found = see(account, one_row(customer), AUTO)
        assert found.facts is not None
        assert set(found.facts.holdings.by_id) == {running}
        assert found.as_of is not None
        with pytest.raises(BillplanError, match="not whole: it lacks subscription"):
            account.plan(one_row(customer), GUARDS, refresh=NONE)

    def test_what_is_old_says_so(self, account: MigrationAccount) -> None:
        customer = account.payer()
        account.sync()
        account.world.clock.advance(3 * DAY)
        (note,) = see(account, one_row(customer), NONE).notes
        assert note.code == "BP1731"
        assert "3 days ago" in note.summary

    def test_what_was_applied_is_read_again_by_a_plan_through_the_mirror(self, account: MigrationAccount) -> None:
        account.sync()
        specs = one_row(account.payer(email="a@example.com"))
        plan = account.plan(specs, GUARDS, refresh=AUTO)
        assert account.carry_out(plan, specs).complete
        (made,) = account.schedules()
        doubt = Doubt("subscription_schedule", made["id"])
        assert doubt in account.mirror.doubts()
        assert account.plan(specs, GUARDS, refresh=AUTO).empty
        assert doubt not in account.mirror.doubts()

    def test_a_project_without_migrations_asks_for_nothing(self, account: MigrationAccount) -> None:
        before = len(account.world.log)
        plan = account.plan(CATALOGUE)
        assert plan.empty
        paths = {str(line["path"]).partition("?")[0] for line in account.world.log[before:]}
        assert not paths & {"/v1/customers", "/v1/subscription_schedules", "/v1/subscriptions"}

    def test_schedules_whose_specs_are_gone_altogether_are_told_of_where_there_is_a_mirror(
        self, account: MigrationAccount
    ) -> None:
        account.migrate(one_row(account.payer(email="a@example.com")))
        account.sync()
        plan = account.plan(CATALOGUE, refresh=AUTO)
        assert plan.empty
        (warning,) = plan.diagnostics
        assert 'subscription_migration.zuora["sub_1"]' in f"{warning.summary} {warning.hint} {warning.detail}"

    def test_rows_are_selected_by_their_addresses(self, account: MigrationAccount) -> None:
        rows = [declared(f"sub_{n}", terms(account.payer(email="a@example.com"), PRO)) for n in range(3)]
        specs = migrating(migration(rows))
        plan = account.plan(specs, GUARDS, select=('subscription_migration.zuora["sub_1"]',))
        assert [(str(c.address), c.action) for c in plan.changes] == [
            ('subscription_migration.zuora["sub_1"]', Action.CREATE)
        ]
        assert account.carry_out(plan, specs).complete
        assert account.plan(specs, GUARDS, select=('subscription_migration.zuora["sub_1"]',)).empty
        with pytest.raises(BillplanError, match="no such address"):
            account.plan(specs, GUARDS, select=('subscription_migration.zuora["sub_9"]',))
