"""The emulator in a process of its own, as `billplan emulator` runs it, so that its work counts into no figure."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

KEY = "sk_test_emulator"
KEY_VARIABLE = "STRIPE_API_KEY"
BASE_VARIABLE = "STRIPE_API_BASE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Emulator:
    """A running emulator."""

    url: str

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a command that uses it."""
        return {**os.environ, KEY_VARIABLE: KEY, BASE_VARIABLE: self.url, "PYTHONUNBUFFERED": "1"}

    def log(self) -> list[dict[str, Any]]:
        """List every request so far."""
        with urlopen(f"{self.url}/_emulator/log?key={KEY}") as answer:
            requests: list[dict[str, Any]] = json.load(answer)["requests"]
        return requests


@contextmanager
def running_emulator(*, rate_limit: str = "off", account: Path | None = None) -> Iterator[Emulator]:
    """Run `billplan emulator` on a free port until the block ends; `account` is a saved one."""
    command = [sys.executable, "-m", "reconciler", "emulator", "--port", "0", "--rate-limit", rate_limit]
    command += [] if account is None else ["--state", str(account)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout is not None else ""
            found = [word for word in line.split() if word.startswith("http://")]
            if not found:
                raise RuntimeError(f"the emulator did not start: {line}")
            yield Emulator(url=found[0])
        finally:
            process.terminate()
            process.wait()
