"""The servers that the tests of this folder run against, and stores opened there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from skunkqueue.config import open_backend
from skunkqueue.persistence import BackendConfig
from skunkqueue.persistence.backend import Backend
from tests.mongo.breaking import Line
from tests.mongo.opening import OpenStore
from tests.support.mongo_fixtures import (
    MongoConfigOf,
    NewMongoProxy,
    mongo_config_of,
    mongod,
    mongod_binary,
    new_mongo_proxy,
    new_mongod,
    new_replica_set,
    replica_set,
)
from tests.support.mongo_replica_set import MongoReplicaSet
from tests.support.mongo_server import MongoServer
from tests.support.store_fixtures import config_of, dbname

__all__ = [
    "config_of",
    "dbname",
    "mongo_config_of",
    "mongod",
    "mongod_binary",
    "new_mongo_proxy",
    "new_mongod",
    "new_replica_set",
    "replica_set",
]


@pytest.fixture
def open_store() -> Iterator[OpenStore]:
    """Open stores that are closed when the test ends, before its servers are."""
    with ExitStack() as stack:

        def make(config: BackendConfig) -> Backend:
            opened = open_backend(config)
            stack.callback(opened.close)
            return opened

        yield make


@pytest.fixture(params=["mongod", "replica_set"])
def line(
    request: pytest.FixtureRequest, new_mongo_proxy: NewMongoProxy, mongo_config_of: MongoConfigOf
) -> Line:
    """Give a store that is reached directly and over a line that breaks, on a server of either kind."""
    found: MongoServer | MongoReplicaSet = request.getfixturevalue(request.param)
    server = found if isinstance(found, MongoServer) else found.primary()
    return Line(server, new_mongo_proxy(server), mongo_config_of)
