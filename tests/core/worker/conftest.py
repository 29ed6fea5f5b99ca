"""A bench for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from skunkqueue.clock import SystemClock, VirtualClock
from skunkqueue.context import current
from tests.core.worker import jobs_of_tests
from tests.core.worker.bench import Bench
from tests.support.sqlite_fixtures import EmptyStore, empty_store

__all__ = ["empty_store"]


@pytest.fixture
def bench(tmp_path: Path, empty_store: EmptyStore) -> Iterator[Bench]:
    """A store, a virtual clock and workers at will."""
    empty_store(tmp_path / "shop.db")
    yield from _bench(tmp_path, VirtualClock())


@pytest.fixture
def live_bench(tmp_path: Path, empty_store: EmptyStore) -> Iterator[Bench]:
    """The same in real time."""
    empty_store(tmp_path / "shop.db")
    yield from _bench(tmp_path, SystemClock())


def _bench(folder: Path, clock: VirtualClock | SystemClock) -> Iterator[Bench]:
    jobs_of_tests.RAN.clear()
    jobs_of_tests.HOOKS.clear()
    made = Bench(folder, clock)
    yield made
    made.backend.close()
    # A worker in the test's own thread leaves behind what it ran last.
    current.set(None)
