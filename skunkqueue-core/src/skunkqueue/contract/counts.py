"""Counts of firings: of those that match a query, and of each job by route and state."""

from __future__ import annotations

import math

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.kit import Kit
from skunkqueue.contract.makers import OTHER, QUEUE, ROUTE, claim, firing, firings, outcome, rows_of
from skunkqueue.contract.population import populate
from skunkqueue.listings import Query
from skunkqueue.persistence.asking import MAX_JOBS, OTHER_JOBS
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import State, Verdict


class CountPromises(Kit):
    """What ``count``, ``count_states`` and ``job_counts`` promise. ``filters`` tests that ``count`` agrees with ``rows``."""

    @pytest.mark.parametrize("hours", [False, True])
    @pytest.mark.parametrize("jobs", [False, True])
    def test_nothing_is_counted_between_what_are_no_numbers(
        self, counting_backend: Backend, *, hours: bool, jobs: bool
    ) -> None:
        counting_backend.enqueue([firing()])
        for since, until in ((math.nan, 1e12), (0.0, math.nan), (math.inf, math.inf), (1e12, 0.0)):
            assert counting_backend.counters([(QUEUE, ROUTE)], since, until, hours=hours, jobs=jobs) == []
        assert counting_backend.counters([(QUEUE, ROUTE)], -math.inf, math.inf, hours=hours, jobs=jobs) != []

    @pytest.mark.parametrize(
        "query",
        [
            Query(),
            Query(queue=QUEUE),
            Query(queue="other", route=ROUTE),
            Query(route=ROUTE, states=(State.COMPLETE, State.PENDING)),
        ],
    )
    def test_queue_route_and_states_are_counted_exactly_whatever_the_bound(
        self, listing_backend: Backend, clock: VirtualClock, query: Query
    ) -> None:
        populate(listing_backend, clock)
        expected = len(listing_backend.rows(query, 200).rows)
        assert expected > 3
        found = listing_backend.count(query, 1)
        assert (found.number, found.exact) == (expected, True)

    def test_count_says_at_least_so_many_where_it_came_to_its_bound(self, listing_backend: Backend) -> None:
        listing_backend.enqueue(firings(20, tags=("t",)))
        found = listing_backend.count(Query(tag="t"), 5)
        assert not found.exact
        assert found.number <= 5

    @pytest.mark.parametrize(
        "query",
        [
            Query(),
            Query(queue=QUEUE, states=(State.COMPLETE, State.RUNNING)),
            Query(job="shop:add"),
            Query(job="shop:send", route=ROUTE),
            Query(job="no:such"),
            Query(job=""),
            Query(tag="urgent"),
            Query(tag="urgent", job="shop:add", states=(State.PENDING, State.ERROR)),
            Query(error="ValueError"),
            Query(worker=OTHER),
            Query(schedule="hourly"),
            Query(finished=(0.0, None)),
        ],
    )
    def test_firings_are_counted_by_state(
        self, listing_backend: Backend, clock: VirtualClock, query: Query
    ) -> None:
        populate(listing_backend, clock)
        states = [row.state for row in listing_backend.rows(query, 200).rows]
        found = listing_backend.count_states(query)
        assert {state: one.number for state, one in found.items()} == {
            state: states.count(state) for state in State
        }
        assert all(one.exact for one in found.values())

    def test_count_by_state_says_at_least_so_many_where_it_came_to_its_bound(
        self, listing_backend: Backend
    ) -> None:
        listing_backend.enqueue(firings(20, tags=("t",)))
        found = listing_backend.count_states(Query(tag="t"), 5)
        assert not found[State.PENDING].exact
        assert found[State.PENDING].number <= 5
        assert found[State.ERROR].number == 0

    def test_jobs_are_counted_by_route_and_state(self, listing_backend: Backend, clock: VirtualClock) -> None:
        populate(listing_backend, clock)
        found = listing_backend.job_counts()
        names = [(one.queue, one.route, one.job) for one in found]
        shown = rows_of(listing_backend)
        assert names == sorted({(one.queue, one.route, one.job) for one in shown})
        for one in found:
            states = [
                row.state
                for row in shown
                if (row.queue, row.route, row.job) == (one.queue, one.route, one.job)
            ]
            assert one.counts == {state: states.count(state) for state in State}
            assert one.exact
        assert listing_backend.job_counts(QUEUE) == [one for one in found if one.queue == QUEUE]
        assert listing_backend.job_counts(QUEUE, ROUTE) == [
            one for one in found if (one.queue, one.route) == (QUEUE, ROUTE)
        ]
        assert listing_backend.job_counts("nowhere") == []

    def test_job_without_firings_is_left_out(self, listing_backend: Backend) -> None:
        listing_backend.enqueue([firing(job="a:x"), firing(job="a:y")])
        gone = [one.id for one in rows_of(listing_backend, job="a:x")]
        listing_backend.delete(gone)
        assert [one.job for one in listing_backend.job_counts()] == ["a:y"]

    def test_job_counts_are_exact_after_every_verb(
        self, listing_backend: Backend, clock: VirtualClock
    ) -> None:
        backend = listing_backend
        backend.enqueue(firings(8, job="a:x"))
        lent = claim(backend, 5, lease=10.0)
        backend.settle([outcome(lent[0]), outcome(lent[1], Verdict.ERROR), outcome(lent[2], Verdict.RETRY)])
        assert job_states(backend) == {"complete": 1, "error": 1, "running": 2, "pending": 4}
        clock.advance(20)
        again = claim(backend, 8, lease=10.0)
        backend.settle([outcome(one, Verdict.EXPIRED) for one in again])
        backend.kill([rows_of(backend, states=(State.PENDING,))[0].id])
        backend.requeue([lent[0].id])
        assert job_states(backend) == {
            state.value: number
            for state in State
            if (number := sum(one.state is state for one in rows_of(backend)))
        }
        backend.purge(QUEUE)
        clock.advance(10)
        backend.prune(older=1.0)
        assert set(job_states(backend)) <= {"running"}

    def test_only_so_many_jobs_of_a_route_are_counted_apart(self, listing_backend: Backend) -> None:
        listing_backend.enqueue([firing(job=f"a:{number:04}") for number in range(MAX_JOBS + 20)])
        found = {one.job: one.counts[State.PENDING] for one in listing_backend.job_counts()}
        assert len(found) <= MAX_JOBS + 1
        assert sum(found.values()) == MAX_JOBS + 20
        assert found[OTHER_JOBS] >= 20


def job_states(backend: Backend) -> dict[str, int]:
    """Count the only job by state, leaving out zeros."""
    found = backend.job_counts()
    return {state.value: number for one in found for state, number in one.counts.items() if number}
