"""Leases, neighbours, heart and silence, while a job runs."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable

import pytest

from skunkqueue import current_job
from skunkqueue.clock import VirtualClock
from skunkqueue.contract.makers import claim, firings, ids, outcome
from skunkqueue.errors import BackendUnavailableError
from skunkqueue.ids import new_id
from skunkqueue.persistence.backend import COMPLETE_TTL
from skunkqueue.pools import ENTRY_TTL, Entry
from skunkqueue.processes.exit_codes import Ending
from skunkqueue.processes.store_backoff import StoreBackoff
from skunkqueue.records import Claim, Command, State
from skunkqueue.worker import worker as worker_module
from skunkqueue.worker.attempt import Attempt, ref_of
from skunkqueue.worker.liveness import Liveness
from tests.core.worker import jobs_of_tests as jobs
from tests.core.worker.bench import QUEUE, ROUTE, Bench, with_rules
from tests.core.worker.test_settler import Faulty, as_backend
from tests.support.waiting import eventually


def until(condition: Callable[[], object], what: str) -> Callable[[], object]:
    """Make a hook that lets a job run until a condition holds."""
    return lambda: eventually(condition, what=what)


def test_neighbours_of_a_long_job_are_given_back(live_bench: Bench) -> None:
    bench = live_bench
    for number in range(200):
        bench.fire(jobs.add(number, 0))
    bench.work()
    long = bench.fire(jobs.call_hook("wait"))
    rest = [bench.fire(jobs.add(number, 0)) for number in range(10)]
    worker = bench.worker()
    worker.loop.batch._size = 50
    seen: list[set[State]] = []

    def wait() -> None:
        eventually(lambda: {bench.state(one) for one in rest} == {State.PENDING}, what="they are given back")
        seen.append({bench.state(one) for one in rest})

    jobs.HOOKS["wait"] = wait
    worker.run()

    assert seen == [{State.PENDING}]
    assert bench.state(long) is State.COMPLETE
    assert {bench.state(one) for one in rest} == {State.COMPLETE}


def test_what_finished_before_a_long_job_is_settled_while_it_runs(live_bench: Bench) -> None:
    bench = live_bench
    first = bench.fire(jobs.add(1, 1))
    bench.fire(jobs.call_hook("wait"))
    worker = bench.worker()
    worker.loop.batch._size = 50
    jobs.HOOKS["wait"] = until(lambda: bench.state(first) is State.COMPLETE, "the first is settled")

    worker.run()

    assert bench.result(first) == 2


def test_a_firing_that_is_claimed_again_is_lost_under_its_older_claim_alone(bench: Bench) -> None:
    bench.fire(jobs.add(1, 1))
    worker = bench.worker()
    old, again = bench.claim_twice(worker.settings.id)
    worker.in_flight.beside[1] = Attempt(old, row=1)
    worker.in_flight.unbegun.append(again)

    worker._maintenance._lease_keeper.keep()

    assert worker.in_flight.lost == {ref_of(old)}
    assert list(worker.in_flight.unbegun) == [again]


def test_a_burst_runs_what_is_given_back_as_the_long_job_before_it_ends(live_bench: Bench) -> None:
    bench = live_bench
    bench.fire(jobs.call_hook("wait"))
    rest = [bench.fire(jobs.add(number, 0)) for number in range(3)]
    given_back, looks = threading.Event(), list[bool]()

    def settle(_outcomes: object) -> None:
        if threading.current_thread().name == "skunkqueue-maintenance":
            given_back.set()
            # The first look finds nothing, and is over.
            eventually(lambda: worker.loop.stopping or len(looks) > 1, what="the worker has looked")

    def claim(*_: object) -> None:
        looks.extend([True] * given_back.is_set())

    jobs.HOOKS["wait"] = given_back.wait
    worker = bench.worker(as_backend(Faulty(bench.backend, settle=settle, claim=claim)))
    worker.loop.batch._size = 50

    worker.run()

    assert {bench.state(one) for one in rest} == {State.COMPLETE}


def test_a_lease_is_extended_while_its_job_runs(live_bench: Bench) -> None:
    bench = live_bench
    firing = bench.fire(jobs.call_hook("wait"))
    claimed: list[list[Claim]] = []
    begun = bench.backend.now()

    def three_leases_later() -> bool:
        claimed.append(bench.backend.claim("shop", "default", "another", 1, 1.0))
        return bench.backend.now() > begun + 2.0

    jobs.HOOKS["wait"] = until(three_leases_later, "some leases have passed")
    bench.work(lease=0.6)

    assert bench.state(firing) is State.COMPLETE
    assert not any(claimed)


def test_a_lost_lease_interrupts_the_job_and_drops_its_outcome(bench: Bench) -> None:
    firing = bench.fire(jobs.call_hook("lose"))
    ended: list[bool] = []

    def lose() -> None:
        bench.pass_time(100.0)
        assert bench.backend.claim("shop", "default", "another", 1, 1_000.0)
        try:
            threading.Event().wait(20)
        finally:
            ended.append(True)

    jobs.HOOKS["lose"] = lose
    bench.work()

    assert ended == [True]
    assert bench.record(firing).worker == "another"


def test_what_a_job_held_that_failed_after_its_lease_was_lost_is_freed(bench: Bench) -> None:
    bench.fire(jobs.call_hook("lose"))
    worker = bench.worker()
    held: list[weakref.ref[threading.Event]] = []

    def lose() -> None:
        value = threading.Event()
        held.append(weakref.ref(value))
        assert worker.in_flight.running is not None
        worker.in_flight.lost.add(worker.in_flight.running.ref)
        raise ValueError("too late")

    jobs.HOOKS["lose"] = lose
    gc.disable()
    try:
        worker.run()
        assert [one() for one in held] == [None]
    finally:
        gc.enable()


def test_a_timeout_interrupts_the_job(live_bench: Bench) -> None:
    bench = live_bench
    call = jobs.nap(20.0)
    firing = bench.fire(with_rules(call, timeout=0.1))

    bench.work()

    assert bench.failure(firing).kind == "JobTimeoutError"


def test_a_kill_interrupts_the_job_and_the_worker_lives(live_bench: Bench) -> None:
    bench = live_bench
    firing = bench.fire(jobs.call_hook("kill"))
    after = bench.fire(jobs.add(1, 1))

    def kill() -> None:
        bench.backend.kill([firing])
        threading.Event().wait(20)

    jobs.HOOKS["kill"] = kill
    bench.work()

    assert bench.state(firing) is State.KILLED
    assert bench.result(after) == 2


def test_progress_is_sent_again_after_the_store_was_away(live_bench: Bench) -> None:
    bench = live_bench
    firing = bench.fire(jobs.report_and_hook(3, "wait"))
    away = [BackendUnavailableError("away")]

    def progress(*_: object) -> None:
        if away:
            raise away.pop()

    jobs.HOOKS["wait"] = until(lambda: bench.record(firing).progress, "the progress is stored")
    bench.worker(as_backend(Faulty(bench.backend, progress=progress))).run()

    assert not away
    assert bench.state(firing) is State.COMPLETE


def test_a_kill_that_came_too_late_does_not_strike_the_firing_when_it_is_requeued(bench: Bench) -> None:
    worker = bench.worker()
    firing = bench.fire(jobs.call_hook("kill"))

    def kill() -> None:
        worker.in_flight.kills[firing] = worker.in_flight.monotonic()
        jobs.HOOKS["kill"] = list

    jobs.HOOKS["kill"] = kill
    # Settled first, since the first batch has one firing.
    bench.fire(jobs.call_hook("requeue"))
    jobs.HOOKS["requeue"] = lambda: bench.backend.requeue([firing])
    worker.run()

    assert bench.state(firing) is State.COMPLETE


def test_a_job_that_its_worker_gave_back_runs_again_after_its_expiry(bench: Bench) -> None:
    firing = bench.fire(jobs.call_hook("stop"), expires=bench.backend.now() + 5)
    worker = bench.worker()

    def stop() -> None:
        worker.orders.give_back()
        threading.Event().wait(60)

    jobs.HOOKS["stop"] = stop
    worker.run()
    assert bench.state(firing) is State.PENDING
    bench.pass_time(10)
    jobs.HOOKS["stop"] = lambda: jobs.RAN.append(current_job().attempt)
    bench.work()

    assert bench.state(firing) is State.COMPLETE
    assert jobs.RAN == [1]


def test_the_worker_says_what_it_does(live_bench: Bench) -> None:
    bench = live_bench
    firing = bench.fire(jobs.call_hook("look"))
    found: list[tuple[str, str | None]] = []

    def look() -> None:
        def busy() -> bool:
            (worker,) = bench.backend.workers()
            found.append((worker.state, worker.current))
            return worker.current == firing

        eventually(busy, what="the worker tells its job")

    jobs.HOOKS["look"] = look
    bench.work()

    assert found[-1] == ("busy", firing)


@pytest.mark.parametrize(("verb", "state"), [("stop", State.COMPLETE), ("rough", State.KILLED)])
def test_a_command_stops_the_worker(live_bench: Bench, verb: str, state: State) -> None:
    bench = live_bench
    firing = bench.fire(jobs.call_hook("stop"))
    worker = bench.worker(burst=False)

    def stop() -> None:
        bench.backend.send(worker.settings.id, Command(verb=verb))
        eventually(lambda: worker.loop.stopping, what="it has heard")
        if verb == "rough":
            threading.Event().wait(20)

    jobs.HOOKS["stop"] = stop

    assert worker.run() is Ending.DISMISSED
    assert bench.state(firing) is state


def test_silence_makes_disconnected_and_then_gone() -> None:
    clock = VirtualClock()
    liveness = Liveness(clock, 10.0)
    seen = []
    for _ in range(5):
        seen.append((liveness.is_disconnected, liveness.is_gone))
        clock.advance(10.5)
    liveness.answered()

    assert seen == [(False, False)] * 2 + [(True, False)] * 2 + [(True, True)]
    assert not liveness.is_disconnected


def test_a_silence_begins_with_the_last_answer_though_the_process_was_stopped_before_that() -> None:
    clock = VirtualClock()
    liveness = Liveness(clock, 10.0)
    clock.advance(60.0)
    liveness.answered()
    # The watchdog looks after the other threads have gone on.
    liveness.forgive(60.0)

    clock.advance(20.5)

    assert liveness.is_disconnected


def test_waits_grow_to_a_limit_and_begin_anew() -> None:
    backoff = StoreBackoff()
    waits = [backoff.next() for _ in range(12)]
    backoff.reset()

    assert waits[0] <= 0.1
    assert 2.5 <= waits[-1] <= 5.0
    assert backoff.next() <= 0.1


def test_the_slice_of_a_wait_is_long_for_processes() -> None:
    # An idle worker must not poll.
    assert worker_module.SLICE >= 10


def test_a_worker_has_what_is_too_old_swept_away(bench: Bench) -> None:
    bench.backend.log_entry(Entry(id=new_id(), at=0.0, who="ann", verb="kill", on="it"))
    done = bench.fire(jobs.add(1, 1))
    bench.work()
    bench.pass_time(ENTRY_TTL + 1.0)

    # Whenever it began, its first sweep is due by then.
    bench.worker()._maintenance.look(bench.clock.monotonic() + 11.0)

    assert bench.backend.get([done]) == [None]
    assert bench.backend.audit().entries == ()


def test_a_worker_has_the_depth_of_each_minute_sampled(bench: Bench) -> None:
    worker = bench.worker()
    begin = bench.clock.now() // 60.0 * 60.0 + 60.0

    for minute in range(4):
        bench.pass_time(begin + minute * 60.0 + 30.0 - bench.clock.now())
        bench.fire(jobs.add(1, 1))
        worker._maintenance.look(bench.clock.monotonic())

    counted = bench.backend.counters([(QUEUE, ROUTE)], begin, begin + 240.0)
    assert [each.values["pending"] for each in counted] == [1, 2, 3, 4]


def test_the_store_is_maintained_while_a_job_runs(live_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    maintained: list[str] = []
    monkeypatch.setattr(
        live_bench.backend, "maintain", lambda: maintained.append(threading.current_thread().name)
    )
    live_bench.fire(jobs.call_hook("wait"))
    jobs.HOOKS["wait"] = until(lambda: len(maintained) > 2, "it is maintained more than once")

    live_bench.work()

    assert set(maintained) == {"skunkqueue-maintenance"}


def test_a_worker_sweeps_again_soon_while_much_is_too_old(bench: Bench) -> None:
    made = firings(1_200)
    bench.backend.enqueue(made)
    bench.backend.settle([outcome(one) for one in claim(bench.backend, len(made))])
    bench.pass_time(COMPLETE_TTL + 1.0)
    worker = bench.worker()
    now = bench.clock.monotonic() + 11.0

    for seconds in range(4):
        worker._maintenance.look(now + seconds)

    assert not any(bench.backend.get(ids(made)))
