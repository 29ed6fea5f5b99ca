"""Due times and leases go by the server's clock: a process whose own is wrong does no harm."""

from __future__ import annotations

import time

import pytest

from skunkqueue.clock import SYSTEM_CLOCK
from skunkqueue.contract.makers import (
    QUEUE,
    ROUTE,
    WORKER,
    claim,
    firing,
    firings,
    outcome,
    pool,
    read,
    worker,
)
from skunkqueue.persistence.backend import Backend
from skunkqueue.persistence.mongodb import server_time
from skunkqueue.persistence.mongodb.server_time import ServerTime
from skunkqueue.records import Verdict
from tests.mongo.opening import OpenStore
from tests.support.mongo_fixtures import MongoConfigOf, NewMongoProxy
from tests.support.mongo_server import MongoServer
from tests.support.waiting import eventually

HOUR = 3_600.0
BRIEF = 0.05
"""Seconds of a lease that is to end at once."""


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


@pytest.fixture
def late_store(
    mongod: MongoServer, mongo_config_of: MongoConfigOf, new_mongo_proxy: NewMongoProxy, open_store: OpenStore
) -> Backend:
    """Open a store over a line that was slow at first."""
    proxy = new_mongo_proxy(mongod)
    proxy.answer_late(2 * BRIEF)
    store = open_store(mongo_config_of(mongod, mongod.url(port=proxy.port)))
    proxy.answer_late(0.0)
    return store


def test_a_sweep_forgets_who_died_though_the_store_was_slow_to_open(
    late_store: Backend, mongod: MongoServer, mongo_config_of: MongoConfigOf, open_store: OpenStore
) -> None:
    other = open_store(mongo_config_of(mongod))
    other.register(worker(), BRIEF)
    other.register_pool(pool(), BRIEF)
    eventually(lambda: not other.workers() and not other.pools(), what="both are dead")

    assert late_store.sweep() == 2


def test_a_firing_is_not_due_early_though_the_store_was_slow_to_open(
    late_store: Backend, mongod: MongoServer, mongo_config_of: MongoConfigOf, open_store: OpenStore
) -> None:
    before = open_store(mongo_config_of(mongod)).now()
    late = firing(delay=60.0)
    late_store.enqueue([late])

    assert read(late_store, late.id).due > before + 60.0 - BRIEF


class Wire:
    """A server whose clock runs with ours, and whose answers take as long as we say, one after the other."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *takes: float) -> None:
        self.passed = 1_000.0
        self.ahead = 1_700_000_000.0
        self.takes = list(takes)
        monkeypatch.setattr(server_time, "monotonic", lambda: self.passed)
        monkeypatch.setattr(time, "time", lambda: self.passed)
        self.time = ServerTime(SYSTEM_CLOCK, self.ask)

    def now(self) -> float:
        return self.passed + self.ahead

    def ask(self) -> float:
        now = self.now()
        self.passed += self.takes.pop(0)
        return now

    def behind(self) -> float:
        """Return by how much the estimate is behind."""
        return self.now() - self.time.about_now()


def test_the_server_is_asked_again_after_a_slow_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire(monkeypatch, 2.0, 0.002, 0.002)

    assert wire.behind() < 0.005
    assert len(wire.takes) == 1


def test_the_server_is_not_asked_for_ever_where_all_answers_are_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire(monkeypatch, 0.3, 0.1, 0.2, 0.1)

    assert wire.behind() < 0.11
    assert len(wire.takes) == 1


def test_a_slow_answer_does_not_spoil_what_a_quick_one_said(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire(monkeypatch, 0.002, 2.0)
    wire.time.now()
    wire.time.now()

    assert wire.behind() < 0.005


def test_a_slow_answer_is_believed_where_it_disproves_a_quick_one(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire(monkeypatch, 0.002, 2.0)
    wire.time.now()
    wire.ahead -= HOUR
    wire.time.now()

    assert 0.0 <= wire.behind() < 2.1


def test_estimates_are_in_whole_milliseconds_so_that_what_is_due_now_is_due_for_the_server() -> None:
    server = ServerTime(SYSTEM_CLOCK, lambda: 1_700_000_000.001)

    estimates = [server.about_now() for _ in range(1_000)]

    assert [round(1e3 * estimate) / 1e3 for estimate in estimates] == estimates
