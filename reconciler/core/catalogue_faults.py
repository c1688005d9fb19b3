"""What is wrong with the prices, products, coupons and tax rates that rows name: not there, archived, unfit. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from reconciler.core.address import Address
from reconciler.core.migration_facts import AccountFacts
from reconciler.core.migrations import Fault, Item, Migration, Named, Terms
from reconciler.core.values import Ref

_STRIPE = "internal:Stripe"
_CHECK_ID = "check the id, and that it is of the right account and mode"


def elsewhere(migration: Migration, what: str) -> str:
    """Say what to do about an id that this account does not have."""
    if migration.origin == _STRIPE:
        return f"it looks like an id of the source account: give the one here, or  maps: {{{what}: FILE.csv}}"
    return _CHECK_ID


def of_source(migration: Migration, facts: AccountFacts, what: str, column: str, id: str) -> Fault | None:
    """Say so where an id that this account does not have is one of the account that rows come from."""
    source = facts.sources.get(migration.name)
    if source is None or (what, id) not in source.ids:
        return None
    summary = (
        f"{id} is an id of the source account {source.account}, and this account has no such {what.replace('_', ' ')}"
    )
    hint = f"no map has its new id: maps: {{{what}: FILE.csv}}, with a line for it"
    if what in migration.mapped:
        hint = f"the map of {what} ids has it among the new ones: write this account's id there"
    return Fault(reason="source_account_id", column=column, summary=summary, hint=hint)


class CatalogueFaults:
    """Checks what rows of one migration name, each thing once: rows share a few prices, and so the words about them.

    `creates` are the steps of this plan that create what is not there yet, by address.
    """

    def __init__(self, migration: Migration, facts: AccountFacts, creates: Mapping[Address, str]) -> None:
        self._migration = migration
        self._facts = facts
        self._creates = creates
        self._known: dict[tuple[str, str, Named], Fault | None] = {}
        self.of_block = tuple(self._then())
        self._block_there = all(
            self._items_there(then.items) and (then.coupon is None or then.coupon in facts.coupons)
            for then in migration.then
        )

    def of_row(self, terms: Terms) -> Iterator[Fault]:
        """Go through what is wrong with anything that a row names itself."""
        yield from self._items(terms.items, "")
        for n, fee in enumerate(terms.fees):
            yield from self._one("product", f"add_invoice_items.{n}.product", fee.product)
        if terms.coupon is not None:
            yield from self._one("coupon", "coupon", terms.coupon)
        if terms.default_tax_rate is not None:
            yield from self._one("tax_rate", "default_tax_rate", terms.default_tax_rate)

    def all_there(self, terms: Terms) -> bool:
        """Say whether all that a row and its block name is known, archived or not."""
        facts = self._facts
        return (
            self._block_there
            and self._items_there(terms.items)
            and (not terms.fees or all(fee.product in facts.products for fee in terms.fees))
            and (terms.coupon is None or terms.coupon in facts.coupons)
            and (terms.default_tax_rate is None or terms.default_tax_rate in facts.rates)
        )

    def _items_there(self, items: Sequence[Item]) -> bool:
        for item in items:
            if item.price is not None:
                if item.price not in self._facts.prices:
                    return False
            elif item.named not in self._facts.products:
                return False
        return True

    def _then(self) -> Iterator[Fault]:
        for n, then in enumerate(self._migration.then):
            yield from self._items(then.items, f"then[{n}].")
            if then.coupon is not None:
                yield from self._one("coupon", f"then[{n}].coupon", then.coupon)

    def _items(self, items: Sequence[Item], before: str) -> Iterator[Fault]:
        prices = adhoc = 0
        alone = len(items) == 1 and not before
        for item in items:
            if item.price is not None:
                yield from self._one("price", "price" if alone else f"{before}items.{prices}.price", item.price)
                prices += 1
            elif item.adhoc is not None:
                yield from self._one("product", f"{before}adhoc_items.{adhoc}.product", item.adhoc.product)
                adhoc += 1

    def _one(self, what: str, column: str, named: Named) -> Iterator[Fault]:
        sought = (what, column, named)
        if sought not in self._known:
            self._known[sought] = self._judge(what, column, named)
        fault = self._known[sought]
        if fault is not None:
            yield fault

    def _judge(self, what: str, column: str, named: Named) -> Fault | None:
        match what:
            case "price":
                return self._price(column, named)
            case "product":
                active = self._facts.products.get(named)
                return self._absent(what, column, named, active is not None) or self._inactive(
                    what, column, named, bool(active)
                )
            case "coupon":
                coupon = self._facts.coupons.get(named)
                return self._absent(what, column, named, coupon is not None) or self._coupon(
                    column, named, coupon is None or coupon.valid
                )
        rate = self._facts.rates.get(named)
        return self._absent(what, column, named, rate is not None) or self._inactive(
            what, column, named, rate is None or rate.active
        )

    def _price(self, column: str, named: Named) -> Fault | None:
        price = self._facts.prices.get(named)
        absent = self._absent("price", column, named, price is not None)
        if absent is not None or price is None:
            return absent
        if self._facts.products.get(price.product) is False:
            summary = f"{named} is a price of {price.product}, which is archived"
            hint = "activate the product, or name a price of another one"
            return Fault(reason="archived_product", column=column, summary=summary, hint=hint)
        return self._inactive("price", column, named, price.active)

    def _absent(self, what: str, column: str, named: Named, there: bool) -> Fault | None:
        noun = what.replace("_", " ")
        if isinstance(named, Ref):
            # Where it is known but has no id, this plan must make it.
            if there and (named in self._facts.ids or named.address in self._creates):
                return None
            summary = f"there is no {named}: this account does not have it, and this plan does not make it"
            hint = f"see what the plan says of {named}, or declare it"
        elif there:
            return None
        elif (old := of_source(self._migration, self._facts, what, column, named)) is not None:
            return old
        else:
            summary, hint = f"this account has no {noun} {named}", elsewhere(self._migration, what)
        return Fault(reason=f"unknown_{what}", column=column, summary=summary, hint=hint)

    def _inactive(self, what: str, column: str, named: Named, active: bool) -> Fault | None:
        if active:
            return None
        noun = what.replace("_", " ")
        hint = f"activate it, or name the {noun} that took its place"
        reason = "archived_product" if what == "product" else f"inactive_{what}"
        return Fault(reason=reason, column=column, summary=f"the {noun} {named} is archived", hint=hint)

    def _coupon(self, column: str, named: Named, valid: bool) -> Fault | None:
        if valid:
            return None
        summary = f"the coupon {named} can be redeemed no more: it has expired, or was redeemed as often as it may be"
        hint = "name another coupon, or leave it out"
        return Fault(reason="invalid_coupon", column=column, summary=summary, hint=hint)
