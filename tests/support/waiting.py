"""Waiting for conditions in tests, so that no test sleeps longer than it must.

Knows nothing of queues or stores: a condition is any callable, and a value that is true ends the wait.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds after which a condition is taken to never come true; long, since machines under load are slow."""


def eventually(
    condition: Callable[[], T], timeout: float = PATIENCE, *, every: float = 0.01, what: str = ""
) -> T:
    """Ask ``condition`` until its answer is true, and return that answer; fail the test after ``timeout``.

    ``what`` says in the failure's message what was waited for.
    """
    deadline = time.monotonic() + timeout
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            name = what or getattr(condition, "__name__", repr(condition))
            msg = f"waited {timeout:g} s in vain for: {name} (last answer: {answer!r})"
            raise AssertionError(msg)
        pause(every)


def never(condition: Callable[[], object], during: float, *, every: float = 0.01, what: str = "") -> None:
    """Fail the test as soon as ``condition`` is true within ``during`` seconds."""
    deadline = time.monotonic() + during
    while time.monotonic() < deadline:
        answer = condition()
        if answer:
            name = what or getattr(condition, "__name__", repr(condition))
            msg = f"came true although it must not: {name} (answer: {answer!r})"
            raise AssertionError(msg)
        pause(every)


def pause(seconds: float) -> None:
    """Let real time pass; for polling, and for giving another thread the chance to block."""
    threading.Event().wait(seconds)
