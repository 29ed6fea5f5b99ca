"""Jobs that are not async, several at a time in one worker, each on a thread."""

from __future__ import annotations

import signal

from skunkqueue.control import Control
from skunkqueue.records import State
from tests.acceptance.project_folder import PATIENCE
from tests.acceptance.shop import LONG_LEASE, Shop, ended
from tests.support.waiting import eventually

LEASE = ("--lease", str(LONG_LEASE))


def test_as_many_jobs_run_at_a_time_as_there_are_threads(shop: Shop) -> None:
    firings = [shop.fire("meet_in_threads", 30) for _ in range(30)]
    shop.work("--threads", "30", *LEASE)

    assert [shop.result(firing) for firing in firings] == [30] * 30


def test_no_more_jobs_run_at_a_time_than_there_are_threads(shop: Shop) -> None:
    firings = [shop.fire("crowd") for _ in range(40)]
    shop.work("--threads", "3", *LEASE)

    assert {shop.result(firing) for firing in firings} <= {1, 2, 3}


def test_each_job_knows_itself(shop: Shop) -> None:
    firings = [shop.fire("whoami") for _ in range(20)]
    shop.work("--threads", "4", *LEASE)

    found = [shop.result(firing) for firing in firings]
    assert [id_ for id_, _ in found] == firings
    assert {thread.rpartition("-")[0] for _, thread in found} == {"skunkqueue-job"}


def test_async_jobs_run_beside_them(shop: Shop) -> None:
    firings = [shop.fire("meet", 6) for _ in range(3)] + [shop.fire("meet_in_threads", 6) for _ in range(3)]
    shop.work("--threads", "3", *LEASE)

    assert {shop.result(firing) for firing in firings} == {6}


def test_a_failure_is_tried_again(shop: Shop) -> None:
    shop.work("--threads", "3", *LEASE)

    assert shop.result(shop.fire("fail_until", 2, retries=3)) == 2


def test_a_job_that_lets_itself_be_interrupted_times_out_alone(shop: Shop) -> None:
    shop.work("--threads", "3", *LEASE)
    neighbour = shop.fire("hold", "go")
    shop.begun(neighbour)
    pid = shop.result(shop.fire("which"))

    assert shop.failure(shop.fire("loop", timeout=0.2)).kind == "JobTimeoutError"
    shop.touch("go")

    assert shop.result(neighbour) == 42
    assert shop.result(shop.fire("which")) == pid


def test_a_job_that_blocks_is_ended_with_its_worker_and_its_neighbours_are_given_back(shop: Shop) -> None:
    shop.work("--threads", "3", *LEASE)
    neighbour = shop.fire("hold", "go")
    shop.begun(neighbour)
    pid = shop.result(shop.fire("which"))

    assert shop.failure(shop.fire("sleep", timeout=0.2)).kind == "JobTimeoutError"
    shop.touch("go")

    assert shop.result(neighbour) == 42
    assert shop.record(neighbour).deaths == 0
    assert shop.result(shop.fire("which")) != pid


def test_one_of_them_is_killed_by_request(shop: Shop) -> None:
    shop.work("--threads", "3", *LEASE)
    victim, neighbour = shop.fire("loop"), shop.fire("hold", "go")
    shop.begun(victim)
    shop.begun(neighbour)

    Control(shop.backend, "tests").kill([victim])

    assert shop.settled(victim).state is State.KILLED
    assert shop.marked("finally", victim)
    shop.touch("go")
    assert shop.result(neighbour) == 42


def test_a_gentle_stop_lets_all_of_them_end(shop: Shop) -> None:
    pool = shop.work("--threads", "3", *LEASE)
    firings = [shop.fire("hold", "go") for _ in range(3)]
    for firing in firings:
        shop.begun(firing)
    pool.process.send_signal(signal.SIGTERM)
    pool.says("stopping gently")
    shop.touch("go")

    assert ended(pool) == 0
    assert [shop.result(firing) for firing in firings] == [42] * 3


def test_a_rough_stop_interrupts_all_of_them(shop: Shop) -> None:
    pool = shop.work("--threads", "3", "--grace", str(10 * PATIENCE), *LEASE)
    firings = [shop.fire("loop") for _ in range(3)]
    for firing in firings:
        shop.begun(firing)

    pool.process.send_signal(signal.SIGINT)

    assert ended(pool) == 130
    assert {shop.state(firing) for firing in firings} == {State.KILLED}
    assert all(shop.marked("finally", firing) for firing in firings)


def test_a_stop_in_time_gives_all_of_them_back(shop: Shop) -> None:
    pool = shop.work("--threads", "4", "--stop-timeout", "0.1", "--grace", "0.5", *LEASE)
    firings = [shop.fire("loop"), shop.fire("loop"), shop.fire("sleep")]
    for firing in firings:
        shop.begun(firing)

    pool.process.send_signal(signal.SIGTERM)

    assert ended(pool) == 0
    assert {(shop.state(firing), shop.record(firing).deaths) for firing in firings} == {(State.PENDING, 0)}


def test_a_job_that_dies_costs_its_worker_and_the_neighbours_run_again(shop: Shop) -> None:
    shop.work("--threads", "3", *LEASE)
    neighbour = shop.fire("hold", "go")
    shop.begun(neighbour)
    killer = shop.fire("kill_worker", 1)

    # Nobody knows which of the two it was, so from now on they run one after the other.
    shop.touch("go")
    assert shop.result(killer) == "attempt 2"
    assert shop.result(neighbour) == 42


def test_a_copy_of_the_process_that_a_job_made_does_not_go_on(shop: Shop) -> None:
    shop.work("--threads", "3", *LEASE)
    firing = shop.fire("fork")

    assert shop.result(firing) == "forked"
    shop.begun(firing, "copy")
    eventually(lambda: shop.listed() == 1, PATIENCE)
    assert shop.result(shop.fire("add", 1, 2)) == 3
