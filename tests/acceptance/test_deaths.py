"""Workers that die under their jobs, and jobs that kill them."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys

import msgspec
import psutil
import pytest

from skunkqueue.records import Death, State
from tests.acceptance.project_folder import PATIENCE, SKUNQ
from tests.acceptance.shop import LONG_LEASE, QUEUE, Shop, ended, gone
from tests.support.waiting import eventually


def test_a_killed_workers_firing_runs_again_long_before_its_lease_ends(shop: Shop) -> None:
    shop.work("--lease", str(LONG_LEASE))
    firing = shop.fire("hold", "go")
    shop.begun(firing)
    (pid,) = shop.pids()
    (shop.folder / f"begun-{firing}").unlink()

    os.kill(pid, signal.SIGKILL)

    eventually(lambda: shop.marked("begun", firing), PATIENCE, what="it has begun again")
    shop.touch("go")
    assert shop.result(firing) == 42
    assert (shop.record(firing).deaths, gone(pid)()) == (1, True)


def test_a_poison_is_put_aside_after_three_deaths_with_its_evidence(shop: Shop) -> None:
    pool = shop.work()
    before = [shop.fire("add", 1, number) for number in range(20)]
    poison = shop.fire("crash")
    after = [shop.fire("add", 2, number) for number in range(20)]

    failure = shop.failure(poison)

    assert shop.state(poison) is State.ERROR
    assert failure.kind == "WorkerDiedError"
    assert failure.message.count("SIGSEGV") == 3
    assert "MiB" in failure.message
    assert shop.marked("crash3", poison)
    assert not shop.marked("crash4", poison)
    assert [shop.result(firing) for firing in before] == [1 + number for number in range(20)]
    assert [shop.result(firing) for firing in after] == [2 + number for number in range(20)]
    assert {shop.record(firing).deaths for firing in before + after} == {0}
    assert "SIGSEGV" in pool.said


def test_a_job_that_exits_its_process_is_put_aside_with_the_exit_code(shop: Shop) -> None:
    shop.work()
    firing = shop.fire("leave_at_once", 0)

    assert shop.failure(firing).message.count("exit code 0") == 3


def test_max_jobs_replaces_the_worker(shop: Shop) -> None:
    shop.work("--max-jobs", "2")
    pids = [shop.result(shop.fire("which")) for _ in range(4)]

    assert pids[0] == pids[1]
    assert pids[2] == pids[3]
    assert pids[1] != pids[2]


def test_max_memory_replaces_the_worker(shop: Shop) -> None:
    shop.work("--max-memory", "120")
    first = shop.result(shop.fire("which"))
    shop.settled(shop.fire("hoard", 150))

    assert shop.result(shop.fire("which")) != first


def test_a_burst_ends_when_nothing_is_due(shop: Shop) -> None:
    due = [shop.fire("add", 1, 1) for _ in range(30)] + [shop.fire("doze", 0.05)]
    later = shop.fire("add", 1, 1, delay=60)

    pool = shop.project.work("-q", "shop", "--burst")

    assert ended(pool) == 0
    assert {shop.state(firing) for firing in due} == {State.COMPLETE}
    assert shop.state(later) is State.PENDING
    assert shop.listed() == 0


def test_a_stopped_worker_begins_nothing_of_the_batch_it_had(shop: Shop) -> None:
    # Short jobs, so that a batch is of many when the stop comes.
    before = [shop.fire("add", 1, number) for number in range(300)]
    stopping = shop.fire("stop_worker")
    behind = [shop.fire("tally") for _ in range(100)]
    shop.work("--lease", "1")
    shop.begun(stopping)
    (pid,) = shop.pids()
    others = shop.work("--lease", "1", workers=0)
    try:
        ran = [shop.result(firing) for firing in behind]
    finally:
        os.kill(pid, signal.SIGCONT)
    assert pid not in ran
    # The stopped worker has come back, and settled what it had.
    eventually(
        lambda: shop.state(stopping) is State.COMPLETE, PATIENCE, what="the job that stopped has ended"
    )
    others.stop()

    assert shop.result(shop.fire("which")) == pid
    for firing in behind:
        assert str(pid) not in (shop.folder / f"tally-{firing}").read_text().split()
        # Nobody holds it against a firing that its lease ended before it had begun.
        lines = shop.record(firing).evidence.splitlines()
        assert not any(msgspec.json.decode(line, type=Death).begun for line in lines)
    assert [shop.result(firing) for firing in before] == [1 + number for number in range(300)]


UNSHARE = [shutil.which("unshare") or "", "--pid", "--fork", "--kill-child"]


def can_be_process_one() -> bool:
    if not UNSHARE[0]:
        return False
    return (
        subprocess.run([*UNSHARE, sys.executable, "-c", ""], capture_output=True, check=False).returncode == 0
    )


@pytest.mark.skipif(not can_be_process_one(), reason="needs the right to make a process namespace")
def test_as_process_one_a_pool_collects_what_others_leave_behind(shop: Shop) -> None:
    orphan = shop.fire("leave_orphan")
    poison = shop.fire("kill_worker", 1)
    process = subprocess.Popen(
        [*UNSHARE, str(SKUNQ), "work", "-q", QUEUE],
        cwd=shop.folder,
        env=shop.project.environment,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        pool_pid = eventually(lambda: children_of(process.pid), what="the pool is there")[0]
        assert shop.result(orphan) == "left"
        assert shop.result(poison) == "attempt 2"
        (shop.folder / "orphan-go").touch()
        eventually(lambda: len(children_of(pool_pid)) == 1, what="only the worker is the pool's child")
        os.kill(pool_pid, signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()


def children_of(pid: int) -> list[int]:
    return [child.pid for child in psutil.Process(pid).children()]


def test_a_worker_whose_store_does_not_answer_says_so_ends_and_is_replaced(shop: Shop) -> None:
    pool = shop.work("--lease", "0.5")
    (pid,) = shop.pids()
    locker = sqlite3.connect(shop.folder / "shop.db", isolation_level=None)
    try:
        locker.execute("BEGIN EXCLUSIVE")
        pool.says("disconnected: the store has not answered")
        eventually(gone(pid), PATIENCE, what="the worker has ended")
        assert pool.process.poll() is None
    finally:
        locker.close()

    assert shop.result(shop.fire("which")) != pid
    assert "exit code 85" in pool.said
