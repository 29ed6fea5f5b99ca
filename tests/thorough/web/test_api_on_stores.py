"""What programs read of the monitor, on each store: the API, the metrics and the health checks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from skunkqueue.persistence import Backend
from skunkqueue.web.live.events import KEY as EVENTS
from skunkqueue.web.operations import KEY as OPERATIONS
from skunkqueue.web.source import KEY as SOURCE
from tests.support.fdb_server import FdbServer
from tests.support.mongo_replica_set import MongoReplicaSet
from tests.support.redis_server import RedisServer
from tests.web.api.reads import READS, fill_and_act, read
from tests.web.firings import QUEUE

pytestmark = pytest.mark.usefixtures("strategies")


class Read:
    """A test has a store of its own, at the ``url`` of a subclass."""

    @pytest.fixture
    def client(self, app: Flask) -> Iterator[FlaskClient]:
        yield app.test_client()
        for part in (EVENTS, OPERATIONS, SOURCE):
            app.extensions[part].close()

    def test_all_that_programs_read_is_what_the_documents_say(
        self, client: FlaskClient, store: Backend
    ) -> None:
        for name, addresses in fill_and_act(client, store).items():
            for address in addresses:
                read(client, READS[name], address)

        samples = [
            (sample.name, sample.labels, sample.value)
            for family in text_string_to_metric_families(client.get("/metrics").text)
            for sample in family.samples
        ]
        assert ("skunkqueue_store_up", {}, 1.0) in samples
        labels = {"queue": QUEUE, "route": "default", "job": "shop:send", "state": "error"}
        assert ("skunkqueue_firings_finished_total", labels, 1.0) in samples
        assert client.get("/readyz").status_code == 200


class TestOnValkey(Read):
    """On a server that tests share, under a name of the test's own."""

    @pytest.fixture
    def url(self, valkey: RedisServer, dbname: str) -> str:
        return valkey.url(dbname)


class TestOnMongoDB(Read):
    """On a replica set that tests share, in a database of the test's own."""

    @pytest.fixture
    def url(self, replica_set: MongoReplicaSet, dbname: str) -> Iterator[str]:
        yield replica_set.url(dbname)
        replica_set.client().drop_database(dbname)


class TestOnFoundationDB(Read):
    """On a server that tests share, under a name of the test's own."""

    @pytest.fixture
    def url(self, fdb_server: FdbServer, dbname: str) -> str:
        return fdb_server.url(dbname)
