"""Payment methods: `/v1/payment_methods` and those of a customer, as far as reading goes."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.errors import StripeError, no_such, not_found
from reconciler.emulator.listing import CURSORS, Query, page
from reconciler.emulator.route import Answer, Call, Page, Routes
from reconciler.emulator.rules.billing import attach_payment_method
from reconciler.emulator.schema import EXPAND, GAP, Boolean, Choice, Hash, Kind, Text
from reconciler.emulator.shapes.payment_method import UNSET
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

ROUTES = Routes("payment_method", "rak_payment_method")
PATH = "/v1/payment_methods"

TYPES = (
    "acss_debit", "affirm", "afterpay_clearpay", "alipay", "alma", "amazon_pay", "au_becs_debit", "bacs_debit",
    "bancontact", "billie", "bizum", "blik", "boleto", "card", "cashapp", "crypto", "custom", "customer_balance",
    "eps", "fpx", "giropay", "grabpay", "ideal", "kakao_pay", "klarna", "konbini", "kr_card", "link", "mb_way",
    "mobilepay", "multibanco", "naver_pay", "nz_bank_account", "oxxo", "p24", "pay_by_bank", "payco", "paynow",
    "paypal", "paypay", "payto", "pix", "promptpay", "revolut_pay", "samsung_pay", "satispay", "scalapay",
    "sepa_debit", "sequra", "sofort", "sunbit", "swish", "twint", "upi", "us_bank_account", "wechat_pay", "zip",
)  # fmt: skip
RETRIEVE = Hash({"expand": EXPAND})
# Without `created`: Stripe cannot list payment methods by their age.
_BOTH: dict[str, Kind] = {
    **CURSORS,
    "allow_redisplay": Choice(("always", "limited", "unspecified")),
    "type": Choice(TYPES),
}
LIST = Hash({**_BOTH, "customer": Text(), "customer_account": GAP})
LIST_OF_CUSTOMER = Hash(_BOTH)
# Of a seed: no request makes one here, since that takes a card's number.
PLANTED = Hash({"customer": Text(), "default": Boolean(), "last4": Text(4, pattern=r"\d{4}")}, ("customer",))


def plant(world: World, call: Call) -> Answer:
    """Give a customer a card, as a seed says it; it becomes the default unless that is false."""
    params, forced = call.params, call.forced
    if forced.id and forced.id in world.tables["payment_method"]:
        raise StripeError(f"PaymentMethod already exists: {forced.id}", "id")
    if params["customer"] not in world.tables["customer"]:
        raise no_such("customer", params["customer"], "customer")
    created = world.now() if forced.created is None else forced.created
    card = {"last4": params["last4"]} if "last4" in params else None
    return attach_payment_method(world, params["customer"], created, card, params.get("default", True), forced.id)


@ROUTES.route("get", PATH + "/{id}", RETRIEVE)
def retrieve(world: World, call: Call) -> Answer:
    record = world.tables["payment_method"].get(call.id)
    if record is None:
        raise not_found("PaymentMethod", call.id)
    return record


@ROUTES.route("get", PATH, LIST)
def list_(world: World, call: Call) -> Answer:
    """All that there are, or those of a customer; a deleted customer has none left."""
    customer = call.params.get("customer")
    if customer is None:
        return _page(world, PATH, {}, call.params)
    if customer not in world.tables["customer"]:
        raise no_such("customer", customer, "customer")
    return _page(world, PATH, {"customer": customer}, call.params)


@ROUTES.route("get", "/v1/customers/{id}/payment_methods", LIST_OF_CUSTOMER)
def list_of_customer(world: World, call: Call) -> Answer:
    if call.id not in world.tables["customer"]:
        raise not_found("customer", call.id)
    return _page(world, f"/v1/customers/{call.id}/payment_methods", {"customer": call.id}, call.params)


def _page(world: World, url: str, wanted: dict[str, Any], params: dict[str, Any]) -> Page:
    kind, redisplay = params.get("type"), params.get("allow_redisplay")

    def passes(record: Record) -> bool:
        # Unless they are asked for, Stripe leaves out those of the type `custom`; the emulator has none.
        if kind is not None and record["type"] != kind:
            return False
        return redisplay is None or record.get("allow_redisplay", UNSET["allow_redisplay"]) == redisplay

    return page(world, Query("payment_method", url, wanted, (passes,)), params)
