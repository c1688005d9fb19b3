"""The checked-in schemas and reference page: up to date, valid, and of one mind with the core's own check."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.core.fields import Problems
from reconciler.core.kind import Kind
from reconciler.core.values import Value
from reconciler.kinds import BY_NAME, KINDS
from reconciler.specfiles.json_schema import example_bodies, render_files, schemas, write_schemas
from reconciler.specfiles.project_schema import environment_schema
from reconciler.specfiles.yaml_text import parse_yaml

FOLDER = Path(__file__).parents[2] / "specs"
FILES = render_files()


def test_the_checked_in_files_are_the_generated_ones() -> None:
    found = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}
    assert sorted(found) == sorted(FILES)
    for name, text in FILES.items():
        assert found[name] == text, f"specs/{name} is out of date: run write_schemas"


def test_writing_makes_the_folder(tmp_path: Path) -> None:
    write_schemas(tmp_path / "new")
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(FILES)


@pytest.mark.parametrize("name", schemas())
def test_each_is_a_valid_schema(name: str) -> None:
    Draft202012Validator.check_schema(schemas()[name])


def test_the_environment_schema_is_valid() -> None:
    Draft202012Validator.check_schema(environment_schema())


def validator(kind: Kind) -> Draft202012Validator:
    return Draft202012Validator(schemas()[f"{kind.plural}.schema.json"])


def core_accepts(kind: Kind, body: Value) -> bool:
    problems = Problems()
    kind.body.parse(body, (), problems)
    return not problems


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_examples_hold_for_the_schemas_and_the_core(kind: Kind) -> None:
    for body in example_bodies(kind).values():
        assert validator(kind).is_valid(body)
        assert core_accepts(kind, body)
    assert Draft202012Validator(schemas()["specs.schema.json"]).is_valid(parse_yaml(kind.example, "f").value)


PRICE = "product: prod_1, currency: usd, unit_amount: 2900"
BODIES: dict[str, tuple[str, str, bool]] = {
    "a product": ("product", "{name: Pro}", True),
    "a null counts as left out": ("product", "{name: Pro, description: , images: , package_dimensions: }", True),
    "a required field that is null": ("product", "{name: }", False),
    "no name": ("product", "{description: x}", False),
    "an unknown field": ("product", "{name: Pro, colour: red}", False),
    "an excluded field": ("product", "{name: Pro, expand: [x]}", False),
    "a number as text": ("product", "{name: 12}", False),
    "an empty text": ("product", "{name: ''}", False),
    "a long text": ("product", f"{{name: Pro, unit_label: {'x' * 13}}}", False),
    "an id": ("product", "{name: Pro, id: 'a b'}", False),
    "a flag": ("product", "{name: Pro, shippable: yes}", False),
    "too many images": ("product", f"{{name: Pro, images: [{', '.join('abcdefghi')}]}}", False),
    "an empty list": ("product", "{name: Pro, images: []}", False),
    "a list that is none": ("product", "{name: Pro, images: x}", False),
    "a part of a list": ("product", "{name: Pro, marketing_features: [{name: x}, {nam: x}]}", False),
    "decimals": ("product", "{name: P, package_dimensions: {height: 1.5, length: '2', width: 3, weight: 0}}", True),
    "a missing dimension": ("product", "{name: P, package_dimensions: {height: 1.5}}", False),
    "a negative dimension": (
        "product",
        "{name: P, package_dimensions: {height: -1, length: 2, width: 3, weight: 0}}",
        False,
    ),
    "metadata": ("product", "{name: Pro, metadata: {tier: '2'}}", True),
    "a number in metadata": ("product", "{name: Pro, metadata: {tier: 2}}", False),
    "a null in metadata": ("product", "{name: Pro, metadata: {tier: }}", False),
    "a metadata key": ("product", "{name: Pro, metadata: {'a[b]': x}}", False),
    "a price": ("price", f"{{{PRICE}}}", True),
    "a decimal amount": ("price", "{product: prod_1, currency: usd, unit_amount: 29.5}", False),
    "a quoted amount": ("price", "{product: prod_1, currency: usd, unit_amount: '2900'}", False),
    "a negative amount": ("price", "{product: prod_1, currency: usd, unit_amount: -1}", False),
    "a quoted decimal": ("price", "{product: prod_1, currency: usd, unit_amount_decimal: '0.12'}", True),
    "an unquoted decimal": ("price", "{product: prod_1, currency: usd, unit_amount_decimal: 0.12}", False),
    "a currency": ("price", "{product: prod_1, currency: dollars, unit_amount: 1}", False),
    "tiers": ("price", f"{{{PRICE}, tiers: [{{up_to: 5, flat_amount: 1}}, {{up_to: inf, unit_amount: 1}}]}}", True),
    "a bound of a tier": ("price", f"{{{PRICE}, tiers: [{{up_to: many, unit_amount: 1}}]}}", False),
    "a choice": ("price", f"{{{PRICE}, tax_behavior: maybe}}", False),
    "an interval": ("price", f"{{{PRICE}, recurring: {{interval: month, interval_count: 0}}}}", False),
    "currency options": ("price", f"{{{PRICE}, currency_options: {{eur: {{unit_amount: 2700}}}}}}", True),
    "a currency option": ("price", f"{{{PRICE}, currency_options: {{EURO: {{unit_amount: 2700}}}}}}", False),
    "a percentage": ("coupon", "{percent_off: 12.5}", True),
    "a percentage above 100": ("coupon", "{percent_off: 100.5}", False),
    "a moment": ("coupon", "{percent_off: 5, redeem_by: 2027-01-01T00:00:00Z}", True),
    "a moment in seconds": ("coupon", "{percent_off: 5, redeem_by: 1798761600}", True),
    "a moment without a zone": ("coupon", "{percent_off: 5, redeem_by: 2027-01-01T00:00:00}", False),
    "a promotion code": ("promotion_code", "{promotion: {coupon: coupon.x}}", True),
    "a promotion without a coupon": ("promotion_code", "{promotion: {type: coupon}}", False),
    "a tax rate": ("tax_rate", "{display_name: VAT, percentage: 19, inclusive: false}", True),
    "a country that is no boolean": (
        "tax_rate",
        "{display_name: V, percentage: 25, inclusive: false, country: NO}",
        True,
    ),
    "a country": ("tax_rate", "{display_name: V, percentage: 25, inclusive: false, country: Norway}", False),
    "a meter": ("meter", "{display_name: A, event_name: a, default_aggregation: {formula: avg}}", False),
    "a text as body": ("meter", "text", False),
}


@pytest.mark.parametrize(("name", "text", "good"), BODIES.values(), ids=BODIES)
def test_the_schema_and_the_core_agree(name: str, text: str, good: bool) -> None:
    kind = BY_NAME[name]
    body: Any = parse_yaml(text, "f").value
    assert (validator(kind).is_valid(body), core_accepts(kind, body)) == (good, good)


EDITED: dict[str, tuple[str, bool]] = {
    "an expression for an amount": ("{product: prod_1, currency: usd, unit_amount: '{{ var.amount }}'}", True),
    "an expression for a choice": (f"{{{PRICE}, tax_behavior: '{{% if var.x %}}inclusive{{% endif %}}'}}", True),
    "an expression for a flag": (f"{{{PRICE}, active: '{{{{ var.on }}}}'}}", True),
    "an expression in a currency": ("{product: prod_1, currency: '{{ var.c }}', unit_amount: 1}", True),
    "no expression for a mapping": (f"{{{PRICE}, recurring: '{{{{ var.r }}}}'}}", False),
    "lifecycle fields": (f"{{{PRICE}, adopt: price_1, protect: true, ignore: [nickname, metadata.tier]}}", True),
    "an unknown ignored field": (f"{{{PRICE}, ignore: [nick]}}", False),
    "a flag that is none": (f"{{{PRICE}, protect: 1}}", False),
}


@pytest.mark.parametrize(("text", "good"), EDITED.values(), ids=EDITED)
def test_what_only_the_editor_sees(text: str, good: bool) -> None:
    body = parse_yaml(text, "f").value
    assert validator(BY_NAME["price"]).is_valid(body) is good
    whole = Draft202012Validator(schemas()["specs.schema.json"])
    assert whole.is_valid({"prices": {"p": body}, "moved": [{"from": "price.a", "to": "price.b"}]}) is good


def test_the_reference_page_has_every_field() -> None:
    page = FILES["REFERENCE.md"]
    for kind in KINDS:
        section = page.partition(f"\n## {kind.plural}\n")[2].partition("\n## ")[0]
        assert kind.example in section
        for field in kind.body.fields:
            assert f"| `{field.name}` |" in section
            assert field.twin is None or f"| `{field.twin}` |" in section
    assert "| `recurring.interval` | `day` or `week` or `month` or `year` | yes | replace |" in page
    assert "| `duration` | `forever` or `once` or `repeating` |  | refuse |" in page
