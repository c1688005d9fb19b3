"""What mappings publish to Stripe Entitlements: made, taken over, attached, detached, and what is left to others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.changes import Action
from reconciler.core.fields import ChangeClass
from reconciler.core.plan import Plan
from reconciler.core.results import Outcome
from reconciler.emulator.faults import Fault, FaultKind
from reconciler.emulator.key import Key
from reconciler.engine.aftermath import doubt_applied
from reconciler.engine.drift import with_vanished
from reconciler.engine.look import RefreshMode
from reconciler.errors import RemoteRejected
from reconciler.kinds import BY_NAME
from reconciler.views.text import render_text
from tests.account import Account, api_of
from tests.engine.test_look import Mirroring
from tests.engine.test_product_use import SPECS as PRICED
from tests.engine.test_product_use import subscribe
from tests.kinds.plans import addresses, by_hand, change

Bodies = dict[str, dict[str, Any]]

FEATURES: Bodies = {
    "product.pro": {"name": "Pro"},
    "product.team": {"name": "Team"},
    "feature.sso": {"name": "SSO", "type": "boolean"},
    "feature.seats": {"name": "Seats", "type": "limit"},
    "feature.calls": {"name": "Calls", "type": "quota", "reset": "month"},
}
PRO = 'product_feature.acme-pro["sso"]'


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Mirroring]:
    opened = Mirroring(tmp_path)
    yield opened
    opened.close()


def mapped(features: dict[str, Any], *products: str, name: str = "pro", publish: bool = True) -> Bodies:
    """A mapping of products (of product.pro unless others are named)."""
    body = {"name": name, "stripe_products": list(products or ("product.pro",)), "features": features}
    return {f"product_mapping.{name}": {**body, **({"publish": "stripe_entitlements"} if publish else {})}}


def attached(account: Account) -> list[tuple[str, str]]:
    """Which features stand on which products."""
    names = {f["id"]: f["lookup_key"] + ("" if f["active"] else " archived") for f in features(account)}
    return sorted((a["product"], names[a["entitlement_feature"]]) for a in account.live("product_feature"))


def features(account: Account) -> list[dict[str, Any]]:
    return account.live("entitlements.feature")


def active(account: Account) -> list[str]:
    return sorted(f["lookup_key"] for f in features(account) if f["active"])


def attach(account: Account, product: str, feature: str) -> str:
    return str(by_hand(account, f"/v1/products/{product}/features", entitlement_feature=feature)["id"])


def make(account: Account, lookup_key: str, **metadata: str) -> str:
    given = {"name": "By hand", "lookup_key": lookup_key, **({"metadata": metadata} if metadata else {})}
    return str(by_hand(account, "/v1/entitlements/features", **given)["id"])


def warnings(plan: Plan) -> list[str]:
    return [d.summary for d in plan.diagnostics]


def test_features_are_made_and_attached_where_they_unlock_something(account: Account) -> None:
    everything = {"sso": True, "seats": "unlimited", "calls": 0}
    plan = account.converge(FEATURES | mapped(everything, "product.pro", "product.team"))
    assert attached(account) == [(f"acme-{p}", f) for p in ("pro", "team") for f in ("seats", "sso")]
    assert [(f["lookup_key"], f["name"]) for f in features(account)] == [("seats", "Seats"), ("sso", "SSO")]
    assert {f["metadata"]["billplan_address"] for f in features(account)} == {
        "entitlement_feature.seats", "entitlement_feature.sso",
    }  # fmt: skip
    made = [change(plan, address) for address in (PRO, "entitlement_feature.sso")]
    assert {(c.action, c.change_class) for c in made} == {(Action.CREATE, ChangeClass.ENTITLEMENT)}
    step = next(s for s in plan.steps if s.id == f"{PRO}/create")
    needs = ("product.pro/create", "entitlement_feature.sso/create", "product_mapping.pro/create")
    assert step.needs == needs
    assert step.path == "/v1/products/acme-pro/features"


@pytest.mark.parametrize("narrowed", [{"sso": False}, {}, {"sso": False, "seats": 0}])
def test_what_is_narrowed_is_detached_and_archived_and_says_who_loses_it(
    account: Mirroring, narrowed: dict[str, Any]
) -> None:
    both = PRICED | mapped({"sso": True, "seats": 5}) | mapped({"seats": 5}, "product.team", name="team")
    account.converge(both)
    subscribe(account, 3, "pro")
    subscribe(account, 1, "pro", "team")
    seats = {} if "seats" in narrowed else {"seats": 5}
    plan = account.plan(both | mapped(narrowed | seats))
    leaving = change(plan, PRO)
    assert (leaving.action, leaving.change_class, leaving.verb) == (Action.RETIRE, ChangeClass.ENTITLEMENT, "detach")
    assert leaving.notes == ("4 customers lose sso in Stripe Entitlements",)
    assert change(plan, "entitlement_feature.sso").verb == "archive"
    if "seats" in narrowed:
        assert change(plan, 'product_feature.acme-pro["seats"]').notes == (
            "3 customers lose seats in Stripe Entitlements",
        )
    steps = {s.id: s for s in plan.steps}
    detach = next(id for id in steps if id.startswith(f"{PRO}/detach"))
    assert detach in steps["product_mapping.pro/update"].needs
    assert any(detach in s.needs for id, s in steps.items() if id.startswith("entitlement_feature.sso/archive"))
    account.converge(both | mapped(narrowed | seats))
    assert active(account) == ["seats"]
    pro = [] if "seats" in narrowed else [("acme-pro", "seats")]
    assert attached(account) == [*pro, ("acme-team", "seats")]


def test_products_come_and_go_and_change_their_mapping(account: Account) -> None:
    account.converge(FEATURES | mapped({"sso": True}))
    account.converge(FEATURES | mapped({"sso": True}, "product.pro", "product.team"))
    assert attached(account) == [("acme-pro", "sso"), ("acme-team", "sso")]
    moved = mapped({"sso": True}) | mapped({"seats": 3}, "product.team", name="team")
    account.converge(FEATURES | moved)
    assert attached(account) == [("acme-pro", "sso"), ("acme-team", "seats")]
    account.converge(FEATURES | mapped({"sso": True}))
    assert attached(account) == [("acme-pro", "sso")]
    assert active(account) == ["sso"]


def test_a_feature_that_two_mappings_share_stays_while_one_publishes_it(account: Account) -> None:
    team = mapped({"sso": True}, "product.team", name="team")
    account.converge(FEATURES | mapped({"sso": True}) | team)
    assert len(features(account)) == 1
    account.converge(FEATURES | team)
    assert attached(account) == [("acme-team", "sso")]
    assert active(account) == ["sso"]


@pytest.mark.parametrize("how", ["publish is taken out", "the mapping is", "everything is"])
def test_what_is_not_published_any_more_is_detached_and_archived(account: Account, how: str) -> None:
    account.converge(FEATURES | mapped({"sso": True}))
    without = {
        "publish is taken out": FEATURES | mapped({"sso": True}, publish=False),
        "the mapping is": FEATURES,
        "everything is": {"product.pro": {"name": "Pro"}, "product.team": {"name": "Team"}},
    }
    account.converge(without[how])
    assert attached(account) == []
    assert active(account) == []
    account.converge(FEATURES | mapped({"sso": True}))
    assert attached(account) == [("acme-pro", "sso")]
    assert [f["active"] for f in features(account)] == [False, True]


def test_a_feature_is_taken_over_by_its_lookup_key_with_what_stands_already(account: Account) -> None:
    account.converge(FEATURES)
    feature = make(account, "sso", team="growth")
    kept = attach(account, "acme-pro", feature)
    attach(account, "acme-team", feature)
    both = FEATURES | mapped({"sso": True}) | mapped({"seats": 3}, "product.team", name="team")
    plan = account.plan(both)
    assert change(plan, "entitlement_feature.sso").action is Action.ADOPT
    assert PRO not in addresses(plan)
    account.converge(both)
    assert features(account)[0]["metadata"]["team"] == "growth"
    assert features(account)[0]["name"] == "SSO"
    assert account.live("product_feature")[0]["id"] == kept
    # Nobody has said anything about it on the other product.
    assert ("acme-team", "sso") in attached(account)
    account.converge(both | mapped({"seats": 3, "sso": False}, "product.team", name="team"))
    assert attached(account) == [("acme-pro", "sso"), ("acme-team", "seats")]


def test_what_others_attached_stays(account: Account) -> None:
    account.converge(FEATURES | mapped({"sso": True, "seats": 0}))
    theirs, foreign = make(account, "theirs"), make(account, "seats", billplan_project="other")
    attach(account, "acme-pro", theirs)
    attach(account, "acme-pro", foreign)
    attach(account, "acme-team", theirs)
    assert account.plan(FEATURES | mapped({"sso": True, "seats": 0})).empty
    account.converge(FEATURES)
    assert attached(account) == [("acme-pro", "seats"), ("acme-pro", "theirs"), ("acme-team", "theirs")]


def test_an_own_feature_that_somebody_attached_stays_and_is_told_of_until_it_is_claimed(account: Account) -> None:
    team = mapped({"seats": 1}, "product.team", name="team")
    account.converge(FEATURES | mapped({"sso": True}) | team)
    sso = next(f["id"] for f in features(account) if f["lookup_key"] == "sso")
    attach(account, "acme-team", sso)
    plan = account.plan(FEATURES | mapped({"sso": True}) | team)
    assert plan.empty
    assert warnings(plan) == [
        "1 attachment of this project's features stays: no mapping has published it (sso on acme-team)"
    ]
    account.converge(FEATURES | mapped({"sso": True}) | mapped({"seats": 1, "sso": False}, "product.team", name="team"))
    assert attached(account) == [("acme-pro", "sso"), ("acme-team", "seats")]


def test_another_projects_feature_is_refused_and_nothing_is_attached(account: Account) -> None:
    account.converge(FEATURES)
    make(account, "sso", billplan_project="other", billplan_address="entitlement_feature.sso")
    bodies = FEATURES | mapped({"sso": True})
    plan = account.plan(bodies)
    assert change(plan, "entitlement_feature.sso").refused == "feat_000001 belongs to the billplan project 'other'"
    assert change(plan, PRO).refused == "it needs entitlement_feature.sso, which is refused"
    plan = account.plan(bodies, takeover=frozenset({"entitlement_feature.sso"}))
    assert account.apply(plan).complete
    assert account.plan(bodies).empty
    assert attached(account) == [("acme-pro", "sso")]


def test_what_is_detached_renamed_or_archived_by_hand_is_shown_and_repaired(account: Account) -> None:
    bodies = FEATURES | mapped({"sso": True})
    account.converge(bodies)
    stands = account.live("product_feature")[0]["id"]
    account.api.request("delete", f"/v1/products/acme-pro/features/{stands}", {})
    feature = features(account)[0]["id"]
    by_hand(account, f"/v1/entitlements/features/{feature}", name="Renamed")
    plan = account.plan(bodies)
    assert change(plan, PRO).reason == (
        "product_mapping.pro publishes it; it was published before, and is not attached: detached outside, "
        "or never attached"
    )
    assert [(str(d.address), d.name, d.live) for d in plan.drift] == [("entitlement_feature.sso", "name", "Renamed")]
    told = with_vanished(plan, account.ledger.applied(account.world.account_id, False, "acme"))
    assert change(told, PRO).reason == f"acme-pro/features/{stands} was applied and is gone from Stripe"
    account.converge(bodies)
    assert attached(account) == [("acme-pro", "sso")]
    by_hand(account, f"/v1/entitlements/features/{feature}", active=False)
    account.converge(bodies)
    assert attached(account) == [("acme-pro", "sso")]
    assert [(f["lookup_key"], f["active"], f["name"]) for f in features(account)] == [
        ("sso", False, "SSO"), ("sso", True, "SSO"),
    ]  # fmt: skip


def test_a_mapping_that_is_refused_goes_on_publishing_what_it_did(account: Account) -> None:
    account.converge(FEATURES | mapped({"sso": True}))
    broken = mapped({"seats": 3}, "product.pro", "prod_nobody")
    plan = account.plan(FEATURES | broken)
    assert [(str(c.address), c.action) for c in plan.changes] == [("product_mapping.pro", Action.REFUSED)]


def test_with_the_store_lost_all_is_found_again_and_what_cannot_be_known_stays(
    account: Mirroring, tmp_path: Path
) -> None:
    account.converge(FEATURES | mapped({"sso": True, "seats": 1}, "product.pro", "product.team"))
    before = account.world.tables["product_feature"]
    (tmp_path / "other").mkdir()
    account.change_store(tmp_path / "other")
    plan = account.converge(FEATURES | mapped({"sso": True, "seats": 0}))
    left = ["2 attachments of this project's features stay: no mapping has published them (seats on acme-team, "
            "sso on acme-team)"]  # fmt: skip
    assert warnings(plan) == left
    assert change(plan, 'product_feature.acme-pro["seats"]').verb == "detach"
    assert attached(account) == [("acme-pro", "sso"), ("acme-team", "seats archived"), ("acme-team", "sso")]
    assert len(before) == 3


def test_the_same_attachment_comes_back_within_a_day(account: Account) -> None:
    account.converge(FEATURES | mapped({"sso": True}) | mapped({"sso": True}, "product.team", name="team"))
    account.converge(FEATURES | mapped({"sso": False}) | mapped({"sso": True}, "product.team", name="team"))
    account.converge(FEATURES | mapped({"sso": True}) | mapped({"sso": True}, "product.team", name="team"))
    assert attached(account) == [("acme-pro", "sso"), ("acme-team", "sso")]


def test_what_came_about_between_plan_and_apply_is_not_done_twice(account: Account) -> None:
    account.converge(FEATURES)
    plan = account.plan(FEATURES | mapped({"sso": True}))
    feature = make(account, "sso")
    results = {r.step.id: r for r in account.apply(plan).results}
    # Nobody has said that this one is to be taken over: the plan knew nothing of it.
    assert results["entitlement_feature.sso/create"].outcome is Outcome.STALE
    assert results[f"{PRO}/create"].outcome is Outcome.SKIPPED
    plan = account.plan(FEATURES | mapped({"sso": True}))
    attach(account, "acme-pro", feature)
    results = {r.step.id: r for r in account.apply(plan).results}
    assert results[f"{PRO}/create"].outcome is Outcome.ALREADY
    plan = account.plan(FEATURES)
    stands = account.live("product_feature")[0]["id"]
    account.api.request("delete", f"/v1/products/acme-pro/features/{stands}", {})
    assert account.apply(plan).complete
    assert account.plan(FEATURES).empty


def test_a_feature_that_another_project_has_taken_over_since_is_not_detached(account: Account) -> None:
    account.converge(FEATURES | mapped({"sso": True}))
    plan = account.plan(FEATURES)
    feature = features(account)[0]["id"]
    by_hand(account, f"/v1/entitlements/features/{feature}", metadata={"billplan_project": "other"})
    results = {r.step.kind: r.outcome for r in account.apply(plan).results}
    assert results["product_feature"] is Outcome.STALE
    assert results["product_mapping"] is Outcome.SKIPPED
    assert attached(account) == [("acme-pro", "sso")]


@pytest.mark.parametrize("path", ["/v1/products/*/features", "/v1/entitlements/features"])
def test_a_lost_answer_makes_nothing_twice(account: Account, path: str) -> None:
    bodies = FEATURES | mapped({"sso": True})
    account.world.add_fault(Fault(FaultKind.DROP_AFTER, method="POST", path=path))
    account.converge(bodies)
    assert attached(account) == [("acme-pro", "sso")]
    assert len(features(account)) == 1


def test_a_selection_takes_what_it_needs(account: Account) -> None:
    bodies = FEATURES | mapped({"sso": True, "seats": 1})
    plan = account.plan(bodies, select=(PRO,))
    kinds = {s.kind for s in plan.steps}
    assert kinds == {"product", "feature", "product_mapping", "entitlement_feature", "product_feature"}
    assert 'product_feature.acme-pro["seats"]' not in addresses(plan)
    assert account.apply(plan).complete
    assert attached(account) == [("acme-pro", "sso")]
    account.converge(bodies)


def test_the_mirror_is_not_asked_and_is_not_told_to_read_attachments(account: Mirroring) -> None:
    bodies = FEATURES | mapped({"sso": True})
    account.converge(FEATURES)
    account.sync()
    plan = account.see(bodies, RefreshMode.AUTO)
    applied = account.apply(plan)
    mirrors = account.outside.mirrors
    assert mirrors is not None
    doubt_applied(mirrors, plan.header, applied.results)
    assert not [d for d in account.mirror.doubts() if d.type == "product_feature"]
    account.requests()
    assert account.see(bodies, RefreshMode.AUTO).empty
    asked = account.requests()
    assert "GET /v1/entitlements/features" in asked
    assert "GET /v1/products/acme-pro/features" in asked
    assert "GET /v1/products/acme-team/features" not in asked
    offline = account.see(bodies, RefreshMode.NONE)
    assert "BP1509" in [d.code for d in offline.diagnostics]


def test_a_project_that_maps_nothing_asks_for_nothing(account: Mirroring) -> None:
    account.requests()
    account.plan({"product.pro": {"name": "Pro"}})
    assert not [line for line in account.requests() if "features" in line]
    account.plan(FEATURES | mapped({"sso": True}, publish=False))
    assert not [line for line in account.requests() if "/v1/products/" in line]


@pytest.mark.parametrize("why", ["the account has no entitlements", "the key may not"])
def test_where_entitlements_cannot_be_read_only_those_who_publish_are_told(account: Account, why: str) -> None:
    if why == "the key may not":
        names = ("product", "plan", "coupon", "promotion_code", "tax_rate", "billing_meter")
        granted = frozenset(f"rak_{name}_read" for name in (*names, "accounts_kyc_basic", "subscription"))
        account.world.keys["rk_test_narrow"] = Key(granted)
        account.api = api_of(account.world, "rk_test_narrow")
    else:
        account.world.disabled.add("entitlements.feature")
    assert account.plan(FEATURES | mapped({"sso": True}, publish=False)).applicable
    with pytest.raises(RemoteRejected, match="mappings publish to Stripe Entitlements, which cannot be read") as raised:
        account.plan(FEATURES | mapped({"sso": True}))
    assert "rak_entitlement_read" in raised.value.hint


def test_the_plan_is_shown_in_words(account: Account) -> None:
    account.converge(FEATURES | mapped({"sso": True}))
    plan = account.plan(FEATURES)
    shown = render_text(replace(plan, product_use=None), BY_NAME, color=False, width=120)
    assert f"-   detach {PRO}  acme-pro/features/prodft_000001" in shown
    assert "-   archive entitlement_feature.sso  feat_000001\n      no published mapping unlocks it any more" in shown
