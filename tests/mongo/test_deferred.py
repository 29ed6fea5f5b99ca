"""Deferred writes: nothing of them is lost where no process is killed."""

from __future__ import annotations

import subprocess
import sys

from skunkqueue.contract.makers import LEASE, QUEUE, ROUTE, WORKER, counters, firing, firings
from tests.mongo.opening import OpenStore
from tests.support.mongo_fixtures import MongoConfigOf
from tests.support.mongo_server import MongoServer
from tests.support.waiting import eventually

FIRES = """
import sys
from skunkqueue.config import open_backend
from skunkqueue.contract.makers import firing
from skunkqueue.persistence import BackendConfig

store = open_backend(BackendConfig(backend="mongodb", url=sys.argv[1], dbname=sys.argv[2]))
for _ in range(int(sys.argv[3])):
    store.enqueue([firing()])
"""
"""A program that ends without closing its store."""


def test_a_process_that_ends_has_counted_all_that_it_fired(
    mongod: MongoServer, mongo_config_of: MongoConfigOf, open_store: OpenStore
) -> None:
    config = mongo_config_of(mongod)
    store = open_store(config)

    subprocess.run([sys.executable, "-c", FIRES, str(config.url), config.dbname, "70"], check=True)

    assert counters(store)["enqueued"] == 70


def test_the_last_wakeup_of_a_series_arrives(
    mongod: MongoServer, mongo_config_of: MongoConfigOf, open_store: OpenStore
) -> None:
    config = mongo_config_of(mongod)
    producer, worker = open_store(config), open_store(config)
    worker.claim_next(QUEUE, ROUTE, WORKER, 1, LEASE, timeout=0.05)
    for made in firings(50):
        producer.enqueue([made])

    claimed = 0
    while claimed < 50:
        # Without a wake-up this returns nothing when its time is over.
        lent = worker.claim_next(QUEUE, ROUTE, WORKER, 7, LEASE, timeout=20.0)
        assert lent
        claimed += len(lent)


def test_counts_are_written_though_nothing_follows(
    mongod: MongoServer, mongo_config_of: MongoConfigOf, open_store: OpenStore
) -> None:
    config = mongo_config_of(mongod)
    store, other = open_store(config), open_store(config)
    for _ in range(30):
        store.enqueue([firing()])

    eventually(lambda: counters(other)["enqueued"] == 30)


def test_closing_writes_what_was_counted(
    mongod: MongoServer, mongo_config_of: MongoConfigOf, open_store: OpenStore
) -> None:
    config = mongo_config_of(mongod)
    store, other = open_store(config), open_store(config)
    for _ in range(30):
        store.enqueue([firing()])
    store.close()

    assert counters(other)["enqueued"] == 30
