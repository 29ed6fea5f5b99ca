"""Fixtures: the MongoDB servers of a test session, stores on them, and servers of a test's own.

To be imported by the ``conftest.py`` of folders that need them, with those of ``store_fixtures``. Each
session (each process of a parallel run) starts its own servers when the first test asks, and ends them itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from skunkqueue.config import resolve
from skunkqueue.persistence import BackendConfig
from tests.support.mongo_binaries import find_mongod
from tests.support.mongo_proxy import MongoProxy
from tests.support.mongo_replica_set import MongoReplicaSet
from tests.support.mongo_server import NOTHING, MongoServer, User
from tests.support.store_fixtures import ConfigOf

__all__ = [
    "MongoConfigOf",
    "NewMongoProxy",
    "NewMongod",
    "NewReplicaSet",
    "mongo_config_of",
    "mongod",
    "mongod_binary",
    "new_mongo_proxy",
    "new_mongod",
    "new_replica_set",
    "replica_set",
    "used_mongo_config_of",
]


USED = "used"
LASTING = ("meta", "bells")
"""Collections in which nothing is that a test could find: the format, and rings that nobody hears any more."""


class NewMongod(Protocol):
    """Start a standalone server for one test."""

    def __call__(
        self,
        *,
        users: Sequence[User] = (),
        parameters: Mapping[str, str] = NOTHING,
        durable: bool = False,
    ) -> MongoServer: ...


class NewReplicaSet(Protocol):
    """Start a replica set for one test."""

    def __call__(
        self,
        members: int = 1,
        *,
        users: Sequence[User] = (),
        parameters: Mapping[str, str] = NOTHING,
        durable: bool = False,
    ) -> MongoReplicaSet: ...


class MongoConfigOf(Protocol):
    """Make the config of this test's own store on a server; ``url`` where it is reached another way."""

    def __call__(
        self, server: MongoServer | MongoReplicaSet, url: str = "", **options: str
    ) -> BackendConfig: ...


UsedMongoConfigOf = Callable[[MongoServer | MongoReplicaSet], BackendConfig]
NewMongoProxy = Callable[[MongoServer], MongoProxy]


@pytest.fixture(scope="session")
def mongod_binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Find the server once."""
    return find_mongod(tmp_path_factory.mktemp("mongod-binary"))


@pytest.fixture(scope="session")
def mongod(mongod_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    """Give the session's standalone server; tests share it, but not what they store (``dbname``)."""
    with ExitStack() as stack:
        server = MongoServer(mongod_binary, tmp_path_factory.mktemp("mongod"))
        stack.callback(server.close)
        server.start()
        yield server


@pytest.fixture(scope="session")
def replica_set(mongod_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoReplicaSet]:
    """Give the session's replica set of one server, shared likewise."""
    with ExitStack() as stack:
        made = MongoReplicaSet(mongod_binary, tmp_path_factory.mktemp("replica-set"))
        stack.callback(made.close)
        made.start()
        yield made


@pytest.fixture
def mongo_config_of(config_of: ConfigOf, dbname: str) -> Iterator[MongoConfigOf]:
    """Make configs whose database is dropped after the test, from every server that it was on."""
    with ExitStack() as stack:

        def make(server: MongoServer | MongoReplicaSet, url: str = "", **options: str) -> BackendConfig:
            stack.callback(_drop, server, dbname)
            return config_of(url or server.url(), **options)

        yield make


@pytest.fixture
def used_mongo_config_of() -> Iterator[UsedMongoConfigOf]:
    """Make the config of a store on a shared server that tests use one after the other, each emptying it after itself.

    To make a store of one's own takes ten times as long, most of it for files of collections and indexes.
    """
    with ExitStack() as stack:

        def make(server: MongoServer | MongoReplicaSet) -> BackendConfig:
            stack.callback(_empty, server, USED)
            return resolve(conn_url=server.url(), dbname=USED)

        yield make


@pytest.fixture
def new_mongod(mongod_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewMongod]:
    """Start servers that end with the test."""
    with ExitStack() as stack:

        def make(
            *,
            users: Sequence[User] = (),
            parameters: Mapping[str, str] = NOTHING,
            durable: bool = False,
        ) -> MongoServer:
            server = MongoServer(
                mongod_binary,
                tmp_path_factory.mktemp("mongod"),
                users=users,
                parameters=parameters,
                durable=durable,
            )
            stack.callback(server.close)
            server.start()
            return server

        yield make


@pytest.fixture
def new_replica_set(mongod_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewReplicaSet]:
    """Start replica sets that end with the test."""
    with ExitStack() as stack:

        def make(
            members: int = 1,
            *,
            users: Sequence[User] = (),
            parameters: Mapping[str, str] = NOTHING,
            durable: bool = False,
        ) -> MongoReplicaSet:
            made = MongoReplicaSet(
                mongod_binary,
                tmp_path_factory.mktemp("replica-set"),
                members,
                users=users,
                parameters=parameters,
                durable=durable,
            )
            stack.callback(made.close)
            made.start()
            return made

        yield make


@pytest.fixture
def new_mongo_proxy() -> Iterator[NewMongoProxy]:
    """Put proxies in front of servers; they end with the test."""
    with ExitStack() as stack:
        yield lambda server: stack.enter_context(MongoProxy(server.port))


def _empty(server: MongoServer | MongoReplicaSet, dbname: str) -> None:
    db = server.client()[dbname]
    for name in db.list_collection_names(filter={"name": {"$nin": LASTING}}):
        db[name].delete_many({})


def _drop(server: MongoServer | MongoReplicaSet, dbname: str) -> None:
    servers = [server] if isinstance(server, MongoServer) else server.servers
    # What a test has killed or stopped is its own, and goes with it.
    if all(one.running for one in servers):
        server.client().drop_database(dbname)
