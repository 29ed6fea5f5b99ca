"""The servers that the tests of this folder run against, and stores opened there."""

from __future__ import annotations

from tests.fdb.conftest import bound, server
from tests.redis.conftest import open_store
from tests.support.fdb_fixtures import (
    fdb_behind_proxy,
    fdb_cluster,
    fdb_server,
    new_fdb_server,
    new_stand_in,
    stand_in,
)
from tests.support.store_fixtures import config_of, dbname

__all__ = [
    "bound",
    "config_of",
    "dbname",
    "fdb_behind_proxy",
    "fdb_cluster",
    "fdb_server",
    "new_fdb_server",
    "new_stand_in",
    "open_store",
    "server",
    "stand_in",
]
