"""The scenario, made once, and folders for the stores of its many copies."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.crash.matrix", "tests.crash.likeness", "tests.crash.scenario")

from tests.crash.matrix import Undisturbed, undisturbed  # noqa: E402
from tests.crash.scenario import Scenario, make_scenario  # noqa: E402

_MEMORY = Path("/dev/shm")


@pytest.fixture(scope="session")
def session_folder() -> Iterator[Path]:
    # In memory where that can be had: hundreds of stores are written durably here, and none has to survive.
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture
def folder(session_folder: Path) -> Iterator[Path]:
    """A folder for one test's stores."""
    with tempfile.TemporaryDirectory(dir=session_folder) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def scenario(session_folder: Path) -> Scenario:
    return make_scenario(session_folder / "before")


@pytest.fixture(scope="session")
def told(scenario: Scenario, session_folder: Path) -> Undisturbed:
    return undisturbed(scenario, session_folder / "told")
