"""Batches of many jobs at once: each of their firings is counted, listed and forgotten by its own job."""

from __future__ import annotations

from collections import Counter

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.kit import Kit
from skunkqueue.contract.makers import QUEUE, ROUTE, claim, firing, ids, outcome
from skunkqueue.counters import tally
from skunkqueue.listings import Query
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import State, Verdict

JOBS = tuple(f"a:{number}" for number in range(12))
BATCHES = 60
"""More batches than a store may leave unsorted before it adds up what was counted."""


def settle_mixed(backend: Backend, verdict: Verdict = Verdict.COMPLETE) -> dict[str, str]:
    """Let one firing of each job end in one batch; return their jobs by id."""
    backend.enqueue([firing(job=job) for job in JOBS])
    lent = claim(backend, len(JOBS))
    assert backend.settle([outcome(one, verdict) for one in lent]) == []
    return {one.id: one.job for one in lent}


def complete_by_job(backend: Backend) -> dict[str, int]:
    """Count what is complete, by job."""
    found = {one.job: one.counts[State.COMPLETE] for one in backend.job_counts(QUEUE, ROUTE)}
    return {job: n for job, n in found.items() if n}


class MixingPromises(Kit):
    """What ``enqueue`` and ``settle`` promise for batches of many jobs."""

    def test_batches_of_many_jobs_are_counted_by_job(
        self, counting_backend: Backend, clock: VirtualClock
    ) -> None:
        backend = counting_backend
        expected: dict[str, dict[str, float]] = {job: {} for job in JOBS}
        for number in range(BATCHES):
            backend.enqueue([firing(job=job) for job in JOBS])
            clock.advance(0.25)
            batch = []
            for lent in claim(backend, len(JOBS)):
                verdict = Verdict.ERROR if lent.job == JOBS[number % len(JOBS)] else Verdict.COMPLETE
                batch.append(outcome(lent, verdict, began=clock.now(), took=0.5))
                tally(expected[lent.job], verdict, lent.due, clock.now(), 0.5)
            assert backend.settle(batch) == []
        found = {one.job: one.values for one in backend.totals()}
        assert set(found) == set(JOBS)
        for job, values in expected.items():
            assert found[job] == pytest.approx({**values, "enqueued": BATCHES}, abs=0.01), job

    def test_batch_of_many_jobs_is_seen_at_once(self, counting_backend: Backend) -> None:
        settle_mixed(counting_backend)
        for jobs, number in ((True, 1), (False, len(JOBS))):
            found = counting_backend.counters([(QUEUE, ROUTE)], 0.0, 1e12, jobs=jobs)
            values = {one.job: one.values["complete"] for one in found}
            assert values == dict.fromkeys(JOBS if jobs else [None], number)
        (info,) = counting_backend.routes(QUEUE)
        assert (info.counts[State.COMPLETE], info.counts[State.PENDING]) == (len(JOBS), 0)

    @pytest.mark.parametrize("newest", [True, False])
    def test_firings_of_a_mixed_batch_are_listed_by_their_job(
        self, listing_backend: Backend, clock: VirtualClock, *, newest: bool
    ) -> None:
        expected = []
        for _ in range(5):
            jobs = settle_mixed(listing_backend)
            expected += [id_ for id_, job in jobs.items() if job == JOBS[3]]
            clock.advance(1.0)
        query = Query(job=JOBS[3], states=(State.COMPLETE,), newest=newest)
        first = listing_backend.rows(query, 3)
        rest = listing_backend.rows(query, 3, first.next)
        seen = [*ids(first.rows), *ids(rest.rows)]
        assert seen == (expected[::-1] if newest else expected)
        assert complete_by_job(listing_backend) == dict.fromkeys(JOBS, 5)

    def test_what_leaves_a_mixed_batch_leaves_its_job_alone(self, listing_backend: Backend) -> None:
        backend = listing_backend
        by_id = settle_mixed(backend)
        of = {job: id_ for id_, job in by_id.items()}
        backend.delete([of[JOBS[0]]])
        assert backend.requeue([of[JOBS[1]]]) == [of[JOBS[1]]]
        backend.prune(older=-1.0, limit=4)
        left = Counter(row.job for row in backend.rows(Query(states=(State.COMPLETE,)), 100).rows)
        assert sum(left.values()) == len(JOBS) - 6
        assert complete_by_job(backend) == left
        for job in JOBS:
            found = backend.rows(Query(job=job, states=(State.COMPLETE,))).rows
            assert ids(found) == [of[job]] * left[job]

    def test_lost_ones_of_a_mixed_batch_are_refused_and_the_others_counted(
        self, listing_backend: Backend
    ) -> None:
        listing_backend.enqueue([firing(job=job) for job in JOBS])
        lent = claim(listing_backend, len(JOBS))
        assert listing_backend.settle([outcome(one) for one in lent[:3]]) == []
        assert listing_backend.settle([outcome(one) for one in lent]) == ids(lent[:3])
        assert complete_by_job(listing_backend) == dict.fromkeys(JOBS, 1)

    def test_firings_of_many_jobs_put_in_twice_are_counted_once(self, listing_backend: Backend) -> None:
        made = [firing(job=job) for job in JOBS]
        listing_backend.enqueue(made[:7])
        assert listing_backend.enqueue(made) == ids(made)
        found = listing_backend.job_counts(QUEUE, ROUTE)
        assert {one.job: one.counts[State.PENDING] for one in found} == dict.fromkeys(JOBS, 1)
