"""Spec files: what they declare, what is wrong with them, and that files and order do not count."""

from __future__ import annotations

import gc
import shutil
import time
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.address import Address
from reconciler.core.diagnostics import SourceRange
from reconciler.core.resources import Lifecycle, Moved, Removed
from reconciler.errors import SpecError
from reconciler.specfiles.project_specs import load_specs
from tests.specfiles.workspace import Workspace, lines

KNOWN = (
    "products, prices, coupons, promotion_codes, tax_rates, meters, features, product_mappings, customer_bindings, "
    "customer_binding_sources, subscription_migrations, moved, removed"
)
MOVED = "expected {from: ..., to: ...}"
REMOVED = "expected {address: ..., action: ...}"


def test_kinds_are_merged_over_files(workspace: Workspace) -> None:
    workspace.write("specs/b.yaml", "products:\n  pro: {name: Pro}\nprices:\n")
    workspace.write("specs/deep/a.yml", "# a comment\nproducts:\n  basic: {name: Basic}\n")
    workspace.write("specs/empty.yaml", "")
    workspace.write("specs/readme.md", "not: [yaml")
    workspace.write("specs/.hidden.yaml", "not: [yaml")
    workspace.write("specs/.git/x.yaml", "not: [yaml")
    specs = workspace.specs().specs
    assert [str(spec.address) for spec in specs] == ["product.basic", "product.pro"]
    assert [spec.body for spec in specs] == [{"name": "Basic"}, {"name": "Pro"}]
    assert [spec.source for spec in specs] == [SourceRange("specs/deep/a.yml", 3, 3), SourceRange("specs/b.yaml", 2, 3)]
    assert specs[1].place(("name",)) == SourceRange("specs/b.yaml", 2, 9)
    assert specs[1].place(("nothing", 3)) == specs[1].source


def test_lifecycle_fields_are_taken_off_the_body(workspace: Workspace) -> None:
    workspace.write(
        "specs/a.yaml",
        "prices:\n  p:\n    product: prod_1\n    adopt: price_1\n    protect: '{{ var.keep }}'\n"
        "    ignore: [nickname, metadata.tier, 'metadata[a.b]', currency_options.eur, unit_amount_decimal]\n"
        "promotion_codes:\n  c: {ignore: [restrictions.minimum_amount]}\n",
    )
    price, code = workspace.specs(keep="true").specs
    assert price.body == {"product": "prod_1"}
    assert price.lifecycle == Lifecycle(
        adopt="price_1",
        protect=True,
        ignore=("currency_options[eur]", "metadata[a.b]", "metadata[tier]", "nickname", "unit_amount"),
    )
    assert code.lifecycle.ignore == ("restrictions[minimum_amount]",)


def test_a_shared_body_keeps_its_lifecycle_for_both(workspace: Workspace) -> None:
    workspace.write("specs/a.yaml", "products:\n  a: &a {name: A, protect: true}\n  b: *a\n")
    assert [spec.lifecycle.protect for spec in workspace.specs().specs] == [True, True]


def test_moved_and_removed(workspace: Workspace) -> None:
    workspace.write(
        "specs/a.yaml",
        "moved: [{from: price.old, to: 'price[\"new one\"]'}]\n"
        "removed:\n  - {address: coupon.x, action: '{{ var.how }}'}\n",
    )
    specs = workspace.specs(how="delete")
    place = SourceRange("specs/a.yaml", 1, 16)
    assert specs.moved == (Moved(before=Address("price", "old"), after=Address("price", "new one"), source=place),)
    removed = Removed(address=Address("coupon", "x"), action="delete", source=SourceRange("specs/a.yaml", 3, 15))
    assert specs.removed == (removed,)


WRONG: dict[str, tuple[str, list[str]]] = {
    "no mapping": (
        "- a\n",
        ["specs/a.yaml:1:1 BP1007 a spec file is a mapping of kinds, found a list | start with products: or prices:"],
    ),
    "an unknown kind": (
        "pricez: {}\nwhatever: {}\n",
        [
            "specs/a.yaml:1:1 BP1010 there is no kind pricez | did you mean prices?",
            f"specs/a.yaml:2:1 BP1010 there is no kind whatever | there are: {KNOWN}",
        ],
    ),
    "a kind in the singular": (
        "tax_rate: {}\n",
        ["specs/a.yaml:1:1 BP1010 there is no kind tax_rate | the plural is tax_rates"],
    ),
    "a kind that comes later": (
        "credit_grants: {}\n",
        ["specs/a.yaml:1:1 BP1011 credit_grants are not supported by this version"],
    ),
    "a list of bodies": (
        "products:\n  - {name: A}\n",
        [
            "specs/a.yaml:2:3 BP1007 products: expected a mapping from names to bodies, found a list"
            " | products: {name: {...}}"
        ],
    ),
    "a body that is none": (
        "products:\n  a:\n  b: text\n",
        [
            "specs/a.yaml:2:5 BP1007 product.a: expected a mapping of fields, found nothing (null)",
            "specs/a.yaml:3:6 BP1007 product.b: expected a mapping of fields, found the text 'text'",
        ],
    ),
    "names": (
        'products:\n  "": {}\n  "a\\nb": {}\n  ' + "x" * 201 + ": {}\n",
        [
            f"specs/a.yaml:{n}:3 BP1013 a name has 1 to 200 characters, no control characters among them"
            for n in (2, 3, 4)
        ],
    ),
    "lifecycle fields": (
        "products:\n  a:\n    adopt: 12\n    protect: yes\n    ignore: name\n  b: {adopt: '', ignore: [1]}\n",
        [
            "specs/a.yaml:3:12 BP1014 adopt: expected the id of an object in Stripe, found the number 12",
            "specs/a.yaml:4:14 BP1014 protect: expected true or false, found the text 'yes'",
            "specs/a.yaml:5:13 BP1014 ignore: expected a list of fields, found the text 'name'",
            "specs/a.yaml:6:14 BP1014 adopt: expected the id of an object in Stripe, found the text ''",
            "specs/a.yaml:6:27 BP1014 ignore: expected the name of a field, found the number 1",
        ],
    ),
    "ignored fields": (
        "products:\n  a:\n    ignore:\n      - descripton\n"
        "      - metadata.billplan_project\n      - name.x\n      - x.y\n",
        [
            "specs/a.yaml:4:9 BP1014 ignore: a product has no field descripton | did you mean description?",
            "specs/a.yaml:5:9 BP1014 ignore: billplan_project is no part of metadata that can be ignored by itself",
            "specs/a.yaml:6:9 BP1014 ignore: x is no part of name that can be ignored by itself",
            "specs/a.yaml:7:9 BP1014 ignore: a product has no field x.y",
        ],
    ),
    "shapes of moved and removed": (
        "moved: {from: a}\nremoved:\n  - coupon.x\n"
        "  - {adress: coupon.y, action: delete}\n  - {address: 1, action: delete}\n",
        [
            "specs/a.yaml:1:8 BP1007 moved: expected a list, found a mapping",
            "specs/a.yaml:3:5 BP1007 removed: expected {address: ..., action: ...}, found the text 'coupon.x'",
            f"specs/a.yaml:4:5 BP1007 removed: address is required | {REMOVED}",
            "specs/a.yaml:4:6 BP1007 removed: unknown key adress | did you mean address?",
            f"specs/a.yaml:5:6 BP1007 removed: address is a text, found the number 1 | {REMOVED}",
        ],
    ),
    "addresses": (
        "moved:\n  - {from: 12pro, to: price.x}\n  - {from: price.a, to: prise.b}\n  - {from: thing.a, to: price.b}\n",
        [
            "specs/a.yaml:2:12 BP1015 '12pro' is not an address: it starts with a kind, such as price.pro_monthly",
            "specs/a.yaml:3:25 BP1015 prise.b: there is no kind prise | did you mean price?",
            "specs/a.yaml:4:12 BP1015 thing.a: there is no kind thing"
            " | there are: product, price, coupon, promotion_code, tax_rate, meter, feature, product_mapping, "
            "subscription_migration",
        ],
    ),
    "moves": (
        "moved:\n  - {from: price.a, to: coupon.a}\n  - {from: price.a, to: price.a}\n"
        "  - {from: price.a, to: price.b}\n  - {from: price.a, to: price.c}\nprices:\n  a: {}\n",
        [
            "specs/a.yaml:2:12 BP1017 a price cannot become a coupon",
            "specs/a.yaml:3:12 BP1017 price.a is moved to itself",
            "specs/a.yaml:4:12 BP1017 price.a is moved, and still declared at specs/a.yaml:7:3"
            " | take one of the two away",
            "specs/a.yaml:5:12 BP1017 price.a is moved twice, first at specs/a.yaml:4:12",
        ],
    ),
    "removals": (
        "removed:\n  - {address: price.a, action: delete}\n  - {address: meter.b, action: deactivate}\n"
        "  - {address: meter.b, action: deactivate}\nmeters:\n  b: {}\n",
        [
            "specs/a.yaml:2:32 BP1016 'delete' is not a way for a price to leave | a price can archive or forget",
            "specs/a.yaml:3:15 BP1016 meter.b is removed, and still declared at specs/a.yaml:6:3"
            " | take one of the two away",
            "specs/a.yaml:4:15 BP1016 meter.b is removed twice, first at specs/a.yaml:3:15",
        ],
    ),
}


@pytest.mark.parametrize(("text", "expected"), WRONG.values(), ids=WRONG)
def test_wrong(text: str, expected: list[str], workspace: Workspace) -> None:
    workspace.write("specs/a.yaml", text)
    assert lines(workspace.specs) == expected


def test_the_default_folder_must_exist(workspace: Workspace) -> None:
    assert lines(workspace.specs) == [
        "billplan.yaml:1:1 BP1001 specs: there is no file or folder 'specs'"
        " | make the folder, or name another under specs: in billplan.yaml"
    ]


def test_empty_lists_say_nothing(workspace: Workspace) -> None:
    workspace.write("specs/a.yaml", "moved:\nremoved: []\nproducts:\n")
    assert workspace.specs().specs == ()


def test_a_name_in_two_files_names_both_places(workspace: Workspace) -> None:
    workspace.write("specs/a.yaml", "products:\n  pro: {name: A}\n")
    workspace.write("specs/b.yaml", "products:\n  pro: {name: B}\n")
    assert lines(workspace.specs) == [
        "specs/b.yaml:2:3 BP1012 product.pro is declared twice, first at specs/a.yaml:2:3"
        " | keep one of them, or rename one"
    ]


def test_the_mistakes_of_all_files_are_reported_together(workspace: Workspace) -> None:
    workspace.write("billplan.yaml", 'version: 1\nproject: acme\nstripe: {mode: test}\nspecs: [specs, gone, "a\\0b"]\n')
    workspace.write("specs/c.yaml", "products: {a: {name: '{{ var.x }}'}}\n")
    workspace.write("specs/b.yaml", "pricez: {}\n")
    workspace.write("specs/a.yaml", b"\xff")
    hint = "make the folder, or name another under specs: in billplan.yaml"
    assert lines(workspace.specs) == [
        f"billplan.yaml:4:16 BP1001 specs: there is no file or folder 'gone' | {hint}",
        f"billplan.yaml:4:22 BP1001 specs: there is no file or folder 'a\\x00b' | {hint}",
        "specs/a.yaml:1:1 BP1002 the file is not UTF-8 | save it with the encoding UTF-8",
        "specs/b.yaml:1:1 BP1010 there is no kind pricez | did you mean prices?",
        "specs/c.yaml:1:22 BP1109 var.x is not set"
        " | set it with --var x=..., in a --var-file, an environment, or under vars:",
    ]


def test_a_file_that_is_reached_twice_counts_once(workspace: Workspace) -> None:
    workspace.write(
        "billplan.yaml", "version: 1\nproject: acme\nstripe: {mode: test}\nspecs: [specs, specs/in, specs/in/a.yaml]\n"
    )
    workspace.write("specs/in/a.yaml", "products: {a: {name: A}}\n")
    (workspace.folder / "specs/loop").symlink_to(workspace.folder / "specs", target_is_directory=True)
    (workspace.folder / "specs/link.yaml").symlink_to(workspace.folder / "specs/in/a.yaml")
    (workspace.folder / "specs/folder.yaml").mkdir()
    assert len(workspace.specs().specs) == 1


def test_files_and_order_do_not_count_in_the_digest_but_values_do(workspace: Workspace) -> None:
    workspace.write("specs/a.yaml", "products:\n  a: {name: A, url: x}\n  b: {name: B}\n")
    first = workspace.specs().digest
    workspace.write("specs/a.yaml", "products:\n\n  a: {url: '{{ var.u }}', name: A}\n")
    workspace.write("specs/b.yaml", "products: {b: {name: B}}\n")
    assert workspace.specs(u="x").digest == first
    assert workspace.specs(u="y").digest != first
    assert len(first) == 64


@pytest.mark.parametrize(
    "text",
    [
        "products: {a: {name: A, protect: true}}",
        "products: {a: {name: A, adopt: prod_1}}",
        "products: {a: {name: A, ignore: [name]}}",
        "products: {a: {name: A}}\nmoved: [{from: price.a, to: price.b}]",
        "products: {a: {name: A}}\nremoved: [{address: price.a, action: archive}]",
    ],
)
def test_everything_that_is_declared_counts_in_the_digest(text: str, workspace: Workspace) -> None:
    workspace.write("specs/a.yaml", "products: {a: {name: A}}")
    plain = workspace.specs().digest
    workspace.write("specs/a.yaml", text)
    assert workspace.specs().digest != plain


BODIES = st.dictionaries(
    st.text("abcdé|. ", min_size=1, max_size=4),
    st.dictionaries(st.sampled_from(["name", "url", "tax_code"]), st.sampled_from(["x", "1", "true"]), max_size=3),
    min_size=1,
    max_size=6,
)


@given(BODIES, st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_order_of_files_and_keys_never_counts(
    tmp_path_factory: pytest.TempPathFactory, bodies: dict[str, dict[str, str]], random: Random
) -> None:
    folder = tmp_path_factory.getbasetemp() / "orders"
    loaded = []
    for _ in range(2):
        shutil.rmtree(folder, ignore_errors=True)
        workspace = Workspace(folder)
        names = random.sample(sorted(bodies), len(bodies))
        for n, name in enumerate(names):
            fields = random.sample(sorted(bodies[name].items()), len(bodies[name]))
            body = ", ".join(f'{key}: "{value}"' for key, value in fields)
            workspace.write(f"specs/{random.choice('abc')}{n}.yaml", f'products: {{"{name}": {{{body}}}}}\n')
        loaded.append(workspace.specs())
    assert loaded[0].digest == loaded[1].digest
    assert [(s.address, s.body) for s in loaded[0].specs] == [(s.address, s.body) for s in loaded[1].specs]


SNIPPETS = st.lists(
    st.sampled_from(
        ["products", "prices", "moved", "removed", ": ", "\n", "  ", "- ", "{", "}", "[", "]", "a", "'{{ var.x }}'",
         "from", "to", "address", "action", "ignore", "adopt", "protect", "price.a", "&a ", "*a", "~", "1.5", '"'],
    ),
    max_size=25,
).map("".join)  # fmt: skip


@given(st.one_of(st.binary(max_size=50), SNIPPETS.map(str.encode)))
@settings(max_examples=300, deadline=None)
def test_any_file_is_specs_or_diagnostics(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    workspace = Workspace(tmp_path_factory.getbasetemp() / "fuzz")
    workspace.write("specs/a.yaml", raw)
    with suppress(SpecError):
        workspace.specs(x="1")


def test_ten_thousand_prices_load_in_about_a_second(workspace: Workspace) -> None:
    price = (
        "  price_{n}:\n    product: product.pro\n    currency: usd\n    unit_amount: {n}\n"
        "    recurring: {{interval: month}}\n    nickname: Price number {n}\n    metadata: {{tier: '2', region: eu}}\n"
    )
    workspace.write("specs/a.yaml", "prices:\n" + "".join(price.format(n=n) for n in range(10_000)))
    project = workspace.project()
    started = time.process_time()
    assert len(load_specs(project).specs) == 10_000
    # Generous, since test machines are slow and shared; it takes about 0.6 s.
    assert time.process_time() - started < 4
    assert gc.isenabled()


def test_sources_are_relative_to_the_project(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace.write("specs/a.yaml", "products: {a: {name: A}}")
    monkeypatch.chdir(Path("/"))
    assert workspace.specs().specs[0].source == SourceRange("specs/a.yaml", 1, 12)
