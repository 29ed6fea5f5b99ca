"""How other threads, and signal handlers, wake the main thread."""

from __future__ import annotations

import queue


class Bell:
    """Rings are kept until somebody waits; several count as one.

    A SimpleQueue, since its ``put`` may interrupt its own ``get`` (in a signal handler) without harm.
    """

    __slots__ = ("_rings",)

    def __init__(self) -> None:
        self._rings: queue.SimpleQueue[None] = queue.SimpleQueue()

    def ring(self) -> None:
        """Wake whoever waits, or the next one who does."""
        self._rings.put(None)

    def wait(self, timeout: float | None = None) -> None:
        """Block until it rings, or the timeout (seconds) is over."""
        try:
            self._rings.get(timeout=timeout)
            while True:
                self._rings.get_nowait()
        except queue.Empty:
            pass
