"""A person's desk: a folder with a project, an emulated account behind HTTP, and the command line."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import stripe

from reconciler.cli import run
from reconciler.emulator.server import Server
from reconciler.emulator.world import World

KEY = "sk_test_emulator"
QUICK = "limits: {global_rps: 1000, endpoint_rps: 1000}"
PROJECT = f"version: 1\nproject: acme\nstripe:\n  mode: test\n  {QUICK}\n"
PRO = "products:\n  pro: {name: Pro}\n"
PRICED = PRO + (
    "prices:\n  monthly: {product: product.pro, currency: usd, unit_amount: 2900, recurring: {interval: month}}\n"
)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def both(self) -> str:
        return self.out + self.err

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The JSON documents on stdout, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def error(self) -> dict[str, Any]:
        """The error that stderr holds as JSON."""
        error: dict[str, Any] = json.loads(self.err)["error"]
        return error


class Typed(io.StringIO):
    """What somebody types at a terminal."""

    def isatty(self) -> bool:
        return True


class Desk:
    """Runs commands in a folder of their own, against a world of their own."""

    def __init__(
        self, folder: Path, server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.folder = folder
        self.server = server
        self._capsys = capsys
        self._monkeypatch = monkeypatch
        monkeypatch.chdir(folder)
        for name in [n for n in os.environ if n.startswith(("STRIPE_", "BILLPLAN_", "GITHUB_", "GITLAB_"))]:
            monkeypatch.delenv(name)
        self.environ(STRIPE_API_KEY=KEY, STRIPE_API_BASE=server.url, NO_COLOR="1", COLUMNS="120")
        self.write("billplan.yaml", PROJECT)

    @property
    def world(self) -> World:
        return self.server.worlds[0]

    def client(self, key: str = KEY) -> Any:
        """Give the hands of somebody who works in Stripe itself."""
        self._monkeypatch.setattr(stripe, "enable_telemetry", False)
        return stripe.StripeClient(key, base_addresses={"api": self.server.url}).v1

    def environ(self, **variables: str) -> None:
        for name, value in variables.items():
            self._monkeypatch.setenv(name, value)

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def remove(self, name: str) -> None:
        path = self.folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    def run(self, *args: str | Path, typed: str | None = None) -> Ended:
        """Run a command; with `typed`, at a terminal where somebody types that."""
        self._capsys.readouterr()
        with self._monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", io.StringIO() if typed is None else Typed(typed))
            patch.setattr(sys.stdout, "isatty", lambda: typed is not None, raising=False)
            code = run([str(a) for a in args])
        captured = self._capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return Ended(code, captured.out, captured.err)

    def done(self, *args: str | Path, typed: str | None = None) -> Ended:
        """Run a command that is to end well."""
        ended = self.run(*args, typed=typed)
        assert ended.code == 0, ended.both
        return ended

    def converge(self, specs: str | Mapping[str, str] = PRICED) -> None:
        """Write specs and apply them."""
        for name, text in ({"specs/a.yaml": specs} if isinstance(specs, str) else specs).items():
            self.write(name, text)
        self.done("apply", "--auto-approve")

    def wait(self, seconds: int = 2) -> None:
        """Let time go by, as Stripe tells it: what is done within one second counts as one moment."""
        self.world.clock.advance(seconds)

    @property
    def requests(self) -> list[dict[str, Any]]:
        return list(self.world.log)

    def writes(self) -> list[dict[str, Any]]:
        """List the requests that changed something."""
        return [r for r in self.world.log if r["method"] != "GET" and r["status"] == 200]

    def live(self, table: str) -> list[dict[str, Any]]:
        return [dict(record) for record in self.world.tables[table]]
