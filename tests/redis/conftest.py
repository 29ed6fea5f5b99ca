"""The servers that the tests of this folder run against, and stores opened there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.config import open_backend
from skunkqueue.persistence import BackendConfig
from skunkqueue.persistence.backend import Backend
from skunkqueue.persistence.redis import RedisBackend
from tests.redis.opening import OpenStore
from tests.support.redis_fixtures import (
    cluster,
    new_cluster,
    new_proxy,
    new_sentinels,
    new_server,
    redis62,
    valkey,
)
from tests.support.redis_server import RedisServer
from tests.support.store_fixtures import ConfigOf, config_of, dbname

__all__ = [
    "cluster",
    "config_of",
    "dbname",
    "new_cluster",
    "new_proxy",
    "new_sentinels",
    "new_server",
    "redis62",
    "valkey",
]


@pytest.fixture
def clock() -> VirtualClock:
    """Give the clock of ``backend``."""
    return VirtualClock()


@pytest.fixture
def backend(valkey: RedisServer, config_of: ConfigOf, clock: VirtualClock) -> Iterator[RedisBackend]:
    """Open a store under a clock of the test's own. Files whose stores go by the server's have a fixture of theirs."""
    opened = RedisBackend.open(config_of(valkey.url()), clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def open_store() -> Iterator[OpenStore]:
    """Open stores that are closed when the test ends, before its servers are."""
    with ExitStack() as stack:

        def make(config: BackendConfig) -> Backend:
            opened = open_backend(config)
            stack.callback(opened.close)
            return opened

        yield make
