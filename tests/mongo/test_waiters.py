"""What waiters get to know when they are woken."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from skunkqueue.contract.makers import LEASE, QUEUE, ROUTE, WORKER, firing, worker
from skunkqueue.persistence.mongodb.backend import MongoBackend
from skunkqueue.persistence.mongodb.documents import place_of
from skunkqueue.persistence.mongodb.waiters import Waiter, Waiters
from skunkqueue.records import Command
from tests.mongo.opening import OpenStore
from tests.support.mongo_fixtures import MongoConfigOf
from tests.support.mongo_replica_set import MongoReplicaSet
from tests.support.mongo_server import MongoServer

PATIENCE = 10.0


class Noting(Waiter):
    """Notes its news whenever it is woken."""

    def __init__(self, topics: Iterable[str], ids: Iterable[str]) -> None:
        super().__init__(topics, ids)
        self.seen: list[set[str]] = []

    def wake(self, ids: Iterable[str] = ()) -> None:
        super().wake(ids)
        self.seen.append(set(self.news))


def test_who_waits_for_many_firings_is_woken_once_for_all_that_end_together() -> None:
    waiters = Waiters()
    ids = [f"{number:024}" for number in range(100)]
    many, other, worker = Noting((), ids), Noting((), ["f" * 24]), Noting(["demo\nfoo"], ())
    for one in (many, other, worker):
        waiters.add(one)

    waiters.dispatch((), ids[10:60])
    waiters.dispatch(["demo\nfoo"], ids[:1])

    assert many.seen == [set(ids[10:60]), {ids[0], *ids[10:60]}]
    assert (other.seen, worker.seen) == ([], [set()])


def test_a_wait_that_begins_without_a_stream_does_not_end_for_nothing(
    mongod: MongoServer,
    mongo_config_of: MongoConfigOf,
    open_store: OpenStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("skunkqueue.persistence.mongodb.wakeups._PATIENCE", 0.0)
    store, other = open_store(mongo_config_of(mongod)), open_store(mongo_config_of(mongod))
    # Its route is listed, so that a wait goes on after its first look.
    other.enqueue([firing(delay=3_600.0)])

    assert store.wait(QUEUE, ROUTE, WORKER, 0.5) is False


@pytest.mark.parametrize("queue", ["@demo", "@", "demo", f"@{WORKER}"])
def test_a_change_stream_wakes_who_waits_for_a_queue_of_any_name(
    replica_set: MongoReplicaSet, mongo_config_of: MongoConfigOf, open_store: OpenStore, queue: str
) -> None:
    store, other = (open_store(mongo_config_of(replica_set)) for _ in range(2))
    assert isinstance(store, MongoBackend)
    other.register(worker(), LEASE)
    wakeups = store._store.wakeups

    with wakeups.waiter([place_of(queue, ROUTE), f"@{WORKER}"], timeout=PATIENCE) as waiter:
        other.enqueue([firing(queue=queue)])
        assert waiter.wait(PATIENCE)
        assert other.send(WORKER, Command(verb="stop"))
        assert waiter.wait(PATIENCE)
