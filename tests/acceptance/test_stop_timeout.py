"""A gentle stop with a time limit: what runs too long is interrupted and given back, as if it had not begun."""

from __future__ import annotations

import signal

import pytest

from skunkqueue.control import Control
from skunkqueue.listings import Query
from skunkqueue.records import State
from tests.acceptance.project_folder import PATIENCE
from tests.acceptance.shop import LONG_LEASE, Shop, ended
from tests.acceptance.test_pool_commands import carried_out, control, listed
from tests.support.waiting import eventually

__all__ = ["control"]

LEASE = ("--lease", str(LONG_LEASE))
"""What runs again was given back; no lease ends within these tests."""
AT_ONCE = ("--stop-timeout", "0.1", *LEASE)


@pytest.mark.parametrize("job", ["sleep", "receive", "loop", "doze"])
def test_a_job_that_runs_too_long_is_given_back_and_the_pool_ends_well(shop: Shop, job: str) -> None:
    pool = shop.work(*AT_ONCE, "--grace", str(10 * PATIENCE))
    firing = shop.fire(job)
    shop.begun(firing)

    pool.process.send_signal(signal.SIGTERM)

    assert ended(pool) == 0
    assert shop.marked("finally", firing)
    check_given_back(shop, firing)


@pytest.mark.parametrize("job", ["stubborn", "in_c", "block_loop"])
def test_a_job_that_resists_is_given_back_after_the_grace(shop: Shop, job: str) -> None:
    pool = shop.work(*AT_ONCE, "--grace", "0.5")
    firing = shop.fire(job)
    shop.begun(firing)

    pool.process.send_signal(signal.SIGTERM)

    assert ended(pool) == 0
    check_given_back(shop, firing)


def check_given_back(shop: Shop, firing: str) -> None:
    record = shop.record(firing)
    assert (record.state, record.deaths) == (State.PENDING, 0)
    (row,) = shop.backend.rows(Query(), 10).rows
    assert (row.id, row.attempts) == (firing, 0)
    assert shop.listed() == 0


def test_a_job_that_was_given_back_runs_as_if_for_the_first_time(shop: Shop) -> None:
    pool = shop.work(*AT_ONCE)
    firing = shop.fire("sleep")
    shop.begun(firing)
    pool.process.send_signal(signal.SIGTERM)
    assert ended(pool) == 0
    (shop.folder / f"begun-{firing}").unlink()

    shop.work()

    shop.begun(firing)
    assert shop.record(firing).deaths == 0


def test_jobs_that_end_in_time_are_recorded(shop: Shop) -> None:
    pool = shop.work("--stop-timeout", str(10 * PATIENCE))
    firing = shop.fire("hold", "go")
    shop.begun(firing)
    pool.process.send_signal(signal.SIGTERM)
    pool.says("stopping gently")

    shop.touch("go")

    assert ended(pool) == 0
    assert shop.result(firing) == 42


@pytest.mark.parametrize("job", ["notice", "notice_async"])
def test_a_job_sees_that_its_worker_is_to_stop(shop: Shop, job: str) -> None:
    pool = shop.work("--stop-timeout", str(10 * PATIENCE))
    firing = shop.fire(job)
    shop.begun(firing)

    pool.process.send_signal(signal.SIGTERM)

    assert ended(pool) == 0
    assert shop.result(firing) == "noticed"


def test_int_kills_what_would_be_given_back(shop: Shop) -> None:
    pool = shop.work(*AT_ONCE, "--grace", str(10 * PATIENCE))
    firing = shop.fire("stubborn")
    shop.begun(firing)
    pool.process.send_signal(signal.SIGTERM)
    shop.begun(firing, "caught")

    pool.process.send_signal(signal.SIGINT)
    pool.says("stopping roughly")
    pool.process.send_signal(signal.SIGINT)

    assert ended(pool) == 130
    assert shop.state(firing) is State.KILLED


@pytest.mark.parametrize("job", ["sleep", "doze", "stubborn", "in_c"])
def test_the_limit_holds_where_one_worker_is_stopped(shop: Shop, control: Control, job: str) -> None:
    pool = shop.work(*AT_ONCE, "--grace", "0.5" if job in ("stubborn", "in_c") else str(10 * PATIENCE))
    (process,) = listed(shop).processes
    firing = shop.fire(job)
    shop.begun(firing)

    did = carried_out(control, control.stop_worker(process.worker))

    if job in ("sleep", "doze"):
        assert did.startswith("ended after the stop time-out: ")
    else:
        assert did.startswith("killed, since its job did not end")
    assert ended(pool) == 0
    check_given_back(shop, firing)


@pytest.mark.parametrize("whole", [True, False], ids=["pool", "worker"])
def test_the_limit_holds_for_workers_that_are_replaced(shop: Shop, control: Control, *, whole: bool) -> None:
    shop.work(*AT_ONCE)
    pool = listed(shop)
    old = pool.processes[0].worker
    firing = shop.fire("sleep")
    shop.begun(firing)

    did = carried_out(control, control.restart_pool(pool.id) if whole else control.restart_worker(old))

    assert did == "replaced 1" if whole else "; ended after the stop time-out: " in did
    (new,) = listed(shop).processes
    eventually(lambda: shop.record(firing).worker == new.worker, PATIENCE, what="it runs again")
    assert (shop.state(firing), shop.record(firing).deaths) == (State.RUNNING, 0)


def test_a_worker_that_is_stopped_roughly_gives_nothing_back(shop: Shop, control: Control) -> None:
    pool = shop.work("--stop-timeout", str(10 * PATIENCE), *LEASE, "--grace", "0.5")
    (process,) = listed(shop).processes
    firing = shop.fire("stubborn")
    shop.begun(firing)

    stop = control.stop_worker(process.worker)
    rough = control.stop_worker(process.worker, rough=True)

    assert carried_out(control, rough).startswith("killed, since its job did not end")
    assert carried_out(control, stop) == carried_out(control, rough)
    assert ended(pool) == 0
    assert shop.state(firing) is State.KILLED


def test_a_worker_that_is_stopped_roughly_in_a_pool_that_gives_back_gives_nothing_back(
    shop: Shop, control: Control
) -> None:
    # Longer than it takes to hear the command: the grace of the whole pool began before, and ends first.
    pool = shop.work(*AT_ONCE, "--grace", "5")
    (process,) = listed(shop).processes
    firing = shop.fire("stubborn")
    shop.begun(firing)
    pool.process.send_signal(signal.SIGTERM)
    shop.begun(firing, "caught")

    rough = control.stop_worker(process.worker, rough=True)

    assert carried_out(control, rough).startswith("killed, since its job did not end")
    assert ended(pool) == 0
    assert shop.state(firing) is State.KILLED


SCHEDULE = """
from datetime import timedelta
from jobs import queue, sleep
from skunkqueue.scheduler import TimeScheduler

with TimeScheduler(queue, timedelta(hours=3), name="nightly") as schedule:
    schedule << sleep
"""


def test_nothing_follows_from_a_run_of_a_schedule_that_is_given_back(shop: Shop) -> None:
    shop.project.write("declare.py", SCHEDULE)
    shop.project.run("declare.py")
    (schedule,) = shop.backend.schedules()
    firing = schedule.firing
    assert firing is not None
    shop.backend.run_now([firing])
    pool = shop.work(*AT_ONCE)
    shop.begun(firing)

    pool.process.send_signal(signal.SIGTERM)

    assert ended(pool) == 0
    assert shop.state(firing) is State.PENDING
    assert shop.backend.history("shop", "nightly") == []
    (after,) = shop.backend.schedules()
    assert after.firing == firing
