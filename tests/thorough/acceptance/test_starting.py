"""What else may be missing while a pool starts workers."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from skunkqueue.control import Control
from tests.acceptance.project_folder import PATIENCE, Pool
from tests.acceptance.shop import QUEUE, Shop, ended, gone, living_children
from tests.acceptance.test_pool_commands import carried_out, control
from tests.acceptance.test_starting import (
    meddled,
    pool_knows_for_a_while,
    replaced,
    start,
    worker_of,
    works_with_closed_streams,
)
from tests.support.waiting import eventually

__all__ = ["control", "meddled", "start"]

RAN_BY = """import sys
from skunkqueue.cli import main
sys.executable = sys.argv.pop(1)
main()
"""


def steady_files(process: psutil.Process) -> int:
    """Wait until the pool has opened its store, which it does beside its other work; return how many files it holds."""
    seen = [0]

    def is_steady() -> bool:
        seen.append(process.num_fds())
        return len(set(seen[-20:])) == 1 and any(file.path.endswith(".db") for file in process.open_files())

    eventually(is_steady, every=0.05, what="the pool opens no more files")
    return seen[-1]


def put(path: Path, script: str) -> None:
    """Put a program in place at once, as nothing is run that is being written."""
    fresh = path.with_suffix(".new")
    fresh.write_text(f"#!/bin/sh\n{script}\n")
    fresh.chmod(0o755)
    fresh.rename(path)


def test_a_folder_of_path_that_is_removed_costs_no_firing(shop: Shop) -> None:
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


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits another process")
def test_a_pool_that_may_open_no_more_files_says_so_and_waits(shop: Shop) -> None:
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
    shop: Shop, start: Callable[..., Pool], trouble: str, word: str
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


@pytest.mark.parametrize("closed", ["<&-", "2>&-"])
def test_a_pool_whose_standard_streams_are_closed_works(shop: Shop, closed: str) -> None:
    works_with_closed_streams(shop, closed)


def hanging(shop: Shop, *options: str) -> Pool:
    """Start a pool whose worker hangs before it is ready."""
    (shop.folder / "first" / "hold").touch()
    return shop.project.work("-q", QUEUE, "--grace", "0.2", *options)


def test_a_worker_that_is_stopped_while_it_hangs_as_it_starts_is_killed_after_the_grace(
    meddled: Shop, control: Control
) -> None:
    pool = hanging(meddled)
    eventually(
        lambda: [one.processes[0].state for one in meddled.backend.pools() if one.processes] == ["starting"],
        PATIENCE,
        what="the pool is listed with its worker",
    )
    (record,) = meddled.backend.pools()

    did = carried_out(control, control.stop_worker(record.processes[0].worker))

    assert did.startswith("killed, since it did not get ready: killed by SIGKILL")
    assert ended(pool) == 0


def test_a_reload_leaves_no_worker_behind_that_hangs_as_it_starts(meddled: Shop) -> None:
    pool = hanging(meddled, "--reload")
    hung = worker_of(pool)
    pool.says("works on queue")
    (meddled.folder / "more.py").write_text("")
    pool.says("replacing the workers")

    eventually(gone(hung), PATIENCE, what="the worker is gone")
    # Another is there, and waits as that one did.
    eventually(lambda: len(living_children(pool.process.pid)) == 1, PATIENCE, what="one worker is there")
