"""Starts the servers that the kit runs on here."""

from __future__ import annotations

from tests.support.fdb_fixtures import fdb_behind_proxy, fdb_cluster, fdb_server, stand_in
from tests.support.mongo_fixtures import (
    mongo_config_of,
    mongod_binary,
    new_mongo_proxy,
    new_replica_set,
    replica_set,
    used_mongo_config_of,
)
from tests.support.redis_fixtures import cluster, new_cluster, new_proxy, new_server, redis62
from tests.support.store_fixtures import config_of, dbname

__all__ = [
    "cluster",
    "config_of",
    "dbname",
    "fdb_behind_proxy",
    "fdb_cluster",
    "fdb_server",
    "mongo_config_of",
    "mongod_binary",
    "new_cluster",
    "new_mongo_proxy",
    "new_proxy",
    "new_replica_set",
    "new_server",
    "redis62",
    "replica_set",
    "stand_in",
    "used_mongo_config_of",
]
