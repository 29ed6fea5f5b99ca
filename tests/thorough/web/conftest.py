"""The servers that the tests of this folder run against, and the browser."""

from __future__ import annotations

from tests.support.fdb_fixtures import fdb_server
from tests.support.mongo_fixtures import mongo_config_of, mongod_binary, replica_set
from tests.support.redis_fixtures import valkey
from tests.support.sqlite_fixtures import empty_store
from tests.support.store_fixtures import config_of, dbname
from tests.web.browser.conftest import address, browser, page
from tests.web.conftest import compiled, secret, template_cache

__all__ = [
    "address",
    "browser",
    "compiled",
    "config_of",
    "dbname",
    "empty_store",
    "fdb_server",
    "mongo_config_of",
    "mongod_binary",
    "page",
    "replica_set",
    "secret",
    "template_cache",
    "valkey",
]
