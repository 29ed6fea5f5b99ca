"""What two stores give beyond the contract: whoever reads while a verb is at work sees all of it or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from skunkqueue.config import open_backend
from skunkqueue.contract.kit import PATIENCE
from skunkqueue.contract.makers import QUEUE, ROUTE, claim, counts, firings, outcome
from skunkqueue.persistence import BackendConfig
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import State
from tests.support.redis_server import RedisServer
from tests.support.store_fixtures import ConfigOf


@pytest.fixture(params=["sqlite", "redis"])
def backend(request: pytest.FixtureRequest, config_of: ConfigOf, tmp_path: Path) -> Iterator[Backend]:
    """Open an empty store of each kind."""
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("valkey")
        opened = open_backend(config_of(server.url()))
    else:
        opened = open_backend(BackendConfig(backend="sqlite", url=f"sqlite:///{tmp_path}/test.db"))
    yield opened
    opened.close()


def test_nobody_sees_half_a_batch(backend: Backend) -> None:
    ended = Event()

    def write() -> None:
        try:
            for _ in range(60):
                backend.enqueue(firings(7))
                backend.settle([outcome(lent) for lent in claim(backend, 7)])
        finally:
            ended.set()

    def watch() -> set[int]:
        seen = set()
        while not ended.is_set():
            seen |= {count % 7 for count in counts(backend).values()}
            seen.add(len(backend.page(QUEUE, ROUTE, State.PENDING).records) % 7)
        return seen

    with ThreadPoolExecutor(3) as threads:
        watchers = [threads.submit(watch) for _ in range(2)]
        threads.submit(write).result(PATIENCE)
        for watcher in watchers:
            assert watcher.result(PATIENCE) <= {0}
