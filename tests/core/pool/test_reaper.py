"""What a pool does about a worker that died, or cannot be reached, with all that ran in it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from skunkqueue.clock import monotonic
from skunkqueue.pool.child_process import ChildProcess
from skunkqueue.pool.plugin_deaths import PluginDeaths
from skunkqueue.pool.reaper import Reaper
from skunkqueue.pool.shared_store import SharedStore
from skunkqueue.pool.store_reporter import StoreReporter
from skunkqueue.pool.supervisor import Supervisor
from skunkqueue.processes.control_pipe import ROUGH
from skunkqueue.processes.settings import PoolSettings
from skunkqueue.records import State
from tests.core.worker import jobs_of_tests as jobs
from tests.core.worker.bench import QUEUE, ROUTE, Bench
from tests.support.waiting import eventually

LEASE = 60.0


@pytest.fixture
def child(live_bench: Bench) -> Iterator[ChildProcess]:
    child = dying_worker(live_bench)
    yield child
    if child._process.returncode is None:
        eventually(child.reap, what="it has ended")
    child.close()


def dying_worker(bench: Bench) -> ChildProcess:
    """Start a worker that dies before it could do anything."""
    child = ChildProcess(bench.settings())
    os.kill(child.pid, signal.SIGKILL)
    return child


@pytest.fixture
def store_reporter(live_bench: Bench) -> StoreReporter:
    return StoreReporter(SharedStore(live_bench.config), 10.0)


@pytest.fixture
def reaper(store_reporter: StoreReporter) -> Reaper:
    return Reaper(store_reporter, PluginDeaths(), pool="test", host="here", lease=LEASE)


def run_beside(bench: Bench, child: ChildProcess, number: int) -> list[str]:
    """Have so many firings run beside each other in a worker, as its scoreboard shows them."""
    for each in range(number):
        bench.fire(jobs.add(1, each), expires_in=LEASE)
    claims = bench.backend.claim(QUEUE, ROUTE, child.settings.id, number, LEASE)
    for row, claim in enumerate(claims, 1):
        child.scoreboard.begin(row, claim.id, claim.token, 0.0, 0)
    return [claim.id for claim in claims]


def test_of_firings_whose_worker_cannot_interrupt_them_the_one_to_be_killed_is_blamed_alone(
    live_bench: Bench, child: ChildProcess, reaper: Reaper, store_reporter: StoreReporter
) -> None:
    victim, _ = run_beside(live_bench, child, 2)
    live_bench.backend.kill([victim])
    now = monotonic()
    child.scoreboard.look(now - LEASE)

    reaper.vouch(child, now)
    store_reporter.finish(10.0)

    assert (child.killed_for, child.blamed) == ("rough", (victim,))


@pytest.mark.parametrize("cause", ["timeout", "rough", "stop"])
def test_what_ran_beside_a_blamed_firing_does_not_expire_when_it_is_given_back(
    live_bench: Bench, child: ChildProcess, reaper: Reaper, store_reporter: StoreReporter, cause: str
) -> None:
    blamed, spared = run_beside(live_bench, child, 2)
    child.killed_for, child.blamed = cause, (blamed,)
    end = eventually(child.reap, what="it has ended")
    assert end is not None

    reaper.see_off(child, end, is_ordered=True)
    store_reporter.finish(10.0)

    assert (live_bench.state(spared), live_bench.record(spared).deaths) == (State.PENDING, 0)
    assert live_bench.attempt_state(spared).begun


@pytest.mark.parametrize(("order", "state"), [(b"", State.PENDING), (ROUGH, State.KILLED)])
def test_a_pool_that_fails_gives_back_what_it_was_not_to_kill(
    live_bench: Bench, order: bytes, state: State
) -> None:
    pool, child = Supervisor(PoolSettings(queue=QUEUE, config=live_bench.config)), dying_worker(live_bench)
    (firing,) = run_beside(live_bench, child, 1)
    pool._crew.slots[0].take(child)
    pool._crew.order = order

    pool._end_all()
    pool._store_reporter.finish(10.0)

    assert (live_bench.state(firing), live_bench.record(firing).deaths) == (state, 0)
