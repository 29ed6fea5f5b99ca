"""What others find when a process stopped half-way: whether they may finish its batch, and what must not be removed yet."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.makers import claimed, counts, firing, firings, ids, outcome, state
from skunkqueue.errors import BackendUnavailableError
from skunkqueue.persistence.backend import HALF_DONE
from skunkqueue.persistence.mongodb.backend import MongoBackend
from skunkqueue.records import State, Verdict
from tests.support.mongo_fixtures import MongoConfigOf, NewMongoProxy
from tests.support.mongo_server import MongoServer

HASTY = {"retry_for": "0", "connect_timeout": "10"}


class Place:
    """One store: reached directly, by hand, and over a line that a test cuts."""

    def __init__(self, server: MongoServer, make: MongoConfigOf, proxy: NewMongoProxy) -> None:
        self.clock = VirtualClock()
        self.proxy = proxy(server)
        config = make(server)
        far = make(server, server.url(port=self.proxy.port), **HASTY)
        self.near = MongoBackend.open(config, clock=self.clock)
        self.far = MongoBackend.open(far, clock=self.clock)
        self.client: MongoClient[dict[str, Any]] = server.client()
        self.db: Database[dict[str, Any]] = self.client[config.dbname]


@pytest.fixture
def place(mongod: MongoServer, mongo_config_of: MongoConfigOf, new_mongo_proxy: NewMongoProxy) -> Any:
    made = Place(mongod, mongo_config_of, new_mongo_proxy)
    yield made
    made.proxy.repair()
    made.near.close()
    made.far.close()


def left_behind(place: Place, batch: list[Any]) -> None:
    """Have a batch accepted by a process that dies before it inserts any of it."""
    place.near.enqueue([firing()])
    place.far.enqueue([firing()])
    place.near.purge("demo")
    place.proxy.cut_after(1)
    with pytest.raises(BackendUnavailableError):
        place.far.enqueue(batch)
    assert place.db.parcels.count_documents({}) == 1
    assert counts(place.near) == {}


def test_a_staged_batch_that_is_being_worked_on_is_left_alone(place: Place) -> None:
    batch = firings(3)
    left_behind(place, batch)
    place.clock.advance(HALF_DONE + 0.1)
    place.db.parcels.update_one({}, {"$set": {"touched": place.clock.now()}})

    place.near.sweep()
    assert counts(place.near) == {}

    place.clock.advance(HALF_DONE + 0.1)
    place.near.sweep()
    assert counts(place.near) == {State.PENDING: 3}


def test_what_is_purged_does_not_come_back(place: Place) -> None:
    batch = firings(3)
    place.near.enqueue([firing()])
    place.far.enqueue([firing()])
    place.near.purge("demo")
    # The batch is staged and its firings are inserted, but the process dies before it removes the batch.
    place.proxy.cut_after(2)
    with pytest.raises(BackendUnavailableError):
        place.far.enqueue(batch)
    assert counts(place.near) == {State.PENDING: 3}

    assert place.near.purge("demo") == 3
    place.clock.advance(HALF_DONE + 0.1)
    place.near.sweep()

    assert place.db.parcels.count_documents({}) == 0
    assert counts(place.near) == {}


def test_what_is_purged_does_not_come_back_from_an_outbox(place: Place) -> None:
    lent = claimed(place.far)
    following = firing(route="next")
    place.near.enqueue([firing(route="next")])
    place.near.purge("demo")
    # It is settled and what follows is inserted, but the process dies before it empties the outbox.
    place.proxy.cut_after(3)
    with pytest.raises(BackendUnavailableError):
        place.far.settle([outcome(lent, follow=(following,))])
    assert counts(place.near, route="next") == {State.PENDING: 1}

    assert place.near.purge("demo") == 1
    place.clock.advance(HALF_DONE + 0.1)
    place.near.sweep()

    assert place.db.firings.count_documents({"owed": {"$exists": True}}) == 0
    assert counts(place.near, route="next") == {}


def test_what_follows_from_a_firing_comes_in_although_that_is_purged(place: Place) -> None:
    lent = claimed(place.far)
    following = firing(route="next")
    place.near.enqueue([firing(route="next")])
    place.near.purge("demo")
    place.proxy.cut_after(1)
    with pytest.raises(BackendUnavailableError):
        place.far.settle([outcome(lent, Verdict.RETRY, follow=(following,))])

    assert place.near.purge("demo") == 1
    place.clock.advance(HALF_DONE + 0.1)
    place.near.sweep()

    assert counts(place.near) == {}
    assert counts(place.near, route="next") == {State.PENDING: 1}


def test_a_firing_refused_because_of_its_key_stays_refused(place: Place) -> None:
    batch = firings(3)
    left_behind(place, batch)
    place.db.parcels.update_one({}, {"$set": {f"refused.{batch[1].id}": batch[0].id}})

    place.clock.advance(HALF_DONE + 0.1)
    place.near.sweep()

    assert [state(place.near, id_) for id_ in ids(batch)] == [State.PENDING, None, State.PENDING]
    assert place.db.parcels.count_documents({}) == 0


def test_the_server_does_not_remove_a_firing_before_its_outbox_is_delivered(place: Place) -> None:
    lent = claimed(place.near)
    follow = firing()
    place.far.get([lent.id])
    place.proxy.cut_after(1)
    with pytest.raises(BackendUnavailableError):
        place.far.settle([outcome(lent, follow=(follow,), ttl=1e9)])

    owing = place.db.firings.find_one({"_id": lent.id})
    assert owing is not None
    assert "gone" not in owing
    place.clock.advance(HALF_DONE + 0.1)
    place.near.sweep()

    assert state(place.near, follow.id) is State.PENDING
    paid = place.db.firings.find_one({"_id": lent.id})
    assert paid is not None
    assert {"owed", "outbox", "gone_then", "gone"} & set(paid) == {"gone"}
