"""The wakeup: what wakes the main thread, wherever it is woken, also beside another descriptor."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from skunkqueue.worker.wakeup import Wakeup
from tests.support.waiting import PATIENCE


@pytest.fixture
def other() -> Iterator[tuple[int, int]]:
    """Another descriptor to wait at, and where to write so that it can be read."""
    pipe = os.pipe()
    yield pipe
    for fd in pipe:
        os.close(fd)


def test_a_wake_is_kept_until_somebody_waits() -> None:
    wakeup = Wakeup()
    wakeup.wake()
    assert wakeup.wait(PATIENCE)


def test_several_wakes_count_as_one() -> None:
    wakeup = Wakeup()
    for _ in range(100_000):
        wakeup.wake()
    assert wakeup.wait(PATIENCE)
    assert not wakeup.wait(0)


def test_a_wait_ends_with_its_timeout() -> None:
    assert not Wakeup().wait(0.01)


def test_a_wait_ends_when_the_other_descriptor_can_be_read(other: tuple[int, int]) -> None:
    os.write(other[1], b"!")
    assert not Wakeup().wait(None, other[0])


def test_a_wake_is_heard_beside_another_descriptor(other: tuple[int, int]) -> None:
    wakeup = Wakeup()
    os.write(other[1], b"!")
    wakeup.wake()
    assert wakeup.wait(None, other[0])
    assert os.read(other[0], 10) == b"!"


def test_another_thread_wakes_who_waits(other: tuple[int, int]) -> None:
    wakeup = Wakeup()
    timer = threading.Timer(0.02, wakeup.wake)
    timer.start()
    assert wakeup.wait(PATIENCE, other[0])
    timer.join(PATIENCE)


def test_a_signal_handler_wakes_who_waits_in_its_thread(other: tuple[int, int]) -> None:
    wakeup = Wakeup()
    before = signal.signal(signal.SIGUSR1, lambda _number, _frame: wakeup.wake())
    timer = threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGUSR1))
    timer.start()
    try:
        assert wakeup.wait(PATIENCE, other[0])
    finally:
        timer.join(PATIENCE)
        signal.signal(signal.SIGUSR1, before)


def test_a_wakeup_that_is_gone_leaves_no_descriptor_open() -> None:
    before = descriptors()
    wakeups = [Wakeup() for _ in range(10)]
    opened = descriptors() - before
    assert len(opened) >= 20
    del wakeups
    assert not opened & descriptors()


def descriptors() -> set[str]:
    """List what this process has open."""
    return {one.name for one in Path("/dev/fd").iterdir()}
