"""How often the server is asked for what people read: once, however many firings an answer has."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
    register,
)

from skunkqueue import SkunkQueue, State
from skunkqueue.clock import VirtualClock
from skunkqueue.config import open_backend
from skunkqueue.contract.makers import QUEUE, ROUTE, claim, declared, firing, firings, ids, outcome
from skunkqueue.errors import FiringFailedError
from skunkqueue.listings import Query
from skunkqueue.persistence.backend import HISTORY_LENGTH, Backend
from skunkqueue.records import Verdict
from tests.mongo.opening import OpenStore
from tests.support.mongo_fixtures import MongoConfigOf
from tests.support.mongo_server import MongoServer

MANY = 1_000


class Listener(CommandListener):
    """Notes how one store is read. Nobody waits there, so no stream is open; what is deferred writes, and reads nothing."""

    def __init__(self) -> None:
        self.dbname: str | None = None
        self.sent: list[str] = []
        self.bytes = 0

    def started(self, event: CommandStartedEvent) -> None:
        if event.database_name == self.dbname and event.command_name in {"find", "aggregate", "getMore"}:
            self.sent.append(event.command_name)

    def succeeded(self, event: CommandSucceededEvent) -> None:
        if event.database_name == self.dbname:
            self.bytes += len(str(event.reply))

    def failed(self, event: CommandFailedEvent) -> None:
        pass

    def of(self, dbname: str, what: Callable[[], object]) -> list[str]:
        """Return the commands by which something reads this store."""
        self.sent, self.bytes, self.dbname = [], 0, dbname
        try:
            what()
        finally:
            self.dbname = None
        return self.sent


LISTENER = Listener()


@pytest.fixture(scope="module", autouse=True)
def registered() -> None:
    """Listen to all clients that are made from now on; pymongo does not stop before the process ends."""
    register(LISTENER)


@pytest.fixture
def store(mongod: MongoServer, mongo_config_of: MongoConfigOf, open_store: OpenStore) -> Backend:
    """Open a store whose server's time is known."""
    opened = open_store(mongo_config_of(mongod))
    opened.now()
    return opened


def finished(store: Backend) -> list[str]:
    """Put in a thousand firings with large bodies, half of which fail."""
    made = firings(MANY, body=b"b" * 2_000, job="shop:buy")
    store.enqueue(made)
    lent = claim(store, MANY)
    store.settle([outcome(one, result=b"r") for one in lent[: MANY // 2]])
    store.settle([outcome(one, Verdict.ERROR, error="ValueError: 1") for one in lent[MANY // 2 :]])
    return ids(made)


def test_results_of_a_thousand_are_read_in_one_round_trip_and_without_bodies(
    store: Backend, dbname: str
) -> None:
    asked = finished(store)

    assert LISTENER.of(dbname, lambda: store.results(asked)) == ["find"]
    assert LISTENER.bytes < MANY * 500


def test_a_queue_reads_results_and_failures_in_one_round_trip(
    store: Backend, mongod: MongoServer, dbname: str
) -> None:
    asked = finished(store)
    with SkunkQueue(QUEUE, conn_url=mongod.url(), dbname=dbname) as queue:
        handles = [queue.handle(id_) for id_ in asked[MANY // 2 :]]
        queue.backend.now()
        found = list[object]()
        assert LISTENER.of(dbname, lambda: found.extend(queue.results(handles, errors=True))) == ["find"]

    assert {type(one) for one in found} == {FiringFailedError}


def test_a_page_of_a_thousand_rows_is_read_in_one_round_trip(store: Backend, dbname: str) -> None:
    finished(store)
    query = Query(queue=QUEUE, states=(State.COMPLETE,))
    store.rows(query, MANY)

    sent = LISTENER.of(dbname, lambda: store.rows(query, MANY))

    assert "getMore" not in sent


@pytest.fixture
def twins(mongod: MongoServer, mongo_config_of: MongoConfigOf) -> Iterator[tuple[Backend, Backend]]:
    """Open a store twice, as two processes would, at one time."""
    clock = VirtualClock()
    first, second = (open_backend(mongo_config_of(mongod), clock=clock) for _ in range(2))
    yield first, second
    first.close()
    second.close()


def test_what_another_process_has_sampled_is_not_counted_again(
    twins: tuple[Backend, Backend], dbname: str
) -> None:
    first, second = twins
    first.enqueue([firing(route=f"r{number}") for number in range(30)])
    assert first.sample() == 30

    assert LISTENER.of(dbname, second.sample) == ["find", "find"]


READS: dict[str, Callable[[Backend], object]] = {
    "schedules": lambda store: store.schedules(QUEUE),
    "get_schedule": lambda store: store.get_schedule(QUEUE, "hourly"),
    "get_schedules": lambda store: store.get_schedules(QUEUE, ["hourly"]),
    "schedule_page": lambda store: store.schedule_page(QUEUE),
    "idle_schedules": lambda store: store.idle_schedules(QUEUE, ROUTE),
}


@pytest.mark.parametrize("verb", READS)
def test_schedules_are_read_without_their_histories(
    store: Backend, mongod: MongoServer, dbname: str, verb: str
) -> None:
    declared(store)
    run = {"id": "a" * 24, "began": 1.0, "took": 1.0, "verdict": "complete", "interval": 60.0}
    runs = {"history": [run] * HISTORY_LENGTH, "lates": [{"id": "a" * 24, "late": 0.0}] * HISTORY_LENGTH}
    mongod.client()[dbname].schedules.update_one({}, {"$set": runs})
    assert len(store.history(QUEUE, "hourly")) == HISTORY_LENGTH

    assert LISTENER.of(dbname, lambda: READS[verb](store))
    assert LISTENER.bytes < 2_000
