"""What others find when somebody who was at work stands still: whose parcel it is, and what must not go yet."""

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
from skunkqueue.records import State
from tests.support.mongo_fixtures import MongoConfigOf, NewMongoProxy
from tests.support.mongo_server import MongoServer

HASTY = {"retry_for": "0", "connect_timeout": "0.5"}


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
    made.proxy.mend()
    made.near.close()
    made.far.close()


def left_behind(place: Place, batch: list[Any]) -> None:
    """Have a batch accepted by somebody who dies before any of it is put in."""
    place.near.enqueue([firing()])
    place.far.enqueue([firing()])
    place.near.purge("demo")
    place.proxy.cut_after(1)
    with pytest.raises(BackendUnavailableError):
        place.far.enqueue(batch)
    assert place.db.parcels.count_documents({}) == 1
    assert counts(place.near) == {}


def test_a_parcel_that_somebody_is_at_is_left_to_him(place: Place) -> None:
    batch = firings(3)
    left_behind(place, batch)
    place.clock.advance(HALF_DONE + 0.1)
    place.db.parcels.update_one({}, {"$set": {"touched": place.clock.now()}})

    place.near.sweep()
    assert counts(place.near) == {}

    place.clock.advance(HALF_DONE + 0.1)
    place.near.sweep()
    assert counts(place.near) == {State.PENDING: 3}


def test_what_was_refused_for_its_key_stays_refused(place: Place) -> None:
    batch = firings(3)
    left_behind(place, batch)
    place.db.parcels.update_one({}, {"$set": {f"refused.{batch[1].id}": batch[0].id}})

    place.clock.advance(HALF_DONE + 0.1)
    place.near.sweep()

    assert [state(place.near, id_) for id_ in ids(batch)] == [State.PENDING, None, State.PENDING]
    assert place.db.parcels.count_documents({}) == 0


def test_a_firing_that_owes_something_is_not_the_servers_to_remove(place: Place) -> None:
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
