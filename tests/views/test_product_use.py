"""The use of products in every view: the most used first, cut where it is long, and harmless."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from reconciler.core.plan import Plan
from reconciler.core.plan_json import plan_document
from reconciler.core.planfile import read_lines, write_lines
from reconciler.core.product_use import ProductUse, UsedProduct
from reconciler.kinds import BY_NAME
from reconciler.views.markdown import render_markdown
from reconciler.views.status import render_status, render_status_json
from reconciler.views.text import render_text
from tests.views.samples import COSMETIC, EMPTY
from tests.views.test_status import STATUS

Golden = Callable[[str, str], None]

USE = ProductUse(
    products=(
        UsedProduct(id="acme-pro", name="Pro", mapping="pro", subscriptions=12_345),
        UsedProduct(
            id="prod_Legacy2019", name="Legacy | 2019\n`x` by jane@example.com", mapping=None, subscriptions=310,
            active=False,
        ),
        *(UsedProduct(id=f"prod_{n:02}", name=f"Add-on {n}", mapping=None, subscriptions=n) for n in range(20, 0, -1)),
        UsedProduct(id="prod_new", name="", mapping="team", subscriptions=0),
    ),
    left_out=412,
)  # fmt: skip
UNKNOWN = ProductUse(
    products=(UsedProduct(id="acme-pro", name="Pro", mapping=None, subscriptions=None),),
    left_out=None,
    unknown="the key lacks rak_subscription_read",
)
WHOLE = ProductUse(
    products=(UsedProduct(id="acme-pro", name="Pro", mapping="pro", subscriptions=1),),
    left_out=0,
)


def text(plan: Plan, width: int = 80) -> str:
    return render_text(plan, BY_NAME, color=False, width=width)


def test_the_table_reads_as_it_did(golden: Golden) -> None:
    plan = replace(COSMETIC, product_use=USE)
    golden("product_use_80.txt", text(plan))
    golden("product_use.md", render_markdown(plan, BY_NAME))
    golden("status_product_use_80.txt", render_status(replace(STATUS, product_use=USE), color=False, width=80))


def test_no_line_is_wider_than_the_terminal() -> None:
    assert max(map(len, text(replace(EMPTY, product_use=USE), 60).splitlines())) <= 60


def test_a_plan_with_nothing_to_do_shows_it_too() -> None:
    shown = text(replace(EMPTY, product_use=WHOLE))
    assert "      1  pro      Pro (acme-pro)\n" in shown
    assert "Every product is mapped." in shown


def test_what_was_not_counted_is_said() -> None:
    shown = text(replace(EMPTY, product_use=UNKNOWN), 120)
    assert "      -  (not mapped)  Pro (acme-pro)\n" in shown
    assert "1 product not mapped; active subscriptions were not counted: the key lacks rak_subscription_read" in shown


def test_one_subscription_is_told_as_one() -> None:
    shown = text(replace(EMPTY, product_use=replace(USE, products=USE.products[1:2], left_out=1)), 120)
    assert "1 product not mapped; 1 active subscription has no mapped product, and so no features." in shown
    assert "more products" not in shown


def test_json_has_all_of_them() -> None:
    document = json.loads(json.dumps(plan_document(replace(COSMETIC, product_use=USE), BY_NAME)))
    use = document["product_use"]
    assert len(use["products"]) == 23
    assert use["products"][0] == {
        "id": "acme-pro", "name": "Pro", "mapping": "pro", "subscriptions": 12345, "active": True,
    }  # fmt: skip
    assert (use["unmapped_products"], use["subscriptions_left_out"], use["not_counted"]) == (21, 412, None)
    assert "product_use" not in plan_document(COSMETIC, BY_NAME)
    status = render_status_json(replace(STATUS, product_use=USE))
    assert len(json.loads(status)["product_use"]["products"]) == 23
    assert "jane@example.com" not in status
    assert "product_use" not in json.loads(render_status_json(STATUS))


def test_the_plan_file_keeps_it() -> None:
    plan = replace(COSMETIC, product_use=USE)
    assert read_lines(list(write_lines(plan))) == plan
    # What is shown beside the steps is no part of what is applied.
    assert plan.digest == COSMETIC.digest
