"""`billplan emulator`: a strict local Stripe, on loopback."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from reconciler.emulator.clock import SystemClock
from reconciler.emulator.seed import SeedError, load_seed
from reconciler.emulator.server import Server, serve
from reconciler.emulator.world import World
from reconciler.errors import BillplanError


@click.command("emulator", short_help="Run an emulated Stripe on this machine until Ctrl-C.")
@click.option("--port", type=click.IntRange(0, 65535), default=12111, show_default=True, help="0 picks a free one.")
@click.option("--seed", type=click.Path(path_type=Path, dir_okay=False), help="The initial account, as JSON.")
@click.option("--state", type=click.Path(path_type=Path, dir_okay=False), help="Keep the account in this file.")
@click.option(
    "--rate-limit",
    type=click.Choice(["off", "test", "live"]),
    default="off",
    show_default=True,
    help="Enforce Stripe's documented limits.",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to tell the address.")
def emulator_command(port: int, seed: Path | None, state: Path | None, rate_limit: str, form: str) -> None:
    """Run an emulated Stripe on this machine until Ctrl-C. Unknown parameters are refused, what it lacks answers 501.

    \b
    Example:  billplan emulator --port 12111 --rate-limit test
              export STRIPE_API_BASE=http://127.0.0.1:12111 STRIPE_API_KEY=sk_test_emulator
    """
    world = World(clock=SystemClock())
    if seed is not None and state is not None and state.exists():
        click.echo(f"{state} holds an account already: the seed is not used", err=True)
    elif seed is not None:
        _plant(world, seed)
    with _served(world, port, state) as server:
        for one in server.worlds:
            one.limit(rate_limit)
        told = {"url": server.url, "key": next(iter(one.keys))}
        words = f"Stripe is emulated at {told['url']} with the key {told['key']}; Ctrl-C stops it."
        click.echo(json.dumps(told) if form == "json" else words)
        server.close_on_sigterm()
        try:
            server.wait()
        except KeyboardInterrupt:
            click.echo("stopped", err=True)


def _plant(world: World, seed: Path) -> None:
    try:
        load_seed(world, json.loads(seed.read_text(encoding="utf-8")))
    except SeedError as error:
        raise BillplanError("\n".join([f"the seed {seed} does not hold:", *error.problems])) from None
    except OSError as error:
        raise BillplanError(f"the seed {seed} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise BillplanError(f"the seed {seed} is not JSON: {error}") from None


def _served(world: World, port: int, state: Path | None) -> Server:
    if state is not None and not os.access(state.absolute().parent, os.W_OK):
        hint = "name a file in a folder that exists and that this user can write"
        raise BillplanError(f"the state file {state} cannot be written", hint=hint)
    try:
        return serve([world], port=port, state_file=state)
    except OSError as error:
        message = f"cannot listen on port {port}: {error.strerror}"
        raise BillplanError(message, hint="choose another --port; 0 picks a free one") from None
    except (ValueError, KeyError, TypeError) as error:
        hint = "move it away to begin anew"
        raise BillplanError(f"the state file {state} cannot be read: {error}", hint=hint) from None
