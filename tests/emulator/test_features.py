"""Features of entitlements, their attachments to products, and what an account is not set up to use."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from reconciler.emulator.app import ROUTES
from reconciler.emulator.clock import FrozenClock
from reconciler.emulator.key import Key
from reconciler.emulator.route import Route
from reconciler.emulator.seed import SeedError, load_seed
from reconciler.emulator.state import dump_world, parse_world
from reconciler.emulator.world import World
from tests.emulator.client import Caller
from tests.emulator.conftest import START
from tests.emulator.sdk_contract import missing

PATH = "/v1/entitlements/features"
ATTACHED = "/v1/products/{id}/features"


@pytest.fixture
def call(world: World) -> Caller:
    return Caller(world)


def feature(call: Caller, key: str = "sso", **more: Any) -> str:
    return call.make(PATH, {"lookup_key": key, "name": key.upper(), **more})


def ids(call: Caller, path: str, **params: Any) -> list[str]:
    return [row["id"] for row in call.get(path, params).body["data"]]


def test_answers_hold_every_field_of_the_sdk(call: Caller) -> None:
    made = feature(call, metadata={"team": "auth"})
    product = call.make("/v1/products", {"name": "Pro"})
    attached = call.make(f"/v1/products/{product}/features", {"entitlement_feature": made})
    body = call.get(f"{PATH}/{made}").body
    assert body == {
        "id": made,
        "object": "entitlements.feature",
        "active": True,
        "livemode": False,
        "lookup_key": "sso",
        "metadata": {"team": "auth"},
        "name": "SSO",
    }
    assert set(missing(stripe.entitlements.Feature, body)) == set()
    row = call.get(f"/v1/products/{product}/features/{attached}").body
    assert set(missing(stripe.ProductFeature, row)) == set()
    assert row == {"id": attached, "object": "product_feature", "entitlement_feature": body, "livemode": False}


def test_no_event_tells_of_features(call: Caller) -> None:
    product = call.make("/v1/products", {"name": "Pro"})
    before = len(call.world.tables["event"])
    made = feature(call)
    call.post(f"{PATH}/{made}", {"name": "Single sign-on"})
    attached = call.make(f"/v1/products/{product}/features", {"entitlement_feature": made})
    call.send("delete", f"/v1/products/{product}/features/{attached}")
    call.post(f"{PATH}/{made}", {"active": False})
    assert len(call.world.tables["event"]) == before


REFUSED: list[tuple[str, dict[str, Any], str | None, str | None]] = [
    ("no name", {"lookup_key": "a"}, "parameter_missing", "name"),
    ("no key", {"name": "a"}, "parameter_missing", "lookup_key"),
    ("a long key", {"lookup_key": "k" * 81, "name": "a"}, None, "lookup_key"),
    ("a long name", {"lookup_key": "a", "name": "n" * 81}, None, "name"),
    ("an empty key", {"lookup_key": "", "name": "a"}, "parameter_invalid_empty", "lookup_key"),
    ("a key in use", {"lookup_key": "sso", "name": "a"}, "resource_already_exists", "lookup_key"),
    ("born archived", {"lookup_key": "a", "name": "a", "active": False}, "parameter_unknown", "active"),
    ("metadata unset", {"lookup_key": "a", "name": "a", "metadata": ""}, None, "metadata"),
    ("unknown", {"lookup_key": "a", "name": "a", "description": "d"}, "parameter_unknown", "description"),
    ("an expansion", {"lookup_key": "a", "name": "a", "expand": ["name"]}, None, "expand"),
]


@pytest.mark.parametrize(("params", "code", "param"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_creates_that_are_refused(call: Caller, params: dict[str, Any], code: str | None, param: str | None) -> None:
    feature(call)
    reply = call.post(PATH, params)
    assert (reply.status, reply.code, reply.param) == (400, code, param)
    assert len(call.world.tables["entitlements.feature"]) == 1


def test_a_feature_is_renamed_and_its_metadata_merged(call: Caller) -> None:
    made = feature(call, metadata={"a": "1", "b": "2"})
    body = call.post(f"{PATH}/{made}", {"name": "Renamed", "metadata": {"a": "", "c": "3"}}).body
    assert (body["name"], body["metadata"], body["active"]) == ("Renamed", {"b": "2", "c": "3"}, True)
    assert call.post(f"{PATH}/{made}", {"metadata": ""}).body["metadata"] == {}
    assert call.post(f"{PATH}/{made}", {"lookup_key": "x"}).code == "parameter_unknown"
    assert call.post(f"{PATH}/feat_no", {"name": "x"}).status == 404
    assert call.get(f"{PATH}/feat_no").status == 404


def test_an_archived_feature_stays_as_it_is_and_gives_its_key_free(call: Caller) -> None:
    made = feature(call)
    assert call.post(f"{PATH}/{made}", {"active": False}).body["active"] is False
    for change in ({"active": True}, {"active": False}, {"name": "x"}, {"metadata": {"a": "b"}}):
        assert call.post(f"{PATH}/{made}", change).status == 400
    again = feature(call)
    assert again != made
    assert ids(call, PATH) == [again]
    assert ids(call, PATH, archived=True) == [made]
    assert ids(call, PATH, archived=False, lookup_key="sso") == [again]
    assert ids(call, PATH, archived=True, lookup_key="sso") == [made]


def test_features_are_listed_in_pages_newest_first(call: Caller) -> None:
    made = [feature(call, f"key{number}") for number in range(5)]
    newest = made[::-1]
    assert ids(call, PATH, limit=2) == newest[:2]
    assert ids(call, PATH, limit=2, starting_after=newest[1]) == newest[2:4]
    assert ids(call, PATH, limit=2, ending_before=newest[3]) == newest[1:3]
    assert ids(call, PATH, lookup_key="key3") == [made[3]]
    assert call.get(PATH, {"created": START}).code == "parameter_unknown"
    assert call.get(PATH, {"starting_after": "feat_no"}).param == "starting_after"


def test_features_are_attached_to_products_once(call: Caller) -> None:
    pro, team = (call.make("/v1/products", {"name": name}) for name in ("Pro", "Team"))
    made = feature(call)
    path = f"/v1/products/{pro}/features"
    attached = call.make(path, {"entitlement_feature": made})
    assert call.post(path, {"entitlement_feature": made}).code == "resource_already_exists"
    other = call.make(f"/v1/products/{team}/features", {"entitlement_feature": made})
    assert call.get(f"{path}/{other}").status == 404
    assert call.send("delete", f"{path}/{other}").status == 404
    gone = call.send("delete", f"{path}/{attached}")
    assert gone.body == {"id": attached, "object": "product_feature", "deleted": True}
    assert call.get(f"{path}/{attached}").status == 404
    assert ids(call, path) == []
    assert ids(call, f"/v1/products/{team}/features") == [other]
    call.make(path, {"entitlement_feature": made})


def test_attachments_go_with_their_product(call: Caller) -> None:
    product = call.make("/v1/products", {"id": "pro", "name": "Pro"})
    call.make(f"/v1/products/{product}/features", {"entitlement_feature": feature(call)})
    assert call.send("delete", f"/v1/products/{product}").status == 200
    call.make("/v1/products", {"id": "pro", "name": "Pro again"})
    assert ids(call, f"/v1/products/{product}/features") == []


def test_what_cannot_be_attached(call: Caller) -> None:
    product, old = call.make("/v1/products", {"name": "Pro"}), feature(call, "old")
    path = f"/v1/products/{product}/features"
    call.post(f"{PATH}/{old}", {"active": False})
    archived = call.post(path, {"entitlement_feature": old})
    assert (archived.status, archived.param) == (400, "entitlement_feature")
    assert call.post(path, {"entitlement_feature": "feat_no"}).code == "resource_missing"
    assert call.post(path, {}).code == "parameter_missing"
    assert call.post("/v1/products/no/features", {"entitlement_feature": feature(call)}).status == 404
    assert call.get("/v1/products/no/features").status == 404
    assert call.post(f"{path}/prodft_x", {}).status == 501


def test_an_attachment_shows_the_feature_as_it_is_now(call: Caller) -> None:
    product, made = call.make("/v1/products", {"name": "Pro"}), feature(call)
    path = f"/v1/products/{product}/features"
    call.make(path, {"entitlement_feature": made})
    call.post(f"{PATH}/{made}", {"name": "Renamed"})
    call.post(f"{PATH}/{made}", {"active": False})
    (row,) = call.get(path).body["data"]
    assert (row["entitlement_feature"]["name"], row["entitlement_feature"]["active"]) == ("Renamed", False)


def test_attachments_are_listed_in_pages_of_their_product(call: Caller) -> None:
    pro, team = (call.make("/v1/products", {"name": name}) for name in ("Pro", "Team"))
    features = [feature(call, f"key{number}") for number in range(3)]
    rows = [call.make(f"/v1/products/{pro}/features", {"entitlement_feature": made}) for made in features]
    call.make(f"/v1/products/{team}/features", {"entitlement_feature": features[0]})
    path = f"/v1/products/{pro}/features"
    page = call.get(path, {"limit": 2}).body
    assert ([row["id"] for row in page["data"]], page["has_more"], page["url"]) == (rows[:0:-1], True, path)
    assert ids(call, path, starting_after=rows[1]) == [rows[0]]
    assert call.get(path, {"created": START}).code == "parameter_unknown"


def test_a_restricted_key_needs_the_permission_for_entitlements(world: World) -> None:
    world.keys["rk_test_reader"] = Key(frozenset({"rak_entitlement_read"}))
    world.keys["rk_test_products"] = Key(frozenset({"rak_product_write"}))
    full, reader, products = Caller(world), Caller(world, "rk_test_reader"), Caller(world, "rk_test_products")
    product, made = full.make("/v1/products", {"name": "Pro"}), feature(full)
    path = f"/v1/products/{product}/features"
    assert reader.get(PATH).status == reader.get(f"{PATH}/{made}").status == reader.get(path).status == 200
    for reply in (reader.post(PATH, {"lookup_key": "a", "name": "a"}), reader.post(path, {})):
        assert reply.status == 403
        assert "'rak_entitlement_write'" in reply.body["error"]["message"]
    assert products.get(PATH).status == products.get(path).status == 403


def test_the_sdk_can_do_all_of_it(v1: Any) -> None:
    made = v1.entitlements.features.create({"lookup_key": "sso", "name": "SSO"})
    product = v1.products.create({"name": "Pro"})
    attached = v1.products.features.create(product.id, {"entitlement_feature": made.id})
    assert v1.products.features.retrieve(product.id, attached.id).entitlement_feature.lookup_key == "sso"
    assert [row.id for row in v1.products.features.list(product.id)] == [attached.id]
    assert v1.products.features.delete(product.id, attached.id).deleted is True
    v1.entitlements.features.update(made.id, {"active": False})
    assert [row.id for row in v1.entitlements.features.list({"archived": True}).auto_paging_iter()] == [made.id]


# What an account is not set up to use.


@pytest.mark.parametrize("route", ROUTES.routes.values(), ids=lambda route: route.endpoint)
def test_every_resource_can_be_disabled(call: Caller, route: Route) -> None:
    call.world.disabled.add(route.resource)
    reply = call.send(route.method, route.path.format(id="x", inner="y"))
    assert (reply.status, reply.code, reply.param) == (400, None, None)
    assert reply.body["error"]["type"] == "invalid_request_error"
    assert reply.body["error"]["message"].startswith("Your account is not set up to use ")


def test_only_what_is_disabled_is_refused(call: Caller) -> None:
    call.world.disabled.add("entitlements.feature")
    refused = call.post(PATH, {"lookup_key": "a", "name": "a"}, idempotency="once")
    assert refused.body["error"]["message"] == (
        "Your account is not set up to use Entitlements. Please visit "
        "https://dashboard.stripe.com/entitlements/overview to get started."
    )
    product = call.make("/v1/products", {"name": "Pro"})
    assert call.get(f"/v1/products/{product}/features").status == 200
    call.world.disabled.clear()
    assert call.post(PATH, {"lookup_key": "a", "name": "a"}, idempotency="once").status == 200


def test_a_key_without_permission_is_not_told_what_is_disabled(world: World) -> None:
    world.disabled.add("entitlements.feature")
    world.keys["rk_test_none"] = Key(frozenset())
    assert Caller(world, "rk_test_none").get(PATH).status == 403


def test_a_seed_says_what_is_disabled_and_a_state_keeps_it(world: World) -> None:
    load_seed(world, {"account": {"disabled": ["billing.credit_grant"]}})
    assert world.disabled == {"billing.credit_grant"}
    load_seed(world, {"account": {"country": "DE"}})
    kept = parse_world(dump_world(world), FrozenClock(START))
    assert kept.disabled == {"billing.credit_grant"}
    for bad in ("billing.credit_grant", ["billing.credits"], [1]):
        with pytest.raises(SeedError, match="disabled"):
            load_seed(world, {"account": {"disabled": bad}})


def test_a_seed_plants_features(world: World) -> None:
    load_seed(world, {"features": [{"lookup_key": "sso", "name": "SSO", "created": START - 5, "id": "feat_sso"}]})
    assert Caller(world).get(f"{PATH}/feat_sso").body["name"] == "SSO"
    with pytest.raises(SeedError, match="already using the lookup key"):
        load_seed(world, {"features": [{"lookup_key": "sso", "name": "again"}]})
    with pytest.raises(SeedError, match="already exists"):
        load_seed(world, {"features": [{"lookup_key": "new", "name": "again", "id": "feat_sso"}]})
