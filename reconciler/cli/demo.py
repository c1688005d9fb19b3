"""`billplan demo`: the whole round on an emulated Stripe and SQLite, in a temporary folder."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
import stripe

from reconciler.emulator.clock import SystemClock
from reconciler.emulator.seed import load_seed
from reconciler.emulator.server import serve
from reconciler.emulator.world import World
from reconciler.errors import BillplanError

KEY = "sk_test_emulator"
EDITED_PRODUCT = "quickstart-pro"


@click.command("demo", short_help="Watch billplan work on an emulated Stripe. No account needed.")
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), help="Work in this new folder and keep it.")
def demo_command(keep: Path | None) -> None:
    """Watch billplan work: validate, sync, plan, apply, an empty plan, an edit, drift, repair. No account needed.

    \b
    Example:  billplan demo
    """
    if keep is not None and keep.exists():
        raise click.BadParameter(f"{keep} exists already; choose a new folder", param_hint="--keep")
    with tempfile.TemporaryDirectory(prefix="billplan-demo-") as scratch:
        folder = keep or Path(scratch) / "quickstart"
        shutil.copytree(_example(), folder)
        world = World(clock=SystemClock())
        load_seed(world, json.loads((folder / "account.json").read_text(encoding="utf-8")))
        with serve([world]) as server:
            _Tour(folder, server.url).run()


def _example() -> Path:
    packaged = Path(__file__).parent / "quickstart"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "examples" / "quickstart"


class _Tour:
    """Runs the commands one after the other, each printed before it runs; stops where one ends unexpectedly."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._url = url
        self._environ = {**os.environ, "STRIPE_API_KEY": KEY, "STRIPE_API_BASE": url}

    def run(self) -> None:
        self._say(f"An emulated Stripe answers at {self._url}; the specs are a copy of examples/quickstart.")
        self._billplan("Check the specs, offline.", ["validate"])
        self._billplan("Copy the account into the store: plans read it there, and so can you, with SQL.", ["sync"])
        self._billplan("What would change? A reviewer reads this in the pull request.", ["plan", "--out", "first.plan"])
        self._billplan("Apply exactly that plan.", ["apply", "first.plan", "--auto-approve"])
        self._billplan("Plan again: nothing is left to do.", ["plan", "--detailed-exitcode"])
        self._edit()
        self._billplan("billplan notices, and says what was changed outside (exit 2).", ["drift"], expected=2)
        self._billplan("Repair: apply what the specs say.", ["apply", "--auto-approve"])
        self._billplan("And nothing is left to do.", ["drift"])
        self._billplan("", ["plan", "--detailed-exitcode"])
        self._billplan(
            "A price goes up: what the reviewer of that pull request sees.", ["plan", "--var", "pro_monthly=3400"]
        )
        self._say("That was billplan on an emulated Stripe. Your own first plan: see README.md, or run billplan init.")

    def _say(self, words: str) -> None:
        click.echo(click.style(f"\n# {words}", fg="cyan") if words else "")

    def _billplan(self, words: str, args: Sequence[str], expected: int = 0) -> None:
        self._say(words)
        click.echo(click.style(f"$ billplan {shlex.join(args)}", bold=True))
        sys.stdout.flush()
        ended = subprocess.run(
            [sys.executable, "-m", "reconciler", *args], cwd=self._folder, env=self._environ, check=False
        )
        if ended.returncode != expected:
            raise BillplanError(f"the tour ends here: exit code {ended.returncode} where {expected} was expected")

    def _edit(self) -> None:
        """Do what a hurried colleague does in the Dashboard."""
        self._say("Meanwhile somebody renames the product in the Dashboard:")
        click.echo(
            click.style(f"$ stripe products update {EDITED_PRODUCT} --name 'Pro (old, do not sell!)'", bold=True)
        )
        stripe.enable_telemetry = False
        client = stripe.StripeClient(KEY, base_addresses={"api": self._url})
        client.v1.products.update(EDITED_PRODUCT, {"name": "Pro (old, do not sell!)"})
