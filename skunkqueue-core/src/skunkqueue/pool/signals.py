"""Makes signals something to read, so that nothing is done inside a handler.

Python writes the number of each signal that has a handler into a pipe; the pool waits for that pipe.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
from collections.abc import Iterable
from types import FrameType, TracebackType
from typing import Any


class SignalWakeup:
    """While entered, the given signals do nothing but wake; main thread only."""

    def __init__(self, numbers: Iterable[int]) -> None:
        self._numbers = tuple(numbers)
        self._before: dict[int, Any] = {}
        self._wakeup_before = -1
        self._read_end = -1
        self._write_end = -1
        self._lock = threading.Lock()
        """Keeps ``wake`` from writing to a closed descriptor."""

    def __enter__(self) -> SignalWakeup:  # noqa: PYI034 - Self is not in Python 3.10
        self._read_end, self._write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        os.set_blocking(self._write_end, False)
        self._wakeup_before = signal.set_wakeup_fd(self._write_end, warn_on_full_buffer=False)
        # Also takes SIGABRT back from faulthandler, where that was enabled before.
        self._before = {number: signal.signal(number, _wake) for number in self._numbers}
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            # None: a handler that was not set from Python, and cannot be set back from here.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        signal.set_wakeup_fd(self._wakeup_before)
        with self._lock:
            os.close(self._read_end)
            os.close(self._write_end)
            self._write_end = -1

    def wake(self) -> None:
        """End a wait without a signal; from any thread, but not from a signal handler."""
        with self._lock:
            if self._write_end >= 0:
                with contextlib.suppress(BlockingIOError):
                    os.write(self._write_end, bytes(1))

    def wait(self, timeout: float) -> list[int]:
        """Block until a signal comes or the timeout (seconds) is over; list what came, in order."""
        poll = select.poll()
        poll.register(self._read_end, select.POLLIN)
        poll.poll(max(timeout, 0.0) * 1000)
        try:
            return [number for number in os.read(self._read_end, 4096) if number]
        except BlockingIOError:
            return []


def _wake(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: the wake-up descriptor has been written by now."""
