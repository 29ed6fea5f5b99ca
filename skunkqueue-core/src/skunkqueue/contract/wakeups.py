"""Waiting for work: a wait ends at once when something it waits for happens. Under the real clock."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import pytest

from skunkqueue.contract.kit import PATIENCE, Kit, require
from skunkqueue.contract.makers import (
    ODD_NAMES,
    OTHER,
    QUEUE,
    ROUTE,
    WORKER,
    claim,
    claimed,
    death,
    declared,
    firing,
    firings,
    outcome,
    planned,
    ref,
    refire,
    settled,
    worker,
)
from skunkqueue.contract.sleepers import LONG, PROMPT, come_soon, until_claimed, until_closed, woken
from skunkqueue.persistence.backend import Backend, BackendConfig
from skunkqueue.records import Verdict


class WakeupPromises(Kit):
    """What ``wait``, ``wait_settled`` and ``listen`` promise."""

    stage: ClassVar[int] = 1

    # --- wait -------------------------------------------------------------------------------------

    def test_wait_returns_at_once_where_something_is_due(self, real_backend: Backend) -> None:
        real_backend.enqueue([firing()])
        before = time.monotonic()
        assert real_backend.wait(QUEUE, ROUTE, WORKER, LONG) is True
        assert time.monotonic() - before < PROMPT

    def test_wait_ends_with_its_timeout(self, real_backend: Backend) -> None:
        before = time.monotonic()
        assert real_backend.wait(QUEUE, ROUTE, WORKER, 0.1) is False
        assert 0.05 < time.monotonic() - before < PROMPT

    def test_wait_without_timeout_does_not_block(self, real_backend: Backend) -> None:
        before = time.monotonic()
        assert real_backend.wait(QUEUE, ROUTE, WORKER, 0.0) is False
        assert time.monotonic() - before < PROMPT

    def test_enqueue_wakes_the_waiting(self, real_backend: Backend, threads: ThreadPoolExecutor) -> None:
        found, took = woken(
            threads,
            lambda: real_backend.wait(QUEUE, ROUTE, WORKER, LONG),
            lambda: real_backend.enqueue([firing()]),
        )
        assert found is True
        assert took < PROMPT

    @pytest.mark.parametrize("name", ODD_NAMES)
    def test_enqueue_wakes_whoever_waits_under_an_odd_name(
        self, real_backend: Backend, threads: ThreadPoolExecutor, name: str
    ) -> None:
        found, took = woken(
            threads,
            lambda: real_backend.wait(name, name, name, LONG),
            lambda: real_backend.enqueue([firing(queue=name, route=name, target=name)]),
        )
        assert found is True
        assert took < PROMPT

    def test_due_time_wakes_the_waiting(self, real_backend: Backend) -> None:
        made = firing(delay=0.2)
        real_backend.enqueue([made])
        before = time.monotonic()
        assert until_claimed(real_backend) == [made.id]
        assert time.monotonic() - before < PROMPT

    def test_earlier_due_time_wakes_the_waiting(
        self, real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        late, early = firing(delay=LONG * 4), firing(delay=0.2)
        real_backend.enqueue([late])
        found, took = woken(
            threads, lambda: until_claimed(real_backend), lambda: real_backend.enqueue([early])
        )
        assert found == [early.id]
        assert took < PROMPT

    def test_firing_that_is_to_run_now_wakes_the_waiting(
        self, tested_class: type[Backend], real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        require(tested_class, "rows")
        late = firing(delay=LONG * 4)
        real_backend.enqueue([late])
        found, took = woken(
            threads, lambda: until_claimed(real_backend), lambda: real_backend.run_now([late.id])
        )
        assert found == [late.id]
        assert took < PROMPT

    def test_due_time_of_a_targeted_firing_wakes_its_worker(self, real_backend: Backend) -> None:
        made = firing(delay=0.3, target=WORKER)
        real_backend.enqueue([made])
        before = time.monotonic()
        assert until_claimed(real_backend) == [made.id]
        assert time.monotonic() - before < PROMPT

    def test_end_of_a_lease_wakes_the_waiting(self, real_backend: Backend) -> None:
        made = firing()
        real_backend.enqueue([made])
        claim(real_backend, worker=OTHER, lease=0.2)
        before = time.monotonic()
        assert until_claimed(real_backend) == [made.id]
        assert time.monotonic() - before < PROMPT

    def test_shortened_lease_wakes_the_waiting(
        self, real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        lent = claimed(real_backend, worker=OTHER, lease=LONG * 4)
        found, took = woken(
            threads, lambda: until_claimed(real_backend), lambda: real_backend.extend([ref(lent)], 0.2)
        )
        assert found == [lent.id]
        assert took < PROMPT

    def test_shortened_lease_of_one_of_several_wakes_the_waiting(
        self, real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        real_backend.enqueue(firings(3))
        _, lent, _ = claim(real_backend, 3, worker=OTHER, lease=LONG * 4)
        found, took = woken(
            threads, lambda: until_claimed(real_backend), lambda: real_backend.extend([ref(lent)], 0.2)
        )
        assert found == [lent.id]
        assert took < PROMPT

    @pytest.mark.parametrize("verdict", [Verdict.RELEASE, Verdict.RETRY, Verdict.SNOOZE])
    def test_firing_given_back_wakes_the_waiting(
        self, real_backend: Backend, threads: ThreadPoolExecutor, verdict: Verdict
    ) -> None:
        lent = claimed(real_backend, worker=OTHER)
        found, took = woken(
            threads,
            lambda: until_claimed(real_backend),
            lambda: real_backend.settle([outcome(lent, verdict)]),
        )
        assert found == [lent.id]
        assert took < PROMPT

    def test_follow_up_wakes_the_waiting(self, real_backend: Backend, threads: ThreadPoolExecutor) -> None:
        lent = claimed(real_backend, worker=OTHER, route="bar")
        follow = firing()
        found, took = woken(
            threads,
            lambda: until_claimed(real_backend),
            lambda: real_backend.settle([outcome(lent, follow=(follow,))]),
        )
        assert found == [follow.id]
        assert took < PROMPT

    def test_requeue_wakes_the_waiting(self, real_backend: Backend, threads: ThreadPoolExecutor) -> None:
        done = settled(real_backend)
        found, took = woken(
            threads, lambda: until_claimed(real_backend), lambda: real_backend.requeue([done])
        )
        assert found == [done]
        assert took < PROMPT

    def test_reaping_wakes_the_waiting(self, real_backend: Backend, threads: ThreadPoolExecutor) -> None:
        lent = claimed(real_backend, worker=OTHER)
        found, took = woken(
            threads,
            lambda: until_claimed(real_backend),
            lambda: real_backend.reap(OTHER, [lent.id], death(real_backend.now(), OTHER)),
        )
        assert found == [lent.id]
        assert took < PROMPT

    @pytest.mark.parametrize("route", [ROUTE, None])
    def test_resume_wakes_the_waiting(
        self, real_backend: Backend, threads: ThreadPoolExecutor, route: str | None
    ) -> None:
        made = firing()
        real_backend.enqueue([made])
        real_backend.pause(QUEUE, route)
        found, took = woken(
            threads, lambda: until_claimed(real_backend), lambda: real_backend.resume(QUEUE, route)
        )
        assert found == [made.id]
        assert took < PROMPT

    def test_declared_schedule_wakes_the_waiting(
        self, real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        found, took = woken(threads, lambda: until_claimed(real_backend), lambda: declared(real_backend))
        assert found == [planned(real_backend).firing]
        assert took < PROMPT

    def test_refire_wakes_the_waiting(self, real_backend: Backend, threads: ThreadPoolExecutor) -> None:
        before, _ = declared(real_backend)
        (lent,) = claim(real_backend, worker=OTHER)
        next_one = firing()
        found, took = woken(
            threads,
            lambda: until_claimed(real_backend),
            lambda: real_backend.settle([outcome(lent, refire=refire(lent, before, next_one))]),
        )
        assert found == [next_one.id]
        assert took < PROMPT

    def test_many_firings_start_on_many_waiting_workers_within_milliseconds(
        self, real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        def measure() -> float:
            batch = firings(4)
            sleepers = [threads.submit(until_claimed, real_backend, f"w{number}") for number in range(4)]
            threading.Event().wait(0.03)
            before = time.monotonic()
            real_backend.enqueue(batch)
            started = [sleeper.result(PATIENCE) for sleeper in sleepers]
            took = time.monotonic() - before
            assert sorted(started) == [[made.id] for made in batch]
            return took

        come_soon(real_backend, measure)

    def test_waiting_worker_is_woken_within_milliseconds(
        self, real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        def measure() -> float:
            _, took = woken(
                threads,
                lambda: real_backend.wait(QUEUE, ROUTE, WORKER, LONG),
                lambda: real_backend.enqueue([firing()]),
            )
            claim(real_backend)
            return took

        come_soon(real_backend, measure)

    def test_waiting_worker_is_woken_through_another_handle_within_milliseconds(
        self,
        processes: None,
        real_backend: Backend,
        tested_class: type[Backend],
        config: BackendConfig,
        threads: ThreadPoolExecutor,
    ) -> None:
        del processes
        second = tested_class.open(config)

        def measure() -> float:
            _, took = woken(
                threads,
                lambda: real_backend.wait(QUEUE, ROUTE, WORKER, LONG),
                lambda: second.enqueue([firing()]),
            )
            claim(real_backend)
            return took

        try:
            come_soon(real_backend, measure)
        finally:
            second.close()

    def test_closing_wakes_the_waiting(self, real_backend: Backend, threads: ThreadPoolExecutor) -> None:
        def wait() -> None:
            until_closed(lambda: real_backend.wait(QUEUE, ROUTE, WORKER, LONG))

        _, took = woken(threads, wait, real_backend.close)
        assert took < PROMPT

    def test_closing_wakes_listeners_and_those_who_wait_for_results(
        self, real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        real_backend.register(worker(), 60.0)
        made = firing()
        real_backend.enqueue([made])

        def wait() -> None:
            until_closed(lambda: real_backend.wait_settled([made.id], LONG))

        listener = threads.submit(until_closed, lambda: real_backend.listen(WORKER, LONG))
        _, took = woken(threads, wait, real_backend.close)
        listener.result(PROMPT)
        assert took < PROMPT
