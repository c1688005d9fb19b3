"""Plan files on disk: written whole or not at all, and read line by line."""

from __future__ import annotations

import gzip
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.adapters.plan_store import load_plan, save_plan
from reconciler.core.changes import Action
from reconciler.core.plan import Plan
from reconciler.errors import BillplanError
from tests.views import samples

LONG = samples.rows("subscription_migration", {Action.CREATE: 4_000})


@pytest.fixture(params=["plan.jsonl", "plan.jsonl.gz"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / str(request.param)


@pytest.mark.parametrize("plan", [samples.EVERYTHING, samples.EMPTY, LONG], ids=["everything", "empty", "long"])
def test_what_is_saved_is_loaded(path: Path, plan: Plan) -> None:
    save_plan(plan, path)
    loaded = load_plan(path)
    assert loaded == plan
    assert loaded.digest == plan.digest


def test_the_same_plan_is_the_same_file(path: Path) -> None:
    save_plan(samples.EVERYTHING, path)
    first = path.read_bytes()
    save_plan(load_plan(path), path)
    assert path.read_bytes() == first


def test_a_plan_that_cannot_be_written_leaves_the_former_one_and_nothing_else(path: Path) -> None:
    save_plan(samples.EVERYTHING, path)
    change = replace(samples.CREATE_PRICE, after={"unit_amount": 1.5})
    with pytest.raises(TypeError):
        save_plan(replace(samples.EVERYTHING, changes=(change,)), path)
    assert list(path.parent.iterdir()) == [path]
    assert load_plan(path) == samples.EVERYTHING


def test_the_text_of_a_long_plan_is_never_in_memory_whole(path: Path) -> None:
    save_plan(LONG, path)
    data = path.read_bytes()
    size = len(gzip.decompress(data) if path.suffix == ".gz" else data)
    tracemalloc.start()
    try:
        plan = load_plan(path)
        held, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(plan.changes) == 4_000
    # What is known of the lines read so far takes less than one copy of them.
    assert most - held < size


@pytest.mark.parametrize("left", [0.1, 0.5, 0.99])
def test_half_a_packed_file_is_refused(tmp_path: Path, left: float) -> None:
    path = tmp_path / "plan.jsonl.gz"
    save_plan(LONG, path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * left)])
    with pytest.raises(BillplanError, match=r"cannot read the plan file .*: it is truncated or damaged"):
        load_plan(path)


def test_a_packed_file_whose_bytes_changed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan.jsonl.gz"
    save_plan(samples.EVERYTHING, path)
    data = path.read_bytes()
    for at in range(0, len(data), 97):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        try:
            # A few bits of the packer's header say nothing of the content; all others do.
            assert load_plan(path) == samples.EVERYTHING
            assert at < 10
        except BillplanError:
            pass


def test_a_missing_folder_is_said_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(BillplanError, match="cannot write the plan file") as caught:
        save_plan(samples.EMPTY, tmp_path / "none" / "plan.jsonl")
    assert "a folder that exists" in caught.value.hint
