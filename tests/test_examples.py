"""The examples: their walk-throughs run as they are written, and show what they say."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler import Project
from reconciler.adapters.system_clock import SystemClock
from reconciler.emulator.billing.passage import elapse
from reconciler.emulator.clock import FrozenClock
from reconciler.emulator.seed import load_seed
from reconciler.emulator.server import serve
from reconciler.emulator.world import World
from reconciler.errors import SpecError
from tests.cli.desk import Desk

EXAMPLES = Path(__file__).parents[1] / "examples"
# What a walk-through mends.
ON_PURPOSE = {"zuora-migration": ["data/zuora.csv:8"]}
WALKED = ("saas-import", "stripe-to-stripe", "zuora-migration")
# Commands of a later day, each with its output: `# DATE`, then `$ COMMAND` and what it shows.
LATER = re.compile(r"^```console\n# (\S+)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
VARYING = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
# Whatever bash finds by these names elsewhere, it is this one that is tested.
PROGRAMS = {"billplan": "-m reconciler", "python": ""}


def steps(readme: str) -> list[tuple[str, str]]:
    """List a walk-through's blocks of commands, each with the output that is shown for it."""
    found: list[tuple[str, str]] = []
    for language, text in BLOCK.findall(readme):
        found = [*found, (text, "")] if language == "sh" else [*found[:-1], (found[-1][0], text)]
    return found


def free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        for taken in (one, other):
            taken.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1]), int(other.getsockname()[1])


def environ(folder: Path, ports: tuple[int, int]) -> dict[str, str]:
    """What a person has who has just installed billplan."""
    folder.mkdir()
    for name, arguments in PROGRAMS.items():
        (folder / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
        (folder / name).chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STRIPE_", "BILLPLAN_"))}
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    port, old_port = map(str, ports)
    return {**kept, "PATH": path, "PORT": port, "OLD_PORT": old_port, "NO_COLOR": "1", "COLUMNS": "100"}


def walked(commands: list[str], folder: Path, environ: dict[str, str]) -> tuple[int, list[str]]:
    """Run blocks of commands in one shell that stops at the first failure; give its exit code and each output."""
    # What it started ends with it, also where a command fails.
    begin = "set -euo pipefail\ntrap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n"
    script = begin + "".join(f"printf '\\n@@ block\\n'\n{block}" for block in commands)
    running = subprocess.Popen(
        ["bash", "-c", script],
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        # Ends only when everything has ended that was started: each has the pipe open.
        output, _ = running.communicate(timeout=240)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        output, _ = running.communicate()
        pytest.fail(f"the walk-through does not end:\n{output}")
    return running.returncode, output.split("\n@@ block\n")[1:]


def missing(shown: str, output: str) -> str | None:
    """Give the first line that is shown and does not come next in the output; `...` stands for any lines."""
    lines = [VARYING.sub("TIME", line.rstrip()) for line in output.splitlines()]
    at, anywhere = 0, True
    for line in (VARYING.sub("TIME", one.rstrip()) for one in shown.splitlines()):
        if line == "...":
            anywhere = True
            continue
        if line not in lines[at:] or (not anywhere and lines[at] != line):
            return line
        at, anywhere = lines.index(line, at) + 1, False
    return None


@pytest.mark.parametrize("name", WALKED)
def test_a_walk_through_runs_as_it_is_written(name: str, tmp_path: Path) -> None:
    folder, ports = tmp_path / name, free_ports()
    shutil.copytree(EXAMPLES / name, folder, ignore=shutil.ignore_patterns(".billplan"))
    told = steps((EXAMPLES / name / "README.md").read_text(encoding="utf-8"))
    code, outputs = walked([commands for commands, _ in told], folder, environ(tmp_path / "bin", ports))
    whole = "\n".join(outputs)
    for (commands, shown), output in zip(told, outputs, strict=False):
        assert missing(shown, output) is None, f"{commands}\nshows:\n{output}"
    assert (code, len(outputs)) == (0, len(told)), whole
    assert "Traceback" not in whole
    assert not re.search(r"[a-z]{2,}@example\.com", whole), "an e-mail address was shown"
    for port in ports:
        with socket.socket() as asked:
            assert asked.connect_ex(("127.0.0.1", port)) != 0, "the emulator is still there"


def went_on(desk: Desk, name: str, readme: str) -> None:
    """Bring a desk to where a walk-through ends: the same edits of the files, and all of it applied."""
    shutil.copytree(EXAMPLES / name, desk.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".billplan"))
    edits = [line for commands, _ in steps(readme) for line in commands.splitlines() if line.startswith("sed -i.bak")]
    subprocess.run(["bash", "-ec", "\n".join(edits)], cwd=desk.folder, check=True)
    load_seed(desk.world, json.loads((desk.folder / "account.json").read_text(encoding="utf-8")))
    desk.done("apply", "--auto-approve")


@pytest.mark.parametrize("name", ["zuora-migration"])
def test_what_a_walk_through_says_of_a_later_day_comes_true(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    readme = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    world = World(clock=FrozenClock(moment("2039-12-01")))

    class Together(SystemClock):
        """This machine's clock, which goes with the account's."""

        def now(self) -> int:
            return world.now()

    monkeypatch.setattr("reconciler.wiring.SystemClock", Together)
    (tmp_path / name).mkdir()
    with serve([world]) as server:
        desk = Desk(tmp_path / name, server, capsys, monkeypatch)
        monkeypatch.setenv("COLUMNS", "100")
        went_on(desk, name, readme)
        told = LATER.findall(readme)
        assert told
        for date, text in told:
            world.clock.advance(moment(date) - world.now())
            elapse(world)
            for command, shown in re.findall(r"^\$ billplan (.*)\n((?:(?!\$ ).*\n)*)", text, flags=re.MULTILINE):
                ended = desk.run(*shlex.split(command))
                assert missing(shown, ended.both) is None, f"{date}: {command}\nshows:\n{ended.both}"


def moment(date: str) -> int:
    return int(datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize("folder", [path.parent for path in EXAMPLES.glob("*/billplan.yaml")], ids=lambda p: p.name)
def test_an_example_validates_offline_and_names_schemas_that_are_there(folder: Path) -> None:
    wrong: list[str] = []
    try:
        with Project.load(folder) as project:
            project.validate()
    except SpecError as error:
        wrong = [f"{one.source.path}:{one.source.line}" for one in error.diagnostics if one.source is not None]
    assert wrong == ON_PURPOSE.get(folder.name, [])
    for path in folder.rglob("*.yaml"):
        named = re.search(r"yaml-language-server: \$schema=(\S+)", path.read_text(encoding="utf-8"))
        assert named, path
        assert (path.parent / named[1]).is_file(), path
