"""Threads on which sync jobs run beside each other, each of which can be interrupted.

Python can raise an exception in another thread only between two of its own instructions, so a job inside a C call
is interrupted when that returns. Knows nothing of firings.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Coroutine
from contextvars import Context
from queue import SimpleQueue
from types import FrameType
from typing import Any, TypeVar

from skunkqueue.clock import monotonic
from skunkqueue.errors import Interrupted
from skunkqueue.plugins.calls import raise_in
from skunkqueue.stacks import stacks

T = TypeVar("T")

# Modules in which an exception at any point could leave a lock taken that others need, or a connection in the middle of a request.
_DELICATE = (
    "logging",
    "threading",
    "queue",
    "skunkqueue.persistence",
    "skunkqueue.processes",
    "skunkqueue.worker",
)


_PAUSE = 0.5
"""Seconds between two exceptions that are raised in one call."""


class JobThreads:
    """A bounded number of threads, started when they are first needed; the process does not wait for them."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._work: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._started = 0

    def submit(self, work: Callable[[], None], running: int) -> None:
        """Do something on a thread that is free, while ``running`` others are busy; it raises nothing."""
        self._work.put(work)
        if self._started < min(running + 1, self.most):
            self._started += 1
            name = f"skunkqueue-job-{self._started}"
            threading.Thread(target=self._run, name=name, daemon=True).start()

    def _run(self) -> None:
        while True:
            self._work.get()()


class Interruptible:
    """One call on a thread of its own, which another thread may interrupt while it goes on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread = 0
        self._first: FrameType | None = None
        self._struck = -_PAUSE
        """When it was interrupted last (monotonic)."""

    def call(self, context: Context, function: Callable[[], T]) -> T:
        """Call it in this thread. An ``Interrupted`` that the function does not catch leaves here, and is never raised later."""
        try:
            try:
                with self._lock:
                    self._thread, self._first = threading.get_ident(), sys._getframe()  # noqa: SLF001 - the stack below
                return context.run(function)
            finally:
                self._leave()
        except Interrupted:
            # It was raised on the way out. The next one does not come within _PAUSE.
            self._leave()
            raise

    def interrupt(self, reason: str) -> bool:
        """Raise Interrupted in the call, unless it has ended or is in one of those modules; from another thread."""
        with self._lock:
            now = monotonic()
            if not self._thread or now - self._struck < _PAUSE or self._is_delicate():
                return False
            self._struck = now
            raise_in(self._thread, _interrupted(reason))
            return True

    def _leave(self) -> None:
        while True:
            try:
                with self._lock:
                    if self._thread and self._struck > 0:
                        # An exception that is set and not raised yet must not be raised in our own code.
                        raise_in(self._thread, None)
                    self._thread, self._first = 0, None
            except Interrupted:
                continue
            return

    def _is_delicate(self) -> bool:
        frame = stacks().get(self._thread)
        inner = frame
        while frame is not None and frame is not self._first:
            name = str(frame.f_globals.get("__name__", ""))
            if name == "skunkqueue.worker.run.executor":
                # Below it is the job's own code, unless it is on its way in or out.
                return frame is inner
            if name.startswith(_DELICATE):
                return True
            frame = frame.f_back
        return True


def run_to_end(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that awaits nothing."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        value: T = stop.value
        return value
    coroutine.close()
    raise RuntimeError("a job that is not async has awaited something")


@functools.cache
def _interrupted(reason: str) -> type[Interrupted]:
    """Return a class of exceptions that is made without arguments, as one is that is raised in another thread."""

    def init(self: Interrupted) -> None:
        Interrupted.__init__(self, reason)

    return type("Interrupted", (Interrupted,), {"__init__": init, "__module__": Interrupted.__module__})
