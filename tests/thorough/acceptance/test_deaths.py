"""More ways for workers to die, and what their neighbours notice of it."""

from __future__ import annotations

import os
import signal

import pytest

from skunkqueue.records import State
from tests.acceptance.shop import Shop, ended
from tests.support.waiting import eventually


def test_a_firing_whose_worker_was_killed_knows_its_attempt(shop: Shop) -> None:
    shop.work()

    assert shop.result(shop.fire("kill_worker", 2)) == "attempt 3"


def test_deaths_use_up_no_retry(shop: Shop) -> None:
    shop.work()
    firing = shop.fire("kill_worker", 1, retries=0)

    assert shop.result(firing) == "attempt 2"


def test_async_neighbours_of_a_poison_complete(shop: Shop) -> None:
    shop.work()
    neighbours = [shop.fire("doze", 0.3) for _ in range(3)]
    for neighbour in neighbours:
        shop.begun(neighbour)
    poison = shop.fire("crash")

    assert shop.failure(poison).kind == "WorkerDiedError"
    assert [shop.result(neighbour) for neighbour in neighbours] == ["awake"] * 3
    assert max(shop.record(neighbour).deaths for neighbour in neighbours) <= 1


def test_two_poisons_and_the_rest_of_the_queue(shop: Shop) -> None:
    shop.work("-c", "2", workers=2)
    poisons = [shop.fire("crash"), shop.fire("leave_at_once", 7)]
    others = [shop.fire("add", 0, number) for number in range(100)]

    assert [shop.result(other) for other in others] == list(range(100))
    assert [shop.failure(poison).kind for poison in poisons] == ["WorkerDiedError"] * 2


def test_a_memory_limit_below_what_an_idle_worker_holds_still_lets_jobs_run(shop: Shop) -> None:
    firings = [shop.fire("add", number, 1) for number in range(3)]
    shop.work("--burst", "--max-memory", "1")

    assert [shop.result(firing) for firing in firings] == [1, 2, 3]


def test_a_burst_survives_a_poison(shop: Shop) -> None:
    poison = shop.fire("crash")
    other = shop.fire("add", 1, 1)

    pool = shop.project.work("-q", "shop", "--burst")

    assert ended(pool) == 0
    assert shop.state(poison) is State.ERROR
    assert shop.state(other) is State.COMPLETE


def test_a_stopped_worker_wakes_up_to_a_lost_lease(shop: Shop) -> None:
    pool = shop.work("--lease", "1", "-c", "2", workers=2)
    firing = shop.fire("hold", "go")
    shop.begun(firing)
    worker, token = shop.record(firing).worker, shop.record(firing).token
    (pid,) = [one.pid for one in shop.backend.workers() if one.id == worker]

    os.kill(pid, signal.SIGSTOP)
    try:
        eventually(lambda: shop.record(firing).worker != worker, what="another worker has claimed it")
    finally:
        os.kill(pid, signal.SIGCONT)
    pool.says("is lost")
    shop.touch("go")

    assert shop.result(firing) == 42
    assert shop.record(firing).token > token


@pytest.mark.parametrize("job", ["hold", "doze"])
def test_a_worker_that_was_stopped_ends_though_it_claimed_again_what_it_ran(shop: Shop, job: str) -> None:
    pool = shop.work("--threads", "2", "--lease", "1")
    firing = shop.fire(job, *(("go",) if job == "hold" else (5.0,)))
    shop.begun(firing)
    (pid,) = shop.pids()

    os.kill(pid, signal.SIGSTOP)
    eventually(lambda: (shop.record(firing).lease_left or 0.0) < 0.0, what="its lease is over")
    os.kill(pid, signal.SIGCONT)
    shop.touch("go")

    assert shop.settled(firing).state is State.COMPLETE
    assert pool.stop() == 0
