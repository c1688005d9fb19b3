"""An emulated account for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.account import Account


@pytest.fixture
def account(tmp_path: Path) -> Account:
    """An empty account of the project acme."""
    return Account(tmp_path)
