"""The scenario, made once."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.crash.matrix", "tests.crash.likeness", "tests.crash.scenario")

from tests.crash.scenario import Scenario, make_scenario  # noqa: E402


@pytest.fixture(scope="session")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    return make_scenario(tmp_path_factory.mktemp("scenario") / "store")
