"""The servers that the tests of this folder run against, and stores opened there."""

from __future__ import annotations

import pytest

from tests.redis.conftest import open_store
from tests.redis.opening import Line, OpenStore
from tests.support.redis_fixtures import (
    NewProxy,
    cluster,
    new_cluster,
    new_proxy,
    new_sentinels,
    new_server,
    redis62,
    valkey,
)
from tests.support.redis_server import RedisServer
from tests.support.server_process import HOST
from tests.support.store_fixtures import ConfigOf, config_of, dbname

__all__ = [
    "cluster",
    "config_of",
    "dbname",
    "new_cluster",
    "new_proxy",
    "new_sentinels",
    "new_server",
    "open_store",
    "redis62",
    "valkey",
]


@pytest.fixture(params=["valkey", "redis62"])
def server(request: pytest.FixtureRequest) -> RedisServer:
    """Give each of the session's servers."""
    found: RedisServer = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def line(server: RedisServer, new_proxy: NewProxy, config_of: ConfigOf, open_store: OpenStore) -> Line:
    """Open the store of a test twice."""
    proxy = new_proxy(server.port)
    return Line(
        proxy, open_store(config_of(f"redis://{HOST}:{proxy.port}/0")), open_store(config_of(server.url()))
    )
