"""What is done to ten thousand firings from the monitor, in a browser, on each store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fdb_server import FdbServer
from tests.support.mongo_replica_set import MongoReplicaSet
from tests.support.redis_server import RedisServer
from tests.thorough.web.many import Many, app

__all__ = ["app"]


class TestOnSQLite(Many):
    """In a file of the test's own."""

    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'jobs.db'}"


class TestOnValkey(Many):
    """On a server that tests share, under a name of the test's own."""

    @pytest.fixture
    def url(self, valkey: RedisServer, dbname: str) -> str:
        return valkey.url(dbname)


class TestOnMongoDB(Many):
    """On a replica set that tests share, in a database of the test's own."""

    @pytest.fixture
    def url(self, replica_set: MongoReplicaSet, dbname: str) -> Iterator[str]:
        yield replica_set.url(dbname)
        replica_set.client().drop_database(dbname)


class TestOnFoundationDB(Many):
    """On a server that tests share, under a name of the test's own."""

    @pytest.fixture
    def url(self, fdb_server: FdbServer, dbname: str) -> str:
        return fdb_server.url(dbname)
