"""Makes the example backend importable, and gives stores and queues of a test's own.

Folders and modules whose stores are of another kind have fixtures of theirs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from skunkqueue import SkunkQueue
from skunkqueue.clock import VirtualClock
from skunkqueue.control import Control
from skunkqueue.persistence import BackendConfig
from skunkqueue.persistence.backend import Backend
from tests.support.memory_example import make_importable

make_importable()


@pytest.fixture
def clock() -> VirtualClock:
    """Give the clock of ``store``."""
    return VirtualClock()


@pytest.fixture
def store(clock: VirtualClock) -> Iterator[Backend]:
    """Open a store without files that has all capabilities."""
    from skunkqueue_memory import MemoryBackend  # noqa: PLC0415 - importable only now

    backend = MemoryBackend.open(BackendConfig(backend="memory"), clock=clock)
    yield backend
    backend.close()


@pytest.fixture
def control(store: Backend) -> Control:
    """Act on that store in somebody's name."""
    return Control(store, "ann@here", "a test")


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[SkunkQueue]:
    """Give a queue on a file, by the machine's clock."""
    with SkunkQueue("demo", conn_url=tmp_path / "q.db") as queue:
        yield queue
