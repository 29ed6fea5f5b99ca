"""Due times and leases go by the server's clock: a process whose own is wrong does no harm."""

from __future__ import annotations

import time

import pytest

from skunkqueue.clock import SYSTEM_CLOCK
from skunkqueue.contract.makers import QUEUE, ROUTE, WORKER, claim, firing, firings, outcome, read
from skunkqueue.persistence.backend import Backend
from skunkqueue.persistence.mongodb.server_time import ServerTime
from skunkqueue.records import Verdict
from tests.mongo.opening import OpenStore
from tests.support.mongo_fixtures import MongoConfigOf
from tests.support.mongo_server import MongoServer

HOUR = 3_600.0


@pytest.fixture
def store(
    mongod: MongoServer,
    mongo_config_of: MongoConfigOf,
    open_store: OpenStore,
    monkeypatch: pytest.MonkeyPatch,
) -> Backend:
    """Open a store in a process whose clock is an hour ahead."""
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + HOUR)
    return open_store(mongo_config_of(mongod))


def test_firings_of_a_producer_that_is_ahead_are_due_now(store: Backend) -> None:
    made = [firing(), *firings(3)]
    store.enqueue(made[:1])
    store.enqueue(made[1:])

    records = [read(store, one.id) for one in made]
    assert all(abs(record.due - store.now()) < HOUR / 2 for record in records)
    assert all(abs(record.enqueued - store.now()) < HOUR / 2 for record in records)
    assert len(claim(store, 10)) == 4


def test_a_worker_that_is_ahead_claims_nothing_before_its_time(store: Backend) -> None:
    store.enqueue([firing(delay=HOUR / 2)])

    assert claim(store) == []
    assert store.wait(QUEUE, ROUTE, WORKER, 0.0) is False


def test_a_worker_that_is_ahead_takes_no_lease_that_lasts(store: Backend) -> None:
    store.enqueue([firing()])
    (lent,) = claim(store, lease=60.0)

    assert claim(store, worker="other") == []
    assert 50.0 < (read(store, lent.id).lease_left or 0.0) <= 60.0
    assert abs(lent.claimed - store.now()) < HOUR / 2


def test_a_retry_counts_from_the_servers_now(store: Backend) -> None:
    store.enqueue([firing()])
    (lent,) = claim(store)
    store.settle([outcome(lent, Verdict.RETRY, delay=60.0)])

    assert 50.0 < read(store, lent.id).due - store.now() <= 60.0


def test_estimates_are_in_whole_milliseconds_so_that_what_is_due_now_is_due_for_the_server() -> None:
    server = ServerTime(SYSTEM_CLOCK, lambda: 0.0)
    server.learn(1_700_000_000.001)

    estimates = [server.about_now() for _ in range(1_000)]

    assert [round(1e3 * estimate) / 1e3 for estimate in estimates] == estimates
