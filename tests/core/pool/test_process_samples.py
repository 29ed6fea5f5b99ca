"""What processes use, measured from outside."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import pytest

from skunkqueue.pool.process_samples import Use, by_ps, measure
from skunkqueue.worker.memory import resident
from tests.support.waiting import eventually

Measure = Callable[[Sequence[int]], dict[int, Use]]
WAYS = [
    measure,
    pytest.param(by_ps, marks=pytest.mark.skipif(shutil.which("ps") is None, reason="needs ps")),
]


@pytest.mark.parametrize("way", WAYS)
def test_memory_and_cpu_time_are_measured(way: Measure) -> None:
    # The least that ``ps`` shows is a whole second.
    while time.process_time() < 1.1:
        pass

    found = way([os.getpid()])[os.getpid()]

    assert 0.5 < found.rss / resident() < 2.0
    assert 0 < found.cpu <= sum(os.times()[:4]) + 1.0


@pytest.mark.parametrize("way", WAYS)
def test_those_that_are_gone_are_left_out(way: Measure) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()

    assert set(way([os.getpid(), gone.pid])) == {os.getpid()}
    assert way([]) == {}


def test_time_that_is_used_is_counted() -> None:
    before = measure([os.getpid()])[os.getpid()].cpu
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass

    assert measure([os.getpid()])[os.getpid()].cpu >= before + 0.05


def test_a_name_with_brackets_does_no_harm(tmp_path: object) -> None:
    odd = f"{tmp_path}/a) S 1 (b"
    os.symlink(sys.executable, odd)  # noqa: PTH211 - a string is wanted
    with subprocess.Popen([odd, "-c", "input()"], stdin=subprocess.PIPE) as process:
        eventually(lambda: measure([process.pid])[process.pid].rss > 0, what="its memory is measured")
        process.communicate(b"\n")
