"""A pool goes on whatever keeps its workers from starting, says so once, in words, and works when it is over."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.acceptance.stage import PATIENCE, SKUNQ, Pool
from tests.acceptance.workshop import QUEUE, Workshop, ended, gone
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
        def enable():
            raise RuntimeError("the fault of the tests")
        faulthandler.enable = enable
"""
RAN_BY = """import sys
from skunkqueue.cli import main
sys.executable = sys.argv.pop(1)
main()
"""


@pytest.fixture
def meddled(shop: Workshop) -> Iterator[Workshop]:
    """A shop whose workers do what files in the folder ``first`` say before they do anything."""
    first = shop.folder / "first"
    first.mkdir()
    (first / "sitecustomize.py").write_text(MEDDLER)
    shop.stage.environment["PYTHONPATH"] = str(first)
    yield shop
    (first / "hold").unlink(missing_ok=True)


@pytest.fixture
def start(shop: Workshop) -> Iterator[Callable[..., Pool]]:
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
                env=shop.stage.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        started.append(process)
        return Pool(shop.stage, process, log)

    yield begin
    for process in started:
        process.kill()
        process.wait()


def worker_of(pool: Pool) -> int:
    """Wait for the pool's worker process; return its number."""
    return eventually(lambda: living(pool), PATIENCE, what="the pool has a worker")[0]


def living(pool: Pool) -> list[int]:
    """List the pool's processes that are not dead."""
    return [child.pid for child in psutil.Process(pool.process.pid).children() if not gone(child.pid)()]


def replaced(pool: Pool) -> None:
    """Kill the only worker of a pool."""
    pid = worker_of(pool)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    eventually(gone(pid), PATIENCE, what="the worker is gone")


def test_a_fresh_pool_whose_workers_are_killed_before_they_are_ready_goes_on(meddled: Workshop) -> None:
    hold = meddled.folder / "first" / "hold"
    hold.touch()
    pool = meddled.stage.work("-q", QUEUE, "-r", "default", "other")
    firing = meddled.fire("add", 1, 2)
    for _ in range(5):
        replaced(pool)
    assert meddled.listed() == 0
    hold.unlink()

    assert meddled.result(firing) == 3
    assert pool.stop() == 0


def test_a_pool_whose_workers_cannot_start_can_be_stopped(meddled: Workshop) -> None:
    (meddled.folder / "first" / "die").touch()
    pool = meddled.stage.work("-q", QUEUE)
    pool.says("is started in")

    assert pool.stop() == 0


def test_a_burst_gives_up_where_its_workers_never_get_ready(meddled: Workshop) -> None:
    (meddled.folder / "first" / "die").touch()
    firing = meddled.fire("add", 1, 2)
    pool = meddled.stage.work("-q", QUEUE, "--burst")

    assert ended(pool) == 4
    assert pool.said.count("exit code 7") == 3
    assert "a burst does not wait: giving up" in pool.said
    assert meddled.record(firing).deaths == 0


def test_a_fault_in_starting_shows_one_traceback_and_is_got_over(meddled: Workshop) -> None:
    flaw = meddled.folder / "first" / "break"
    flaw.touch()
    pool = meddled.stage.work("-q", QUEUE)
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
    shop: Workshop, start: Callable[..., Pool]
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


def test_a_folder_of_path_that_is_removed_costs_no_firing(shop: Workshop) -> None:
    code, away = shop.folder / "code", shop.folder / "away"
    code.mkdir()
    (code / "more.py").write_text("from jobs import queue\n@queue.job\ndef one():\n    return 1\n")
    pool = shop.work("--path", "code")
    code.rename(away)
    replaced(pool)
    firing = shop.fire("more:one")
    pool.says(f"the folder {str(code)!r} of --path is missing")
    pool_knows_for_a_while(pool)
    away.rename(code)

    assert shop.result(firing) == 1
    assert pool.said.count("is missing") == 1


def steady_files(process: psutil.Process) -> int:
    """Wait until the pool has opened its store, which it does beside its other work; return how many files it holds."""
    seen = [0]

    def is_steady() -> bool:
        seen.append(process.num_fds())
        return len(set(seen[-20:])) == 1 and any(file.path.endswith(".db") for file in process.open_files())

    eventually(is_steady, every=0.05, what="the pool opens no more files")
    return seen[-1]


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits another process")
def test_a_pool_that_may_open_no_more_files_says_so_and_waits(shop: Workshop) -> None:
    pool = shop.work()
    process = psutil.Process(pool.process.pid)
    before = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    held = steady_files(process)
    # Room for what a worker leaves free, and one more: too little for another.
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (held - 1, before[1]))
    replaced(pool)
    pool.says("no worker of route 'default' can start now: the pool may open no more files")
    firing = shop.fire("add", 1, 2)
    pool_knows_for_a_while(pool)
    assert process.num_fds() <= held
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, before)

    assert shop.result(firing) == 3
    assert pool.said.count("can start now") == 1
    assert "Traceback" not in pool.said


@pytest.mark.parametrize(
    ("trouble", "word"),
    [("", "Python is not at"), ("-I -S", "ModuleNotFoundError: No module named 'skunkqueue'")],
    ids=["python", "packages"],
)
def test_an_environment_that_is_replaced_under_a_pool_is_waited_for(
    shop: Workshop, start: Callable[..., Pool], trouble: str, word: str
) -> None:
    python = shop.folder / "python"
    put(python, f'exec {sys.executable} "$@"')
    pool = start(sys.executable, "-c", RAN_BY, str(python))
    assert shop.result(shop.fire("add", 1, 2, route="apart")) == 3
    if trouble:
        put(python, f'exec {sys.executable} {trouble} "$@"')
    else:
        python.unlink()
    replaced(pool)
    pool.says(word)
    firing = shop.fire("add", 2, 2, route="apart")
    pool_knows_for_a_while(pool)
    put(python, f'exec {sys.executable} "$@"')

    assert shop.result(firing) == 4
    assert pool.said.count("can start now") == 1
    assert "Traceback" not in pool.said


def put(path: Path, script: str) -> None:
    """Put a program in place at once, as nothing is run that is being written."""
    fresh = path.with_suffix(".new")
    fresh.write_text(f"#!/bin/sh\n{script}\n")
    fresh.chmod(0o755)
    fresh.rename(path)


@pytest.mark.parametrize("closed", ["<&-", "<&- >&- 2>&-", "2>&-"])
def test_a_pool_whose_standard_streams_are_closed_works(shop: Workshop, closed: str) -> None:
    process = subprocess.Popen(
        ["/bin/sh", "-c", f'exec {SKUNQ} work -q {QUEUE} "$@" {closed}', "sh", "--logfile", "pool.log"],
        cwd=shop.folder,
        env=shop.stage.environment,
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


def test_a_store_that_does_not_answer_at_the_start_is_waited_for(shop: Workshop) -> None:
    firing = shop.fire("add", 1, 2)
    locker = sqlite3.connect(shop.folder / "shop.db", isolation_level=None)
    url = f"sqlite:///{shop.folder}/shop.db?busy_timeout=0.1"
    try:
        locker.execute("BEGIN EXCLUSIVE")
        pool = shop.stage.work("-q", QUEUE, "--url", url)
        pool.says("no worker of route 'default' can start now")
        pool_knows_for_a_while(pool)
    finally:
        locker.close()

    assert shop.result(firing) == 3
    assert pool.said.count("can start now") == 1
