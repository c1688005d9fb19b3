"""A catalogue of any size as a project folder: billplan.yaml and spec files, as a company would have written them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.benchmarks.emulator import KEY_VARIABLE

PRICES_OF_A_PRODUCT = 20
PRODUCTS_OF_A_FILE = 10
# One price in so many is changed; these are all of the first shape, which has a unit amount.
CHANGED_SHARE = 100

Body = Mapping[str, Any]
Edit = Callable[[dict[str, Any]], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The traffic that the project file permits; None leaves the documented figures in force."""

    requests_a_second: int
    concurrency: int


UNPACED = Limits(requests_a_second=1000, concurrency=64)


def rename(body: dict[str, Any]) -> None:
    """Give a price another nickname: an update."""
    body["nickname"] = f"{body['nickname']}, renamed"


def reprice(body: dict[str, Any]) -> None:
    """Give a price another amount: a new price takes its place."""
    body["unit_amount"] += 100


def write_project(folder: Path, limits: Limits | None = None) -> None:
    """Write billplan.yaml."""
    stripe: dict[str, Any] = {"mode": "test", "api_key": f"env:{KEY_VARIABLE}"}
    if limits is not None:
        rate = limits.requests_a_second
        stripe["limits"] = {"global_rps": rate, "endpoint_rps": rate, "concurrency": limits.concurrency}
    document = {"version": 1, "project": "bench", "stripe": stripe, "store": "sqlite:.billplan/store.db"}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "billplan.yaml").write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


def write_catalogue(folder: Path, prices: int, edit: Edit | None = None) -> None:
    """Write so many prices and their products, some products to a file; `edit` changes 1% of the prices."""
    products = (prices + PRICES_OF_A_PRODUCT - 1) // PRICES_OF_A_PRODUCT
    for first in range(0, products, PRODUCTS_OF_A_FILE):
        chosen = range(first, min(first + PRODUCTS_OF_A_FILE, products))
        last = min(chosen.stop * PRICES_OF_A_PRODUCT, prices)
        blocks = {
            "products": {f"product_{n:05d}": _product(n) for n in chosen},
            "prices": dict(_priced(range(first * PRICES_OF_A_PRODUCT, last), edit)),
        }
        _write_specs(folder, first, blocks)


def write_products(folder: Path, products: int) -> None:
    """Write so many products without prices."""
    _write_specs(folder, 0, {"products": {f"product_{n:05d}": _product(n) for n in range(products)}})


def _write_specs(folder: Path, number: int, blocks: Mapping[str, Any]) -> None:
    path = folder / "specs" / f"catalogue_{number:05d}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(blocks, sort_keys=False), encoding="utf-8")


def _priced(numbers: range, edit: Edit | None) -> Iterator[tuple[str, Body]]:
    for number in numbers:
        body = {
            "product": f"product.product_{number // PRICES_OF_A_PRODUCT:05d}",
            "currency": "usd",
            "nickname": f"Price {number}",
            **_SHAPES[number % len(_SHAPES)](number),
        }
        if edit is not None and number % CHANGED_SHARE == 0:
            edit(body)
        yield f"price_{number:05d}", body


def _product(number: int) -> Body:
    return {
        "name": f"Product {number}",
        "description": f"What a customer buys as number {number}",
        "unit_label": "seat",
        "metadata": {"tier": str(number % 7), "team": f"team-{number % 13}"},
    }


def _monthly(number: int) -> dict[str, Any]:
    metadata = {"sku": f"SKU-{number}", "channel": ("web", "sales")[number % 2]}
    return {"unit_amount": 900 + number, "recurring": {"interval": "month"}, "metadata": metadata}


def _in_currencies(number: int) -> dict[str, Any]:
    options = {"eur": 800 + number, "gbp": 700 + number, "jpy": 1200 + number}
    return {
        "unit_amount": 9000 + number,
        "recurring": {"interval": "year"},
        "currency_options": {currency: {"unit_amount": amount} for currency, amount in options.items()},
    }


def _tiered(number: int) -> dict[str, Any]:
    tiers = [{"up_to": 10, "unit_amount": 500 + number}, {"up_to": 100, "unit_amount": 400, "flat_amount": 1000}]
    return {
        "billing_scheme": "tiered",
        "tiers_mode": ("graduated", "volume")[number % 2],
        "tiers": [*tiers, {"up_to": "inf", "unit_amount_decimal": "12.5"}],
        "recurring": {"interval": "month"},
    }


def _once(number: int) -> dict[str, Any]:
    return {"unit_amount": 4900 + number, "tax_behavior": "exclusive"}


def _by_fraction(number: int) -> dict[str, Any]:
    return {
        "unit_amount_decimal": f"{1 + number}.25",
        "recurring": {"interval": "month", "interval_count": 3, "trial_period_days": 14},
        "lookup_key": f"fraction-{number}",
        "metadata": {"sku": f"SKU-{number}"},
    }


_SHAPES = (_monthly, _in_currencies, _tiered, _once, _by_fraction)
