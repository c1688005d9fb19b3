"""The examples: their walk-throughs run as they are written, and show what they say."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler import Project

EXAMPLES = Path(__file__).parents[1] / "examples"
IMPORT = EXAMPLES / "saas-import"
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


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def environ(folder: Path, port: int) -> dict[str, str]:
    """What a person has who has just installed billplan."""
    folder.mkdir()
    for name, arguments in PROGRAMS.items():
        (folder / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
        (folder / name).chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STRIPE_", "BILLPLAN_"))}
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    return {**kept, "PATH": path, "PORT": str(port), "NO_COLOR": "1", "COLUMNS": "100"}


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


def test_the_walk_through_of_the_import_runs_as_it_is_written(tmp_path: Path) -> None:
    folder, port = tmp_path / "saas-import", free_port()
    shutil.copytree(IMPORT, folder, ignore=shutil.ignore_patterns(".billplan"))
    told = steps((IMPORT / "README.md").read_text(encoding="utf-8"))
    code, outputs = walked([commands for commands, _ in told], folder, environ(tmp_path / "bin", port))
    whole = "\n".join(outputs)
    for (commands, shown), output in zip(told, outputs, strict=False):
        assert missing(shown, output) is None, f"{commands}\nshows:\n{output}"
    assert (code, len(outputs)) == (0, len(told)), whole
    assert "Traceback" not in whole
    assert not re.search(r"[a-z]{2,}@example\.com", whole), "an e-mail address was shown"
    with socket.socket() as asked:
        assert asked.connect_ex(("127.0.0.1", port)) != 0, "the emulator is still there"


@pytest.mark.parametrize("folder", [path.parent for path in EXAMPLES.glob("*/billplan.yaml")], ids=lambda p: p.name)
def test_an_example_validates_offline_and_names_schemas_that_are_there(folder: Path) -> None:
    with Project.load(folder) as project:
        project.validate()
    for path in folder.rglob("*.yaml"):
        named = re.search(r"yaml-language-server: \$schema=(\S+)", path.read_text(encoding="utf-8"))
        assert named, path
        assert (path.parent / named[1]).is_file(), path
