"""Commands against a pool that really works, each a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from skunkqueue.payload import decode_progress
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import State
from tests.core.cli.program import Skunq, body, fire
from tests.support.waiting import eventually

JOBS = """
import threading
from skunkqueue import SkunkQueue, current_job

queue = SkunkQueue("demo")

@queue.job
def add(first, second):
    return first + second

@queue.job
def forever():
    current_job().progress(1, 2, "waiting")
    threading.Event().wait()
"""


def work(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    """Start a pool in the folder of the jobs' code."""
    return subprocess.Popen(
        [sys.executable, "-m", "skunkqueue.cli", "work", "-q", "demo", "-r", "foo", *words],
        cwd=folder,
        env=dict(os.environ),
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "live_jobs.py").write_text(JOBS)
    return tmp_path


@pytest.fixture
def pool(store: Backend, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with work(folder) as running:
        eventually(lambda: store.workers("demo", "foo"), what="a worker is there")
        yield running
        if running.poll() is None:
            running.send_signal(signal.SIGINT)


def state(store: Backend, made: str) -> State:
    (record,) = store.get([made])
    assert record is not None
    return record.state


def test_a_burst_does_what_is_due_and_ends_with_0(store: Backend, folder: Path, skunq: Skunq) -> None:
    made = fire(store, body("live_jobs:add", 4, 5))

    with work(folder, "--burst") as pool:
        assert pool.wait(60) == 0

    assert skunq.json("job", made)["result"] == 9


def test_a_store_that_cannot_be_opened_is_the_pools_exit_code_too(folder: Path) -> None:
    (folder / "letter.db").write_text("Dear Sir or Madam, " * 100)

    with work(folder, "--url", "sqlite:///letter.db") as pool:
        assert pool.wait(60) == 3


@pytest.mark.usefixtures("pool")
def test_a_job_fired_from_the_command_line_is_run_and_waited_for(folder: Path) -> None:
    def fired(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "skunkqueue.cli", "fire", "live_jobs:add", *words, "-r", "foo", "--wait"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    assert (fired("4", "5").stdout, fired("4", "5").returncode) == ("9\n", 0)
    failed = fired("4", '"five"')
    assert failed.returncode == 1
    assert "TypeError" in failed.stderr


def test_killing_a_running_firing_leaves_its_worker_alive(
    store: Backend, pool: subprocess.Popen[bytes], skunq: Skunq
) -> None:
    made = fire(store, body("live_jobs:forever"))
    eventually(lambda: state(store, made) is State.RUNNING, what="it runs")
    (before,) = skunq.json("workers")["workers"]

    skunq("kill", made)

    eventually(lambda: state(store, made) is State.KILLED, what="it is killed")
    (after,) = skunq.json("workers")["workers"]
    assert after["id"] == before["id"]
    assert pool.poll() is None


def test_a_worker_stopped_roughly_interrupts_its_job_and_goes(
    store: Backend, pool: subprocess.Popen[bytes], skunq: Skunq
) -> None:
    made = fire(store, body("live_jobs:forever"))
    eventually(lambda: state(store, made) is State.RUNNING, what="it runs")
    (worker,) = skunq.json("workers")["workers"]

    skunq("stop", worker["id"], "--rough")

    eventually(lambda: not store.workers(), what="the worker is gone")
    assert state(store, made) is State.KILLED
    pool.wait(60)


def test_a_worker_stopped_gently_goes_when_it_is_done(
    store: Backend, pool: subprocess.Popen[bytes], skunq: Skunq
) -> None:
    (worker,) = skunq.json("workers")["workers"]

    skunq("stop", worker["id"])

    assert pool.wait(60) == 0
    assert store.workers() == []


@pytest.mark.usefixtures("pool")
def test_a_pool_is_quiet_restarted_and_stopped_and_says_when_that_is_done(
    store: Backend, skunq: Skunq
) -> None:
    eventually(lambda: store.pools("demo"), what="the pool is listed")
    (pool,) = skunq.json("pools")["pools"]
    (before,) = store.workers()
    wait = ("--wait", "--timeout", "60s")

    quiet = skunq("quiet", pool["id"], *wait)
    eventually(
        lambda: [each.state for each in store.pools()] == ["quiet"], what="the pool is listed as quiet"
    )
    again = skunq("quiet", pool["id"], "--end", *wait)
    restarted = skunq("restart", pool["id"], *wait)
    eventually(store.workers, what="a worker is there again")
    (after,) = store.workers()
    stopped = skunq("stop", pool["id"], *wait)

    for told in (quiet, again, restarted, stopped):
        assert f"pool {pool['id']}: heard after" in told
        assert f"pool {pool['id']}: done after" in told
    assert after.id != before.id
    eventually(lambda: not store.pools(), what="the pool is gone")


@pytest.mark.usefixtures("pool")
def test_progress_of_a_running_firing_is_shown(store: Backend, skunq: Skunq) -> None:
    made = fire(store, body("live_jobs:forever"))

    def told() -> bool:
        (record,) = store.get([made])
        return (
            record is not None and record.progress is not None and decode_progress(record.progress).done == 1
        )

    eventually(told, what="progress is told")

    assert "50% (1/2)" in skunq("jobs")
    assert "50% (1/2) waiting" in skunq("top")
    skunq("kill", made)
