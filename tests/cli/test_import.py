"""`billplan import`: what exists becomes YAML that plans as ADOPT alone, and after its apply as nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.emulator.seed import load_seed
from tests.cli.desk import PROJECT, Desk

ODD = [
    "{{ var.x }}",
    "{% raw %} a {% endraw %} {{ b }}",
    "{# note #} \\ \" ' \t end",
    "yes",
    "NO",
    "on",
    "null",
    "~",
    "1e3",
    "0x1F",
    "0o17",
    "012",
    "1_000",
    "12:30:00",
    "2026-11-21",
    "1.10",
    "- a",
    "a: b",
    "# c",
    "=",
    "<<",
    "*a &b !c",
    "line\nbreak",
    "é 日本語 😀 \u2028 \u0085",
    "'single' \"double\"",
    "%percent",
    "@at",
    "`tick`",
    "x" * 200,
    "many words " * 15 + ".",
]

RICH: dict[str, Any] = {
    "meters": [
        {
            "id": "mtr_1",
            "display_name": "API calls",
            "event_name": "api_calls",
            "default_aggregation": {"formula": "sum"},
        },
        {
            "id": "mtr_2",
            "display_name": "Gigabytes",
            "event_name": "gb",
            "default_aggregation": {"formula": "last"},
            "customer_mapping": {"type": "by_id", "event_payload_key": "cus"},
            "value_settings": {"event_payload_key": "gb"},
        },
        {
            "id": "mtr_old",
            "display_name": "Old",
            "event_name": "old",
            "default_aggregation": {"formula": "count"},
            "status": "inactive",
        },
    ],
    "products": [
        {
            "id": "pro",
            "name": "Pro",
            "description": "For teams",
            "default_price": "price_month",
            "metadata": {"tier": "2"},
        },
        {"id": "prod_Ab12Cd34Ef", "name": "Pro", "unit_label": "seat", "url": "https://example.com/a?b=c#d"},
        {"id": "prod_Gh56Ij78Kl", "name": "日本語", "statement_descriptor": "ACME"},
        {"id": "prod_old", "name": "Old", "active": False},
        {
            "id": "prod_feat",
            "name": "With features",
            "marketing_features": [{"name": "Single sign-on"}, {"name": "{{ unlimited }}"}],
            "metadata": {"crm id": "0042", "{{ odd }}": "yes", "true": "no"},
        },
        {
            "id": "prod_theirs",
            "name": "Theirs",
            "metadata": {"billplan_project": "umbrella", "billplan_address": "product.t"},
        },
    ],
    "prices": [
        {
            "id": "price_month",
            "product": "pro",
            "currency": "usd",
            "unit_amount": 2900,
            "recurring": {"interval": "month"},
            "lookup_key": "pro monthly",
            "tax_behavior": "exclusive",
            "currency_options": {"eur": {"unit_amount": 2700}, "jpy": {"unit_amount": 4300}},
        },
        {
            "id": "price_once",
            "product": "pro",
            "currency": "jpy",
            "unit_amount": 5000,
            "nickname": "Set-up fee",
        },
        {
            "id": "price_frac",
            "product": "prod_Ab12Cd34Ef",
            "currency": "usd",
            "unit_amount_decimal": "0.125",
            "recurring": {"interval": "week", "interval_count": 2},
        },
        {
            "id": "price_graduated",
            "product": "prod_feat",
            "currency": "usd",
            "billing_scheme": "tiered",
            "tiers_mode": "graduated",
            "tiers": [
                {"up_to": 10000, "unit_amount": 0},
                {"up_to": 20000, "unit_amount_decimal": "0.5", "flat_amount": 100},
                {"up_to": "inf", "unit_amount_decimal": "0.12"},
            ],
            "recurring": {"interval": "month", "usage_type": "metered", "meter": "mtr_1"},
        },
        {
            "id": "price_volume",
            "product": "prod_feat",
            "currency": "usd",
            "billing_scheme": "tiered",
            "tiers_mode": "volume",
            "tiers": [{"up_to": 10, "unit_amount": 500}, {"up_to": "inf", "unit_amount": 300}],
            "recurring": {"interval": "month"},
        },
        {
            "id": "price_pack",
            "product": "prod_feat",
            "currency": "usd",
            "unit_amount": 1000,
            "transform_quantity": {"divide_by": 10, "round": "up"},
            "recurring": {"interval": "year"},
        },
        {
            "id": "price_custom",
            "product": "pro",
            "currency": "usd",
            "custom_unit_amount": {"enabled": True, "minimum": 100},
        },
        {"id": "price_old", "product": "pro", "currency": "usd", "unit_amount": 1, "active": False},
        {"id": "price_of_old", "product": "prod_old", "currency": "usd", "unit_amount": 1},
    ],
    "coupons": [
        {"id": "20OFF", "percent_off": 20, "duration": "once", "name": "20 % off: {{ now }}"},
        {"id": "Zx81Qw", "percent_off": 12.5, "duration": "repeating", "duration_in_months": 3},
        {
            "id": "FIVE",
            "amount_off": 500,
            "currency": "usd",
            "duration": "forever",
            "currency_options": {"eur": {"amount_off": 450}},
            "applies_to": {"products": ["pro", "prod_Ab12Cd34Ef"]},
        },
        {"id": "ENDS", "percent_off": 5, "duration": "once", "max_redemptions": 10, "redeem_by": 1890000000},
    ],
    "customers": [{"id": "cus_1", "email": "jane.doe@example.com"}],
    "promotion_codes": [
        {
            "id": "promo_1",
            "promotion": {"type": "coupon", "coupon": "20OFF"},
            "code": "LAUNCH26",
            "max_redemptions": 5,
            "expires_at": 1890000000,
            "restrictions": {
                "first_time_transaction": True,
                "minimum_amount": 1000,
                "minimum_amount_currency": "usd",
                "currency_options": {"eur": {"minimum_amount": 900}},
            },
        },
        {"id": "promo_2", "promotion": {"type": "coupon", "coupon": "FIVE"}, "code": "NO", "customer": "cus_1"},
        {"id": "promo_old", "promotion": {"type": "coupon", "coupon": "FIVE"}, "code": "GONE", "active": False},
    ],
    "tax_rates": [
        {
            "id": "txr_1",
            "display_name": "VAT",
            "percentage": 7.7,
            "inclusive": True,
            "country": "CH",
            "jurisdiction": "CH",
            "description": "no",
            "tax_type": "vat",
        },
        {"id": "txr_2", "display_name": "VAT", "percentage": 19, "inclusive": False, "country": "NO"},
        {"id": "txr_old", "display_name": "Old", "percentage": 16, "inclusive": False, "active": False},
    ],
}


@pytest.fixture
def rich(desk: Desk) -> Desk:
    (desk.folder / "specs").mkdir()
    load_seed(desk.world, RICH)
    return desk


def actions(desk: Desk) -> list[tuple[str, str]]:
    return [(c["action"], c["address"]) for c in desk.done("plan", "--format", "json").document["resource_changes"]]


def test_every_catalogue_kind_round_trips(rich: Desk) -> None:
    ended = rich.done("import")
    assert not rich.writes()
    rich.done("validate")
    document = rich.done("plan", "--format", "json").document
    assert {c["action"] for c in document["resource_changes"]} == {"adopt"}
    assert [c["address"] for c in document["resource_changes"] if c["replace_paths"]] == []
    before_and_after = [
        (c["change"]["before"], c["change"]["after"]) for c in document["resource_changes"] if c["change"]["before"]
    ]
    assert all(before == after for before, after in before_and_after)
    # A meter carries no marker: declared and equal, it is taken for ours as it is.
    assert (document["summary"]["adopt"], document["summary"]["noop"]) == (4 + 8 + 4 + 2 + 2, 2)
    rich.done("apply", "--auto-approve")
    assert "Nothing to do." in rich.done("plan").out
    assert "No drift." in rich.done("drift").out
    for line in (
        "left out: 5 (archived)",
        "left out: 1 (belongs to the billplan project umbrella)",
        "Next: billplan plan",
        "products.yaml: 4 products",
    ):
        assert line in ended.out


def test_a_second_import_finds_nothing_new(rich: Desk) -> None:
    rich.done("import")
    for _ in range(2):
        again = rich.done("import")
        assert "left out: 22 (declared already)" in again.out
        assert "There is nothing to import." in again.out
        rich.done("apply", "--auto-approve")
        rich.wait()


def test_references_names_and_texts_are_readable(rich: Desk) -> None:
    rich.done("import")
    prices = yaml.safe_load((rich.folder / "specs/imported/prices.yaml").read_text(encoding="utf-8"))["prices"]
    assert prices["pro_monthly"]["product"] == "product.pro"
    assert prices["pro_monthly"]["adopt"] == "price_month"
    products = yaml.safe_load((rich.folder / "specs/imported/products.yaml").read_text(encoding="utf-8"))["products"]
    assert products["pro"]["default_price"] == "price.pro_monthly"
    assert {"pro", "pro_2"} <= set(products)
    everything = "".join(p.read_text(encoding="utf-8") for p in (rich.folder / "specs/imported").iterdir())
    assert "&id" not in everything
    assert "jane.doe" not in everything
    assert "billplan_" not in everything


def test_metadata_of_others_and_odd_keys_stay(rich: Desk) -> None:
    rich.done("import", "--kind", "products")
    rich.done("apply", "--auto-approve")
    (product,) = (p for p in rich.live("product") if p["id"] == "prod_feat")
    own = {k: v for k, v in product["metadata"].items() if not k.startswith("billplan_")}
    assert own == {"crm id": "0042", "{{ odd }}": "yes", "true": "no"}
    (theirs,) = (p for p in rich.live("product") if p["id"] == "prod_theirs")
    assert theirs["metadata"]["billplan_project"] == "umbrella"


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_odd_texts_come_back_as_they_are(desk: Desk, text: str) -> None:
    (desk.folder / "specs").mkdir()
    desk.client().products.create({"name": text, "description": text, "metadata": {"k": text[:100]}})
    product = desk.live("product")[0]
    desk.done("import")
    document = desk.done("plan", "--format", "json").document
    assert [c["action"] for c in document["resource_changes"]] == ["adopt"]
    desk.done("apply", "--auto-approve")
    assert "Nothing to do." in desk.done("plan").out
    after = desk.live("product")[0]
    assert (after["name"], after["description"]) == (product["name"], product["description"])
    assert after["metadata"]["k"] == product["metadata"]["k"]


def test_nothing_is_overwritten(rich: Desk) -> None:
    rich.write("specs/imported/products.yaml", "# mine\n")
    ended = rich.run("import")
    assert ended.code == 1
    assert "nothing was written: " in ended.err
    assert "specs/imported/products.yaml exists already" in ended.err
    assert "--out" in ended.err
    assert [p.name for p in (rich.folder / "specs/imported").iterdir()] == ["products.yaml"]


def test_one_kind_by_either_name_and_a_folder_of_ones_own(rich: Desk, tmp_path: Path) -> None:
    for kind in ("coupon", "coupons"):
        out = tmp_path / kind
        ended = rich.done("import", "--kind", kind, "--out", out)
        assert [p.name for p in out.iterdir()] == ["coupons.yaml"]
        assert "4 coupons" in ended.out
        assert f"Next: add {out} under specs: in billplan.yaml" in ended.out


def test_as_json_it_counts_what_was_written_and_what_was_left_out(rich: Desk) -> None:
    document = rich.done("import", "--format", "json").document
    assert document["imported"]["prices"] == 8
    assert document["skipped"] == {"archived": 5, "belongs to the billplan project umbrella": 1}
    assert all(Path(name).is_file() for name in document["files"])


def test_specs_that_name_files_alone_get_a_folder_beside_them(rich: Desk) -> None:
    rich.write("billplan.yaml", f"{PROJECT}specs: [main.yaml]\n")
    rich.write("main.yaml", "products: {}\n")
    ended = rich.done("import", "--kind", "coupons")
    assert (rich.folder / "imported" / "coupons.yaml").is_file()
    assert "Next: add " in ended.out


def test_a_folder_that_cannot_be_written_is_told(rich: Desk) -> None:
    rich.write("file", "")
    ended = rich.run("import", "--out", "file/below")
    assert ended.code == 1
    assert "cannot write" in ended.err


def test_names_that_are_declared_are_not_taken_again(rich: Desk) -> None:
    rich.write("specs/a.yaml", "products:\n  pro: {name: Something new}\n")
    rich.done("import", "--kind", "products")
    rich.done("validate")
    found = actions(rich)
    assert ("create", "product.pro") in found
    assert ("adopt", "product.pro_2") in found


def test_an_empty_account_has_nothing_to_import(desk: Desk) -> None:
    (desk.folder / "specs").mkdir()
    assert desk.done("import").out == "There is nothing to import.\n"
    assert not (desk.folder / "specs" / "imported").exists()
