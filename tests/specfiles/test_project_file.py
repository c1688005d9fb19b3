"""`billplan.yaml`, environments and variables."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.guards import Guards
from reconciler.errors import SpecError
from reconciler.specfiles.project_file import (
    KeySource,
    StripeAccount,
    TrafficLimits,
    find_project,
    load_project,
)
from tests.specfiles.workspace import MINIMAL, Workspace, lines

FULL = """\
version: 1
project: acme
stripe:
  mode: live
  account: acct_1Abc
  api_key: file:secrets/key
  api_base: http://127.0.0.1:12111
  limits: {global_rps: 25, endpoint_rps: 10, concurrency: 16}
store: postgresql://user@host/db
lock: external
plan: {expires_in: 90m}
specs: [specs, more/prices.yaml]
guards:
  max_changes: 200
  max_retire_percent: 10
  max_first_charges: {usd: 1000000, jpy: 0}
  max_mrr_moved: {usd: 250000}
  kinds: {price: {max_retires: 3}}
  allow: ["irreversible:coupon.old_*"]
vars: {region: eu, rate: 1.10}
"""


def test_defaults(workspace: Workspace) -> None:
    project = workspace.project()
    assert project.folder == workspace.folder
    assert project.stripe == StripeAccount(mode="test")
    assert project.stripe.api_key == KeySource(kind="env", name="STRIPE_API_KEY")
    assert project.store == "sqlite:.billplan/store.db"
    assert (project.expires_in, project.specs, project.lock) == (86400, ("specs",), None)
    assert project.guards == Guards()
    assert project.guards.max_retire_percent == 30


def test_everything(workspace: Workspace) -> None:
    workspace.write("billplan.yaml", FULL)
    project = workspace.project()
    assert project.stripe == StripeAccount(
        mode="live",
        account="acct_1Abc",
        api_key=KeySource(kind="file", name="secrets/key"),
        api_base="http://127.0.0.1:12111",
        limits=TrafficLimits(global_rps=25, endpoint_rps=10, concurrency=16),
    )
    assert (project.store, project.lock, project.expires_in) == ("postgresql://user@host/db", "external", 5400)
    assert project.specs == ("specs", "more/prices.yaml")
    assert project.guards == Guards(
        max_changes=200,
        max_retire_percent=10,
        max_first_charges={"usd": 1_000_000, "jpy": 0},
        max_mrr_moved={"usd": 250_000},
        by_kind={"price": {"max_retires": 3}},
        allow=("irreversible:coupon.old_*",),
    )
    assert project.variables == {"region": "eu", "rate": Decimal("1.10")}


def test_a_store_from_the_environment(workspace: Workspace) -> None:
    workspace.write("billplan.yaml", MINIMAL + "store: env:BILLPLAN_STORE\n")
    assert workspace.project().store == KeySource(kind="env", name="BILLPLAN_STORE")


ROLLED = "write env:STRIPE_API_KEY or file:PATH; a key that was committed must be rolled"
NO_KEY = f"BP1105 api_key says where the key is, it is not the key itself | {ROLLED}"
NO_PASSWORD = (
    "billplan.yaml:4:8 BP1105 the store's address holds a password"
    " | write store: env:BILLPLAN_STORE and put the whole address there; a committed password must be changed"
)
STORE_FORM = "sqlite:PATH, postgresql://user@host/db without a password, or env:NAME."

WRONG: dict[str, tuple[str, list[str]]] = {
    "an empty file": ("", ["billplan.yaml:1:1 BP1103 the file: expected a mapping, found nothing (null)"]),
    "not YAML": (
        "a: [",
        ["billplan.yaml:2:1 BP1003 not YAML: while parsing a flow node, did not find expected node content"],
    ),
    "what is required": (
        "version: 1\nstripe: {account: acct_1}\n",
        [
            "billplan.yaml:1:1 BP1104 project is required | The project's name, in its marker on every object.",
            "billplan.yaml:2:1 BP1104 mode is required | Must match the key.",
        ],
    ),
    "unknown keys": (
        MINIMAL + "spec: [a]\nplan: {expire_in: 1h}\nwhatever: 1\n",
        [
            "billplan.yaml:4:1 BP1102 unknown key spec | did you mean specs?",
            "billplan.yaml:5:8 BP1102 unknown key expire_in | did you mean expires_in?",
            "billplan.yaml:6:1 BP1102 unknown key whatever",
        ],
    ),
    "another version": (
        MINIMAL.replace("1", "2"),
        ["billplan.yaml:1:10 BP1103 version: expected 1, found the number 2"],
    ),
    "a mode": (
        "version: 1\nproject: acme\nstripe: {mode: tset}\n",
        ["billplan.yaml:3:16 BP1103 mode: expected test or live, found the text 'tset' | did you mean test?"],
    ),
    "a project's name": (
        "version: 1\nproject: Acme Inc\nstripe: {mode: test}\n",
        [
            "billplan.yaml:2:10 BP1103 project: the text 'Acme Inc' does not have the right form"
            " | The project's name, in its marker on every object."
        ],
    ),
    "types": (
        MINIMAL + "specs: specs\nguards: {max_changes: many, max_retires: -1, max_retire_percent: 101}\n",
        [
            "billplan.yaml:4:8 BP1103 specs: expected a list, found the text 'specs'",
            "billplan.yaml:5:23 BP1103 max_changes: expected a whole number, found the text 'many'",
            "billplan.yaml:5:42 BP1103 max_retires: -1 is below the minimum of 0",
            "billplan.yaml:5:66 BP1103 max_retire_percent: 101 is above the maximum of 100",
        ],
    ),
    "no specs": (MINIMAL + "specs: []\n", ["billplan.yaml:4:8 BP1103 specs: expected something, found an empty list"]),
    "an empty path": (
        MINIMAL + "specs: ['']\n",
        ["billplan.yaml:4:9 BP1103 specs[0]: expected something, found an empty text"],
    ),
    "a guard of a later kind": (
        MINIMAL + "guards: {max_new_credit: {usd: 500000}, max_retire: 1}\n",
        [
            "billplan.yaml:4:10 BP1102 unknown key max_new_credit"
            " | this version has nothing that enforces it; leave it out",
            "billplan.yaml:4:41 BP1102 unknown key max_retire | did you mean max_retires?",
        ],
    ),
    "ceilings of money": (
        MINIMAL + "guards: {max_first_charges: {euro: 1, USD: 1, usd: 10.5, eur: -1}, max_mrr_moved: {}}\n",
        [
            "billplan.yaml:4:30 BP1103 max_first_charges: Stripe knows no currency 'euro' | did you mean eur?",
            "billplan.yaml:4:39 BP1103 max_first_charges: Stripe knows no currency 'USD' | did you mean usd?",
            "billplan.yaml:4:52 BP1103 usd: expected a whole number, found the number 10.5",
            "billplan.yaml:4:63 BP1103 eur: -1 is below the minimum of 0",
            "billplan.yaml:4:83 BP1103 max_mrr_moved: expected something, found an empty mapping",
        ],
    ),
    "a guard of an unknown kind": (
        MINIMAL + "guards: {kinds: {prices: {max_retires: 1}}}\n",
        ["billplan.yaml:4:18 BP1102 unknown key prices | did you mean price?"],
    ),
    "an allowance without a class": (
        MINIMAL + "guards: {allow: [coupon.x]}\n",
        [
            "billplan.yaml:4:18 BP1103 allow[0]: the text 'coupon.x' does not have the right form"
            " | A class of changes, a colon, and a glob of addresses."
        ],
    ),
    "an expiry": (
        MINIMAL + "plan: {expires_in: 1 day}\n",
        [
            "billplan.yaml:4:20 BP1103 expires_in: the text '1 day' does not have the right form"
            " | How long a plan can be applied, from 1m to 7d: 90m, 24h, 7d."
        ],
    ),
    "a long expiry": (
        MINIMAL + "plan: {expires_in: 169h}\n",
        ["billplan.yaml:4:20 BP1103 expires_in: 169h is above the maximum of 7d"],
    ),
    "a variable's name": (
        MINIMAL + "vars: {a-b: 1, c: [1]}\n",
        [
            "billplan.yaml:4:8 BP1103 'a-b' is not a name: letters, digits and _, not a digit first",
            "billplan.yaml:4:19 BP1103 c: expected a text or a number or true or false, found a list",
        ],
    ),
    "a literal key": (
        "version: 1\nproject: acme\nstripe: {mode: test, api_key: sk_test_51Habc}\n",
        [f"billplan.yaml:3:31 {NO_KEY}"],
    ),
    "a literal restricted key": (
        "version: 1\nproject: acme\nstripe: {mode: test, api_key: rk_live_51Habc}\n",
        [f"billplan.yaml:3:31 {NO_KEY}"],
    ),
    "a literal key of no known form": (
        "version: 1\nproject: acme\nstripe: {mode: test, api_key: hunter22}\n",
        [f"billplan.yaml:3:31 {NO_KEY}"],
    ),
    "a literal key as the name of a variable": (
        "version: 1\nproject: acme\nstripe: {mode: test, api_key: env:sk_test_51Habc}\n",
        [f"billplan.yaml:3:31 {NO_KEY}"],
    ),
    "a key in the wrong place": (
        "version: 1\nproject: sk_test_51Habc\nstripe: {mode: test, sk_live_51Habc: 1}\n",
        [
            "billplan.yaml:2:10 BP1103 project: a secret (not shown) does not have the right form"
            " | The project's name, in its marker on every object.",
            "billplan.yaml:3:22 BP1102 unknown key a secret (not shown)",
        ],
    ),
    "a password in the store": (MINIMAL + "store: postgresql://user:hunter22@host/db\n", [NO_PASSWORD]),
    "a password with an at sign": (MINIMAL + "store: postgresql://user:hun/t@er22@host/db\n", [NO_PASSWORD]),
    "a password as a parameter": (MINIMAL + "store: postgresql://host/db?user=u&password=hunter22\n", [NO_PASSWORD]),
    "a password as an encoded parameter": (
        MINIMAL + "store: postgresql://host/db?pass%77ord=hunter22\n",
        [NO_PASSWORD],
    ),
    "a password in a list of settings": (MINIMAL + "store: host=h password=hunter22\n", [NO_PASSWORD]),
    "a password with another scheme": (MINIMAL + "store: mysql://user:hunter22@host/db\n", [NO_PASSWORD]),
    "a password and a broken host": (MINIMAL + "store: 'postgresql://user:hunter22@[::1/db'\n", [NO_PASSWORD]),
    "another store": (
        MINIMAL + "store: mysql://host/db\n",
        [f"billplan.yaml:4:8 BP1103 store: the text 'mysql://host/db' does not have the right form | {STORE_FORM}"],
    ),
    "an address without encryption": (
        "version: 1\nproject: acme\nstripe: {mode: test, api_base: http://example.com}\n",
        [
            "billplan.yaml:3:32 BP1103 api_base: the text 'http://example.com' does not have the right form"
            " | The address of the API: https, or http on this machine."
        ],
    ),
}


@pytest.mark.parametrize(("text", "expected"), WRONG.values(), ids=WRONG)
def test_wrong(text: str, expected: list[str], workspace: Workspace) -> None:
    workspace.write("billplan.yaml", text)
    found = lines(workspace.project)
    assert found == expected
    assert not any(secret in shown for shown in found for secret in ("51Habc", "hunter", "er22"))


@pytest.mark.parametrize(
    "store", ["postgresql://[::1]:5432/db", "postgresql+psycopg://user@host/db?sslmode=require", "sqlite:a:b@c.db"]
)
def test_a_store_without_a_password(store: str, workspace: Workspace) -> None:
    workspace.write("billplan.yaml", MINIMAL + f"store: '{store}'\n")
    assert workspace.project().store == store


def test_the_project_is_found_in_the_folder_or_above(workspace: Workspace) -> None:
    deep = workspace.folder / "a/b"
    deep.mkdir(parents=True)
    assert find_project(deep) == workspace.folder / "billplan.yaml"
    assert find_project(workspace.folder) == workspace.folder / "billplan.yaml"


def test_no_project(tmp_path: Path) -> None:
    assert lines(lambda: find_project(tmp_path)) == [
        f"BP1101 there is no billplan.yaml in {tmp_path} or above | run billplan init, or name the file with --config"
    ]


def test_an_environment_overrides_key_by_key(workspace: Workspace) -> None:
    workspace.write("billplan.yaml", FULL)
    workspace.write(
        "environments/prod.yaml",
        "stripe: {account: acct_9, limits: {concurrency: 4}}\nstore: env:STORE\nplan: {expires_in: 7d}\n"
        "guards: {max_changes: 5, kinds: {price: {max_creates: 1}}}\nvars: {region: us}\n",
    )
    project = workspace.project("prod")
    assert project.environment == "prod"
    assert project.stripe.mode == "live"
    assert project.stripe.account == "acct_9"
    assert project.stripe.limits == TrafficLimits(global_rps=25, endpoint_rps=10, concurrency=4)
    assert project.store == KeySource(kind="env", name="STORE")
    assert project.expires_in == 7 * 86400
    assert project.guards.max_changes == 5
    assert project.guards.by_kind == {"price": {"max_retires": 3, "max_creates": 1}}
    assert project.variables == {"region": "us", "rate": Decimal("1.10")}


def test_an_empty_environment_overrides_nothing(workspace: Workspace) -> None:
    workspace.write("environments/dev.yml", "# nothing yet\n")
    assert workspace.project("dev").stripe == workspace.project().stripe


def test_an_unknown_environment(workspace: Workspace) -> None:
    assert lines(lambda: workspace.project("prod")) == [
        "BP1106 there is no environment 'prod' | there are none in environments/"
    ]
    workspace.write("environments/production.yaml", "")
    workspace.write("environments/test.yaml", "")
    assert lines(lambda: workspace.project("producton")) == [
        "BP1106 there is no environment 'producton' | did you mean production? (there are: production, test)"
    ]
    assert lines(lambda: workspace.project("../billplan")) == [
        "BP1106 there is no environment '../billplan' | there are: production, test"
    ]


def test_what_is_wrong_in_both_files_is_reported_together(workspace: Workspace) -> None:
    workspace.write("billplan.yaml", "version: 1\nproject: acme\nstripe: {}\n")
    workspace.write("environments/prod.yaml", "project: other\nstripe: {api_key: sk_live_1234567}\n")
    assert lines(lambda: workspace.project("prod", {"a b": "1"})) == [
        "billplan.yaml:3:1 BP1104 mode is required | Must match the key.",
        "environments/prod.yaml:1:1 BP1102 unknown key project",
        f"environments/prod.yaml:2:19 {NO_KEY}",
        "BP1107 --var: 'a b' is not a name | a name has letters, digits and _, and no digit first",
    ]


def test_the_nearest_variable_wins(workspace: Workspace) -> None:
    workspace.write("billplan.yaml", MINIMAL + "vars: {a: base, b: base, c: base, d: base, e: base}\n")
    workspace.write("environments/prod.yaml", "vars: {b: env, c: env, d: env, e: env}\n")
    first = workspace.write("first.yaml", "c: first\nd: first\ne: first\n")
    second = workspace.write("second.yaml", "d: second\ne: second\n")
    project = workspace.project("prod", {"e": "given"}, [first, second])
    assert project.variables == {"a": "base", "b": "env", "c": "first", "d": "second", "e": "given"}


GIVEN: dict[str, tuple[str, object]] = {
    "a text": ("eu", "eu"),
    "a country": ("NO", "NO"),
    "a number": ("12", 12),
    "a decimal": ("1.10", Decimal("1.10")),
    "a boolean": ("true", True),
    "nothing is an empty text": ("", ""),
    "a quoted number": ('"12"', "12"),
    "a comment sign": ("a # b", "a # b"),
    "a colon": ("a: b", "a: b"),
    "brackets": ("[x", "[x"),
}


@pytest.mark.parametrize(("text", "value"), GIVEN.values(), ids=GIVEN)
def test_a_variable_of_the_command_line(text: str, value: object, workspace: Workspace) -> None:
    found = workspace.project(variables={"x": text}).variables["x"]
    assert found == value
    assert type(found) is type(value)


def test_wrong_variables(workspace: Workspace) -> None:
    listed = workspace.write("listed.yaml", "- a\n")
    nested = workspace.write("nested.yaml", "a: {b: 1}\nc: ~\n1d: x\n")
    name = workspace.folder.as_posix()
    found = lines(
        lambda: workspace.project(
            variables={"q": '"open', "n": "9" * 60, "s": "\ud800"},
            var_files=[listed, nested, workspace.folder / "gone.yaml", workspace.write("empty.yaml", "")],
        )
    )
    assert found == [
        f"{name}/gone.yaml:1:1 BP1001 the file cannot be read: No such file or directory",
        f"{name}/listed.yaml:1:1 BP1107 expected a mapping of variables, found a list",
        f"{name}/nested.yaml:1:4 BP1107 the variable a is a text, a number or a boolean, found a mapping",
        f"{name}/nested.yaml:2:4 BP1107 the variable c is a text, a number or a boolean, found nothing (null)",
        f"{name}/nested.yaml:3:1 BP1107 '1d' is not a name | a name has letters, digits and _, and no digit first",
        "BP1107 --var n: the number has 60 characters, at most 40 are allowed | quote it if it is a text",
        "BP1107 --var q: the quotes do not hold one text",
        "BP1107 --var s: the value is not UTF-8",
    ]


@given(st.binary(max_size=60), st.text(alphabet="ab:{}[]-\n 1&*'", max_size=60))
@settings(max_examples=150, deadline=None)
def test_any_file_is_a_project_or_diagnostics(tmp_path_factory: pytest.TempPathFactory, raw: bytes, text: str) -> None:
    # In a folder of its own: a project file above the folders of other tests would be found by them.
    folder = tmp_path_factory.getbasetemp() / "any_project"
    folder.mkdir(exist_ok=True)
    path = folder / "billplan.yaml"
    for written in (raw, text.encode(), MINIMAL.encode() + raw, f"{MINIMAL}guards: {text}\n".encode()):
        path.write_bytes(written)
        with suppress(SpecError):
            load_project(path, environment=None, variables={}, var_files=())
