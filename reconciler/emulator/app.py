"""The front door: `handle(world, request)` answers as Stripe would, or says that it cannot."""

from __future__ import annotations

import time
from dataclasses import replace

from reconciler.emulator.billing.passage import elapse
from reconciler.emulator.errors import (
    EmulatorGap,
    ParameterError,
    RateLimited,
    ServerError,
    StripeError,
    not_set_up,
)
from reconciler.emulator.exchange import Exchange, receive
from reconciler.emulator.expand import Tree, parse_expand, render
from reconciler.emulator.faults import ConnectionDropped, FaultKind
from reconciler.emulator.idempotency import Recorded, fingerprint
from reconciler.emulator.key import authenticate, authorize
from reconciler.emulator.limits import rate_limited
from reconciler.emulator.message import Request, Response
from reconciler.emulator.route import Answer, Call, Deleted, Ids, Page, Route, RouteTable
from reconciler.emulator.services import (
    account,
    charge,
    coupon,
    credit_balance_summary,
    credit_balance_transaction,
    credit_grant,
    customer,
    event,
    feature,
    invoice,
    line_item,
    meter,
    meter_event,
    payment_method,
    price,
    product,
    product_feature,
    promotion_code,
    subscription,
    subscription_item,
    subscription_schedule,
    tax_rate,
    tax_settings,
    test_clock,
)
from reconciler.emulator.wire import Raw, Record, dump_json, parse_form
from reconciler.emulator.world import API_VERSION, Cause, World

__all__ = ["API_VERSION", "ROUTES", "ConnectionDropped", "Request", "Response", "handle"]

SERVICES = (
    account,
    charge,
    coupon,
    credit_balance_summary,
    credit_balance_transaction,
    credit_grant,
    customer,
    event,
    feature,
    invoice,
    line_item,
    meter,
    meter_event,
    payment_method,
    price,
    product,
    product_feature,
    promotion_code,
    subscription,
    subscription_item,
    subscription_schedule,
    tax_rate,
    tax_settings,
    test_clock,
)
ROUTES = RouteTable(service.ROUTES for service in SERVICES)

FORM = "application/x-www-form-urlencoded"


def handle(world: World, request: Request) -> Response:
    """Answer one request. Raises ConnectionDropped where a fault says that no answer arrives."""
    exchange = receive(world, request)
    status: int | None = None
    try:
        exchange.hook("received")
        if FaultKind.DROP_BEFORE in exchange.faults:
            raise ConnectionDropped("dropped before the request was read")
        response = _answer(exchange)
        if FaultKind.DROP_AFTER in exchange.faults:
            raise ConnectionDropped("dropped before the answer was sent")
        if FaultKind.TRUNCATE in exchange.faults:
            response = _truncated(response)
        status = response.status
    finally:
        with world.lock:
            exchange.log(status)
    exchange.hook("answered")
    return response


def _truncated(response: Response) -> Response:
    whole = len(response.body)
    return replace(response, body=response.body[: whole // 2], promised=whole)


def _answer(exchange: Exchange) -> Response:
    try:
        return _admit(exchange)
    except StripeError as error:
        return exchange.refuse(error)
    finally:
        if exchange.claimed:
            with exchange.world.lock:
                exchange.world.idempotency.end(exchange.key)


def _admit(exchange: Exchange) -> Response:
    """What Stripe checks before a request begins, in its order; then the request itself."""
    world, request = exchange.world, exchange.request
    text, key = authenticate(world.keys, request.header("Authorization"))
    version = request.header("Stripe-Version")
    if version and version != API_VERSION:
        raise ParameterError(f"Invalid Stripe API version: {version}. The emulator speaks {API_VERSION} only.")
    method, path = request.method.upper(), request.bare_path
    found = ROUTES.find(method, path)
    with world.lock:
        world.limits.take(found[0].endpoint if found else f"{method} {path}", world.clock.monotonic())
    _strike_limits(exchange)
    if found is None:
        raise EmulatorGap(f"{method} {path}")
    route, ids = found
    authorize(key, text, route.permission, world.account_id)
    if route.resource in world.disabled:
        raise not_set_up(route.resource)
    params = _params(request)
    replayed = _claim(exchange, params)
    if replayed is not None:
        exchange.replayed, exchange.original = True, replayed.request_id
        return exchange.respond(replayed.status, replayed.body.encode())
    if FaultKind.SLOW in exchange.faults:
        time.sleep(exchange.faults[FaultKind.SLOW].seconds)
    return _execute(exchange, route, ids, params)


def _strike_limits(exchange: Exchange) -> None:
    fault = exchange.faults.get(FaultKind.RATE_LIMIT)
    if fault is not None:
        raise rate_limited(fault.reason)
    if FaultKind.LOCK_TIMEOUT in exchange.faults:
        raise RateLimited(
            "This object cannot be accessed right now because another API request or Stripe process is currently "
            "accessing it. If you see this error intermittently, retry the request.",
            "lock_timeout",
        )


def _params(request: Request) -> dict[str, Raw]:
    try:
        body = request.text
    except UnicodeDecodeError as error:
        raise ParameterError(f"The body is not UTF-8: {error}") from error
    sent = request.header("Content-Type").partition(";")[0].strip()
    if body and sent and sent != FORM:
        raise ParameterError(f"Invalid Content-Type: {sent}; parameters are sent as {FORM}.")
    return parse_form("&".join(part for part in (request.query, body) if part))


def _claim(exchange: Exchange, params: dict[str, Raw]) -> Recorded | None:
    """Take the idempotency key for this request, or find the answer that it already has."""
    request, world = exchange.request, exchange.world
    key = request.header("Idempotency-Key")
    if not key or request.method.upper() != "POST":
        return None
    with world.lock:
        exchange.key = key
        print_ = fingerprint("POST", request.bare_path, params)
        found = world.idempotency.begin(key, print_, world.now())
        exchange.claimed = found is None
        return found


def _execute(exchange: Exchange, route: Route, ids: Ids, params: dict[str, Raw]) -> Response:
    world = exchange.world
    call = Call(route.schema.parse(params, "") or {}, ids[0], inner=ids[1])
    tree = parse_expand(call.params.get("expand", ()), route.resource, route.lists)
    with world.lock:
        if FaultKind.ERROR_BEFORE in exchange.faults:
            return _record(exchange, params, 500, _server_error(exchange))
        try:
            body = _commit(exchange, route, call, tree)
        except StripeError as error:
            if not error.recorded:
                raise
            return _record(exchange, params, error.status, exchange.error_body(error))
        if FaultKind.ERROR_AFTER in exchange.faults:
            response = _record(exchange, params, 500, _server_error(exchange))
        else:
            response = _record(exchange, params, 200, body)
    exchange.hook("committed")
    return response


def _commit(exchange: Exchange, route: Route, call: Call, tree: Tree) -> bytes:
    stale = exchange.faults.get(FaultKind.STALE_READ)
    # Before the request is the cause of anything: what became due happens by itself.
    elapse(exchange.world)
    world = exchange.world if stale is None else exchange.world.seen_through(stale.snapshot)
    exchange.world.cause = Cause(exchange.id, exchange.key or None)
    try:
        return dump_json(_body(world, route.handler(world, call), tree))
    finally:
        exchange.world.cause = Cause()


def _body(world: World, answer: Answer, tree: Tree) -> Record:
    match answer:
        case Page(records, has_more, url):
            rows = [render(world, record, tree) for record in records]
            return {"object": "list", "data": rows, "has_more": has_more, "url": url}
        case Deleted(record):
            return {"id": record["id"], "object": record["object"], "deleted": True}
        case _:
            return render(world, answer, tree)


def _record(exchange: Exchange, params: dict[str, Raw], status: int, body: bytes) -> Response:
    """Answer, and keep the answer under the idempotency key: execution had begun."""
    world = exchange.world
    if exchange.key:
        print_ = fingerprint("POST", exchange.request.bare_path, params)
        answer = Recorded(print_, status, body.decode(), world.now(), exchange.id)
        world.idempotency.record(exchange.key, answer)
    return exchange.respond(status, body)


def _server_error(exchange: Exchange) -> bytes:
    return exchange.error_body(ServerError("An unexpected error occurred. (This one was scripted.)"))
