"""Fixtures as those of the quick tests, but that nothing is left out."""

from __future__ import annotations

import pytest

from tests.core.sqlite.conftest import backend, collected, path
from tests.support.sqlite_fixtures import empty_store

__all__ = ["backend", "collected", "empty_store", "path"]


@pytest.fixture
def step() -> int:
    """Of how many moments of a call one is tried."""
    return 1
