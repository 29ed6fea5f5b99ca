"""Nothing begins whose lease may be over: the worker was stopped, suspended, or its store's answer came late."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.errors import BackendUnavailableError
from skunkqueue.records import Claim, State
from skunkqueue.worker.in_flight import GAP, InFlight
from tests.core.worker import jobs_of_tests as jobs
from tests.core.worker.bench import Bench
from tests.core.worker.test_settler import Faulty, as_backend, failing


def overslept(bench: Bench, *firings: str) -> Callable[[], None]:
    """Make a job that takes longer than its lease, and another worker claim what was lent with it."""

    def job() -> None:
        bench.pass_time(20.0)
        others: list[Claim] = []
        for _ in firings:
            others += bench.backend.claim("shop", "default", "another", 10, 1_000.0)
        assert [claim.id for claim in others] == list(firings)

    return job


def out_of_reach(bench: Bench) -> Faulty:
    """Make a store that extends no lease, as for a process that is stopped."""
    return Faulty(bench.backend, extend=failing(1_000, BackendUnavailableError("stopped")))


@pytest.mark.parametrize("job", ["add", "double"])
def test_what_waited_past_its_lease_is_not_begun(
    bench: Bench, job: str, caplog: pytest.LogCaptureFixture
) -> None:
    first = bench.fire(jobs.call_hook("late"))
    second = bench.fire(jobs.add(1, 1) if job == "add" else jobs.double(1))
    jobs.HOOKS["late"] = overslept(bench, first, second)
    worker = bench.worker(as_backend(out_of_reach(bench)))
    worker.loop.batch._size = 50

    with caplog.at_level(logging.DEBUG):
        worker.run()

    assert jobs.RAN == []
    assert bench.record(second).worker == "another"
    # The maintenance thread may be faster than the main thread.
    assert "late: unbegun=1" in caplog.text or "1 firings are given back" in caplog.text


def test_what_nobody_else_has_claimed_goes_back_and_runs(bench: Bench) -> None:
    bench.fire(jobs.call_hook("late"))
    second = bench.fire(jobs.add(1, 1))
    jobs.HOOKS["late"] = overslept(bench)
    worker = bench.worker(as_backend(out_of_reach(bench)))
    worker.loop.batch._size = 50

    worker.run()

    assert bench.state(second) is State.COMPLETE
    assert bench.record(second).deaths == 0


@pytest.fixture
def clock() -> VirtualClock:
    """Time to be moved."""
    return VirtualClock()


@pytest.fixture
def in_flight(clock: VirtualClock) -> InFlight:
    """What a worker holds whose leases last 15 seconds."""
    return InFlight(clock.monotonic, clock.monotonic, 15.0)


def test_claims_that_come_while_the_process_runs_are_fresh(clock: VirtualClock, in_flight: InFlight) -> None:
    asked = clock.monotonic()
    for _ in range(100):
        clock.advance(GAP / 2)
        in_flight.look()

    assert in_flight.lent_since(asked) == clock.monotonic()


def test_claims_may_have_come_as_soon_as_the_process_was_stopped(
    clock: VirtualClock, in_flight: InFlight
) -> None:
    asked = clock.monotonic()
    clock.advance(GAP / 2)
    in_flight.look()
    stopped = clock.monotonic()
    clock.advance(100.0)

    before_the_watchdog_has_looked = in_flight.lent_since(asked)
    in_flight.look()

    assert before_the_watchdog_has_looked == in_flight.lent_since(asked) == stopped


def test_claims_that_were_asked_for_after_a_stop_are_fresh(clock: VirtualClock, in_flight: InFlight) -> None:
    clock.advance(100.0)
    in_flight.look()
    clock.advance(0.1)
    in_flight.look()

    assert in_flight.lent_since(clock.monotonic()) == clock.monotonic()
