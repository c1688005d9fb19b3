"""The target check, before any read is compared: the right account, the right mode, a clock that can be trusted."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.idempotency import Scope
from reconciler.core.plan import FORMAT_VERSION, Header
from reconciler.errors import BillplanError, StalePlan, WrongTarget
from reconciler.ports.billing import BillingApi
from reconciler.ports.clock import Clock

MAX_SKEW_SECONDS = 60


class ClockSkew(BillplanError):
    """This machine's clock cannot be trusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pins:
    """What the project file says of the target; `account` is None where it is not pinned."""

    project: str
    livemode: bool
    account: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The account behind the key, and Stripe's time at the check, in epoch seconds, UTC."""

    scope: Scope
    now: int


def mode(livemode: bool) -> str:
    """Name a mode as the project file does."""
    return "live" if livemode else "test"


def check_target(api: BillingApi, pins: Pins, clock: Clock) -> Target:
    """Ask Stripe whose key it is; raise WrongTarget for another mode or account than the project file pins."""
    if api.livemode != pins.livemode:
        message = (
            f"the API key is a {mode(api.livemode)} mode key, billplan.yaml says stripe.mode: {mode(pins.livemode)}"
        )
        raise WrongTarget(message, hint=f"give a {mode(pins.livemode)} mode key, or choose another --env")
    answer = api.request("get", "/v1/account", {})
    account = str(answer.body["id"])
    if pins.account is not None and pins.account != account:
        message = f"the API key belongs to the account {account}, billplan.yaml pins {pins.account}"
        raise WrongTarget(message, hint=f"give a key of {pins.account}, or choose another --env")
    check_clock(clock, answer.date)
    scope = Scope(account=account, livemode=api.livemode, project=pins.project)
    return Target(scope=scope, now=answer.date)


def check_clock(clock: Clock, date: int) -> None:
    """Hold this machine's clock against Stripe's time of an answer (epoch seconds); raise ClockSkew."""
    skew = abs(clock.now() - date)
    if skew > MAX_SKEW_SECONDS:
        message = f"this machine's clock is {skew} seconds off Stripe's"
        raise ClockSkew(message, hint="set the clock (NTP); dates in specs and leases depend on it")


def check_plan(header: Header, target: Target, api_version: str, spec_digest: str | None) -> None:
    """Raise WrongTarget for a plan made for somebody else, StalePlan for one that is too old or of other specs."""
    scope = target.scope
    for what, made_for, here in (
        ("account", header.account, scope.account),
        ("mode", mode(header.livemode), mode(scope.livemode)),
        ("project", header.project, scope.project),
        ("API version", header.api_version, api_version),
        ("plan format", header.format_version, FORMAT_VERSION),
    ):
        if made_for != here:
            raise WrongTarget(f"the plan was made for {what} {made_for}, this is {here}", hint="make a new plan")
    if target.now >= header.expires_at:
        raise StalePlan("the plan has expired", hint="make a new plan, or set plan.expires_in up to 7d")
    if spec_digest is not None and header.spec_digest != spec_digest:
        message = "the plan was made from other specs than this checkout holds"
        raise StalePlan(message, hint="check out the commit that was planned, or make a new plan")
