"""The seed's table of signals, each row with a job in flight, against real processes."""

from __future__ import annotations

import os
import signal
import time

import pytest

from skunkqueue.records import State
from tests.acceptance.project_folder import PATIENCE
from tests.acceptance.shop import Shop, ended, gone
from tests.support.waiting import eventually, never

GENTLE = [signal.SIGHUP, signal.SIGABRT, signal.SIGQUIT, signal.SIGTERM]
IGNORABLE = [*GENTLE, signal.SIGINT]
WAITING_JOBS = ["sleep", "receive", "lock", "loop", "doze"]


@pytest.mark.parametrize("number", GENTLE, ids=lambda number: number.name)
def test_a_gentle_signal_lets_the_current_job_end_and_records_it(shop: Shop, number: signal.Signals) -> None:
    pool = shop.work()
    firing = shop.fire("hold", "go")
    waiting = shop.fire("add", 1, 2)
    shop.begun(firing)

    pool.process.send_signal(number)
    never(lambda: pool.process.poll() is not None, 0.2, what="the pool ends before its job")
    shop.touch("go")

    assert ended(pool) == 0
    assert shop.result(firing) == 42
    assert shop.state(waiting) is State.PENDING
    assert shop.listed() == 0


@pytest.mark.parametrize("job", WAITING_JOBS)
def test_int_interrupts_the_current_job_wherever_it_waits(shop: Shop, job: str) -> None:
    pool = shop.work("--grace", str(10 * PATIENCE))
    firing = shop.fire(job)
    shop.begun(firing)

    pool.process.send_signal(signal.SIGINT)

    assert ended(pool) == 130
    assert shop.state(firing) is State.KILLED
    assert shop.failure(firing).kind == "Killed"
    assert shop.marked("finally", firing)
    assert shop.listed() == 0


def test_int_after_a_gentle_signal_makes_it_rough(shop: Shop) -> None:
    pool = shop.work()
    firing = shop.fire("sleep")
    shop.begun(firing)
    pool.process.send_signal(signal.SIGTERM)
    pool.says("stopping gently")

    pool.process.send_signal(signal.SIGINT)

    assert ended(pool) == 130
    assert shop.state(firing) is State.KILLED
    assert shop.listed() == 0


@pytest.mark.parametrize("job", ["stubborn", "in_c", "block_loop"])
def test_a_job_that_resists_int_is_killed_after_the_grace(shop: Shop, job: str) -> None:
    pool = shop.work("--grace", "0.5")
    firing = shop.fire(job)
    shop.begun(firing)

    pool.process.send_signal(signal.SIGINT)

    assert ended(pool) == 130
    assert shop.state(firing) is State.KILLED
    assert shop.listed() == 0


def test_a_second_int_kills_at_once(shop: Shop) -> None:
    pool = shop.work("--grace", "1000")
    firing = shop.fire("stubborn")
    shop.begun(firing)
    pool.process.send_signal(signal.SIGINT)
    shop.begun(firing, "caught")

    pool.process.send_signal(signal.SIGINT)

    assert ended(pool) == 130
    assert shop.state(firing) is State.KILLED
    assert shop.listed() == 0


def test_a_stop_gives_back_what_was_claimed_and_not_begun(shop: Shop) -> None:
    held = shop.fire("hold", "go")
    others = [shop.fire("add", 1, 2) for _ in range(50)]
    pool = shop.work()
    shop.begun(held)
    pool.process.send_signal(signal.SIGTERM)
    shop.touch("go")

    assert ended(pool) == 0
    assert {shop.state(other) for other in others} <= {State.PENDING, State.COMPLETE}
    assert shop.result(held) == 42


def test_an_idle_pool_ends_at_once(shop: Shop) -> None:
    pool = shop.work("-c", "2", workers=2)
    began = time.monotonic()

    assert pool.stop() == 0
    # A wait for work takes half a minute where nobody ends it.
    assert time.monotonic() - began < 10


def test_after_sigkill_of_the_pool_its_workers_are_gone_too(shop: Shop) -> None:
    pool = shop.work("-c", "2", "--lease", "1", workers=2)
    pids = shop.pids()
    busy = [shop.fire("in_c"), shop.fire("sleep")]
    for firing in busy:
        shop.begun(firing)

    pool.process.kill()

    for pid in pids:
        eventually(gone(pid), PATIENCE, what=f"worker {pid} is gone")


def test_after_sigkill_of_the_pool_a_new_one_needs_no_cleaning(shop: Shop) -> None:
    pool = shop.work("--lease", "1")
    (pid,) = shop.pids()
    firing = shop.fire("hold", "go")
    shop.begun(firing)

    pool.process.kill()
    eventually(gone(pid), PATIENCE, what="the worker is gone")
    shop.touch("go")
    shop.work("--lease", "1")

    assert shop.result(firing) == 42
    assert shop.record(firing).deaths == 1
    eventually(lambda: pid not in shop.pids(), what="the dead worker has vanished from the list")


def test_a_worker_that_is_signalled_itself_ends_gently_and_is_replaced(shop: Shop) -> None:
    shop.work()
    (pid,) = shop.pids()
    firing = shop.fire("hold", "go")
    shop.begun(firing)

    os.kill(pid, signal.SIGTERM)
    shop.touch("go")

    assert shop.result(firing) == 42
    assert shop.result(shop.fire("which")) != pid


@pytest.mark.parametrize("number", IGNORABLE, ids=lambda number: number.name)
def test_a_signal_ignored_at_the_start_stays_ignored(shop: Shop, number: signal.Signals) -> None:
    pool = shop.work(ignoring=number)
    (pid,) = shop.pids()

    pool.process.send_signal(number)
    os.kill(pid, number)

    assert shop.result(shop.fire("which")) == pid
    assert shop.result(shop.fire("which")) == pid
    pool.says(f"signals ignored since the start: {number.name}")
    # Another signal still stops it.
    pool.process.send_signal(signal.SIGHUP if number is signal.SIGTERM else signal.SIGTERM)
    assert ended(pool) == 0
