"""What migrations see of the catalogue: as a plan leaves it, with what it makes and what it archives."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from reconciler.core.address import parse_address
from reconciler.core.migrations import AdHoc, Fee, Item
from reconciler.core.values import Ref
from tests.account import Bodies
from tests.engine.migration_account import CATALOGUE, MigrationAccount, migrating, migration, terms
from tests.engine.migration_account import row as declared
from tests.engine.migration_sight import AUTO, LIVE, MONTH, NONE, PRO, facts, one_row, subscribe


@pytest.fixture
def account(tmp_path: Path) -> Iterator[MigrationAccount]:
    account = MigrationAccount(tmp_path)
    account.converge(CATALOGUE)
    yield account
    account.close()


def test_what_is_there_is_known_by_reference_and_by_id(account: MigrationAccount) -> None:
    customer, id = account.payer(), account.price()
    found = facts(
        account, migrating(migration([declared("a", terms(customer, PRO)), declared("b", terms(customer, id))]))
    )
    for named in (PRO, id):
        price = found.prices[named]
        assert (price.id, price.product, price.currency, price.active) == (id, "acme-pro", "usd", True)
        assert (price.amounts, price.interval, price.interval_count) == ({"usd": Decimal(2900)}, "month", 1)
    assert found.ids[PRO] == id


def test_what_this_plan_makes_has_no_id_yet(account: MigrationAccount) -> None:
    bodies: Bodies = {
        **CATALOGUE,
        "product.team": {"name": "Team"},
        "price.team": {"product": "product.team", "currency": "eur", "unit_amount": 990, "recurring": MONTH},
        "coupon.new": {
            "percent_off": 10,
            "duration": "once",
            "applies_to": {"products": ["product.team", "product.pro"]},
        },
        "tax_rate.vat": {"display_name": "VAT", "percentage": "19.5", "inclusive": True},
    }
    team, coupon, rate = (Ref(parse_address(name)) for name in ("price.team", "coupon.new", "tax_rate.vat"))
    said = terms(account.payer(), team, coupon=coupon, default_tax_rate=rate)
    found = facts(account, migrating(migration([declared("a", said)]), bodies=bodies))
    product = Ref(parse_address("product.team"))
    assert (found.prices[team].id, found.prices[team].product) == (None, product)
    assert found.coupons[coupon].id is None
    assert found.coupons[coupon].products == {product, "acme-pro"}
    assert (found.rates[rate].id, found.rates[rate].percentage, found.rates[rate].inclusive) == (
        None,
        Decimal("19.5"),
        True,
    )
    assert team not in found.ids


def test_a_price_that_is_replaced_is_the_new_one_by_its_address_and_leaves_by_its_id(account: MigrationAccount) -> None:
    id = account.price()
    bodies: Bodies = {**CATALOGUE, "price.pro": {**CATALOGUE["price.pro"], "unit_amount": 3900}}
    rows = [declared("a", terms("cus_1", PRO)), declared("b", terms("cus_1", id))]
    found = facts(account, migrating(migration(rows), bodies=bodies))
    assert (found.prices[PRO].id, found.prices[PRO].amounts) == (None, {"usd": Decimal(3900)})
    assert not found.prices[id].active


def test_a_price_that_no_spec_declares_any_more_leaves(account: MigrationAccount) -> None:
    id = account.price()
    specs = migrating(migration([declared("a", terms("cus_1", id))]), bodies={"product.pro": {"name": "Pro"}})
    assert not facts(account, specs).prices[id].active


def test_what_nobody_knows_is_not_there(account: MigrationAccount) -> None:
    found = facts(account, one_row("cus_1", "price_other"))
    assert not found.prices
    assert not found.coupons


def test_amounts_that_depend_on_usage_or_quantity_are_unknown(account: MigrationAccount) -> None:
    tiers = [{"up_to": 5, "unit_amount": 100}, {"up_to": "inf", "unit_amount": 50}]
    recurring = {"product": "product.pro", "currency": "usd", "recurring": MONTH}
    bodies: Bodies = {
        **CATALOGUE,
        "meter.calls": {"display_name": "Calls", "event_name": "calls", "default_aggregation": {"formula": "sum"}},
        "price.metered": {
            **recurring,
            "unit_amount": 1,
            "recurring": {**MONTH, "usage_type": "metered", "meter": "meter.calls"},
        },
        "price.tiered": {**recurring, "billing_scheme": "tiered", "tiers_mode": "volume", "tiers": tiers},
        "price.packed": {**recurring, "unit_amount": 9, "transform_quantity": {"divide_by": 10, "round": "up"}},
        "price.both": {**recurring, "unit_amount_decimal": "0.5", "currency_options": {"eur": {"unit_amount": 7}}},
        "price.once": {"product": "product.pro", "currency": "usd", "unit_amount": 100},
    }
    names = [Ref(parse_address(name)) for name in bodies if name.startswith("price.")]
    items = tuple(Item(price=name) for name in names)
    specs = migrating(migration([declared("a", terms("cus_1", None, items=items))]), bodies=bodies)
    account.converge(bodies)
    prices = {str(name): price for name, price in facts(account, specs).prices.items()}
    amounts = {name: dict(price.amounts) for name, price in prices.items()}
    assert amounts == {
        "price.pro": {"usd": Decimal(2900)},
        "price.metered": {"usd": None},
        "price.tiered": {"usd": None},
        "price.packed": {"usd": None},
        "price.both": {"usd": Decimal("0.5"), "eur": Decimal(7)},
        "price.once": {"usd": Decimal(100)},
    }
    assert {name for name, price in prices.items() if price.metered} == {"price.metered"}
    assert {name for name, price in prices.items() if not price.interval} == {"price.once"}


def test_coupons_that_are_used_up_or_out_of_date_are_not_valid(account: MigrationAccount) -> None:
    customer = account.payer()
    limited = {"percent_off": 10, "duration": "once", "max_redemptions": 1}
    for name, params in {
        "USED": limited,
        "FREE": limited,
        "LATE": {"percent_off": 10, "duration": "once", "redeem_by": account.world.now() + 60},
        "GOOD": {"amount_off": 500, "currency": "usd", "duration": "repeating", "duration_in_months": 3},
    }.items():
        account.by_hand("post", "/v1/coupons", id=name, **params)
    subscribe(account, customer, account.price(), discounts=[{"coupon": "USED"}])
    account.world.clock.advance(120)
    account.sync()
    rows = [declared(name, terms(customer, PRO, coupon=name)) for name in ("USED", "FREE", "LATE", "GOOD")]
    for mode in (LIVE, AUTO, NONE):
        coupons = facts(account, migrating(migration(rows)), mode).coupons
        assert {name: one.valid for name, one in coupons.items()} == {
            "USED": False,
            "FREE": True,
            "LATE": False,
            "GOOD": True,
        }
        good = coupons["GOOD"]
        assert (good.amounts_off, good.duration, good.months, good.percent_off) == (
            {"usd": 500},
            "repeating",
            3,
            None,
        )


def test_products_of_fees_and_of_ad_hoc_prices_are_known(account: MigrationAccount) -> None:
    account.by_hand("post", "/v1/products", id="prod_old", name="Old", active=False)
    product = Ref(parse_address("product.pro"))
    adhoc = AdHoc(product=product, amount=100, currency="usd", interval="month")
    fee = Fee(product="prod_old", amount=100, currency="usd")
    specs = one_row("cus_1", None, items=(Item(adhoc=adhoc),), fees=(fee,))
    assert facts(account, specs).products == {product: True, "prod_old": False}
