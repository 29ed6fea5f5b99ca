"""A gentle stop with a time limit: what runs too long is interrupted and given back, as if it had not begun."""

from __future__ import annotations

import signal

import pytest

from skunkqueue.listings import Query
from skunkqueue.records import State
from tests.acceptance.project_folder import PATIENCE
from tests.acceptance.shop import LONG_LEASE, Shop, ended

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
