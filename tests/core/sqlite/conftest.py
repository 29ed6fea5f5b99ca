"""A fresh file for every test, opened under the machine's clock or a virtual one."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.persistence.sqlite import SQLiteBackend
from tests.core.sqlite.makers import open_at
from tests.support.sqlite_fixtures import EmptyStore, empty_store

__all__ = ["empty_store"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "q.db"


@pytest.fixture
def backend(path: Path, empty_store: EmptyStore) -> Iterator[SQLiteBackend]:
    opened = open_at(empty_store(path))
    yield opened
    opened.close()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def virtual(path: Path, clock: VirtualClock, empty_store: EmptyStore) -> Iterator[SQLiteBackend]:
    opened = open_at(empty_store(path), clock)
    yield opened
    opened.close()


@pytest.fixture
def collected() -> Iterator[None]:
    """Collect what a test has left, before the next one begins."""
    yield
    gc.collect()


@pytest.fixture
def step() -> int:
    """Of how many moments of a call one is tried."""
    return 25
