"""Makes the example backend importable where it is not installed, and starts servers for the others."""

from __future__ import annotations

from tests.support.fdb_fixtures import fdb_server, stand_in
from tests.support.memory_example import make_importable
from tests.support.mongo_fixtures import (
    mongo_config_of,
    mongod,
    mongod_binary,
    new_mongo_proxy,
    new_mongod,
    used_mongo_config_of,
)
from tests.support.redis_fixtures import new_proxy, new_server, valkey
from tests.support.sqlite_fixtures import empty_store
from tests.support.store_fixtures import config_of, dbname

__all__ = [
    "config_of",
    "dbname",
    "empty_store",
    "fdb_server",
    "mongo_config_of",
    "mongod",
    "mongod_binary",
    "new_mongo_proxy",
    "new_mongod",
    "new_proxy",
    "new_server",
    "stand_in",
    "used_mongo_config_of",
    "valkey",
]

make_importable()
