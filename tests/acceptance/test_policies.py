"""Timeouts, retries, snoozes, concurrency, progress and orders from outside, against real processes."""

from __future__ import annotations

import os

import pytest

from skunkqueue.payload import decode_attempt_state, decode_progress
from skunkqueue.records import Command, State
from tests.acceptance.shop import Shop, ended
from tests.support.waiting import eventually


@pytest.mark.parametrize("job", ["sleep", "receive", "lock", "loop", "doze"])
def test_a_timeout_interrupts_a_job_wherever_it_waits(lasting_shop: Shop, job: str) -> None:
    shop = lasting_shop
    pid = shop.result(shop.fire("which"))
    firing = shop.fire(job, timeout=0.2)

    failure = shop.failure(firing)

    assert shop.state(firing) is State.ERROR
    assert failure.kind == "JobTimeoutError"
    assert "0.2 s" in failure.message
    assert shop.marked("finally", firing)
    assert shop.result(shop.fire("which")) == pid


def costs_its_worker(shop: Shop, job: str) -> None:
    """See that a job which outlasts its time limit is recorded, and its worker replaced."""
    pool = shop.work()
    pid = shop.result(shop.fire("which"))
    firing = shop.fire(job, timeout=0.2)

    failure = shop.failure(firing)

    assert failure.kind == "JobTimeoutError"
    assert "killed" in failure.message
    assert shop.result(shop.fire("which")) != pid
    assert pool.process.poll() is None


def test_a_job_that_cannot_be_interrupted_costs_its_worker(shop: Shop) -> None:
    costs_its_worker(shop, "stubborn")


def test_failures_are_retried_until_one_succeeds(shop: Shop) -> None:
    shop.work()
    firing = shop.fire("fail_until", 3, retries=3)

    assert shop.result(firing) == 3
    history = decode_attempt_state(shop.record(firing).attempt_state).history
    assert [(one.number, one.note.split(" (")[0]) for one in history] == [
        (1, "ValueError: attempt 1"),
        (2, "ValueError: attempt 2"),
    ]


def test_retry_and_snooze_come_back(shop: Shop) -> None:
    shop.work()
    retried = shop.fire("ask_again", 0.05, retries=1)
    snoozed = shop.fire("snooze_once")

    assert shop.result(retried) == 2
    assert shop.result(snoozed) == 1


def test_async_jobs_run_beside_each_other(shop: Shop) -> None:
    shop.work("--concurrency", "6")
    firings = [shop.fire("meet", 6) for _ in range(6)]

    assert [shop.result(firing) for firing in firings] == [6] * 6


def test_no_more_async_jobs_run_than_allowed(shop: Shop) -> None:
    shop.work("--concurrency", "2")
    firings = [shop.fire("meet", 3) for _ in range(3)]
    for firing in firings[:2]:
        shop.begun(firing, "meeting")

    eventually(lambda: shop.state(firings[2]) is State.PENDING, what="the third waits in the store")
    assert not shop.marked("meeting", firings[2])
    for firing in firings[:2]:
        shop.backend.kill([firing])
    assert shop.result(firings[2]) == 3


@pytest.mark.parametrize("job", ["sleep", "doze", "loop"])
def test_killing_a_firing_leaves_the_worker_alive(lasting_shop: Shop, job: str) -> None:
    shop = lasting_shop
    pid = shop.result(shop.fire("which"))
    firing = shop.fire(job)
    shop.begun(firing)

    shop.backend.kill([firing])

    assert shop.settled(firing).state is State.KILLED
    assert shop.marked("finally", firing)
    assert shop.result(shop.fire("which")) == pid


def killed_at_its_workers_cost(shop: Shop, job: str) -> None:
    """See that a job which lets nobody interrupt it is killed, and that work goes on."""
    shop.work("--grace", "0.3", "--lease", "1")
    firing = shop.fire(job)
    shop.begun(firing)

    shop.backend.kill([firing])

    assert shop.settled(firing).state is State.KILLED
    assert shop.result(shop.fire("add", 1, 2)) == 3


def test_killing_a_firing_that_resists_costs_its_worker(shop: Shop) -> None:
    killed_at_its_workers_cost(shop, "stubborn")


def test_progress_is_seen_while_the_job_runs(shop: Shop) -> None:
    shop.work()
    firing = shop.fire("report", "go")
    shop.begun(firing)

    eventually(lambda: shop.record(firing).progress is not None, what="progress is saved")
    progress = decode_progress(shop.record(firing).progress or b"")
    shop.touch("go")

    assert (progress.done, progress.total, progress.note) == (3, 10, "on the way")
    assert abs(progress.at - shop.backend.now()) < 60
    shop.settled(firing)


@pytest.mark.parametrize("verb", ["stop", "rough"])
def test_a_worker_that_is_stopped_by_command_is_not_replaced(shop: Shop, verb: str) -> None:
    pool = shop.work()
    firing = shop.fire("hold", "go")
    shop.begun(firing)
    (worker,) = shop.backend.workers()

    shop.backend.send(worker.id, Command(verb=verb))
    pool.says("told to stop")
    if verb == "stop":
        shop.touch("go")

    assert ended(pool) == 0
    assert shop.state(firing) is (State.COMPLETE if verb == "stop" else State.KILLED)
    assert shop.listed() == 0


def test_reload_replaces_the_workers_when_code_changes(shop: Shop) -> None:
    pool = shop.work("--reload")
    jobs = shop.folder / "jobs.py"
    assert shop.result(shop.fire("add", 1, 2)) == 3

    jobs.write_text(jobs.read_text().replace("first + second", "first * second"))
    pool.says("has changed")
    eventually(lambda: shop.listed() == 1 and "ready" in pool.said.partition("has changed")[2])

    assert shop.result(shop.fire("add", 4, 5)) == 20


def test_a_pidfile_names_the_pool_while_it_runs(shop: Shop) -> None:
    pool = shop.work("-p", "pool.pid")
    pidfile = shop.folder / "pool.pid"

    assert int(pidfile.read_text()) == pool.process.pid
    second = shop.project.work("-q", "shop", "-p", "pool.pid")
    assert ended(second) == 2
    assert str(pool.process.pid) in second.said
    pool.stop()
    assert not pidfile.exists()


def test_a_pidfile_left_behind_is_taken_over(shop: Shop) -> None:
    pidfile = shop.folder / "pool.pid"
    pidfile.write_text(f"{os.getpid()}\n")

    pool = shop.work("-p", "pool.pid")

    assert int(pidfile.read_text()) == pool.process.pid


def test_the_log_goes_to_a_file_that_may_be_moved_away(shop: Shop) -> None:
    shop.work("-l", "work.log")
    log = shop.folder / "work.log"
    first = shop.fire("add", 1, 2)
    eventually(lambda: f"complete jobs:add {first}" in log.read_text())
    log.rename(shop.folder / "old.log")

    second = shop.fire("add", 2, 3)

    eventually(lambda: log.exists() and f"complete jobs:add {second}" in log.read_text())
    assert "-> 5" in log.read_text()
