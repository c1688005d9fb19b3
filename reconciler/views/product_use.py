"""How much Stripe's products are used, for people: the most used first, and what the mappings leave out."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.product_use import ProductUse, UsedProduct
from reconciler.views.mirror import plain
from reconciler.views.outline import counted
from reconciler.views.page import Page

TITLE = "Products by active subscriptions"
NOT_MAPPED = "(not mapped)"
_SHOWN = 20
_LONGEST, _NARROW = 60, 24


@dataclass(frozen=True, slots=True, kw_only=True)
class UseRow:
    """One product: `count` is a dash where nothing was counted."""

    count: str
    product: str
    mapping: str


def use_rows(use: ProductUse) -> list[UseRow]:
    """Write the most used products; how many more there are, `hidden` says."""
    return [_row(one) for one in use.products[:_SHOWN]]


def hidden(use: ProductUse) -> int:
    """Count the products that are not shown."""
    return max(0, len(use.products) - _SHOWN)


def left_out(use: ProductUse) -> str:
    """Say what the mappings leave out, and why nothing was counted where that is so."""
    if use.unknown:
        unmapped = f"{counted(use.unmapped, 'product')} not mapped; " if use.unmapped else ""
        return f"{unmapped}active subscriptions were not counted: {plain(use.unknown)}"
    if not use.unmapped:
        return "Every product is mapped."
    without = use.left_out or 0
    verb = "has" if without == 1 else "have"
    return (
        f"{counted(use.unmapped, 'product')} not mapped; {counted(without, 'active subscription')} {verb} no mapped "
        "product, and so no features."
    )


def write_use(page: Page, use: ProductUse, see_all: str) -> None:
    """Write the table; `see_all` is the command that shows all of it."""
    page.gap()
    page.line((TITLE, "bold"))
    rows = use_rows(use)
    number = max([len("count"), *(len(row.count) for row in rows)])
    name = max([len("mapping"), *(len(row.mapping) for row in rows)])
    hang = number + name + 4
    page.line((f"{'count':>{number}}  {'mapping':{name}}  product", "dim"), indent=2, hang=hang)
    for row in rows:
        style = "yellow" if row.mapping == NOT_MAPPED else ""
        page.line(f"{row.count:>{number}}  ", (f"{row.mapping:{name}}", style), f"  {row.product}", indent=2, hang=hang)
    if hidden(use):
        page.line((f"... and {hidden(use):,} more products", "bold"), f"; to see them all: {see_all}", indent=2)
    page.line(left_out(use), indent=2)


def _row(one: UsedProduct) -> UseRow:
    name, id = _cut(plain(one.name), _LONGEST), plain(one.id)
    shown = f"{name} ({id})" if name else id
    return UseRow(
        count="-" if one.subscriptions is None else f"{one.subscriptions:,}",
        product=shown if one.active else f"{shown}, archived",
        mapping=NOT_MAPPED if one.mapping is None else _cut(plain(one.mapping), _NARROW),
    )


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}..."
