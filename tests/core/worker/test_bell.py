"""The bell: what wakes the main thread, wherever it is rung, also beside another descriptor."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from skunkqueue.worker.bell import Bell
from tests.support.waiting import PATIENCE


@pytest.fixture
def other() -> Iterator[tuple[int, int]]:
    """Another descriptor to wait at, and where to write so that it can be read."""
    pipe = os.pipe()
    yield pipe
    for fd in pipe:
        os.close(fd)


def test_a_ring_is_kept_until_somebody_waits() -> None:
    bell = Bell()
    bell.ring()
    assert bell.wait(PATIENCE)


def test_several_rings_count_as_one() -> None:
    bell = Bell()
    for _ in range(100_000):
        bell.ring()
    assert bell.wait(PATIENCE)
    assert not bell.wait(0)


def test_a_wait_ends_with_its_timeout() -> None:
    assert not Bell().wait(0.01)


def test_a_wait_ends_when_the_other_descriptor_can_be_read(other: tuple[int, int]) -> None:
    os.write(other[1], b"!")
    assert not Bell().wait(None, other[0])


def test_a_ring_is_heard_beside_another_descriptor(other: tuple[int, int]) -> None:
    bell = Bell()
    os.write(other[1], b"!")
    bell.ring()
    assert bell.wait(None, other[0])
    assert os.read(other[0], 10) == b"!"


def test_another_thread_wakes_who_waits(other: tuple[int, int]) -> None:
    bell = Bell()
    timer = threading.Timer(0.02, bell.ring)
    timer.start()
    assert bell.wait(PATIENCE, other[0])
    timer.join(PATIENCE)


def test_a_signal_handler_wakes_who_waits_in_its_thread(other: tuple[int, int]) -> None:
    bell = Bell()
    before = signal.signal(signal.SIGUSR1, lambda _number, _frame: bell.ring())
    timer = threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGUSR1))
    timer.start()
    try:
        assert bell.wait(PATIENCE, other[0])
    finally:
        timer.join(PATIENCE)
        signal.signal(signal.SIGUSR1, before)


def test_a_bell_that_is_gone_leaves_no_descriptor_open() -> None:
    before = descriptors()
    bells = [Bell() for _ in range(10)]
    opened = descriptors() - before
    assert len(opened) >= 20
    del bells
    assert not opened & descriptors()


def descriptors() -> set[str]:
    """List what this process has open."""
    return {one.name for one in Path("/dev/fd").iterdir()}
