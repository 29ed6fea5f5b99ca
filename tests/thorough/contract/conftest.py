"""Starts the servers that the kit runs on here."""

from __future__ import annotations

from tests.support.mongo_fixtures import mongo_config_of, mongod_binary, replica_set
from tests.support.redis_fixtures import cluster, redis62
from tests.support.store_fixtures import config_of, dbname

__all__ = [
    "cluster",
    "config_of",
    "dbname",
    "mongo_config_of",
    "mongod_binary",
    "redis62",
    "replica_set",
]
