"""Deferred writes: nothing of them is lost where no process is killed."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from skunkqueue.contract.makers import LEASE, QUEUE, ROUTE, WORKER, counters, firing, firings
from skunkqueue.persistence.mongodb.backend import MongoBackend
from skunkqueue.persistence.mongodb.count_writer import Span
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


def test_a_read_of_counts_waits_for_those_that_another_thread_writes(
    mongod: MongoServer, mongo_config_of: MongoConfigOf, open_store: OpenStore
) -> None:
    store = open_store(mongo_config_of(mongod))
    assert isinstance(store, MongoBackend)
    deferred = store._store.deferred
    write, is_writing, may_end = deferred._write, threading.Event(), threading.Event()

    def write_slowly(sums: Mapping[Span, dict[str, float]]) -> None:
        is_writing.set()
        assert may_end.wait(60)
        write(sums)

    deferred._write = write_slowly
    with ThreadPoolExecutor(2) as threads:
        counting = threads.submit(deferred.count, [(Span(QUEUE, ROUTE, "", 1), {"enqueued": 1.0})])
        assert is_writing.wait(60)
        reading = threads.submit(deferred.finish_counts)
        # It has looked, and waits.
        eventually(lambda: any(latch._gates for _, latch in deferred._writing))
        assert not reading.done()
        may_end.set()
        counting.result(60)
        reading.result(60)
    assert not deferred._writing


def test_closing_waits_for_counts_that_another_thread_writes(
    mongod: MongoServer,
    mongo_config_of: MongoConfigOf,
    open_store: OpenStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("skunkqueue.persistence.mongodb.deferred._EXIT_TIMEOUT", 60.0)
    config = mongo_config_of(mongod)
    store, other = open_store(config), open_store(config)
    assert isinstance(store, MongoBackend)
    deferred = store._store.deferred
    write, is_writing, may_end = deferred._write, threading.Event(), threading.Event()

    def write_slowly(sums: Mapping[Span, dict[str, float]]) -> None:
        is_writing.set()
        assert may_end.wait(60)
        write(sums)

    deferred._write = write_slowly
    with ThreadPoolExecutor(2) as threads:
        enqueueing = threads.submit(store.enqueue, [firing()])
        assert is_writing.wait(60)
        closing = threads.submit(store.close)
        eventually(lambda: any(latch._gates for _, latch in deferred._writing))
        may_end.set()
        enqueueing.result(60)
        closing.result(60)

    assert counters(other)["enqueued"] == 1
