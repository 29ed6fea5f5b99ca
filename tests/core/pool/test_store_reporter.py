"""What a pool tells the store itself."""

from __future__ import annotations

import os
import threading

import pytest

from skunkqueue.cli.story import deaths_of
from skunkqueue.listings import Query
from skunkqueue.payload import Failure
from skunkqueue.pool.shared_store import SharedStore
from skunkqueue.pool.store_reporter import StoreReporter, killed_outcome
from skunkqueue.pool.supervisor import Supervisor
from skunkqueue.processes.settings import PoolSettings
from skunkqueue.records import ClaimRef, Death, State, WorkerRecord
from skunkqueue.worker.memory import resident
from tests.core.worker import jobs_of_tests as jobs
from tests.core.worker.bench import QUEUE, ROUTE, Bench
from tests.support.waiting import eventually


def test_what_it_has_to_tell_is_kept_while_there_is_no_room_for_a_thread(
    live_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    firings = [live_bench.fire(jobs.add(1, number)) for number in range(2)]
    for worker in ("gone0", "gone1"):
        live_bench.backend.claim(QUEUE, ROUTE, worker, 1, 60.0)
    store_reporter = StoreReporter(SharedStore(live_bench.config), 10.0)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", no_room)
        store_reporter.reap("gone0", [], Death(at=0.0, worker="gone0", cause="signal", signal=9))
    assert live_bench.record(firings[0]).state is State.RUNNING

    store_reporter.reap("gone1", [], Death(at=0.0, worker="gone1", cause="signal", signal=9))
    store_reporter.finish(10.0)

    assert [live_bench.record(firing).state for firing in firings] == [State.PENDING] * 2


def test_it_is_behind_until_all_is_told(live_bench: Bench) -> None:
    store = SharedStore(live_bench.config)
    store_reporter = StoreReporter(store, 10.0)
    idle = store_reporter.is_behind
    # Whoever opens the store holds up the others.
    with store._lock:
        store_reporter.reap("gone", [], Death(at=0.0, worker="gone", cause="signal", signal=9))
        behind = store_reporter.is_behind

    eventually(lambda: not store_reporter.is_behind, what="all is told")
    store_reporter.finish(10.0)

    assert (idle, behind, store_reporter.is_behind) == (False, True, False)


def test_it_is_not_behind_with_what_it_cannot_tell_for_want_of_a_thread(
    live_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_reporter = StoreReporter(SharedStore(live_bench.config), 10.0)
    monkeypatch.setattr(threading.Thread, "start", no_room)

    store_reporter.reap("gone", [], Death(at=0.0, worker="gone", cause="signal", signal=9))

    assert not store_reporter.is_behind


@pytest.mark.parametrize("burst", [True, False])
def test_only_a_burst_starts_no_worker_before_what_a_dead_one_held_is_given_back(
    live_bench: Bench, *, burst: bool
) -> None:
    pool = Supervisor(PoolSettings(queue=QUEUE, config=live_bench.config, burst=burst))
    with pool._store._lock:
        pool._store_reporter.reap("gone", [], Death(at=0.0, worker="gone", cause="signal", signal=9))
        is_held_up = pool._is_held_up
    pool._store_reporter.finish(10.0)

    assert (is_held_up, pool._is_held_up) == (burst, False)


def test_a_death_says_when_the_worker_had_claimed_what_it_ran(live_bench: Bench) -> None:
    firing = live_bench.fire(jobs.add(1, 1))
    (claim,) = live_bench.backend.claim(QUEUE, ROUTE, "gone", 1, 60.0)
    store_reporter = StoreReporter(SharedStore(live_bench.config), 10.0)

    store_reporter.reap("gone", [firing], Death(at=0.0, worker="gone", cause="signal", signal=9))
    store_reporter.finish(10.0)

    (death,) = deaths_of(live_bench.record(firing))
    assert death.claimed == claim.claimed


def test_a_death_does_not_say_so_of_firings_that_were_claimed_one_after_another(live_bench: Bench) -> None:
    firings = []
    for number in range(2):
        firings.append(live_bench.fire(jobs.add(1, number)))
        live_bench.backend.claim(QUEUE, ROUTE, "gone", 1, 60.0)
    store_reporter = StoreReporter(SharedStore(live_bench.config), 10.0)

    store_reporter.reap("gone", firings, Death(at=0.0, worker="gone", cause="signal", signal=9))
    store_reporter.finish(10.0)

    assert [deaths_of(live_bench.record(firing))[0].claimed for firing in firings] == [None, None]


def test_what_it_settles_says_all_that_the_store_knows_of_the_firing(live_bench: Bench) -> None:
    firing = live_bench.fire(jobs.add(1, 1), key="one")
    (claim,) = live_bench.backend.claim(QUEUE, ROUTE, "stuck", 1, 60.0)
    store_reporter = StoreReporter(SharedStore(live_bench.config), 10.0)

    store_reporter.kill([ClaimRef(claim.id, claim.token)], "its worker had to be killed")
    store_reporter.finish(10.0)

    assert live_bench.failure(firing).message == "its worker had to be killed"
    record = live_bench.record(firing)
    outcome = killed_outcome(ClaimRef(claim.id, claim.token), record, Failure("Killed", "why"), 0.0)
    assert (outcome.queue, outcome.route, outcome.was_due, outcome.key) == (QUEUE, ROUTE, claim.due, "one")
    assert outcome.error == "Killed: why"


def test_what_it_settles_has_run_since_its_claim(bench: Bench) -> None:
    firing = bench.fire(jobs.add(1, 1))
    bench.pass_time(5.0)
    (claim,) = bench.backend.claim(QUEUE, ROUTE, "stuck", 1, 600.0)
    bench.pass_time(30.0)
    ref = ClaimRef(claim.id, claim.token)

    outcome = killed_outcome(ref, bench.record(firing), Failure("Killed", "why"), bench.backend.now())
    bench.backend.settle([outcome])

    (row,) = bench.backend.rows(Query(), 10).rows
    assert (row.state, row.attempts, row.began) == (State.KILLED, 1, claim.claimed)
    assert row.took == pytest.approx(30.0)
    counted = [one.values for one in bench.backend.minutes(QUEUE, ROUTE, 0, 1 << 40)]
    assert sum(values.get("wait", 0.0) for values in counted) == pytest.approx(5.0)
    assert sum(values.get("run", 0.0) for values in counted) == pytest.approx(30.0)


def test_of_what_cannot_be_interrupted_it_names_what_is_to_be_killed(live_bench: Bench) -> None:
    victim, neighbour = (live_bench.fire(jobs.add(1, number)) for number in range(2))
    claims = live_bench.backend.claim(QUEUE, ROUTE, "stuck", 2, 60.0)
    live_bench.backend.kill([victim])
    store_reporter = StoreReporter(SharedStore(live_bench.config), 10.0)
    told = list[tuple[str, ...]]()

    refs = [ClaimRef(claim.id, claim.token, begun=True) for claim in claims]
    store_reporter.vouch(stuck(), refs, 60.0, told.append)
    store_reporter.finish(10.0)

    assert {claim.id for claim in claims} == {victim, neighbour}
    assert told == [(victim,)]


@pytest.mark.parametrize("expires", [None, 60.0])
def test_a_firing_that_had_begun_does_not_expire_when_it_is_given_back(
    live_bench: Bench, expires: float | None
) -> None:
    firing = live_bench.fire(jobs.add(1, 1), expires_in=expires)
    (claim,) = live_bench.backend.claim(QUEUE, ROUTE, "gone", 1, 60.0)
    store_reporter = StoreReporter(SharedStore(live_bench.config), 10.0)

    store_reporter.give_back([ClaimRef(claim.id, claim.token, begun=True)])
    store_reporter.reap("gone", [], Death(at=0.0, worker="gone", cause="stop", signal=9))
    store_reporter.finish(10.0)

    record = live_bench.record(firing)
    assert (record.state, record.deaths, record.due) == (State.PENDING, 0, claim.due)
    assert live_bench.attempt_state(firing).begun == (expires is not None)


def test_a_worker_whose_job_lets_none_of_its_threads_run_is_listed_with_its_memory(live_bench: Bench) -> None:
    store_reporter = StoreReporter(SharedStore(live_bench.config), 10.0)

    store_reporter.vouch(stuck(), [], 60.0, lambda _: None)
    store_reporter.finish(10.0)

    (listed,) = live_bench.backend.workers()
    assert 0.5 < listed.rss / resident() < 2.0


def stuck() -> WorkerRecord:
    return WorkerRecord(
        id="stuck", queue=QUEUE, route=ROUTE, pool="test", host="here", pid=os.getpid(), started=0.0
    )


def no_room(_thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")
