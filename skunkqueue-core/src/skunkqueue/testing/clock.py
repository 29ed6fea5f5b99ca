"""The clock of a test's store: it runs as the machine's does, and a test moves it forward."""

from __future__ import annotations

import threading
import time

from skunkqueue.clock import monotonic


class MovableClock:
    """Seconds that a test adds to the machine's time; threads may share it.

    Where a library has frozen ``time.time``, the wall clock stands still but for what is added.
    """

    def __init__(self) -> None:
        self._added = 0.0

    def now(self) -> float:
        """Read the wall clock."""
        return time.time() + self._added

    def monotonic(self) -> float:
        """Read the monotonic clock."""
        return monotonic() + self._added

    def advance(self, seconds: float) -> None:
        """Let so much time pass."""
        self._added += seconds

    def wait(self, event: threading.Event, timeout: float) -> bool:
        """Wait for real."""
        return event.wait(timeout)
