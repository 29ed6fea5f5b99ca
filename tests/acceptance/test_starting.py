"""A pool goes on whatever keeps its workers from starting, says so once, in words, and works when it is over."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator

import psutil
import pytest

from tests.acceptance.project_folder import PATIENCE, SKUNQ, Pool
from tests.acceptance.shop import QUEUE, Shop, ended, gone, living_children
from tests.support.waiting import eventually

# What each Python that is started here runs first; a worker is known by its `-c`.
MEDDLER = """
import faulthandler, os, pathlib, sys, time
here = pathlib.Path(__file__).parent
if sys.orig_argv[1:2] == ["-c"]:
    while (here / "hold").exists():
        time.sleep(0.01)
    if (here / "die").exists():
        os._exit(7)
    if (here / "break").exists():
        def enable(*_):
            raise RuntimeError("the fault of the tests")
        faulthandler.enable = enable
"""


@pytest.fixture
def meddled(shop: Shop) -> Iterator[Shop]:
    """A shop whose workers do what files in the folder ``first`` say before they do anything."""
    first = shop.folder / "first"
    first.mkdir()
    (first / "sitecustomize.py").write_text(MEDDLER)
    shop.project.environment["PYTHONPATH"] = str(first)
    yield shop
    (first / "hold").unlink(missing_ok=True)


@pytest.fixture
def start(shop: Shop) -> Iterator[Callable[..., Pool]]:
    """Start a pool in a folder of one's own, ``work``, with the shop's jobs in it."""
    folder = shop.folder / "work"
    folder.mkdir()
    shutil.copy(shop.folder / "jobs.py", folder)
    started: list[subprocess.Popen[bytes]] = []

    def begin(*command: str) -> Pool:
        log = shop.folder / "apart.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, "work", "-q", QUEUE, "-r", "apart"],
                cwd=folder,
                env=shop.project.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        started.append(process)
        return Pool(shop.project, process, log)

    yield begin
    for process in started:
        process.kill()
        process.wait()


def worker_of(pool: Pool) -> int:
    """Wait for the pool's worker process; return its number."""
    return eventually(lambda: living_children(pool.process.pid), PATIENCE, what="the pool has a worker")[0]


def replaced(pool: Pool) -> None:
    """Kill the only worker of a pool."""
    pid = worker_of(pool)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    eventually(gone(pid), PATIENCE, what="the worker is gone")


def test_a_fresh_pool_whose_workers_are_killed_before_they_are_ready_goes_on(meddled: Shop) -> None:
    hold = meddled.folder / "first" / "hold"
    hold.touch()
    pool = meddled.project.work("-q", QUEUE, "-r", "default", "other")
    firing = meddled.fire("add", 1, 2)
    for _ in range(5):
        replaced(pool)
    assert meddled.listed() == 0
    hold.unlink()

    assert meddled.result(firing) == 3
    assert pool.stop() == 0


def test_a_pool_whose_workers_cannot_start_can_be_stopped(meddled: Shop) -> None:
    (meddled.folder / "first" / "die").touch()
    pool = meddled.project.work("-q", QUEUE)
    pool.says("is started in")

    assert pool.stop() == 0


def test_a_pool_whose_workers_hang_before_they_are_ready_ends_after_the_grace(meddled: Shop) -> None:
    (meddled.folder / "first" / "hold").touch()
    pool = meddled.project.work("-q", QUEUE, "-c", "2", "--grace", "0.2")
    eventually(
        lambda: len(living_children(pool.process.pid)) == 2, PATIENCE, what="both workers have been started"
    )

    assert pool.stop() == 0
    assert pool.said.count("is killed: it was told to end, and does not get ready") == 2
    assert meddled.listed() == 0


def test_a_burst_gives_up_where_its_workers_never_get_ready(meddled: Shop) -> None:
    (meddled.folder / "first" / "die").touch()
    firing = meddled.fire("add", 1, 2)
    pool = meddled.project.work("-q", QUEUE, "--burst")

    assert ended(pool) == 4
    assert pool.said.count("exit code 7") == 3
    assert "a burst does not wait: giving up" in pool.said
    assert meddled.record(firing).deaths == 0


def test_a_fault_in_starting_shows_one_traceback_and_is_got_over(meddled: Shop) -> None:
    flaw = meddled.folder / "first" / "break"
    flaw.touch()
    pool = meddled.project.work("-q", QUEUE)
    firing = meddled.fire("add", 1, 2)
    pool.says("no worker of route 'default' can start now: RuntimeError: the fault of the tests")
    before = worker_of(pool)
    eventually(lambda: worker_of(pool) != before, PATIENCE, what="another worker has tried")
    flaw.unlink()

    assert meddled.result(firing) == 3
    pool.says("workers can start again")
    assert pool.said.count("Traceback") == 1
    assert pool.said.count("can start now") == 1


def test_a_working_folder_that_is_removed_is_told_once_and_used_again_when_it_is_back(
    shop: Shop, start: Callable[..., Pool]
) -> None:
    pool = start(str(SKUNQ))
    assert shop.result(shop.fire("add", 1, 2, route="apart")) == 3
    folder, away = shop.folder / "work", shop.folder / "away"
    shutil.copytree(folder, away)
    shutil.rmtree(folder)
    replaced(pool)
    pool.says(f"the working folder {str(folder)!r} was removed")
    firing = shop.fire("where", route="apart")
    # Others are looked for meanwhile, which must stay quiet.
    pool_knows_for_a_while(pool)
    away.rename(folder)

    assert shop.result(firing) == str(folder)
    pool.says("workers can start again")
    assert pool.said.count("was removed") == 1
    assert "Traceback" not in pool.said


def pool_knows_for_a_while(pool: Pool) -> None:
    """Let the pool look again a few times, as its use of the processor tells."""
    process = psutil.Process(pool.process.pid)
    begun = process.num_ctx_switches().voluntary
    eventually(lambda: process.num_ctx_switches().voluntary > begun + 3, PATIENCE, what="the pool has looked")


def works_with_closed_streams(shop: Shop, closed: str) -> None:
    """See that a pool works which was started so."""
    process = subprocess.Popen(
        ["/bin/sh", "-c", f'exec {SKUNQ} work -q {QUEUE} "$@" {closed}', "sh", "--logfile", "pool.log"],
        cwd=shop.folder,
        env=shop.project.environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        assert shop.settled(shop.fire("say", "hello")).state.name == "COMPLETE"
        assert shop.result(shop.fire("add", 1, 2)) == 3
        process.terminate()
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()


def test_a_pool_whose_standard_streams_are_closed_works(shop: Shop) -> None:
    works_with_closed_streams(shop, "<&- >&- 2>&-")


def test_a_store_that_does_not_answer_at_the_start_is_waited_for(shop: Shop) -> None:
    firing = shop.fire("add", 1, 2)
    locker = sqlite3.connect(shop.folder / "shop.db", isolation_level=None)
    url = f"sqlite:///{shop.folder}/shop.db?busy_timeout=0.1"
    try:
        locker.execute("BEGIN EXCLUSIVE")
        pool = shop.project.work("-q", QUEUE, "--url", url)
        pool.says("no worker of route 'default' can start now")
        pool_knows_for_a_while(pool)
    finally:
        locker.close()

    assert shop.result(firing) == 3
    assert pool.said.count("can start now") == 1
