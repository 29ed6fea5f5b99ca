"""What a verb costs does not grow with the store: counted in steps of SQLite's machine, not in seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from skunkqueue.contract.makers import schedule
from skunkqueue.listings import Query
from skunkqueue.persistence.sqlite import SQLiteBackend
from skunkqueue.records import Outcome, State, Verdict
from tests.core.sqlite.makers import claim, done, finish, firing, many, open_at, steps

LARGE = 20_000

Verb = Callable[[SQLiteBackend], object]


def claim_and_give_back(backend: SQLiteBackend) -> None:
    lent = claim(backend, 10)
    assert len(lent) == 10
    backend.settle([Outcome(id=one.id, token=one.token, verdict=Verdict.RELEASE) for one in lent])


VERBS: dict[str, Verb] = {
    "claim": claim_and_give_back,
    "idle claim": lambda backend: backend.claim("q", "empty", "w", 10, 15.0),
    "enqueue": lambda backend: backend.enqueue(many(10)),
    "routes": lambda backend: backend.routes(),
    "pending page": lambda backend: backend.page("q", "r", State.PENDING, 10),
    "complete page": lambda backend: backend.page("q", "r", State.COMPLETE, 10),
    "page of all": lambda backend: backend.rows(Query(), 10),
    "page of the oldest": lambda backend: backend.rows(Query(newest=False), 10),
    "page of a state": lambda backend: backend.rows(Query(states=(State.COMPLETE,)), 10),
    "page of a job": lambda backend: backend.rows(Query(job="", states=(State.COMPLETE,)), 10),
    "page of an error": lambda backend: backend.rows(Query(error="Oops"), 10),
    "page of a tag": lambda backend: backend.rows(Query(tag="none"), 10),
    "page of what one fired": lambda backend: backend.rows(Query(parent="none"), 10),
    "page of a key": lambda backend: backend.rows(Query(key="none"), 10),
    "counts of jobs": lambda backend: backend.job_counts(),
    "count of a state": lambda backend: backend.count(Query(states=(State.PENDING,))),
    "find": lambda backend: backend.find("0", 10),
    "sweep": lambda backend: backend.sweep(),
    "wait": lambda backend: backend.wait("q", "empty", "w", 0.0),
}


def fill(backend: SQLiteBackend, pending: int, finished: int, delayed: int) -> None:
    backend.enqueue([firing(route="empty")])
    backend.purge("q", "empty")
    finish(backend, finished)
    backend.enqueue(many(pending))
    backend.enqueue(many(delayed, priority=9, due=4e9))


@pytest.fixture(scope="module", params=["pending", "finished", "delayed at one moment, of high priority"])
def large(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SQLiteBackend]:
    backend = open_at(tmp_path_factory.mktemp("large") / "q.db")
    kinds = {"pending": (LARGE, 20, 20), "finished": (20, LARGE, 20)}
    fill(backend, *kinds.get(request.param, (20, 20, LARGE)))
    yield backend
    backend.close()


@pytest.mark.parametrize("name", VERBS)
def test_cost_is_that_of_a_small_store(large: SQLiteBackend, path: Path, name: str) -> None:
    small = open_at(path)
    fill(small, 20, 20, 20)
    verb = VERBS[name]
    for backend in (small, large):
        verb(backend)  # so that statements are prepared and the inbox is filed
    cost, cost_small = steps(large, lambda: verb(large)), steps(small, lambda: verb(small))
    small.close()
    assert cost <= 1.3 * cost_small + 20


def test_next_page_costs_what_the_first_does(large: SQLiteBackend) -> None:
    first = large.page("q", "r", State.COMPLETE, 10)
    if first.next is None:
        pytest.skip("few are finished here")
    assert steps(large, lambda: large.page("q", "r", State.COMPLETE, 10, first.next)) <= 1.3 * steps(
        large, lambda: large.page("q", "r", State.COMPLETE, 10)
    )


def test_claim_among_many_due_at_the_same_moment_is_cheap(backend: SQLiteBackend) -> None:
    backend.enqueue(many(LARGE, due=1_000.0))
    first = steps(backend, lambda: claim(backend, 10))
    assert first < 400
    assert steps(backend, lambda: claim(backend, 10)) < 400


def test_settling_costs_the_same_however_many_are_finished(backend: SQLiteBackend) -> None:
    def settle_ten() -> int:
        backend.enqueue(many(10))
        lent = claim(backend, 10)
        return steps(backend, lambda: backend.settle([done(one) for one in lent]))

    settle_ten()
    before = settle_ten()
    finish(backend, 5_000)
    assert settle_ten() <= 1.3 * before + 10


def test_counting_a_job_only_passes_over_the_others(path: Path) -> None:
    backend = open_at(path)
    query = Query(job="j0", states=(State.PENDING,))
    costs = []
    for number in (2, 60):
        backend.enqueue([firing(job=f"j{one}") for one in range(number)])
        backend.count(query)  # so that the inbox is filed
        costs.append(steps(backend, lambda: backend.count(query)))
        assert backend.count(query).number == len(costs)
    backend.close()

    # In tens of instructions for each of the other jobs, whose names and counts are not read.
    assert (costs[1] - costs[0]) / 58 < 2


def test_chunk_is_written_anew_once_for_all_that_are_requeued(backend: SQLiteBackend) -> None:
    finish(backend, 100)
    ids = [one.id for one in backend.page("q", "r", State.COMPLETE, 100).records]
    statements: list[str] = []
    db = backend._store.writer._db
    assert db is not None
    db.set_trace_callback(statements.append)

    assert backend.requeue(ids[:50]) == ids[:50]

    db.set_trace_callback(None)
    assert sum("UPDATE ended" in one for one in statements) == 1


def test_schedules_of_other_routes_cost_next_to_nothing_where_idle_ones_are_looked_for(
    virtual: SQLiteBackend,
) -> None:
    for number in range(200):
        virtual.declare(schedule(f"s{number}", queue="q", route=f"r{number}"), firing(route=f"r{number}"))
    virtual.kill([one.firing for one in virtual.schedules("q") if one.name in {"s7", "s8"} and one.firing])

    assert [one.name for one in virtual.idle_schedules("q", "r7")] == ["s7"]
    assert 10 * steps(virtual, lambda: virtual.idle_schedules("q", "r7")) < 15 * 200
