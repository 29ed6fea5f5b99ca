"""Until when the pool lets a firing run, while its job is interrupted and in what follows it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from skunkqueue.call import Call
from skunkqueue.clock import monotonic
from skunkqueue.imports import Gate
from skunkqueue.processes.control_pipe import GENTLE
from skunkqueue.processes.scoreboard import GIVE_BACK, Scoreboard
from skunkqueue.records import Death, State
from skunkqueue.worker.in_flight import KILL_AFTER
from skunkqueue.worker.run.executor import Executor
from skunkqueue.worker.run.interrupt import Interrupter
from skunkqueue.worker.run.lazy_async_executor import LazyAsyncExecutor
from skunkqueue.worker.watchdog import Watchdog
from tests.core.worker import jobs_of_tests as jobs
from tests.core.worker.bench import QUEUE, ROUTE, Bench, with_rules
from tests.core.worker.test_settler import Faulty, as_backend
from tests.support.waiting import PATIENCE, eventually


def deadlines(scoreboard: Scoreboard) -> list[float]:
    """Return when the pool would kill the worker, for each firing that runs."""
    return [one.deadline for one in scoreboard.running()]


@pytest.mark.parametrize("call", [jobs.nap_at_first(), jobs.nap_at_first_async()], ids=["sync", "async"])
def test_rules_for_retries_have_their_own_time_after_a_timeout(live_bench: Bench, call: Call[None]) -> None:
    worker = live_bench.worker()
    firing = live_bench.fire(with_rules(call, timeout=0.1))

    def look() -> None:
        eventually(
            lambda: deadlines(worker._services.scoreboard)[0] > monotonic() + KILL_AFTER,
            what="the rules may take longer than what is left to the job",
        )

    jobs.HOOKS["backoff"] = look
    worker.run()

    assert live_bench.state(firing) is State.COMPLETE


def test_a_step_is_not_killed_for_the_step_before_it(live_bench: Bench) -> None:
    worker = live_bench.worker(threads=2)
    late, seen = threading.Event(), list[bool]()

    def be_late() -> None:
        threading.Thread(target=wait_for_watchdog).start()
        # On a thread, a job that waits for an event is not interrupted.
        late.wait()

    def wait_for_watchdog() -> None:
        eventually(lambda: worker._watchdog._asked, what="the job is to be interrupted")
        late.set()

    def look() -> None:
        eventually(
            lambda: not any(deadlines(worker._services.scoreboard)), what="this step has no time limit"
        )
        seen.append(True)

    jobs.HOOKS.update(late=be_late, look=look)
    firing = live_bench.fire(with_rules(jobs.call_hook("late"), timeout=0.1) & jobs.call_hook("look"))
    worker.run()

    assert live_bench.state(firing) is State.COMPLETE
    assert seen


def test_the_attempt_for_which_a_worker_was_killed_began_when_that_worker_claimed_it(bench: Bench) -> None:
    firing = bench.fire(with_rules(jobs.fail(9), timeout=50.0))
    (claim,) = bench.backend.claim(QUEUE, ROUTE, "killed", 1, 600.0)
    bench.pass_time(60.0)
    death = Death(at=bench.backend.now(), worker="killed", cause="timeout", signal=9, claimed=claim.claimed)
    bench.backend.reap("killed", [firing], death)

    bench.work()

    (attempt,) = bench.attempt_state(firing).history
    assert (attempt.began, attempt.took, attempt.worker) == (claim.claimed, 50.0, "killed")


def test_a_job_has_no_deadline_any_more_when_the_store_is_told_of_its_end(bench: Bench) -> None:
    found: list[list[float]] = []
    backend = Faulty(bench.backend, settle=lambda _: found.append(deadlines(worker._services.scoreboard)))
    worker = bench.worker(as_backend(backend))
    bench.fire(with_rules(jobs.add(1, 2), timeout=20.0) & jobs.add(3, 4))

    worker.run()

    assert found[0] == [0.0]


def test_a_worker_is_not_killed_roughly_for_a_job_whose_lease_is_lost(live_bench: Bench) -> None:
    worker = live_bench.worker(threads=2)
    live_bench.fire(jobs.call_hook("lose"))
    causes = list[str]()

    def lose() -> None:
        (running,) = worker.in_flight.begun()
        worker.in_flight.lost.add(running.ref)
        # On a thread, a job that waits for an event is not interrupted.
        causes.append(eventually(ordered, what="the pool is asked to kill the worker"))

    def ordered() -> str:
        return "".join(one.cause for one in worker._services.scoreboard.running() if one.deadline)

    jobs.HOOKS["lose"] = lose
    worker.run()

    # So that nobody's outcome is settled as killed.
    assert causes == [GIVE_BACK]


def test_a_worker_that_has_ended_writes_to_no_file_that_is_opened_after_it(
    live_bench: Bench, tmp_path: Path
) -> None:
    worker = live_bench.worker()
    worker.run()
    worker._watchdog.join(PATIENCE)
    paths = [tmp_path / f"{number}" for number in range(16)]

    with contextlib.ExitStack() as files:
        for path in paths:
            files.enter_context(path.open("wb"))
        # As a signal does that comes while `on_worker_stop` is called.
        worker.stop()

    assert {path.read_bytes() for path in paths} == {b""}


def test_a_worker_hears_its_pool_by_a_descriptor_of_any_number(live_bench: Bench, high: int) -> None:
    services = live_bench.worker()._services
    heard = list[bytes]()
    watchdog = Watchdog(
        services,
        Interrupter((), lambda: None),
        LazyAsyncExecutor(services, Executor(Gate())),
        obey=heard.append,
        give_up=lambda: None,
        control_pipe=high,
    )
    watching = threading.Thread(target=watchdog._watch)
    watching.start()
    try:
        eventually(lambda: heard == [GENTLE], what="the order is heard")
    finally:
        watchdog.end()
        watching.join(PATIENCE)


@pytest.fixture
def high() -> Iterator[int]:
    """A pipe with an order, under a number such as it has in a pool of very many workers."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    number = 1_500
    if hard != resource.RLIM_INFINITY and hard <= number:
        pytest.skip("so many files may not be open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, number + 100), hard))
    reading, writing = os.pipe()
    try:
        os.write(writing, GENTLE)
        yield fcntl.fcntl(reading, fcntl.F_DUPFD_CLOEXEC, number)
    finally:
        for fd in (reading, writing, number):
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
