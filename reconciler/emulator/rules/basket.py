"""The prices that a request names or brings along, checked against what it wants them for."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any

from reconciler.emulator.commit import add
from reconciler.emulator.errors import (
    EmulatorGap,
    ParameterError,
    StripeError,
    exclusive_parameters,
    missing_parameter,
    no_such,
)
from reconciler.emulator.rules.amount import exact_of
from reconciler.emulator.schema import nested
from reconciler.emulator.shapes import price
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World


class Basket:
    """The prices of one request. Those that it brings along are stored for good only if it is accepted: `keep`.

    `known` are prices that may be named although they are archived, since the object that changes has them already.
    """

    def __init__(self, world: World, known: frozenset[str] = frozenset()) -> None:
        self._world = world
        self._known = known
        self._inline: list[Record] = []
        self._kept = False

    def __enter__(self) -> Basket:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._kept:
            for record in self._inline:
                self._world.tables["price"].remove(record["id"])

    def keep(self) -> None:
        """Store the prices that were brought along, and tell of them."""
        self._kept = True
        for record in self._inline:
            add(self._world, record)

    def recurring(self, values: Mapping[str, Any], param: str) -> Record:
        """The price of an item, by which a subscription is billed again and again."""
        record = self._find(values, param)
        name = nested(param, "price")
        if record["type"] != "recurring":
            raise StripeError(
                "The price specified is set to `type=one_time` but this field only accepts prices with "
                "`type=recurring`.",
                name,
            )
        if record["recurring"]["usage_type"] == "metered":
            if "quantity" in values:
                raise ParameterError("A metered price takes no quantity.", nested(param, "quantity"))
            if exact_of(record, 0):
                raise EmulatorGap("metered prices that cost something without any usage", name)
        return record

    def one_time(self, values: Mapping[str, Any], param: str, currency: str) -> Record:
        """The price of something that is added to an invoice once."""
        record = self._find(values, param)
        name = nested(param, "price_data" if "price_data" in values else "price")
        if record["type"] != "one_time":
            raise StripeError(
                "The price specified is set to `type=recurring` but this field only accepts prices with "
                "`type=one_time`.",
                name,
            )
        if record["custom_unit_amount"] is not None:
            raise StripeError("The price specified lets the customer choose the amount; it cannot be added.", name)
        if record["currency"] != currency:
            if currency in record["currency_options"]:
                raise EmulatorGap("prices in another currency than their own", name)
            raise StripeError("All prices on a subscription must have the same currency.", name)
        return record

    def _find(self, values: Mapping[str, Any], param: str) -> Record:
        name = nested(param, "price")
        if "price" in values and "price_data" in values:
            raise exclusive_parameters((name, nested(param, "price_data")))
        if "price_data" in values:
            return self._bring(values["price_data"], nested(param, "price_data"))
        if "price" not in values:
            raise missing_parameter(name)
        record = self._world.tables["price"].get(values["price"])
        if record is None:
            raise no_such("price", values["price"], name)
        if not record["active"] and record["id"] not in self._known:
            raise StripeError("The price specified is inactive. This field only accepts active prices.", name)
        return record

    def _bring(self, data: Mapping[str, Any], param: str) -> Record:
        """A price of its own for this one use: archived from the start, and in no list."""
        given = [name for name in ("unit_amount", "unit_amount_decimal") if name in data]
        if len(given) > 1:
            raise exclusive_parameters([nested(param, name) for name in given])
        if not given:
            raise missing_parameter(nested(param, "unit_amount"))
        if data["product"] not in self._world.tables["product"]:
            raise no_such("product", data["product"], nested(param, "product"))
        id = self._world.free_id("price", "price")
        record = price.build(self._world, {**data, "active": False}, id, self._world.now())
        record |= {"inline": True}
        self._world.tables["price"].put(record)
        self._inline.append(record)
        return record
