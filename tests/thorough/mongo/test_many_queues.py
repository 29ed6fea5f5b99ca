"""Listings over many queues, each with routes of its own: every firing once, in order, and few of them read."""

from __future__ import annotations

import pytest
from pymongo.database import Database

from skunkqueue.contract.makers import WORKER, claim, firing, ids, outcome, rows_of
from skunkqueue.listings import Query
from skunkqueue.persistence.backend import Backend
from skunkqueue.persistence.mongodb.stretches import merged_at_once
from skunkqueue.records import Firing, State
from tests.mongo.opening import OpenStore
from tests.support.mongo_fixtures import MongoConfigOf
from tests.support.mongo_server import Document, MongoServer

PLACES = [
    # Some names of routes are those of other queues as well.
    *((f"shop {number}", route) for number in range(12) for route in (f"mail {number}", "common")),
    *(("large", route) for route in ("mail 3", "common", *(f"part {number}" for number in range(50)))),
]
FINISHED = 10
"""Firings of each route that have finished."""


@pytest.fixture
def store(mongod: MongoServer, mongo_config_of: MongoConfigOf, open_store: OpenStore) -> Backend:
    return open_store(mongo_config_of(mongod))


@pytest.fixture
def inside(mongod: MongoServer, dbname: str) -> Database[Document]:
    return mongod.client()[dbname]


@pytest.fixture
def made(store: Backend) -> list[Firing]:
    """Have finished and pending firings on each route; return the finished ones."""
    finished = [firing(queue=queue, route=route) for _ in range(FINISHED) for queue, route in PLACES]
    store.enqueue(finished)
    for queue, route in PLACES:
        lent = claim(store, FINISHED, queue=queue, route=route)
        store.settle([outcome(one) for one in lent])
    store.enqueue([firing(queue=queue, route=route) for queue, route in PLACES])
    return finished


def keys_read(inside: Database[Document], ask: object) -> int:
    """Return the most entries of an index that one request of this call reads."""
    assert callable(ask)
    inside.command("profile", 2)
    try:
        ask()
    finally:
        inside.command("profile", 0)
    return max(int(one.get("keysExamined", 0)) for one in inside["system.profile"].find({"op": "command"}))


def test_each_firing_is_listed_once_and_in_order(store: Backend, made: list[Firing]) -> None:
    shown = rows_of(store, 100, states=(State.COMPLETE,), newest=False)
    assert sorted(ids(shown)) == sorted(ids(made))
    assert [(row.finished, row.id) for row in shown] == sorted((row.finished, row.id) for row in shown)

    held = rows_of(store, 100, states=(State.COMPLETE,), worker=WORKER)
    assert ids(held) == ids(shown)[::-1]
    pending = rows_of(store, 100, states=(State.PENDING,), enqueued=(0.0, None))
    assert sorted((row.queue, row.route) for row in pending) == sorted(PLACES)


@pytest.mark.parametrize("newest", [True, False])
def test_a_page_reads_only_what_it_shows(
    store: Backend, made: list[Firing], inside: Database[Document], *, newest: bool
) -> None:
    query = Query(states=(State.COMPLETE,), newest=newest)
    first = store.rows(query, 5)
    assert keys_read(inside, lambda: store.rows(query, 5)) < len(made) / 2
    assert keys_read(inside, lambda: store.rows(query, 5, first.next)) < len(made) / 2


def test_a_page_with_filters_reads_a_bounded_number(
    store: Backend, made: list[Firing], inside: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    query = Query(states=(State.COMPLETE,), worker=WORKER)
    monkeypatch.setattr("skunkqueue.persistence.mongodb.searching._FIRST_LOOK", 10)

    assert keys_read(inside, lambda: store.rows(query, 5)) < len(made) / 2


def test_no_group_of_routes_matches_a_route_of_another() -> None:
    groups = merged_at_once(PLACES)

    assert sorted(place for group in groups for place in group) == sorted(PLACES)
    for group in groups:
        matched = {(queue, route) for queue, _ in group for _, route in group}
        assert matched & set(PLACES) == set(group)
