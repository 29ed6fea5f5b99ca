"""Time that tests move."""

from __future__ import annotations

import threading

import pytest

from skunkqueue.clock import SystemClock, VirtualClock


def test_a_virtual_clock_stands_still_until_advanced() -> None:
    clock = VirtualClock(start=100.0)
    mono = clock.monotonic()

    clock.advance(5)

    assert (clock.now(), clock.monotonic()) == (105.0, mono + 5)


def test_a_jump_moves_the_wall_clock_alone() -> None:
    clock = VirtualClock(start=100.0)
    mono = clock.monotonic()

    clock.jump(-50)

    assert (clock.now(), clock.monotonic()) == (50.0, mono)


def test_a_virtual_wait_passes_at_once_and_moves_the_clock() -> None:
    clock = VirtualClock(start=100.0)

    assert not clock.wait(threading.Event(), 3_600)
    assert clock.now() == 3_700.0


def test_a_virtual_clock_cannot_run_backwards() -> None:
    with pytest.raises(ValueError, match="backwards"):
        VirtualClock().advance(-1)


def test_the_system_clock_waits_for_an_event() -> None:
    event = threading.Event()
    event.set()

    assert SystemClock().wait(event, 60)
