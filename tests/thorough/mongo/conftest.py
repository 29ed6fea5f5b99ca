"""The servers that the tests of this folder run against, and stores opened there."""

from __future__ import annotations

import pytest

from tests.mongo.conftest import open_store
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
from tests.thorough.mongo.breaking import Line

__all__ = [
    "config_of",
    "dbname",
    "mongo_config_of",
    "mongod",
    "mongod_binary",
    "new_mongo_proxy",
    "new_mongod",
    "new_replica_set",
    "open_store",
    "replica_set",
]


@pytest.fixture(params=["mongod", "replica_set"])
def line(
    request: pytest.FixtureRequest, new_mongo_proxy: NewMongoProxy, mongo_config_of: MongoConfigOf
) -> Line:
    """Give a store that is reached directly and over a line that breaks, on a server of either kind."""
    found: MongoServer | MongoReplicaSet = request.getfixturevalue(request.param)
    server = found if isinstance(found, MongoServer) else found.primary()
    return Line(server, new_mongo_proxy(server), mongo_config_of)
