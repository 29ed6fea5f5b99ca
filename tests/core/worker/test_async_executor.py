"""Jobs beside the main thread: what one does to the event loop, and an interrupt that comes too late."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from skunkqueue.records import Death, State
from skunkqueue.worker.run.reasons import TIMEOUT
from tests.core.worker import jobs_of_tests as jobs
from tests.core.worker.bench import Bench
from tests.support.waiting import PATIENCE, eventually


def close_loop() -> bool:
    """Close the event loop as soon as it stops."""
    loop: Any = asyncio.get_running_loop()
    loop.run_forever = loop.close
    loop.stop()
    return False


def test_a_job_on_a_thread_goes_on_when_another_closes_the_loop(live_bench: Bench) -> None:
    worker = live_bench.worker(threads=2, concurrency=4)
    waiting = live_bench.fire(jobs.call_hook("wait"))
    closing = live_bench.fire(jobs.until_hook("close"))
    jobs.HOOKS["close"] = close_loop
    jobs.HOOKS["wait"] = lambda: eventually(
        lambda: live_bench.state(closing) is State.ERROR, what="the loop is closed"
    )

    worker.run()

    assert live_bench.failure(closing).message == "a job has closed the event loop of its worker"
    assert live_bench.state(waiting) is State.COMPLETE


def test_an_interrupt_of_a_job_that_has_just_ended_does_nothing(live_bench: Bench) -> None:
    worker = live_bench.worker()

    def interrupt() -> bool:
        # It is looked at after the job has ended, and before that is known.
        (running,) = worker.in_flight.begun()
        worker._async_executor.cancel(running, TIMEOUT)
        return True

    jobs.HOOKS["interrupt"] = interrupt
    firing = live_bench.fire(jobs.until_hook("interrupt"))
    worker.run()

    assert live_bench.state(firing) is State.COMPLETE


def test_a_firing_that_runs_twice_leaves_nothing_behind(live_bench: Bench) -> None:
    worker = live_bench.worker(burst=False)
    firing = live_bench.fire(jobs.until_hook("both run"))
    given_back, both = list[int](), threading.Event()

    def both_run() -> bool:
        if not given_back:
            # As where a store has lost what it knew of a claim.
            death = Death(at=0.0, worker=worker.settings.id, cause="exit")
            given_back.append(live_bench.backend.reap(worker.settings.id, [], death))
        if len(worker.in_flight.beside) == 2:
            both.set()
        return both.is_set()

    jobs.HOOKS["both run"] = both_run
    running = threading.Thread(target=worker.run, daemon=True)
    running.start()
    try:
        eventually(lambda: both.is_set() and not worker.in_flight.beside, what="both have ended")
    finally:
        worker.stop()
        running.join(PATIENCE)

    assert live_bench.state(firing) is State.COMPLETE
