"""The loop of every wait: listen, look, pause. A FIFO ends a pause, and so does a change of the file, looked for every second.

Listening comes before looking, so that nothing can happen unheard in between. Under a virtual clock the clock does the waiting.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import TypeVar

from skunkqueue.clock import Clock, SystemClock
from skunkqueue.latch import Latch
from skunkqueue.persistence.sqlite.fifos import Fifos
from skunkqueue.persistence.sqlite.forks import Connection
from skunkqueue.persistence.sqlite.readers import Readers, snapshot

T = TypeVar("T")

LOOK_EVERY = 1.0
"""Seconds after which a wait checks whether the file has changed, in case a wake-up was lost."""

Moments = tuple["float | None", "float | None"]
"""When something comes due, by the wall clock, and when a lease ends, by the monotonic clock."""


class Waits:
    """The waits of one backend."""

    def __init__(self, clock: Clock, readers: Readers, fifos: Fifos) -> None:
        self._clock = clock
        self._real = isinstance(clock, SystemClock)
        self._readers = readers
        self._fifos = fifos
        self._closed = Latch()

    def close(self) -> None:
        """Let every wait return."""
        self._closed.set()
        self._fifos.close()

    def until(
        self,
        fds: Sequence[int],
        timeout: float,
        look: Callable[[sqlite3.Connection], T],
        moments: Callable[[sqlite3.Connection], Moments] | None = None,
    ) -> T:
        """Look until something is found (a true value), or the time is over; return what was seen last.

        ``fds``: of the FIFOs that wake this wait. ``moments``: when to look again at the latest.
        """
        lent: list[Connection] = []
        try:
            self._readers.borrow(lent)
            seen = self._until(lent[0], fds, timeout, look, moments)
            self._readers.give_back(lent)
        except BaseException:
            self._readers.discard(lent)
            raise
        return seen

    def _until(
        self,
        db: sqlite3.Connection,
        fds: Sequence[int],
        timeout: float,
        look: Callable[[sqlite3.Connection], T],
        moments: Callable[[sqlite3.Connection], Moments] | None,
    ) -> T:
        deadline = self._clock.monotonic() + timeout
        for fd in fds:
            self._fifos.drain(fd)
        while True:
            version = self._readers.run_on(db, data_version)
            seen = self._readers.run_on(db, snapshot(look))
            if seen or self._closed.is_set():
                return seen
            ahead = (None, None) if moments is None else self._readers.run_on(db, snapshot(moments))
            if not self._real:
                return self._virtual(db, timeout, look, ahead)
            if not self._pause(fds, db, version, deadline, ahead):
                return seen

    def _pause(
        self, fds: Sequence[int], db: sqlite3.Connection, version: int, deadline: float, moments: Moments
    ) -> bool:
        """Block until another look may find something; False when the time is over."""
        due, ends = moments
        while True:
            mono = self._clock.monotonic()
            if mono >= deadline:
                return False
            seconds = min(deadline - mono, LOOK_EVERY)
            if ends is not None:
                seconds = min(seconds, ends - mono)
            if due is not None:
                # Never for longer than a second, so that a jump of the wall clock is noticed.
                seconds = min(seconds, due - self._clock.now())
            if self._fifos.pause(fds, seconds) and min(fds) >= 0:
                return True
            if self._closed.is_set() or self._readers.run_on(db, data_version) != version:
                return True
            if due is not None and due <= self._clock.now():
                return True
            if ends is not None and ends <= self._clock.monotonic():
                return True

    def _virtual(
        self,
        db: sqlite3.Connection,
        timeout: float,
        look: Callable[[sqlite3.Connection], T],
        moments: Moments,
    ) -> T:
        due, ends = moments
        seconds = timeout
        if due is not None:
            seconds = min(seconds, due - self._clock.now())
        if ends is not None:
            seconds = min(seconds, ends - self._clock.monotonic())
        self._clock.wait(self._closed, max(0.0, seconds))
        return self._readers.run_on(db, snapshot(look))


def data_version(db: sqlite3.Connection) -> int:
    """Return a number that changes when any other connection has written."""
    return int(db.execute("PRAGMA data_version").fetchone()[0])
