"""An event for code that a signal handler may interrupt.

``threading.Event`` takes a lock in code written in Python. A handler that raises there leaves the lock taken for
ever, and a handler that sets or awaits the event blocks where it has interrupted its own thread there.
"""

from __future__ import annotations

import threading
from contextlib import suppress


class Latch(threading.Event):
    """What ``threading.Event`` promises, without a lock that threads share."""

    def __init__(self) -> None:
        self._on = False
        self._gates: set[threading.Lock] = set()

    def __repr__(self) -> str:
        return f"<Latch {'set' if self._on else 'unset'}>"

    def is_set(self) -> bool:
        """Return whether it is set."""
        return self._on

    def set(self) -> None:
        """Set it, and wake all who wait."""
        self._on = True
        for gate in list(self._gates):
            self._gates.discard(gate)
            with suppress(RuntimeError):  # it is open already
                gate.release()

    def clear(self) -> None:
        """Unset it."""
        self._on = False

    def wait(self, timeout: float | None = None) -> bool:
        """Block until it is set or the timeout (seconds) is over; return whether it was set."""
        if self._on:
            return True
        gate = threading.Lock()
        gate.acquire()
        try:
            # In this order, as ``set`` looks for who waits after it has set it.
            self._gates.add(gate)
            if self._on:
                return True
            seconds = -1.0 if timeout is None else min(max(timeout, 0.0), threading.TIMEOUT_MAX)
            return gate.acquire(timeout=seconds)
        finally:
            self._gates.discard(gate)
