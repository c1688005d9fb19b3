"""billplan as a program of its own: what only a real process shows."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import stripe

from tests.cli.desk import PRICED, Desk

QUIET = {"NO_COLOR": "1", "PYTHONWARNINGS": "error"}


def program(*args: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run billplan in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "reconciler", *args],
        cwd=cwd,
        env={**os.environ, **QUIET, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def emulator(*args: str, cwd: Path) -> Iterator[str]:
    """Run `billplan emulator` on a free port; yield its address."""
    command = [sys.executable, "-m", "reconciler", "emulator", "--port", "0", *args]
    running = subprocess.Popen(
        command, cwd=cwd, env={**os.environ, **QUIET}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert running.stdout is not None
    try:
        line = running.stdout.readline()
        while "emulated at" not in line and line:
            line = running.stdout.readline()
        yield line.split(" at ")[1].split()[0]
        running.send_signal(signal.SIGINT)
        running.wait(20)
    finally:
        running.kill()
        running.stdout.close()
        running.wait()
    assert running.returncode == 0


def client(url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(stripe, "enable_telemetry", False)
    return stripe.StripeClient("sk_test_emulator", base_addresses={"api": url}).v1


def test_a_plan_in_a_process_of_its_own(desk: Desk) -> None:
    desk.write("specs/a.yaml", PRICED)
    ended = program("plan", "--detailed-exitcode", cwd=desk.folder)
    assert (ended.returncode, ended.stderr) == (2, "")
    assert "Plan: 2 to create" in ended.stdout
    assert "\x1b" not in ended.stdout


def test_a_mistake_in_a_process_of_its_own(tmp_path: Path) -> None:
    ended = program("plan", cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "there is no billplan.yaml" in ended.stderr


def test_a_reader_that_goes_away_is_met_in_silence(desk: Desk) -> None:
    desk.write("specs/a.yaml", "products:\n" + "".join(f"  p{n}: {{name: P}}\n" for n in range(3000)))
    command = f"{sys.executable} -m reconciler plan --format json | head -1"
    ended = subprocess.run(
        ["bash", "-c", command], cwd=desk.folder, capture_output=True, text=True, timeout=60, check=True
    )
    assert (ended.stdout, ended.stderr) == ("{\n", "")


def test_the_demo_goes_through_its_milestones_and_keeps_its_folder_if_asked(tmp_path: Path) -> None:
    ended = program("demo", "--keep", "kept", cwd=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    milestones = (
        "$ billplan validate",
        "The specs are valid",
        "$ billplan sync",
        "Complete as of ",
        "$ billplan plan --out",
        "$ billplan apply",
        "A new plan finds nothing left to do",
        "Nothing to do. Stripe matches the specs.",
        "$ billplan drift",
        'name: Pro -> "Pro (old, do not sell!)"  (changed 20',
        "an apply puts it back",
        "No drift.",
    )
    place = -1
    for words in milestones:
        place = ended.stdout.index(words, place + 1)
    assert (tmp_path / "kept" / "billplan.yaml").is_file()
    again = program("demo", "--keep", "kept", cwd=tmp_path)
    assert again.returncode == 64
    assert "kept exists already" in again.stderr


def test_the_emulator_keeps_its_account_in_a_state_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seed = tmp_path / "seed.json"
    seed.write_text(json.dumps({"account": {"id": "acct_seed"}, "products": [{"id": "prod_1", "name": "One"}]}))
    with emulator("--state", "state.json", "--seed", str(seed), cwd=tmp_path) as url:
        v1 = client(url, monkeypatch)
        assert v1.products.retrieve("prod_1").name == "One"
        v1.products.create({"id": "prod_2", "name": "Two"})
    with emulator("--state", "state.json", "--seed", str(seed), "--rate-limit", "test", cwd=tmp_path) as url:
        v1 = client(url, monkeypatch)
        assert [p.id for p in v1.products.list().data] == ["prod_2", "prod_1"]
        with pytest.raises(stripe.RateLimitError):
            [v1.products.retrieve("prod_1") for _ in range(200)]


def test_the_emulator_says_that_its_port_is_taken(desk: Desk) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = desk.run("emulator", "--port", str(port))
    assert ended.code == 1
    assert f"cannot listen on port {port}" in ended.err
    assert "choose another --port" in ended.err


SEEDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "not JSON": ("{", ("is not JSON",)),
    "problems": (
        '{"products": [{"nam": "x"}, {"name": ""}], "plans": []}',
        ("plans: there is no such table", "products[0]", "products[1]"),
    ),
}


@pytest.mark.parametrize("seed", SEEDS)
def test_the_emulator_lists_everything_that_is_wrong_with_a_seed(desk: Desk, seed: str) -> None:
    text, words = SEEDS[seed]
    desk.write("seed.json", text)
    ended = desk.run("emulator", "--port", "0", "--seed", "seed.json")
    assert ended.code == 1
    for word in words:
        assert word in ended.err


def test_the_emulator_tells_of_files_that_it_cannot_use(desk: Desk) -> None:
    assert "cannot be read" in desk.run("emulator", "--port", "0", "--seed", "none.json").err
    assert "cannot be written" in desk.run("emulator", "--port", "0", "--state", "no/folder/s.json").err
    desk.write("state.json", "{}")
    ended = desk.run("emulator", "--port", "0", "--state", "state.json")
    assert ended.code == 1
    assert "the state file state.json cannot be read" in ended.err
