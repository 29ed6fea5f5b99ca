"""Notice calls that do not return, where they cannot be made on another thread. Ends nothing."""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from skunkqueue.clock import monotonic
from skunkqueue.latch import Latch

T = TypeVar("T")


class Overdue(Generic[T]):
    """Reports each call that lasts longer than ``limit``, once.

    A thread looks at the calls under way, and sleeps while none is; the first call starts it.
    """

    def __init__(self, limit: float, report: Callable[[T], None]) -> None:
        """``report`` is called on that thread."""
        self._limit = limit
        self._report = report
        self._pid = 0

    @contextlib.contextmanager
    def watched(self, what: T) -> Iterator[None]:
        """Watch a call for as long as the block lasts."""
        if self._pid != os.getpid():
            # The first call; or this process is a fork, and the thread exists in its parent only.
            self._begin()
        number = next(self._numbers)
        self._calls[number] = (what, monotonic())
        if not self._awake.is_set():
            self._awake.set()
        try:
            yield
        finally:
            self._calls.pop(number, None)

    def _begin(self) -> None:
        self._numbers = itertools.count()
        self._calls: dict[int, tuple[T, float]] = {}
        # A signal handler may fire, and set it, while its thread sets it.
        self._awake = Latch()
        self._pid = os.getpid()
        thread = threading.Thread(target=self._watch, name="skunkqueue-hooks-overdue", daemon=True)
        # Without threads the call goes on unwatched.
        with contextlib.suppress(RuntimeError):
            thread.start()

    def _watch(self) -> None:
        pause, reported = threading.Event(), set[int]()
        while self._awake.wait():
            while calls := self._calls.copy():
                pause.wait(self._limit / 4)
                now = monotonic()
                for number, (what, began) in calls.items():
                    if number in self._calls and number not in reported and now - began >= self._limit:
                        reported.add(number)
                        self._report(what)
                reported.intersection_update(self._calls.copy())
            self._awake.clear()
            if self._calls:
                self._awake.set()
