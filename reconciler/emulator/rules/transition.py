"""From one phase to the next: which changes the emulator can bill, followed along a schedule before it starts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from reconciler.emulator.billing.calendar import is_boundary
from reconciler.emulator.errors import EmulatorGap, ParameterError
from reconciler.emulator.schema import nested
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

TAXES = ("automatic_tax", "default_tax_rates")


def check_transitions(world: World, record: Record, begun: tuple[int, int] | None, said: bool) -> None:
    """Refuse what cannot be billed; `begun` is the phase that runs already, and its billing cycle anchor.

    `said` is whether the last phase says when it ends. If it does not, it lasts for one period, and Stripe does not say
    what that means of a phase that begins within one.
    """
    phases: Sequence[Record] = record["phases"]
    at = 0 if begun is None else begun[0]
    first = phases[at]
    anchor = (first.get("trial_end") or first["start_date"]) if begun is None else begun[1]
    for position, phase in enumerate(phases[at:], at):
        _check_alone(record, phase, position, at)
    for position, (before, phase) in enumerate(pairwise(phases[at:]), at + 1):
        name = f"phases[{position}]"
        cycle, other = _cycle(world, before), _cycle(world, phase)
        turning = is_boundary(anchor, cycle, phase["start_date"])
        if not turning and phase["proration_behavior"] == "create_prorations":
            _check_proration(before, phase, name)
        _check_coupons(world, before, phase, name)
        if any(cycle[field] != other[field] for field in ("interval", "interval_count")) or _resets(record, phase):
            anchor = phase["start_date"]
        elif not turning and _metered(world, before) != _metered(world, phase):
            raise EmulatorGap("metered prices that come or go within a period", nested(name, "items"))
        elif not turning and not said and phase is phases[-1]:
            raise EmulatorGap("a phase within a period that says neither how long it lasts nor when it ends", name)
    last = phases[-1]
    cut = not is_boundary(anchor, _cycle(world, last), last["end_date"]) and last.get("trial_end") != last["end_date"]
    # Of a subscription that ends within a period to come, Stripe always credits the rest, whatever the phase says.
    if record["end_behavior"] == "cancel" and cut:
        raise EmulatorGap("credit for the rest of the period in which a schedule ends its subscription", "end_behavior")


def _check_alone(record: Record, phase: Record, position: int, at: int) -> None:
    name = f"phases[{position}]"
    if phase["proration_behavior"] == "always_invoice":
        raise EmulatorGap("prorations that are invoiced at once", nested(name, "proration_behavior"))
    if "trial_end" not in phase:
        return
    if _resets(record, phase):
        raise ParameterError(
            "`billing_cycle_anchor` cannot be `phase_start` if the phase has a trial.",
            nested(name, "billing_cycle_anchor"),
        )
    if position > at:
        raise EmulatorGap("trials in later phases than the first", nested(name, "trial_end"))


def _check_proration(before: Record, phase: Record, name: str) -> None:
    """What is prorated is prorated with its discounts and taxes, and Stripe does not say how if they change."""
    if before["discounts"] or phase["discounts"]:
        raise EmulatorGap("prorations of what is discounted", nested(name, "proration_behavior"))
    rates = [{item["price"]: item["tax_rates"] for item in one["items"]} for one in (before, phase)]
    alike = all(rates[0][price] == rates[1][price] for price in rates[0].keys() & rates[1].keys())
    if not alike or any(before.get(field) != phase.get(field) for field in TAXES):
        raise EmulatorGap("prorations of what is taxed in another way", nested(name, "proration_behavior"))


def _check_coupons(world: World, before: Record, phase: Record, name: str) -> None:
    """Whether a coupon that is not for ever begins anew with a phase, Stripe does not say."""
    again = {one["coupon"] for one in before["discounts"]} & {one["coupon"] for one in phase["discounts"]}
    for id in sorted(again):
        coupon = world.tables["coupon"].get(id)
        if coupon is not None and coupon["duration"] != "forever":
            raise EmulatorGap(f"the coupon `{id}`, which ends by itself, in two phases", nested(name, "discounts"))


def _metered(world: World, phase: Record) -> set[str]:
    """The prices of a phase that charge what was used."""
    prices = filter(None, (world.tables["price"].get(values["price"]) for values in phase["items"]))
    return {price["id"] for price in prices if price["recurring"]["meter"] is not None}


def _resets(record: Record, phase: Record) -> bool:
    chosen = phase.get("billing_cycle_anchor") or record.get("default_settings", {}).get("billing_cycle_anchor")
    return bool(chosen == "phase_start")


def _cycle(world: World, phase: Record) -> Record:
    price = world.tables["price"].get(phase["items"][0]["price"])
    assert price is not None, "prices are never deleted"
    cycle: Record = price["recurring"]
    return cycle
