"""Features and product mappings: made, changed and deleted in the store as all else is in Stripe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from reconciler.core.changes import Action
from reconciler.core.diagnostics import SourceRange
from reconciler.core.fields import ChangeClass
from reconciler.core.resources import Specs
from reconciler.core.results import Outcome
from reconciler.core.validate import check_specs
from reconciler.kinds import BY_NAME
from reconciler.specfiles.project_file import load_project
from reconciler.specfiles.project_specs import gather_specs
from reconciler.store.binding_tables import MAPPED_PRODUCTS, RESOURCES
from tests.account import Account, Bodies, specs_of
from tests.kinds.plans import by_hand, change, steps

SSO: dict[str, Any] = {"name": "SSO", "type": "boolean"}
CALLS: dict[str, Any] = {"name": "API calls", "type": "quota", "unit": "call", "reset": "month"}
SEATS: dict[str, Any] = {"name": "Seats", "type": "limit"}
FEATURES: dict[str, Any] = {"feature.sso": SSO, "feature.calls": CALLS, "feature.seats": SEATS}
PRO: dict[str, Any] = {
    "name": "Pro",
    "stripe_products": ["product.pro"],
    "features": {"sso": True, "calls": 10000, "seats": "unlimited"},
}
ALL: dict[str, Any] = {"product.pro": {"name": "Pro"}, **FEATURES, "product_mapping.pro": PRO}


def mapped(account: Account, project: str = "acme") -> dict[str, tuple[str, dict[str, Any]]]:
    """What the application reads: mapping and features by product."""
    table = MAPPED_PRODUCTS
    with account.database.read() as connection:
        rows = connection.execute(select(table).where(table.c.project == project)).all()
    return {row.product: (row.mapping, json.loads(row.features)) for row in rows}


def stored(account: Account) -> dict[str, dict[str, Any]]:
    """What lives in the store, by kind and id."""
    with account.database.read() as connection:
        rows = connection.execute(select(RESOURCES).where(RESOURCES.c.project == "acme")).all()
    return {f"{row.kind}.{row.id}": json.loads(row.raw) for row in rows}


def test_they_are_made_once_and_the_application_finds_them_by_product(account: Account) -> None:
    plan = account.converge(ALL)
    assert change(plan, "product_mapping.pro").change_class is ChangeClass.ENTITLEMENT
    assert change(plan, "feature.sso").change_class is ChangeClass.COSMETIC
    assert change(plan, "feature.sso").reason == "not in the store yet"
    assert mapped(account) == {"acme-pro": ("pro", {"sso": True, "calls": 10000, "seats": "unlimited"})}
    raw = stored(account)["feature.calls"]
    assert {n: raw[n] for n in ("id", "object", "name", "type", "unit", "reset")} == {
        "id": "calls", "object": "feature", **CALLS,
    }  # fmt: skip
    assert raw["metadata"]["billplan_address"] == "feature.calls"
    assert not [line for line in account.world.log if "billplan" in line["path"]]


def test_a_mapping_waits_for_what_it_names(account: Account) -> None:
    step = next(s for s in account.plan(ALL).steps if s.id == "product_mapping.pro/create")
    assert set(step.needs) == {f"{a}/create" for a in ALL if a != "product_mapping.pro"}


@pytest.mark.parametrize(
    ("address", "field", "value", "wanted"),
    [
        ("feature.calls", "name", "Calls", ChangeClass.COSMETIC),
        ("feature.calls", "unit", "request", ChangeClass.COSMETIC),
        ("feature.calls", "reset", "year", ChangeClass.ENTITLEMENT),
        ("feature.calls", "metadata", {"tier": "1"}, ChangeClass.COSMETIC),
        ("product_mapping.pro", "name", "Professional", ChangeClass.COSMETIC),
        ("product_mapping.pro", "metadata", {"tier": "1"}, ChangeClass.COSMETIC),
        ("product_mapping.pro", "features", {"sso": True}, ChangeClass.ENTITLEMENT),
        ("product_mapping.pro", "features", {**PRO["features"], "seats": 0}, ChangeClass.ENTITLEMENT),
        ("product_mapping.pro", "stripe_products", ["prod_old", "product.pro"], ChangeClass.ENTITLEMENT),
    ],
)
def test_a_field_changes_in_place_there_and_back(
    account: Account, address: str, field: str, value: Any, wanted: ChangeClass
) -> None:
    by_hand(account, "/v1/products", id="prod_old", name="Old")
    account.converge(ALL)
    before = stored(account)[address]
    other = {**ALL, address: {**ALL[address], field: value}}
    plan = account.converge(other)
    assert [(str(c.address), c.action, c.change_class) for c in plan.changes] == [(address, Action.UPDATE, wanted)]
    assert stored(account)[address] != before
    account.converge(ALL)
    assert stored(account)[address] == before


@pytest.mark.parametrize(
    ("address", "field"),
    [("feature.calls", "unit"), ("product_mapping.pro", "features"), ("product_mapping.pro", "metadata")],
)
def test_a_field_that_is_taken_out_is_unset(account: Account, address: str, field: str) -> None:
    full = {**ALL, "product_mapping.pro": {**PRO, "metadata": {"tier": "1"}}}
    account.converge(full)
    account.converge({**full, address: {n: v for n, v in full[address].items() if n != field}})
    assert field == "metadata" or field not in stored(account)[address]
    assert "tier" not in stored(account)["product_mapping.pro"]["metadata"] or field != "metadata"


def test_the_type_of_a_feature_cannot_change_and_mappings_that_rely_on_it_stay(account: Account) -> None:
    account.converge(ALL)
    changed = {
        **ALL,
        "feature.sso": {"name": "SSO", "type": "limit"},
        "product_mapping.pro": {**PRO, "features": {**PRO["features"], "sso": 3}},
    }
    plan = account.plan(changed)
    assert change(plan, "feature.sso").refused == "type of a feature cannot change once it exists"
    assert change(plan, "product_mapping.pro").refused == "it needs feature.sso, which is refused"
    assert not plan.steps


def test_a_feature_leaves_after_the_mapping_that_lets_go_of_it(account: Account) -> None:
    account.converge(ALL)
    without = {a: b for a, b in ALL.items() if a != "feature.sso"}
    narrow = {**without, "product_mapping.pro": {**PRO, "features": {"calls": 10000, "seats": "unlimited"}}}
    plan = account.converge(narrow)
    delete = next(s for s in plan.steps if s.id == "feature.sso/delete sso")
    assert delete.needs == ("product_mapping.pro/update",)
    assert change(plan, "feature.sso").change_class is ChangeClass.COSMETIC
    assert "feature.sso" not in stored(account)


def test_a_feature_that_a_mapping_goes_on_using_is_not_deleted(account: Account) -> None:
    account.converge(ALL)
    kept = {a: b for a, b in ALL.items() if a not in ("feature.sso", "product_mapping.pro")}
    protected = {**ALL, "product_mapping.pro": {**PRO, "protect": True}}
    account.converge(protected)
    plan = account.plan(kept)
    assert "is protected" in change(plan, "product_mapping.pro").refused
    assert change(plan, "feature.sso").refused == "product_mapping.pro uses it, and its own leaving is refused"
    assert change(plan, "feature.sso").hint == "mend product_mapping.pro first"


def test_all_of_it_leaves_in_order(account: Account) -> None:
    account.converge(ALL)
    plan = account.converge({})
    assert change(plan, "product_mapping.pro").change_class is ChangeClass.ENTITLEMENT
    assert steps(plan).index("product_mapping.pro/delete pro") < steps(plan).index("feature.sso/delete sso")
    assert stored(account) == {}
    assert mapped(account) == {}


def test_a_product_may_be_archived_and_stay_mapped(account: Account) -> None:
    account.converge(ALL)
    plan = account.converge({**FEATURES, "product_mapping.pro": {**PRO, "stripe_products": ["acme-pro"]}})
    assert change(plan, "product.pro").action is Action.RETIRE
    assert change(plan, "product_mapping.pro").reason == "only billplan's own marker is brought up to date"
    assert mapped(account)["acme-pro"][0] == "pro"


def test_a_product_goes_from_one_mapping_to_another_and_is_never_without(account: Account) -> None:
    two = {**ALL, "product.team": {"name": "Team"}}
    two["product_mapping.pro"] = {**PRO, "stripe_products": ["product.pro", "product.team"]}
    account.converge(two)
    three = {**two, "product_mapping.pro": PRO}
    three["product_mapping.a_team"] = {"name": "Team", "stripe_products": ["product.team"], "features": {"sso": True}}
    plan = account.plan(three)
    taking, giving = (next(s for s in plan.steps if s.address.name == name) for name in ("a_team", "pro"))
    api = account.store_api()
    for step in (taking, giving):
        sent = {**step.params, "stripe_products": (step.expect or {})["stripe_products"]}
        api.request("post", step.path, sent, idempotency_key=step.id)
        assert mapped(account)["acme-team"] == ("a_team", {"sso": True})
        assert mapped(account)["acme-pro"][0] == "pro"
    assert account.plan(three).empty


def test_a_literal_id_that_a_declared_product_has_is_found_when_planned(account: Account) -> None:
    adopted = by_hand(account, "/v1/products", id="prod_old", name="Old")["id"]
    bodies = {"product.old": {"name": "Old", "adopt": adopted}, **FEATURES}
    account.converge(bodies)
    declared = {"product.old": {"name": "Old"}, **FEATURES}
    one = {"name": "One", "stripe_products": ["product.old"]}
    other = {"name": "Two", "stripe_products": ["prod_old"]}
    plan = account.plan({**declared, "product_mapping.one": one, "product_mapping.two": other})
    refused = change(plan, "product_mapping.two")
    assert (
        refused.refused == "prod_old of stripe_products stands in product_mapping.one as well, at specs/test.yaml:1:1"
    )
    assert refused.hint == "it belongs to one product_mapping: take it out of one of the two"
    assert "product_mapping.two" in change(plan, "product_mapping.one").refused
    twice = {**declared, "product_mapping.one": {"name": "One", "stripe_products": ["product.old", "prod_old"]}}
    said = change(account.plan(twice), "product_mapping.one").refused
    assert said == "product.old and prod_old of stripe_products are one product"


def test_an_id_that_the_account_does_not_have_is_refused(account: Account) -> None:
    plan = account.plan({"product_mapping.pro": {"name": "Pro", "stripe_products": ["prod_typo"]}})
    assert change(plan, "product_mapping.pro").refused == (
        "stripe_products names prod_typo, and this account has no such product"
    )


def test_what_was_changed_in_the_store_itself_is_drift_and_put_back(account: Account) -> None:
    account.converge(ALL)
    api = account.store_api()
    api.request("post", "/billplan/product_mappings/pro", {"features": {"sso": False}}, idempotency_key="by-hand")
    plan = account.plan(ALL)
    assert [(str(d.address), d.name, d.applied, d.live) for d in plan.drift] == [
        ("product_mapping.pro", "features", PRO["features"], {"sso": False})
    ]
    account.converge(ALL)
    assert mapped(account)["acme-pro"][1] == PRO["features"]


def test_a_plan_that_something_else_was_written_after_is_stale(account: Account) -> None:
    account.converge(ALL)
    plan = account.plan({**ALL, "product_mapping.pro": {**PRO, "features": {"sso": False}}})
    api = account.store_api()
    api.request("post", "/billplan/product_mappings/pro", {"features": {"calls": 1}}, idempotency_key="by-hand")
    (result,) = account.apply(plan).results
    assert result.outcome is Outcome.STALE


def test_applied_again_a_plan_brings_nothing_back(account: Account) -> None:
    plan = account.converge(ALL)
    api = account.store_api()
    api.request("delete", "/billplan/product_mappings/pro", {})
    api.request("delete", "/billplan/features/sso", {})
    results = {r.step.id: r.outcome for r in account.apply(plan).results}
    assert results["feature.sso/create"] is Outcome.STALE
    assert "feature.sso" not in stored(account)
    account.converge(ALL)
    assert len(stored(account)) == 4
    assert mapped(account)["acme-pro"] == ("pro", PRO["features"])


def test_an_emptied_store_is_filled_again_once(account: Account, tmp_path: Path) -> None:
    account.converge(ALL)
    there = stored(account), mapped(account)
    (tmp_path / "other").mkdir()
    account.change_store(tmp_path / "other")
    plan = account.converge(ALL)
    assert sorted(steps(plan)) == sorted(f"{a}/create" for a in ALL if a != "product.pro")
    assert {a: {**r, "created": 0} for a, r in stored(account).items()} == {
        a: {**r, "created": 0} for a, r in there[0].items()
    }
    assert mapped(account) == there[1]


def test_two_projects_share_a_store_and_see_their_own(account: Account, tmp_path: Path) -> None:
    account.converge(ALL)
    with Account(tmp_path, world=account.world, project="other") as other:
        beta = {"product.beta": {"name": "Beta"}, "feature.sso": {"name": "Single sign-on", "type": "boolean"}}
        mapping = {"name": "B", "stripe_products": ["product.beta", "acme-pro"], "features": {"sso": False}}
        other.converge({**beta, "product_mapping.pro": mapping})
        assert mapped(other, "other") == {"other-beta": ("pro", {"sso": False}), "acme-pro": ("pro", {"sso": False})}
        assert mapped(other)["acme-pro"] == ("pro", PRO["features"])
        other.converge(beta)
    assert account.plan(ALL).empty


def test_they_live_in_postgresql_as_well(postgres_url: str) -> None:
    with Account(postgres_url) as account:
        account.converge(ALL)
        narrow = {**ALL, "product_mapping.pro": {**PRO, "features": {"sso": False}}}
        account.converge(narrow)
        assert mapped(account) == {"acme-pro": ("pro", {"sso": False})}
        account.converge({})
        assert (stored(account), mapped(account)) == ({}, {})


def loaded(tmp_path: Path, text: str) -> Specs:
    (tmp_path / "billplan.yaml").write_text("version: 1\nproject: acme\nstripe: {mode: test}\nspecs: [a.yaml]\n")
    (tmp_path / "a.yaml").write_text(text)
    return gather_specs(load_project(tmp_path / "billplan.yaml", environment=None, variables={}, var_files=()))


HEAD = "products: {pro: {name: Pro}}\nfeatures:\n  sso: {name: SSO, type: boolean}\n  seats: {name: S, type: limit}\n"
BAD: dict[str, tuple[str, list[tuple[int, str, str]]]] = {
    "a value of the wrong type": (
        "product_mappings:\n  pro:\n    name: Pro\n    stripe_products: [product.pro]\n"
        "    features:\n      sso: 3\n      seats: true\n",
        [
            (10, "features.sso: feature.sso is a boolean (a.yaml:3:3) and takes true or false, found the number 3",
             "mend the value; a feature's type cannot change once it is applied"),
            (11, "features.seats: feature.seats is a limit (a.yaml:4:3) and takes a whole number from 0 on, or "
             "unlimited, found the boolean true", "mend the value; a feature's type cannot change once it is applied"),
        ],
    ),
    "values of no type": (
        "product_mappings:\n  pro:\n    name: Pro\n    stripe_products: [product.pro]\n"
        "    features:\n      sso: on\n      seats: -1\n      more: 1.5\n",
        [
            (10, "features.sso: expected true, false, a whole number or unlimited, found the text 'on'", ""),
            (11, "features.seats: -1 is not from 0 to 9007199254740991", "write unlimited for no limit"),
            (12, "features.more: expected true, false, a whole number or unlimited, found the number 1.5", ""),
        ],
    ),
    "a feature that is not declared": (
        "product_mappings:\n  pro:\n    name: Pro\n    stripe_products: [product.pro]\n    features: {ssso: true}\n",
        [(9, "features refers to feature.ssso, which is not declared", "did you mean feature.sso?")],
    ),
    "a feature that nothing is like": (
        "product_mappings: {pro: {name: Pro, stripe_products: [product.pro], features: {x1234567: true}}}\n",
        [(5, "features refers to feature.x1234567, which is not declared", "declare feature.x1234567")],
    ),
    "one product in two mappings": (
        "product_mappings:\n  a: {name: A, stripe_products: [product.pro]}\n"
        "  b: {name: B, stripe_products: [product.pro]}\n",
        [(7, "product.pro stands in product_mapping.b and in product_mapping.a",
          "a Stripe product belongs to one product_mapping: take it out of one of the two")],
    ),
    "one product twice in one": (
        "product_mappings:\n  a: {name: A, stripe_products: [prod_1, prod_2, prod_1]}\n",
        [(6, "prod_1 stands here twice",
          "a Stripe product belongs to one product_mapping: take it out of one of the two")],
    ),
    "something else for a product": (
        "product_mappings: {a: {name: A, stripe_products: [price.pro]}}\n",
        [(5, "stripe_products[0]: 'price.pro' does not name a product",
          "expected a product: its address (product.name) or its Stripe id")],
    ),
    "a name that cannot stand in a path": (
        "product_mappings: {'a/b': {name: A, stripe_products: [product.pro]}}\n",
        [(5, "'a/b' cannot be the name of a product_mapping", "take a name of 1 to 80 letters, digits and _ . : -")],
    ),
    "no features": (
        "product_mappings: {a: {name: A, stripe_products: [product.pro], features: {}}}\n",
        [(5, "the mapping of features is empty", "leave the field out")],
    ),
    "adopt": (
        "product_mappings: {a: {adopt: pro, name: A, stripe_products: [product.pro]}}\n",
        [(5, "adopt: a product_mapping lives in billplan's own store, where there is nothing to take over",
          "take adopt: out")],
    ),
    "publish": (
        "product_mappings: {a: {name: A, stripe_products: [product.pro], publish: stripe}}\n",
        [(5, "publish: 'stripe' is not one of stripe_entitlements", "")],
    ),
    "a rename": (
        "product_mappings: {a: {name: A, stripe_products: [product.pro]}}\n"
        "moved: [{from: product_mapping.b, to: product_mapping.a}]\n",
        [(6, "a product_mapping cannot be renamed: its name is what the application asks for",
          "declare product_mapping.a beside it, and take the old one out when nothing asks for it any more")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, name: str) -> None:
    text, expected = BAD[name]
    specs = loaded(tmp_path, HEAD + text)
    assert not specs.diagnostics
    _, found = check_specs(specs, BY_NAME, "acme")
    assert [(d.source and d.source.line, d.summary, d.hint) for d in found] == expected


def test_the_other_place_of_a_product_in_two_mappings_is_told(tmp_path: Path) -> None:
    text = "product_mappings:\n  a: {name: A, stripe_products: [prod_0, acme-x]}\n"
    text += "  b: {name: B, stripe_products: [product.x]}\n"
    _, found = check_specs(loaded(tmp_path, f"products: {{x: {{id: acme-x, name: X}}}}\n{text}"), BY_NAME, "acme")
    (one,) = found
    assert one.summary == "product.x stands in product_mapping.b and in product_mapping.a, there as acme-x"
    assert (one.source, one.detail) == (SourceRange("a.yaml", 4, 34), "the other place is a.yaml:3:42")


FEATURE_RULES: dict[str, tuple[Bodies, str]] = {
    "a quota without a period": ({"feature.a": {"name": "A", "type": "quota"}}, "a feature of type quota needs reset"),
    "a period without a quota": (
        {"feature.a": {"name": "A", "type": "limit", "reset": "day"}},
        "reset belongs to a quota, and this is a limit",
    ),
    "a unit of nothing": (
        {"feature.a": {"name": "A", "type": "boolean", "unit": "seat"}},
        "unit belongs to a quota or a limit, and this is boolean",
    ),
}


@pytest.mark.parametrize("name", FEATURE_RULES)
def test_the_fields_of_a_feature_fit_together(name: str) -> None:
    bodies, summary = FEATURE_RULES[name]
    _, found = check_specs(specs_of(bodies), BY_NAME, "acme")
    assert [d.summary for d in found] == [summary]
