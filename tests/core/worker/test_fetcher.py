"""A worker at rest: where it waits for work, and what ends that."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from skunkqueue.errors import BackendUnavailableError
from skunkqueue.persistence.awaited import AwaitedClaim
from skunkqueue.persistence.sqlite import SQLiteBackend
from skunkqueue.processes.exit_codes import Ending
from skunkqueue.records import Claim, State
from skunkqueue.worker.worker import Worker
from tests.core.worker import jobs_of_tests as jobs
from tests.core.worker.bench import Bench
from tests.support.waiting import PATIENCE, eventually


class Watched(SQLiteBackend):
    """Notes which threads wait in it, and fails where it is told to."""

    failures = 0
    has_descriptor = True

    def begin_claim(
        self, queue: str, route: str, worker: str, limit: int, lease: float
    ) -> AwaitedClaim | None:
        """Note the thread, and do it."""
        if self.failures:
            self.failures -= 1
            msg = "not now"
            raise BackendUnavailableError(msg)
        if not self.has_descriptor:
            return None
        self.waited.append(threading.current_thread().name)
        return super().begin_claim(queue, route, worker, limit, lease)

    def claim_next(
        self, queue: str, route: str, worker: str, limit: int, lease: float, *, timeout: float
    ) -> list[Claim]:
        """Note the thread, and do it."""
        self.waited.append(threading.current_thread().name)
        return super().claim_next(queue, route, worker, limit, lease, timeout=timeout)

    @property
    def waited(self) -> list[str]:
        """The names of the threads that have begun to wait."""
        found: list[str] = self.__dict__.setdefault("threads", [])
        return found


@pytest.fixture
def watched(live_bench: Bench) -> Iterator[Watched]:
    """The bench's store, opened once more."""
    opened = Watched.open(live_bench.config)
    yield opened
    opened.close()


@contextmanager
def at_work(bench: Bench, store: Watched) -> Iterator[Worker]:
    """Let a worker run in a thread named ``main``, until it was told to stop."""
    worker = bench.worker(store, burst=False)
    endings: list[Ending] = []
    thread = threading.Thread(target=lambda: endings.append(worker.run()), name="main")
    thread.start()
    try:
        yield worker
    finally:
        worker.stop()
        thread.join(PATIENCE)
    assert endings == [Ending.STOPPED]


def has_ended(bench: Bench, firing: str) -> bool:
    """Return whether a firing is complete."""
    return bench.state(firing) is State.COMPLETE


def test_a_worker_at_rest_waits_in_its_main_thread(live_bench: Bench, watched: Watched) -> None:
    with at_work(live_bench, watched):
        eventually(lambda: watched.waited)
        assert watched.waited == ["main"]
        firing = live_bench.fire(jobs.add(1, 2))
        eventually(lambda: has_ended(live_bench, firing))
        # While a job runs long, as any does on a busy machine, the other thread waits.
        eventually(lambda: watched.waited[1:][-1:] == ["main"])


def test_where_a_store_has_no_descriptor_the_fetcher_thread_waits(
    live_bench: Bench, watched: Watched
) -> None:
    watched.has_descriptor = False
    with at_work(live_bench, watched):
        eventually(lambda: watched.waited)
        firing = live_bench.fire(jobs.add(1, 2))
        eventually(lambda: has_ended(live_bench, firing))
    assert set(watched.waited) == {"skunkqueue-fetcher"}


def test_while_an_async_job_runs_the_fetcher_thread_waits(live_bench: Bench, watched: Watched) -> None:
    go_on = threading.Event()
    jobs.HOOKS["wait"] = go_on.is_set
    with at_work(live_bench, watched):
        eventually(lambda: watched.waited)
        long = live_bench.fire(jobs.until_hook("wait"))
        eventually(lambda: "skunkqueue-fetcher" in watched.waited)
        beside = live_bench.fire(jobs.add(1, 2))
        eventually(lambda: has_ended(live_bench, beside))
        assert live_bench.state(long) is State.RUNNING
        go_on.set()
        eventually(lambda: has_ended(live_bench, long))


def test_a_store_that_cannot_be_waited_for_is_asked_again(
    live_bench: Bench, watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    watched.failures = 2
    with at_work(live_bench, watched):
        eventually(lambda: watched.waited)
        firing = live_bench.fire(jobs.add(1, 2))
        eventually(lambda: has_ended(live_bench, firing))
    told = [one for one in caplog.records if one.getMessage() == "cannot wait for firings: not now"]
    assert [one.levelno for one in told] == [logging.WARNING] * 2


def test_a_worker_that_stopped_while_it_waited_holds_nothing(live_bench: Bench, watched: Watched) -> None:
    with at_work(live_bench, watched):
        eventually(lambda: watched.waited)
    firing = live_bench.fire(jobs.add(1, 2))
    assert [one.id for one in live_bench.backend.claim("shop", "default", "other", 1, 15.0)] == [firing]
