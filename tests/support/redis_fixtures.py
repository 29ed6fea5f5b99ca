"""Fixtures: the Redis servers of a test session, and servers of a test's own.

To be imported by the ``conftest.py`` of folders that need them. Each session (each process of a
parallel run) starts its own servers when the first test asks, and ends them itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from tests.support.redis_binaries import find_redis62, find_valkey
from tests.support.redis_cluster import RedisCluster
from tests.support.redis_proxy import Proxy
from tests.support.redis_sentinel import RedisSentinels
from tests.support.redis_server import NOTHING, Persistence, RedisServer

__all__ = [
    "NewProxy",
    "NewServer",
    "cluster",
    "new_cluster",
    "new_proxy",
    "new_sentinels",
    "new_server",
    "redis62",
    "valkey",
]


class NewServer(Protocol):
    """Start a server for one test, of Valkey unless another ``binary`` is given."""

    def __call__(
        self,
        *,
        persistence: Persistence = "none",
        password: str = "",
        users: tuple[str, ...] = (),
        directives: Mapping[str, str] = NOTHING,
        binary: Path | None = None,
    ) -> RedisServer: ...


NewProxy = Callable[[int], Proxy]


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Give the session's Valkey server; tests share it, but not what they store (``dbname``)."""
    server = RedisServer(find_valkey(), tmp_path_factory.mktemp("valkey"))
    with ExitStack() as stack:
        stack.callback(server.close)
        server.start()
        yield server


@pytest.fixture(scope="session")
def redis62(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Give the session's Redis 6.2 server, shared likewise."""
    server = RedisServer(find_redis62(), tmp_path_factory.mktemp("redis62"))
    with ExitStack() as stack:
        stack.callback(server.close)
        server.start()
        yield server


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    """Give the session's three masters, shared likewise."""
    made = RedisCluster(find_valkey(), tmp_path_factory.mktemp("cluster"))
    with ExitStack() as stack:
        stack.callback(made.close)
        made.start()
        yield made


@pytest.fixture
def new_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewServer]:
    """Start servers that end with the test."""
    with ExitStack() as stack:

        def make(
            *,
            persistence: Persistence = "none",
            password: str = "",
            users: tuple[str, ...] = (),
            directives: Mapping[str, str] = NOTHING,
            binary: Path | None = None,
        ) -> RedisServer:
            server = RedisServer(
                binary or find_valkey(),
                tmp_path_factory.mktemp("server"),
                persistence=persistence,
                password=password,
                users=users,
                directives=directives,
            )
            stack.callback(server.close)
            server.start()
            return server

        yield make


@pytest.fixture
def new_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., RedisCluster]]:
    """Start clusters (``replicas``, ``persistence``, ``password``) that end with the test."""
    with ExitStack() as stack:

        def make(replicas: int = 0, persistence: Persistence = "none", password: str = "") -> RedisCluster:
            made = RedisCluster(
                find_valkey(),
                tmp_path_factory.mktemp("cluster"),
                replicas=replicas,
                persistence=persistence,
                password=password,
            )
            stack.callback(made.close)
            made.start()
            return made

        yield make


@pytest.fixture
def new_sentinels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., RedisSentinels]]:
    """Start masters with replicas and sentinels (``replicas``, ``sentinels``) that end with the test."""
    with ExitStack() as stack:

        def make(replicas: int = 1, sentinels: int = 1) -> RedisSentinels:
            made = RedisSentinels(
                find_valkey(), tmp_path_factory.mktemp("sentinels"), replicas=replicas, sentinels=sentinels
            )
            stack.callback(made.close)
            made.start()
            return made

        yield make


@pytest.fixture
def new_proxy() -> Iterator[NewProxy]:
    """Put proxies in front of ports; they end with the test."""
    with ExitStack() as stack:
        yield lambda target: stack.enter_context(Proxy(target))
