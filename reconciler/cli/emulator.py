"""`billplan emulator`: a strict local Stripe, on loopback."""

from __future__ import annotations

import functools
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from reconciler.cli.options import Command
from reconciler.emulator.clock import SystemClock
from reconciler.emulator.history import grow
from reconciler.emulator.seed import SeedError, load_seed
from reconciler.emulator.server import Server, serve
from reconciler.emulator.world import World
from reconciler.errors import BillplanError

MAX_SIZE = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """What account the emulator starts with: that of a file, one grown to a size, or an empty one."""

    file: Path | None
    size: int | None
    number: int

    def __post_init__(self) -> None:
        if self.file is not None and self.size is not None:
            raise click.UsageError("--seed and --seed-size both say what account to begin with: give one of them")

    @property
    def given(self) -> bool:
        return self.file is not None or self.size is not None

    def fill(self, world: World) -> None:
        if self.file is not None:
            _plant(world, self.file)
        elif self.size is not None:
            grow(world, self.size, self.number)
            counts = ", ".join(f"{len(table)} {name}" for name, table in world.tables.items() if len(table))
            click.echo(f"grown from --seed-size {self.size} --seed-number {self.number}: {counts}", err=True)


def _beginning_options(command: Command) -> Command:
    """Add --seed, --seed-size and --seed-number; hand the command a Beginning."""

    @functools.wraps(command)
    def called(seed: Path | None, seed_size: int | None, seed_number: int, **rest: Any) -> Any:
        return command(beginning=Beginning(file=seed, size=seed_size, number=seed_number), **rest)

    options = (
        click.option("--seed", type=click.Path(path_type=Path, dir_okay=False), help="The initial account, as JSON."),
        click.option(
            "--seed-size",
            type=click.IntRange(0, MAX_SIZE),
            metavar="N",
            help="Or: grow an account of N customers with three years of history.",
        ),
        click.option(
            "--seed-number", type=int, default=0, metavar="S", help="Which of the accounts of that size; default: 0."
        ),
    )
    for option in reversed(options):
        called = option(called)
    return called


@click.command("emulator", short_help="Run an emulated Stripe on this machine until Ctrl-C.")
@click.option("--port", type=click.IntRange(0, 65535), default=12111, show_default=True, help="0 picks a free one.")
@_beginning_options
@click.option("--state", type=click.Path(path_type=Path, dir_okay=False), help="Keep the account in this file.")
@click.option(
    "--rate-limit",
    type=click.Choice(["off", "test", "live"]),
    default="off",
    show_default=True,
    help="Enforce Stripe's documented limits.",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to tell the address.")
def emulator_command(port: int, beginning: Beginning, state: Path | None, rate_limit: str, form: str) -> None:
    """Run an emulated Stripe on this machine until Ctrl-C. Unknown parameters are refused, what it lacks answers 501.

    \b
    Example:  billplan emulator --port 12111 --rate-limit test
              billplan emulator --seed-size 2000
              export STRIPE_API_BASE=http://127.0.0.1:12111 STRIPE_API_KEY=sk_test_emulator
    """
    world = World(clock=SystemClock())
    if beginning.given and state is not None and state.exists():
        click.echo(f"{state} holds an account already: the seed is not used", err=True)
    else:
        beginning.fill(world)
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
