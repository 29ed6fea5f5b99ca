"""Which failures are read where one job has very many."""

from __future__ import annotations

import pytest

from skunkqueue import failures
from skunkqueue.clock import VirtualClock
from skunkqueue.contract.makers import QUEUE, ROUTE, claim, firings, outcome
from skunkqueue.failures import ByJob
from skunkqueue.listings import Query
from skunkqueue.persistence.asking import OTHER_JOBS
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import State, Verdict

EACH = 2
MOST = 3


def fail(store: Backend, clock: VirtualClock, job: str, count: int = 1) -> None:
    """Have firings of a job fail, a second after what failed before."""
    clock.advance(1.0)
    store.enqueue(firings(count, job=job))
    store.settle([outcome(lent, Verdict.ERROR, job=job) for lent in claim(store, limit=count)])


def read(store: Backend, query: Query | None = None) -> ByJob:
    query = query or Query(states=(State.ERROR,))
    found = failures.read(store, query, MOST)
    kept = store.job_counts(query.queue, query.route)
    failed = failures.failed_jobs(kept, query, failures.counted_in_time(store, kept, query))
    return failures.read_by_job(store, query, found, failed, EACH)


def test_failures_of_all_jobs_are_read_newest_first(store: Backend, clock: VirtualClock) -> None:
    fail(store, clock, "old")
    fail(store, clock, "older", 2)
    fail(store, clock, "flood", 9)

    found = read(store)

    assert [row.job for row in found.rows] == ["flood"] * MOST + ["older", "older", "old"]
    assert found.whole == {"old", "older"}
    assert not found.has_all("flood")
    assert found.left == {}


def test_without_older_ones_nothing_more_is_asked(store: Backend, clock: VirtualClock) -> None:
    fail(store, clock, "one", MOST)

    found = read(store)

    assert found.oldest is None
    assert found.has_all("one")
    assert found.looked == MOST


def test_jobs_of_which_nothing_was_found_come_first_then_those_with_most_failures(
    store: Backend, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "MOST_JOBS", 2)
    for job, count in (("rare", 1), ("often", 3), ("sometimes", 2), ("flood", 3)):
        fail(store, clock, job, count)
    fail(store, clock, "seen")

    found = read(store)

    assert {row.job for row in found.rows} == {"seen", "flood", "often", "sometimes"}
    assert found.left == {"rare": 1}


def test_jobs_that_failed_only_before_the_time_are_not_asked_for(
    store: Backend, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "MOST_JOBS", 1)
    fail(store, clock, "long ago", 5)
    clock.advance(3 * 3_600.0)
    since = store.now()
    fail(store, clock, "rare")
    fail(store, clock, "flood", 9)

    found = read(store, Query(states=(State.ERROR,), finished=(since, None)))

    assert {row.job for row in found.rows} == {"flood", "rare"}
    assert found.left == {}


def test_jobs_that_are_counted_together_are_left(store: Backend, clock: VirtualClock) -> None:
    fail(store, clock, "flood", 9)
    query = Query(queue=QUEUE, route=ROUTE, states=(State.ERROR,))
    seen = failures.read(store, query, MOST)

    found = failures.read_by_job(store, query, seen, {"flood": 9, OTHER_JOBS: 7}, EACH)

    assert found.left == {OTHER_JOBS: 7}
