"""The servers that the tests of this folder run against, and the browser."""

from __future__ import annotations

from tests.support.fdb_fixtures import fdb_server
from tests.support.mongo_fixtures import mongo_config_of, mongod_binary, replica_set
from tests.support.redis_fixtures import valkey
from tests.support.sqlite_fixtures import empty_store
from tests.support.store_fixtures import config_of, dbname
from tests.web.browser.conftest import address, page
from tests.web.conftest import app, compiled, queue, secret, store, template_cache, url

__all__ = [
    "address",
    "app",
    "compiled",
    "config_of",
    "dbname",
    "empty_store",
    "fdb_server",
    "mongo_config_of",
    "mongod_binary",
    "page",
    "queue",
    "replica_set",
    "secret",
    "store",
    "template_cache",
    "url",
    "valkey",
]
