"""Commands that need no project answer as JSON, too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.cli import run


def test_init_lists_what_it_wrote_and_what_it_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".gitignore").write_text("mine\n")
    assert run(["init", str(tmp_path), "--project", "acme", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["project"] == "acme"
    assert told["kept"] == [str(tmp_path / ".gitignore")]
    assert all(Path(path).is_file() for path in told["written"])
    assert (tmp_path / ".gitignore").read_text() == "mine\n"


def test_schema_lists_its_names_and_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema", "--format", "json"]) == 0
    assert {"products", "prices", "billplan", "specs"} <= set(json.loads(capsys.readouterr().out))
    assert run(["schema", "--out", str(tmp_path / "s"), "--format", "json"]) == 0
    assert all(Path(path).is_file() for path in json.loads(capsys.readouterr().out)["written"])
