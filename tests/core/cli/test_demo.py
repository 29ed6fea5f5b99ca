"""``skunq demo``, as a process: it shows everything, ends by itself, and leaves nothing behind."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pexpect
import psutil
import pytest

from tests.core.cli.demo_place import Place
from tests.core.cli.program import Skunq
from tests.support.waiting import eventually

LIMIT = 15.0
"""Seconds that the demo may take, as promised."""
KINDS = ("decorator", "mixin", "conjoined", "delayed", "retried", "async", "progress")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_the_demo_shows_every_kind_of_job_and_ends_well(place: Place) -> None:
    began = time.monotonic()
    told = subprocess.run(
        [sys.executable, "-m", "skunkqueue.cli", "demo"],
        env=place.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (told.returncode, told.stderr) == (0, "")
    assert time.monotonic() - began < LIMIT
    results = [
        line.split()[0] for line in told.stdout.splitlines() if "  complete  " in line and line[0] != " "
    ]
    assert set(results) == set(KINDS)
    assert "ConnectionError: attempt 1 fails on purpose" in told.stdout
    assert re.search(r"\(\d+/11\)", told.stdout)
    assert all(char.isprintable() or char == "\n" for char in told.stdout)
    place.check_clean()


@pytest.mark.parametrize("port", ["5000", "5010"])
def test_a_port_without_the_monitor_is_refused(port: str) -> None:
    assert "add --web" in Skunq().error("demo", "--port", port, expect=2)


def test_the_demo_on_a_terminal(place: Place) -> None:
    demo = pexpect.spawn(
        sys.executable,
        ["-m", "skunkqueue.cli", "demo"],
        env=place.environment,
        encoding="utf-8",
        timeout=60,
        dimensions=(40, 150),
    )

    demo.expect("all 9 as expected")
    demo.expect(pexpect.EOF)
    demo.close()

    assert demo.exitstatus == 0
    place.check_clean()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("moment", ["pending", "running"])
def test_the_demo_can_be_stopped_at_any_time(place: Place, number: signal.Signals, moment: str) -> None:
    with place.started() as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if moment in line:
                break
        demo.send_signal(number)
        _, told = demo.communicate(timeout=30)

    assert demo.returncode == 130
    assert told == "stopped; nothing is left behind\n"
    place.check_clean()


def test_a_demo_whose_pool_dies_says_so(place: Place) -> None:
    with place.started() as demo:
        (pool, *_) = eventually(psutil.Process(demo.pid).children, what="the pool is there")
        pool.kill()
        _, told = demo.communicate(timeout=30)

    assert demo.returncode == 1
    assert told.startswith("skunq: error: the pool ended too early, with exit code -9")
    assert told.count("\n") == 1
    place.check_clean()
