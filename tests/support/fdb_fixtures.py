"""Fixtures: the FoundationDB servers of a test session, those of a test's own, and those of the stand-in.

To be imported by the ``conftest.py`` of folders that need them. Each session (each process of a
parallel run) starts its own servers when the first test asks, and ends them itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Protocol

import pytest

from skunkqueue.persistence import BackendConfig
from tests.support.certificates import Files
from tests.support.fdb_proxy import FdbProxy
from tests.support.fdb_server import Engine, FdbCluster, FdbServer, find_fdbserver, is_here
from tests.support.fdb_standin.process import StandInServer
from tests.support.store_fixtures import ConfigOf

__all__ = [
    "NewFdbServer",
    "NewStandIn",
    "fdb_behind_proxy",
    "fdb_cluster",
    "fdb_server",
    "new_fdb_server",
    "new_stand_in",
    "stand_in",
]


class NewFdbServer(Protocol):
    """Start a server for one test."""

    def __call__(self, *, engine: Engine = "memory", tls: Files | None = None) -> FdbServer: ...


NewStandIn = Callable[[], StandInServer]


@pytest.fixture(scope="session")
def fdb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FdbServer]:
    """Give the session's FoundationDB server (memory engine); tests share it, but not what they store (``dbname``)."""
    server = FdbServer(find_fdbserver(), tmp_path_factory.mktemp("fdb"))
    with ExitStack() as stack:
        stack.callback(server.close)
        server.start()
        yield server


@pytest.fixture(scope="session")
def fdb_behind_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FdbServer, FdbProxy]]:
    """Give a server of the session that is reached through a proxy; a test that breaks something there repairs it again."""
    server = FdbServer(find_fdbserver(), tmp_path_factory.mktemp("fdb"))
    with ExitStack() as stack:
        stack.callback(server.close)
        proxy = stack.enter_context(server.behind_proxy())
        server.start()
        yield server, proxy


@pytest.fixture(scope="session")
def fdb_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FdbCluster]:
    """Give the session's cluster of three processes, shared likewise."""
    made = FdbCluster(find_fdbserver(), tmp_path_factory.mktemp("fdb-cluster"))
    with ExitStack() as stack:
        stack.callback(made.close)
        made.start()
        yield made


@pytest.fixture
def new_fdb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewFdbServer]:
    """Start servers that end with the test."""
    with ExitStack() as stack:

        def make(*, engine: Engine = "memory", tls: Files | None = None) -> FdbServer:
            server = FdbServer(find_fdbserver(), tmp_path_factory.mktemp("fdb"), engine=engine, tls=tls)
            stack.callback(server.close)
            server.start()
            return server

        yield make


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandInServer]:
    """Give the session's stand-in; tests share it, but not what they store (``dbname``)."""
    server = StandInServer(tmp_path_factory.mktemp("stand-in"))
    with ExitStack() as stack:
        stack.callback(server.close)
        server.start()
        yield server


@pytest.fixture
def new_stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewStandIn]:
    """Start servers of the stand-in that end with the test."""
    with ExitStack() as stack:

        def make() -> StandInServer:
            server = StandInServer(tmp_path_factory.mktemp("stand-in"))
            stack.callback(server.close)
            server.start()
            return server

        yield make


def fdb_config(request: pytest.FixtureRequest, config_of: ConfigOf) -> BackendConfig:
    """Make the config of a fresh store: on the server of the session, or on the stand-in where there is none."""
    if is_here():
        server: FdbServer = request.getfixturevalue("fdb_server")
        return config_of(server.url())
    stand_in: StandInServer = request.getfixturevalue("stand_in")
    # On a busy machine a server in Python takes as long as it takes.
    return config_of(f"{stand_in.url()}?retry_for=120&timeout=60")
