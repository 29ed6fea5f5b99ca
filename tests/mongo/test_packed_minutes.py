"""Hours that are over are packed, and their minutes read as before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pymongo.database import Database

from skunkqueue.clock import VirtualClock
from skunkqueue.config import open_backend
from skunkqueue.contract.makers import QUEUE, ROUTE, claim, firing, outcome
from skunkqueue.counters import Counters
from skunkqueue.persistence.backend import Backend
from skunkqueue.persistence.mongodb import packed_minutes
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


def span(name: str, **more: object) -> dict[str, object]:
    return {"_id.span": name, **more}


def test_hours_that_are_over_are_read_from_one_document_each(
    store: Backend, clock: VirtualClock, inside: Database[Document]
) -> None:
    busy(store, clock)
    now = clock.now()
    before = seen(store, now)
    assert len(before[0]) == 2 * MINUTES

    store.prune()
    assert inside.tallies.count_documents(span("minutes")) == 2
    inside.tallies.delete_many(span("minute", **{"_id.begin": {"$lt": now - (MINUTES - 60) * 60.0}}))

    assert seen(store, now) == before
    assert {one.values["complete"] for one in before[0] if one.route == ROUTE} == {1}
    assert any("pending" in one.values for one in before[0])


def test_an_hour_that_is_not_packed_is_read_from_its_minutes(
    store: Backend, clock: VirtualClock, inside: Database[Document]
) -> None:
    """As after a failover to a server that does not know the packed ones."""
    busy(store, clock)
    now = clock.now()
    before = seen(store, now)
    store.prune()

    inside.tallies.delete_many(span("minutes", **{"_id.route": ROUTE}))

    assert seen(store, now) == before


def test_an_hour_that_has_just_ended_waits_for_late_counts(
    store: Backend, clock: VirtualClock, inside: Database[Document]
) -> None:
    store.enqueue([firing()])
    clock.advance(HOUR + 200.0)
    store.prune()
    assert inside.tallies.count_documents(span("minutes")) == 0

    clock.advance(200.0)
    store.prune()

    assert inside.tallies.count_documents(span("minutes")) == 1


def test_nothing_is_counted_twice_that_comes_after_packing(
    store: Backend, clock: VirtualClock, inside: Database[Document]
) -> None:
    busy(store, clock)
    now = clock.now()
    store.prune()
    before = seen(store, now)

    inside.tallies.update_many(
        span("minute", **{"_id.begin": {"$lt": now - HOUR}}), {"$inc": {"values.complete": 5}}
    )
    clock.advance(HOUR)
    store.prune()

    assert seen(store, now) == before


def test_routes_are_packed_some_at_a_time_and_once_an_hour(
    store: Backend, clock: VirtualClock, inside: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed_minutes, "_FEW", 2)
    store.enqueue([firing(route=f"r{number}") for number in range(5)])
    clock.advance(2 * HOUR)
    packed = []
    for _ in range(4):
        store.prune()
        packed.append(inside.tallies.count_documents(span("minutes")))
    assert packed == [2, 4, 5, 5]

    # Not even looked for in the same hour.
    inside.tallies.delete_many(span("minutes"))
    inside.routes.update_many({}, {"$unset": {"packed": ""}})
    store.prune()
    assert inside.tallies.count_documents(span("minutes")) == 0

    clock.advance(HOUR)
    store.prune()
    assert inside.tallies.count_documents(span("minutes")) == 2


def test_hours_that_were_packed_by_a_clock_that_was_ahead_are_packed_again(
    store: Backend, clock: VirtualClock, inside: Database[Document]
) -> None:
    begin = clock.now()

    def counted() -> list[float]:
        return [one.values["enqueued"] for one in store.counters([(QUEUE, ROUTE)], begin, begin + HOUR)]

    store.enqueue([firing()])
    clock.advance(2 * HOUR + 600.0)
    store.prune()
    assert inside.tallies.count_documents(span("minutes")) == 1
    clock.jump(300.0 - 2 * HOUR - 600.0)
    store.enqueue([firing() for _ in range(7)])
    assert counted() == [1, 7]

    store.prune()
    assert inside.tallies.count_documents(span("minutes")) == 0
    clock.advance(2 * HOUR)
    store.prune()

    assert inside.tallies.count_documents(span("minutes")) == 1
    assert counted() == [1, 7]


def test_idle_routes_are_not_packed(
    store: Backend, clock: VirtualClock, inside: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed_minutes, "_FEW", 1)
    store.enqueue([firing(route=f"r{number}") for number in range(10)])
    clock.advance(30 * HOUR)
    store.enqueue([firing(route="r9")])
    clock.advance(2 * HOUR)

    store.prune()

    assert [one["_id"]["route"] for one in inside.tallies.find(span("minutes"))] == ["r9"]


def test_a_copy_that_cannot_be_read_is_passed_over(
    store: Backend, clock: VirtualClock, inside: Database[Document]
) -> None:
    busy(store, clock)
    now = clock.now()
    before = seen(store, now)
    store.prune()

    inside.tallies.update_many(span("minutes"), {"$set": {"hour": b"\xc1"}})

    assert seen(store, now) == before


@pytest.mark.parametrize(
    ("packed", "expected"),
    [
        ([], [(10.0, 9_000.0)]),
        ([0], [(3_600, 9_000.0)]),
        ([3_600], [(10.0, 3_600), (7_200, 9_000.0)]),
        ([7_200, 0], [(3_600, 7_200)]),
        ([0, 3_600, 7_200], []),
    ],
)
def test_what_is_not_packed_is_what_lies_between(
    packed: list[int], expected: list[tuple[float, float]]
) -> None:
    assert packed_minutes.missing(packed, 10.0, 9_000.0) == expected
