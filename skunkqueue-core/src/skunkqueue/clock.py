"""Now and wait, injectable, so that tests move time instead of sleeping through it."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from typing import Protocol

monotonic: Callable[[], float] = functools.partial(
    time.clock_gettime,
    # On macOS the one that ``time.monotonic`` reads, and that stands still while the machine sleeps.
    getattr(time, "CLOCK_UPTIME_RAW", time.CLOCK_MONOTONIC),
)
"""Seconds that only ever grow; not ``time.monotonic``, which libraries that freeze time in tests replace in all
modules, so that no wait would ever end."""


class Clock(Protocol):
    """Where a part of the project gets its time from."""

    def now(self) -> float:
        """Seconds since the epoch; may jump when somebody sets the machine's clock."""

    def monotonic(self) -> float:
        """Seconds that only ever grow, comparable between processes of one boot of one machine."""

    def wait(self, event: threading.Event, timeout: float) -> bool:
        """Block until the event is set or the timeout (seconds) is over; return whether it is set."""


class SystemClock:
    """The machine's own time."""

    __slots__ = ()

    def now(self) -> float:
        """Read the wall clock."""
        return time.time()

    def monotonic(self) -> float:
        """Read ``CLOCK_MONOTONIC``, which all processes of this boot share."""
        return monotonic()

    def wait(self, event: threading.Event, timeout: float) -> bool:
        """Wait for real."""
        return event.wait(timeout)


def lease_clock() -> Callable[[], float]:
    """Return the clock of leases: seconds that also pass while the machine is suspended.

    Where a system has no such clock (``CLOCK_BOOTTIME``), it is the monotonic one, which then counts that time
    itself (macOS) or does not.
    """
    if hasattr(time, "CLOCK_BOOTTIME"):
        return functools.partial(time.clock_gettime, time.CLOCK_BOOTTIME)
    return monotonic


class VirtualClock:
    """A clock that stands still until ``advance`` or ``jump`` moves it; threads may share it.

    ``wait`` moves the clock itself to the end of the timeout, so code that waits for time to pass
    goes on at once: a month of schedules runs as fast as the machine can compute it.
    """

    def __init__(self, start: float = 1_750_000_000.0) -> None:
        self._lock = threading.Lock()
        self._wall = start
        self._mono = 1_000.0

    def now(self) -> float:
        """Read the virtual wall clock."""
        return self._wall

    def monotonic(self) -> float:
        """Read the virtual monotonic clock."""
        return self._mono

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` (at least 0) pass on both clocks."""
        if seconds < 0:
            msg = f"a clock cannot run backwards by {seconds} s; use jump() to set the wall clock"
            raise ValueError(msg)
        with self._lock:
            self._wall += seconds
            self._mono += seconds

    def jump(self, seconds: float) -> None:
        """Set the wall clock forwards or back, as an administrator or NTP would; no time passes."""
        with self._lock:
            self._wall += seconds

    def wait(self, event: threading.Event, timeout: float) -> bool:
        """Let the timeout pass at once, unless the event is set already."""
        if event.is_set():
            return True
        self.advance(max(timeout, 0.0))
        return event.is_set()


SYSTEM_CLOCK = SystemClock()
