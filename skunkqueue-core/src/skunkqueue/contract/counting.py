"""Counters by route, job and time: minutes, hours, totals that never fall, and samples of how many firings wait."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.contract.kit import PATIENCE, Kit
from skunkqueue.contract.makers import (
    QUEUE,
    ROUTE,
    WORKER,
    claim,
    claimed,
    death,
    firing,
    firings,
    ids,
    outcome,
    planned,
    ref,
    refire,
    schedule,
    settled,
)
from skunkqueue.counters import Counters, percentile, tally
from skunkqueue.persistence.asking import HOURS_KEPT, MAX_JOBS, MINUTES_KEPT, OTHER_JOBS
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Verdict

SAMPLES = ("pending", "running", "oldest")


def of_jobs(backend: Backend, *, hours: bool = False) -> dict[str | None, dict[str, float]]:
    """Add up what was counted for each job on the usual route."""
    found: dict[str | None, dict[str, float]] = {}
    for one in backend.counters([(QUEUE, ROUTE)], 0.0, 1e12, hours=hours, jobs=True):
        values = found.setdefault(one.job, {})
        for name, value in one.values.items():
            values[name] = values.get(name, 0) + value
    return found


def total_of(backend: Backend, job: str) -> dict[str, float]:
    """Read what was counted for a job since the store was made."""
    (found,) = [one for one in backend.totals() if (one.queue, one.route, one.job) == (QUEUE, ROUTE, job)]
    return found.values


def summed(found: list[Counters]) -> dict[str, float]:
    """Read the only minute or hour, without its samples."""
    (one,) = found
    return {name: value for name, value in one.values.items() if name not in SAMPLES}


class CountingPromises(Kit):
    """What ``counters``, ``totals`` and ``sample`` promise."""

    def test_each_job_is_counted_on_its_own(self, counting_backend: Backend, clock: VirtualClock) -> None:
        backend = counting_backend
        backend.enqueue([firing(job="a:x"), firing(job="a:x"), firing(job="a:y"), firing()])
        clock.advance(0.5)
        expected: dict[str, dict[str, float]] = {
            "a:x": {"enqueued": 2},
            "a:y": {"enqueued": 1},
            "": {"enqueued": 1},
        }
        batch = []
        for lent, verdict in zip(
            claim(backend, 4), (Verdict.COMPLETE, Verdict.ERROR, Verdict.RETRY, Verdict.COMPLETE), strict=True
        ):
            tally(expected[lent.job], verdict, lent.due, clock.now(), 0.25)
            batch.append(outcome(lent, verdict, began=clock.now(), took=0.25, delay=60.0))
        backend.settle(batch)
        found = of_jobs(backend)
        assert set(found) == set(expected)
        for job, values in expected.items():
            assert found[job] == pytest.approx(values, abs=0.003), job
            assert total_of(backend, job) == pytest.approx(values, abs=0.003), job
        assert of_jobs(backend, hours=True) == found

    def test_sum_of_all_jobs_is_that_of_the_route(self, counting_backend: Backend) -> None:
        backend = counting_backend
        backend.enqueue([firing(job=f"a:{number}") for number in range(3)])
        backend.settle([outcome(lent) for lent in claim(backend, 3)])
        for hours in (False, True):
            found = backend.counters([(QUEUE, ROUTE)], 0.0, 1e12, hours=hours)
            assert [(one.queue, one.route, one.job) for one in found] == [(QUEUE, ROUTE, None)]
            assert summed(found) == {"enqueued": 3, "complete": 3}

    @pytest.mark.parametrize(
        ("verdict", "name"),
        [
            (Verdict.COMPLETE, "complete"),
            (Verdict.ERROR, "error"),
            (Verdict.KILLED, "killed"),
            (Verdict.EXPIRED, "expired"),
            (Verdict.RETRY, "retried"),
            (Verdict.SNOOZE, "snoozed"),
            (Verdict.RELEASE, "released"),
        ],
    )
    def test_each_verdict_has_a_counter(self, counting_backend: Backend, verdict: Verdict, name: str) -> None:
        lent = claimed(counting_backend, job="a:x")
        counting_backend.settle([outcome(lent, verdict)])
        assert of_jobs(counting_backend) == {"a:x": {"enqueued": 1, name: 1}}

    def test_killed_while_pending_is_counted(self, counting_backend: Backend) -> None:
        one = firing(job="a:x")
        counting_backend.enqueue([one])
        counting_backend.kill([one.id])
        assert of_jobs(counting_backend) == {"a:x": {"enqueued": 1, "killed": 1}}

    def test_outcome_that_does_not_say_its_job_is_counted_all_the_same(
        self, counting_backend: Backend
    ) -> None:
        lent = claimed(counting_backend, job="a:x")
        counting_backend.settle(
            [outcome(lent, queue="", route="", was_due=None, job="", tags=(), key=None, parent=None)]
        )
        (one,) = counting_backend.counters([(QUEUE, ROUTE)], 0.0, 1e12)
        assert one.values["complete"] == 1

    def test_deaths_of_what_had_begun_are_counted(
        self, counting_backend: Backend, clock: VirtualClock
    ) -> None:
        backend = counting_backend
        backend.enqueue(firings(2, job="a:x"))
        lent = claim(backend, 2)
        backend.reap(WORKER, [lent[0].id], death(clock.now()))
        assert of_jobs(backend)["a:x"]["deaths"] == 1
        again = {one.id: one for _ in range(2) for one in claim(backend)}
        backend.extend([ref(again[lent[0].id], begun=True)], 15.0)
        clock.advance(20)
        claim(backend)
        claim(backend)
        assert of_jobs(backend)["a:x"]["deaths"] == 2

    def test_lease_that_ended_before_anything_began_is_not_counted(
        self, counting_backend: Backend, clock: VirtualClock
    ) -> None:
        claimed(counting_backend, job="a:x")
        clock.advance(20)
        assert len(claim(counting_backend)) == 1
        assert "deaths" not in of_jobs(counting_backend)["a:x"]

    def test_minutes_and_hours_are_read_from_since_to_before_until(
        self, counting_backend: Backend, clock: VirtualClock
    ) -> None:
        backend = counting_backend
        clock.advance(3600 - clock.now() % 3600)
        start = clock.now()
        for _ in range(4):
            backend.enqueue([firing()])
            clock.advance(60)
        found = backend.counters([(QUEUE, ROUTE)], start + 60, start + 180)
        assert [one.begin for one in found] == [start + 60, start + 120]
        (hour,) = backend.counters([(QUEUE, ROUTE)], start, start + 1, hours=True)
        assert (hour.begin, hour.values["enqueued"]) == (start, 4)
        assert backend.counters([(QUEUE, ROUTE)], start - 1, start, hours=True) == []

    def test_several_routes_come_in_the_order_asked_for(self, counting_backend: Backend) -> None:
        counting_backend.enqueue([firing(route="b"), firing(route="a"), firing(queue="other")])
        asked = [("other", ROUTE), (QUEUE, "b"), (QUEUE, "nowhere"), (QUEUE, "a")]
        found = counting_backend.counters(asked, 0.0, 1e12)
        assert [(one.queue, one.route) for one in found] == [asked[0], asked[1], asked[3]]
        assert counting_backend.counters([], 0.0, 1e12) == []

    def test_minutes_are_kept_for_a_day_and_hours_for_a_month(
        self, counting_backend: Backend, clock: VirtualClock
    ) -> None:
        backend = counting_backend
        backend.enqueue([firing(job="a:x")])
        clock.advance(MINUTES_KEPT + 7200)
        backend.enqueue([firing(job="a:x")])
        backend.prune()
        assert len(backend.counters([(QUEUE, ROUTE)], 0.0, 1e12)) == 1
        assert len(backend.counters([(QUEUE, ROUTE)], 0.0, 1e12, hours=True)) == 2
        clock.advance(HOURS_KEPT + 7200)
        backend.enqueue([firing(job="a:x")])
        backend.prune()
        assert len(backend.counters([(QUEUE, ROUTE)], 0.0, 1e12, hours=True)) == 1
        assert total_of(backend, "a:x")["enqueued"] == 3

    def test_totals_never_fall(self, counting_backend: Backend, clock: VirtualClock) -> None:
        backend = counting_backend
        backend.enqueue(firings(3, job="a:x"))
        done, *_ = claim(backend, 2)
        backend.settle([outcome(done)])
        before = total_of(backend, "a:x")
        backend.purge(QUEUE)
        clock.advance(10)
        backend.prune(older=1.0)
        backend.sweep()
        after = total_of(backend, "a:x")
        assert all(after[name] >= value for name, value in before.items())
        assert {one.job for one in backend.totals("other")} == set()

    def test_only_so_many_jobs_of_a_route_are_told_apart(self, counting_backend: Backend) -> None:
        backend = counting_backend
        backend.enqueue([firing(job=f"a:{number:04}") for number in range(MAX_JOBS + 20)])
        found = of_jobs(backend)
        assert len(found) <= MAX_JOBS + 1
        assert sum(values["enqueued"] for values in found.values()) == MAX_JOBS + 20
        assert found[OTHER_JOBS]["enqueued"] >= 20
        backend.settle([outcome(lent) for lent in claim(backend, 1_000)])
        after = of_jobs(backend)
        assert set(after) == set(found)
        assert {job: values["complete"] for job, values in after.items()} == {
            job: values["enqueued"] for job, values in found.items()
        }

    def test_percentiles_are_less_than_a_tenth_off(
        self, counting_backend: Backend, clock: VirtualClock
    ) -> None:
        backend = counting_backend
        backend.enqueue(firings(100))
        batch = [
            outcome(lent, began=clock.now(), took=0.001 * (number + 1))
            for number, lent in enumerate(claim(backend, 100))
        ]
        backend.settle(batch)
        (one,) = backend.counters([(QUEUE, ROUTE)], 0.0, 1e12)
        for share in (0.5, 0.95, 0.99):
            assert percentile(one.values, "run", share) == pytest.approx(share * 0.1, rel=0.1)

    def test_sample_tells_how_long_the_line_was(self, counting_backend: Backend, clock: VirtualClock) -> None:
        backend = counting_backend
        clock.advance(60 - clock.now() % 60)
        claimed(backend)
        backend.enqueue(firings(3) + firings(2, delay=600.0))
        clock.advance(7)
        assert backend.sample() == 1
        assert backend.sample() == 0
        (minute,) = backend.counters([(QUEUE, ROUTE)], 0.0, 1e12)
        assert (minute.values["pending"], minute.values["running"]) == (5, 1)
        assert minute.values["oldest"] == pytest.approx(7, abs=0.01)

    def test_hour_has_the_largest_of_its_samples(
        self, counting_backend: Backend, clock: VirtualClock
    ) -> None:
        backend = counting_backend
        clock.advance(3600 - clock.now() % 3600)
        for number in (5, 2):
            backend.enqueue(firings(number))
            backend.sample()
            backend.delete(ids(claim_all := claim(backend, 50)))
            backend.settle([outcome(lent) for lent in claim_all])
            clock.advance(60)
        (hour,) = backend.counters([(QUEUE, ROUTE)], 0.0, 1e12, hours=True)
        assert hour.values["pending"] == 5

    def test_sweeping_takes_samples(self, counting_backend: Backend) -> None:
        settled(counting_backend)
        counting_backend.sweep()
        (minute,) = counting_backend.counters([(QUEUE, ROUTE)], 0.0, 1e12)
        assert minute.values["pending"] == 0
        assert counting_backend.sample() == 0

    def test_jobs_have_no_samples(self, counting_backend: Backend) -> None:
        settled(counting_backend, job="a:x")
        counting_backend.sample()
        assert not set(of_jobs(counting_backend)["a:x"]) & set(SAMPLES)
        assert not set(total_of(counting_backend, "a:x")) & set(SAMPLES)

    # --- what counts, and what does not ---------------------------------------------------------------

    def test_what_follows_is_counted_under_its_own_job(self, counting_backend: Backend) -> None:
        backend = counting_backend
        lent = claimed(backend, job="a:x")
        backend.settle([outcome(lent, follow=tuple(firings(2, job="a:y")))])
        assert of_jobs(backend) == {"a:x": {"enqueued": 1, "complete": 1}, "a:y": {"enqueued": 2}}

    def test_next_run_of_a_schedule_is_counted_under_its_job(self, counting_backend: Backend) -> None:
        backend = counting_backend
        backend.declare(schedule(), firing(job="a:x"))
        (lent,) = claim(backend)
        following = refire(lent, planned(backend), firing(job="a:x", delay=60.0))
        backend.settle([outcome(lent, refire=following)])
        assert of_jobs(backend) == {"a:x": {"enqueued": 2, "complete": 1}}

    def test_stale_outcome_counts_nothing(self, counting_backend: Backend, clock: VirtualClock) -> None:
        backend = counting_backend
        lent = claimed(backend, job="a:x")
        backend.settle([outcome(lent)])
        assert backend.settle([outcome(lent, Verdict.ERROR, began=clock.now())]) == [lent.id]
        assert of_jobs(backend) == {"a:x": {"enqueued": 1, "complete": 1}}

    def test_requeueing_and_purging_count_nothing(self, counting_backend: Backend) -> None:
        backend = counting_backend
        done = settled(backend, job="a:x")
        backend.requeue([done])
        backend.purge(QUEUE)
        assert of_jobs(backend) == {"a:x": {"enqueued": 1, "complete": 1}}

    def test_wait_is_counted_from_the_due_time_of_the_claim(
        self, counting_backend: Backend, clock: VirtualClock
    ) -> None:
        backend = counting_backend
        lent = claimed(backend, job="a:x")
        for verdict in (Verdict.RETRY, Verdict.COMPLETE):
            clock.advance(4)
            backend.settle([outcome(lent, verdict, began=clock.now(), took=1.0, delay=10.0)])
            clock.advance(10)
            (lent,) = claim(backend) or [lent]
        assert of_jobs(backend)["a:x"]["wait"] == pytest.approx(8.0, abs=0.01)

    def test_totals_come_by_queue_route_and_job(self, counting_backend: Backend) -> None:
        names = [
            (queue, route, job)
            for queue in ("demo", "other")
            for route in ("bar", "foo")
            for job in ("", "a:x", "a:y")
        ]
        counting_backend.enqueue(
            [firing(queue=queue, route=route, job=job) for queue, route, job in names[::-1]]
        )
        found = counting_backend.totals()
        assert [(one.queue, one.route, one.job, one.begin) for one in found] == [
            (*name, 0.0) for name in names
        ]
        assert counting_backend.totals("other") == found[6:]

    def test_minutes_of_jobs_come_in_the_order_of_time_and_names(
        self, counting_backend: Backend, clock: VirtualClock
    ) -> None:
        for _ in range(2):
            counting_backend.enqueue([firing(job=job) for job in ("b", "", "a")])
            clock.advance(60)
        found = counting_backend.counters([(QUEUE, ROUTE)], 0.0, 1e12, jobs=True)
        assert [one.job for one in found] == ["", "a", "b"] * 2
        assert [one.begin for one in found] == sorted(one.begin for one in found)

    @pytest.mark.parametrize("hours", [False, True])
    def test_minutes_and_hours_of_jobs_end_before_until(
        self, counting_backend: Backend, clock: VirtualClock, *, hours: bool
    ) -> None:
        length = 3600.0 if hours else 60.0
        clock.advance(length - clock.now() % length)
        start = clock.now()
        for _ in range(3):
            counting_backend.enqueue([firing(job="a:x")])
            clock.advance(length)
        asked = start + length, start + 2 * length
        found = counting_backend.counters([(QUEUE, ROUTE)], *asked, hours=hours, jobs=True)
        assert [(one.job, one.begin) for one in found] == [("a:x", start + length)]

    # --- many at once ---------------------------------------------------------------------------------

    def test_nothing_is_counted_twice_or_lost_by_threads(
        self, counting_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        backend = counting_backend

        def work(name: str) -> None:
            for _ in range(10):
                backend.enqueue(firings(5, job=name))
                backend.settle([outcome(lent) for lent in claim(backend, 5, worker=name, lease=1e6)])

        names = ("a:x", "a:y", "a:z")
        for future in [threads.submit(work, name) for name in names]:
            future.result(PATIENCE)
        backend.settle([outcome(lent) for lent in claim(backend, 1_000)])
        expected: dict[str | None, dict[str, float]] = {
            name: {"enqueued": 50, "complete": 50} for name in names
        }
        assert of_jobs(backend) == of_jobs(backend, hours=True) == expected
        assert {one.job: one.values for one in backend.totals()} == expected

    def test_one_of_many_takes_the_samples_of_a_minute(
        self, counting_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        counting_backend.enqueue([firing(route=route) for route in ("a", "b", "c")])
        calls = [threads.submit(counting_backend.sample) for _ in range(8)]
        assert sum(call.result(PATIENCE) for call in calls) == 3
