"""Until when the pool lets a firing run, while its job is interrupted and in what follows it."""

from __future__ import annotations

import threading

import pytest

from skunkqueue.call import Call
from skunkqueue.clock import monotonic
from skunkqueue.processes.scoreboard import GIVE_BACK, Scoreboard
from skunkqueue.records import Death, State
from skunkqueue.worker.in_flight import KILL_AFTER
from tests.core.worker import jobs_of_tests as jobs
from tests.core.worker.bench import QUEUE, ROUTE, Bench, with_rules
from tests.core.worker.test_settler import Faulty, as_backend
from tests.support.waiting import eventually


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
