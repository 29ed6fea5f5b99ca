"""When a worker tells the store what it runs."""

from __future__ import annotations

import msgspec

from skunkqueue.worker.attempt import NEVER, Attempt
from tests.core.worker import jobs_of_tests as jobs
from tests.core.worker.bench import Bench


def attempts(bench: Bench, number: int) -> list[Attempt]:
    """Have a worker claim so many firings."""
    for _ in range(number):
        bench.fire(jobs.double(1))
    return [Attempt(claim=claim) for claim in bench.backend.claim("shop", "default", "w", number, 600.0)]


def test_what_runs_beside_the_main_thread_is_listed_soon_after_it_began(bench: Bench) -> None:
    worker = bench.worker()
    worker.heartbeat.start(0.0)
    first, second, waits = attempts(bench, 3)
    running = [(first, 100.0), (second, 102.5), (waits, NEVER)]
    listed = []
    worker.heartbeat.beat(100.0)

    for tenth in range(1000, 1045):
        now = tenth / 10
        worker.in_flight.beside = {
            row: one for row, (one, since) in enumerate(running) if since == NEVER or since <= now
        }
        for one, since in running:
            one.since = since
        worker.heartbeat.beat(now)
        if now in (100.9, 101.2, 103.4, 103.7):
            listed.append(bench.backend.workers()[0].running)

    assert listed == [
        (),
        (first.claim.id,),
        (first.claim.id,),
        (first.claim.id, second.claim.id),
    ]


def test_a_worker_of_many_jobs_beats_once_a_second_at_most(bench: Bench) -> None:
    worker = bench.worker()
    worker.heartbeat.start(0.0)
    beats = set()
    worker.heartbeat.beat(100.0)

    for number, one in enumerate(attempts(bench, 50)):
        bench.pass_time(0.1)
        now = 100.0 + number / 10
        one.since = now - 1.05
        worker.in_flight.beside = {1: one}
        worker.heartbeat.beat(now)
        beats.add(bench.backend.workers()[0].beat)

    assert 4 <= len(beats) <= 6


def test_a_short_lease_is_kept_by_as_many_beats_as_it_needs(bench: Bench) -> None:
    worker = bench.worker(lease=0.6)
    worker.heartbeat.start(0.0)
    beats = set()

    for tenth in range(10):
        bench.pass_time(0.1)
        worker.heartbeat.beat(100.0 + tenth / 10)
        beats.add(bench.backend.workers()[0].beat)

    assert len(beats) >= 4


def test_a_worker_that_was_held_up_says_at_once_what_it_runs_now(bench: Bench) -> None:
    worker = bench.worker()
    worker.heartbeat.start(0.0)
    worker.heartbeat.beat(100.0)
    # As its pool does for it, while a job lets none of its threads run.
    bench.backend.beat(msgspec.structs.replace(worker.heartbeat.describe(), running=("f" * 24,)), 60.0)

    worker.heartbeat.beat(101.5)

    assert bench.backend.workers()[0].running == ()
