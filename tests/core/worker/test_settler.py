"""Outcomes and a store that does not take them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from skunkqueue.context import current_job
from skunkqueue.errors import BackendError, BackendFullError, BackendUnavailableError
from skunkqueue.payload import Body, Step, encode
from skunkqueue.persistence.backend import Backend
from skunkqueue.plugins import hookimpl
from skunkqueue.records import Claim, Outcome, State, Verdict
from skunkqueue.serializers import get_serializer
from tests.core.worker import jobs_of_tests as jobs
from tests.core.worker.bench import Bench
from tests.support.waiting import eventually


class Faulty:
    """A store that fails at times."""

    def __init__(self, backend: Backend, **faults: Callable[..., None]) -> None:
        self._backend = backend
        self._faults = faults
        self.calls: list[str] = []

    def __getattr__(self, verb: str) -> Any:
        real = getattr(self._backend, verb)
        fault = self._faults.get(verb)
        if fault is None:
            return real

        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls.append(verb)
            fault(*args)
            return real(*args, **kwargs)

        return call


def as_backend(faulty: Faulty) -> Backend:
    return cast("Backend", faulty)


def failing(times: int, error: Exception) -> Callable[..., None]:
    """Make a fault that passes."""
    left = [times]

    def fault(*_: object) -> None:
        if left[0]:
            left[0] -= 1
            raise error

    return fault


@pytest.mark.parametrize("error", [BackendUnavailableError("away"), BackendFullError("full")])
def test_outcomes_are_kept_until_the_store_takes_them(bench: Bench, error: Exception) -> None:
    firings = [bench.fire(jobs.add(number, 0)) for number in range(5)]

    bench.worker(as_backend(Faulty(bench.backend, settle=failing(3, error)))).run()

    assert [bench.result(firing) for firing in firings] == list(range(5))
    assert len(jobs.RAN) == 5


@pytest.mark.parametrize("verb", ["claim", "beat", "extend", "progress"])
def test_a_store_that_is_away_for_a_while_costs_nothing(live_bench: Bench, verb: str) -> None:
    bench = live_bench
    faulty = Faulty(bench.backend, **{verb: failing(2, BackendUnavailableError("away"))})

    def wait() -> None:
        def asked() -> bool:
            current_job().progress(1)
            return len(faulty.calls) > 2

        eventually(asked, what="the store answers again")

    jobs.HOOKS["wait"] = wait
    firing = bench.fire(jobs.call_hook("wait"))

    bench.worker(as_backend(faulty), lease=1.0).run()

    assert bench.result(firing) == "wait"


def test_a_settling_that_got_through_unheard_is_not_lost_or_doubled(bench: Bench) -> None:
    firing = bench.fire(jobs.add(1, 1))
    done: list[bool] = []

    def fault(outcomes: Sequence[Outcome]) -> None:
        if not done:
            done.append(True)
            bench.backend.settle(outcomes)
            raise BackendUnavailableError("the answer was lost")

    lost: list[str] = []

    class Plugin:
        @hookimpl
        def skunkqueue_firing_lost(self, claim: Claim) -> None:
            lost.append(claim.id)

    bench.notifier.add(Plugin(), "hears")
    bench.worker(as_backend(Faulty(bench.backend, settle=fault))).run()

    assert bench.result(firing) == 2
    assert (len(jobs.RAN), lost) == (1, [])


def test_an_outcome_that_the_store_refuses_becomes_an_error_and_costs_no_other(bench: Bench) -> None:
    for number in range(50):
        bench.fire(jobs.add(number, 0))
    bench.work()
    good = [bench.fire(jobs.add(number, 0)) for number in range(3)]
    bad = bench.fire(jobs.add(600, 66))

    def fault(outcomes: Sequence[Outcome]) -> None:
        if any(one.id == bad and one.verdict is Verdict.COMPLETE for one in outcomes):
            raise BackendError("this one is too large")

    bench.worker(as_backend(Faulty(bench.backend, settle=fault))).run()

    assert [bench.result(firing) for firing in good] == [0, 1, 2]
    assert bench.state(bad) is State.ERROR
    assert "too large" in bench.failure(bad).message


def test_an_outcome_under_an_old_token_is_refused_and_told(bench: Bench) -> None:
    firing = bench.fire(jobs.call_hook("lose"))
    lost: list[str] = []

    class Plugin:
        @hookimpl
        def skunkqueue_firing_lost(self, claim: Claim) -> None:
            lost.append(claim.id)

    def lose() -> None:
        bench.pass_time(100.0)
        assert bench.backend.claim("shop", "default", "another", 1, 1_000.0)

    jobs.HOOKS["lose"] = lose
    bench.notifier.add(Plugin(), "hears")
    bench.work()

    assert bench.state(firing) is State.RUNNING
    assert lost == [firing]
    assert bench.record(firing).worker == "another"


def test_a_chain_goes_on_although_its_way_could_not_be_saved(bench: Bench) -> None:
    firing = bench.fire(jobs.add(1, 2) & jobs.add(3, 4))

    def fault(outcomes: Sequence[Outcome]) -> None:
        if outcomes[0].verdict is Verdict.ADVANCE:
            raise BackendUnavailableError("away")

    bench.worker(as_backend(Faulty(bench.backend, settle=fault))).run()

    assert bench.state(firing) is State.COMPLETE


def test_a_chain_whose_way_could_not_be_saved_at_first_is_given_back_with_it(bench: Bench) -> None:
    first, chain = (bench.fire(jobs.until_hook("stopped")), bench.fire(jobs.count_me(1) & jobs.double(2)))
    failed: list[str] = []

    def fault(outcomes: Sequence[Outcome]) -> None:
        if outcomes[0].verdict is Verdict.ADVANCE and not failed:
            failed.append(outcomes[0].id)
            raise BackendUnavailableError("away")

    worker = bench.worker(as_backend(Faulty(bench.backend, settle=fault)), concurrency=1)
    worker.loop.batch._size = 50

    def stopped() -> bool:
        waits = bool(worker.in_flight.between_steps)
        if waits:
            # Its next step finds no room beside this job.
            worker.stop()
        return worker.loop.stopping and not waits

    jobs.HOOKS["stopped"] = stopped
    worker.run()

    assert (bench.state(first), bench.state(chain)) == (State.COMPLETE, State.PENDING)
    assert failed == [chain]
    assert len(bench.attempt_state(chain).done) == 1


def test_a_chain_that_lost_its_claim_stops(bench: Bench) -> None:
    firing = bench.fire(jobs.call_hook("lose") & jobs.add(3, 4))

    def lose() -> None:
        bench.pass_time(100.0)
        bench.backend.claim("shop", "default", "another", 1, 1_000.0)

    jobs.HOOKS["lose"] = lose
    bench.work()

    assert jobs.RAN == []
    assert bench.record(firing).worker == "another"


def test_a_job_that_is_not_known_is_one_warning_that_says_how_to_restart(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    arguments = get_serializer("typed").dumps_call((), {}, None)
    for name in ("first", "first", "second"):
        body = encode(Body((Step(f"tests.core.worker.jobs_of_tests:{name}", arguments),)))
        bench.fire(jobs.tell(), body=body)

    with caplog.at_level(logging.INFO):
        bench.work()

    told = [one for one in caplog.records if "this worker does not know the job" in one.getMessage()]
    assert sorted((one.levelname, ":second" in one.getMessage()) for one in told) == [
        ("INFO", False),
        ("WARNING", False),
        ("WARNING", True),
    ]
    for one in told:
        ways_out = one.getMessage().count("if its code is newer than this worker: skunq restart test")
        assert ways_out == (one.levelname == "WARNING")
