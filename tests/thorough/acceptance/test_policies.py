"""Jobs that hold what others need, until a limit is reached."""

from __future__ import annotations

import time

import pytest

from skunkqueue.payload import decode_attempt_state
from skunkqueue.records import State
from tests.acceptance.shop import Shop
from tests.acceptance.test_policies import costs_its_worker, killed_at_its_workers_cost
from tests.support.waiting import eventually


def test_a_timeout_that_costs_the_worker_is_retried_like_any_failure(shop: Shop) -> None:
    shop.work()
    firing = shop.fire("in_c", timeout=0.1, retries=1)

    shop.settled(firing)
    attempt_state = decode_attempt_state(shop.record(firing).attempt_state)

    assert shop.state(firing) is State.ERROR
    assert [attempt.verdict for attempt in attempt_state.history] == ["retry"]
    assert shop.record(firing).evidence.count('"timeout"') == 2


def test_async_neighbours_of_a_job_that_blocks_the_loop_are_not_blamed(shop: Shop) -> None:
    shop.work()
    neighbour = shop.fire("doze", 2.6)
    shop.begun(neighbour)
    firing = shop.fire("block_loop", timeout=0.2)

    assert shop.failure(firing).kind == "JobTimeoutError"
    assert shop.record(neighbour).deaths == 0
    assert shop.result(neighbour) == "awake"


def test_a_job_that_holds_the_gil_keeps_its_lease(shop: Shop) -> None:
    shop.work("--lease", "1", "-c", "2", workers=2)
    firing = shop.fire("in_c")
    shop.begun(firing)
    token = shop.record(firing).token
    deadline = time.monotonic() + 3

    eventually(lambda: time.monotonic() > deadline, what="three leases have passed")
    record = shop.record(firing)

    assert (record.state, record.token, record.deaths) == (State.RUNNING, token, 0)
    assert shop.listed() == 2


def test_a_long_job_keeps_its_lease_and_its_neighbours_run_elsewhere(shop: Shop) -> None:
    shop.work("--lease", "1")
    for _ in range(50):
        # Short jobs, so that the worker claims many at a time.
        last = shop.fire("add", 1, 2)
    shop.settled(last)
    long = shop.fire("hold", "go", priority=9)
    neighbours = [shop.fire("add", 1, 2) for _ in range(5)]
    shop.begun(long)
    token = shop.record(long).token
    shop.work()

    assert [shop.result(neighbour) for neighbour in neighbours] == [3] * 5
    assert shop.state(long) is State.RUNNING
    shop.touch("go")
    assert shop.result(long) == 42
    assert shop.record(long).token == token


@pytest.mark.parametrize("job", ["in_c", "block_loop"])
def test_a_job_that_cannot_be_interrupted_costs_its_worker(shop: Shop, job: str) -> None:
    costs_its_worker(shop, job)


def test_killing_a_firing_that_resists_costs_its_worker(shop: Shop) -> None:
    killed_at_its_workers_cost(shop, "in_c")
