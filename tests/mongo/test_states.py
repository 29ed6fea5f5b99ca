"""Counts of large routes: estimated from the counters, moved by what people do, and corrected by sweeping."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.database import Database

from skunkqueue.clock import VirtualClock
from skunkqueue.config import open_backend
from skunkqueue.contract.makers import QUEUE, ROUTE, claim, firings, ids, outcome
from skunkqueue.listings import Query
from skunkqueue.persistence.backend import Backend
from skunkqueue.persistence.mongodb import state_queries, states
from skunkqueue.persistence.mongodb.backend import MongoBackend
from skunkqueue.records import State, Verdict
from tests.support.mongo_fixtures import MongoConfigOf
from tests.support.mongo_server import Document, MongoServer

HOUR = 3_600.0


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def store(
    mongod: MongoServer, mongo_config_of: MongoConfigOf, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Backend]:
    """Open a store for which thirty firings are many."""
    for module, limit in ((states, "_SOME"), (states, "_ALL"), (state_queries, "BY_JOB")):
        monkeypatch.setattr(module, limit, 5)
    opened = open_backend(mongo_config_of(mongod), clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def inside(mongod: MongoServer, dbname: str) -> Database[Document]:
    return mongod.client()[dbname]


def busy(store: Backend) -> dict[State, int]:
    """Do all that changes how many stand where; return how many do."""
    made = [*firings(40, job="shop:add"), *firings(20, job="shop:send")]
    store.enqueue(made)
    lent = claim(store, 30)
    store.settle([outcome(one, Verdict.ERROR) for one in lent[:8]])
    store.settle([outcome(one) for one in lent[8:22]])
    store.settle([outcome(one, Verdict.RETRY) for one in lent[22:24]])
    store.requeue(ids(lent[:1]))
    store.kill(ids(made[-7:]))
    store.delete([lent[8].id, made[-10].id, made[-1].id])
    found = store.get(ids(made))
    return {state: sum(one is not None and one.state is state for one in found) for state in State}


def told(store: Backend) -> tuple[dict[State, int], bool]:
    (info,) = store.routes()
    return info.counts, info.exact


def by_job(store: Backend) -> dict[State, int]:
    found = store.job_counts()
    assert {one.job for one in found} == {"shop:add", "shop:send"}
    assert not any(one.exact for one in found)
    return {state: sum(one.counts[state] for one in found) for state in State}


def test_what_is_too_much_to_count_is_estimated(store: Backend) -> None:
    there = busy(store)

    assert told(store) == (there, False)
    assert by_job(store) == there
    counted = store.count(Query(queue=QUEUE, route=ROUTE, states=(State.PENDING,)))
    assert (counted.number, counted.exact) == (there[State.PENDING], False)


def test_estimates_follow_what_is_removed(store: Backend, clock: VirtualClock) -> None:
    there = busy(store)
    store.enqueue(firings(20, job="shop:add", route="other"))
    assert store.purge(QUEUE, ROUTE) == there[State.PENDING]
    clock.advance(2.0)
    gone = store.prune(older=1.0, limit=15)

    (info, _) = store.routes() if store.routes()[0].route == ROUTE else reversed(store.routes())
    assert info.counts[State.PENDING] == 0
    assert sum(info.counts[state] for state in State if state.final) == (
        sum(there[state] for state in State if state.final) - gone
    )


@pytest.fixture
def other(mongod: MongoServer, mongo_config_of: MongoConfigOf, clock: VirtualClock) -> Iterator[Backend]:
    opened = open_backend(mongo_config_of(mongod), clock=clock)
    yield opened
    opened.close()


@pytest.mark.parametrize("verb", ["prune", "purge"])
def test_what_two_processes_remove_at_the_same_time_is_removed_once(
    store: Backend, other: Backend, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    def have(count: int) -> None:
        store.enqueue(firings(count))
        if verb == "prune":
            store.settle([outcome(one) for one in claim(store, count)])
            clock.advance(2.0)

    def remove(backend: Backend) -> int:
        return backend.prune(older=1.0) if verb == "prune" else backend.purge(QUEUE)

    assert isinstance(store, MongoBackend)
    have(40)
    find, meanwhile = store._store.find, list[int]()

    def slowly(*args: Any, **kwargs: Any) -> list[Document]:
        found = find(*args, **kwargs)
        if "limit" in kwargs and not meanwhile:
            meanwhile.append(remove(other))
        return found

    with monkeypatch.context() as patch:
        patch.setattr(store._store, "find", slowly)
        assert (remove(store), meanwhile) == (0, [40])

    have(20)
    counted, is_exact = told(store)
    assert (sum(counted.values()), is_exact) == (20, False)


def test_a_sweep_corrects_a_wrong_estimate(
    store: Backend, inside: Database[Document], clock: VirtualClock
) -> None:
    there = busy(store)
    # As the version before would have left it.
    inside.tallies.delete_many({})

    store.sweep()

    assert told(store) == (there, False)
    assert by_job(store) == there
    inside.tallies.delete_many({})
    clock.advance(HOUR + 1)
    store.sweep()
    assert told(store) == (there, False)
