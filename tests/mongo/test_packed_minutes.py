"""Minutes of hours that are over are packed, and read as before, wherever that was cut off."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pymongo.database import Database

from skunkqueue.clock import VirtualClock
from skunkqueue.config import open_backend
from skunkqueue.contract.makers import QUEUE, ROUTE, claim, firing, outcome
from skunkqueue.counters import Counters
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Minute
from tests.support.mongo_fixtures import MongoConfigOf
from tests.support.mongo_server import Document, MongoServer

HOUR = 3_600.0
PLACES = [(QUEUE, ROUTE), (QUEUE, "other")]
MINUTES = 90


@pytest.fixture
def clock() -> VirtualClock:
    clock = VirtualClock()
    clock.advance(HOUR - clock.now() % HOUR)
    return clock


@pytest.fixture
def store(mongod: MongoServer, mongo_config_of: MongoConfigOf, clock: VirtualClock) -> Iterator[Backend]:
    opened = open_backend(mongo_config_of(mongod), clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def inside(mongod: MongoServer, dbname: str) -> Database[Document]:
    return mongod.client()[dbname]


def busy(store: Backend, clock: VirtualClock) -> None:
    """Have something counted in each minute of an hour and a half, and sampled in every third."""
    for minute in range(MINUTES):
        store.enqueue([firing(job=f"a:{minute % 3}"), firing(route="other")])
        store.settle([outcome(one, took=0.01 * minute) for one in claim(store, 1)])
        if minute % 3 == 0:
            store.sample()
        clock.advance(60.0)


def seen(store: Backend, now: float) -> tuple[list[Counters], list[Minute], list[Counters]]:
    """Read all minutes up to now, those without samples, and some that begin within an hour and end within another."""
    whole = store.counters(PLACES, now - 24 * HOUR, now)
    some = store.counters(PLACES, now - 75 * 60.0, now - 20 * 60.0)
    return whole, store.minutes(QUEUE, ROUTE, 0, int(now // 60) + 1), some


def minutes_of(inside: Database[Document], **more: object) -> int:
    return inside.tallies.count_documents({"_id.span": "minute", **more})


def test_minutes_of_hours_that_are_over_are_few_documents_that_read_alike(
    store: Backend, clock: VirtualClock, inside: Database[Document]
) -> None:
    busy(store, clock)
    now = clock.now()
    before = seen(store, now)
    assert len(before[0]) == 2 * MINUTES

    store.prune()

    assert minutes_of(inside) == 2 * (MINUTES - 60)
    assert inside.tallies.count_documents({"_id.span": "minutes"}) == 2
    assert seen(store, now) == before
    assert {one.values["complete"] for one in before[0] if one.route == ROUTE} == {1}
    assert any("pending" in one.values for one in before[0])


def test_minutes_of_an_hour_that_has_just_ended_wait_for_late_counts(
    store: Backend, clock: VirtualClock, inside: Database[Document]
) -> None:
    store.enqueue([firing()])
    clock.advance(HOUR + 200.0)
    store.prune()
    assert minutes_of(inside) == 1

    clock.advance(200.0)
    store.prune()

    assert minutes_of(inside) == 0


@pytest.mark.parametrize("cut", ["after marking", "after writing"])
def test_packing_that_was_cut_off_counts_nothing_twice(
    store: Backend, clock: VirtualClock, inside: Database[Document], cut: str
) -> None:
    busy(store, clock)
    now = clock.now()
    before = seen(store, now)
    first = {"_id.span": "minute", "_id.begin": {"$lt": now - (MINUTES - 60) * 60.0}}
    minutes = list(inside.tallies.find(first))
    if cut == "after marking":
        inside.tallies.update_many(first, {"$set": {"packed": True}})
    else:
        store.prune()
        inside.tallies.insert_many([{**one, "packed": True} for one in minutes])
        inside.routes.update_many({}, {"$unset": {"packed": ""}})
    assert seen(store, now) == before

    # Another process goes on, which has packed nothing yet.
    clock.advance(HOUR)
    store.prune()

    assert minutes_of(inside, packed=True) == 0
    assert seen(store, now) == before


def test_what_is_counted_in_a_packed_minute_is_added_to_it(
    store: Backend, clock: VirtualClock, inside: Database[Document]
) -> None:
    busy(store, clock)
    begin = clock.now() - MINUTES * 60.0
    store.prune()
    assert minutes_of(inside, **{"_id.begin": int(begin)}) == 0

    late = {"queue": QUEUE, "route": ROUTE, "span": "minute", "begin": int(begin)}
    inside.tallies.update_one({"_id": late}, {"$inc": {"values.complete": 2}}, upsert=True)

    (one,) = store.counters([(QUEUE, ROUTE)], begin, begin + 60.0)
    assert (one.values["complete"], one.values["enqueued"]) == (3, 1)


def test_routes_are_looked_at_once_an_hour(
    store: Backend, clock: VirtualClock, inside: Database[Document]
) -> None:
    busy(store, clock)
    store.prune()
    store.prune()

    assert {one["packed"] % HOUR for one in inside.routes.find({"route": {"$exists": True}})} == {0}
    assert inside.routes.count_documents({"packed": {"$exists": True}}) == 2
