"""Blocking until something happens: a FIFO wakes the wait, and so does a change of the file that is noticed every second.

Each wait is the same loop: listen, look, pause. Listening comes before looking, so that nothing can
happen unheard in between. Under a virtual clock the clock does the waiting.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeVar

from skunkqueue.clock import Clock, SystemClock
from skunkqueue.latch import Latch
from skunkqueue.persistence.sqlite import claim
from skunkqueue.persistence.sqlite.fifos import Fifos, route_topic
from skunkqueue.persistence.sqlite.forks import Connection
from skunkqueue.persistence.sqlite.readers import Readers, snapshot

if TYPE_CHECKING:
    from skunkqueue.persistence.sqlite.store import Store

T = TypeVar("T")

LOOK_EVERY = 1.0
"""Seconds after which a wait checks whether the file has changed, in case a wake-up was lost."""

Moments = tuple["float | None", "float | None"]
"""When something comes due, by the wall clock, and when a lease ends, by the monotonic clock."""


def wait(store: Store, queue: str, route: str, worker: str, timeout: float) -> bool:
    """Block until something may be claimable; see ``Backend.wait``."""
    look, moments = lookout(store, queue, route, worker)
    with store.fifos.listening(route_topic(queue, route)) as fd:
        return store.waits.until([fd], timeout, look, moments)


def wait_any(store: Store, queue: str, routes: Sequence[str], worker: str, timeout: float) -> str | None:
    """Block until something may be claimable on one of several routes; see ``Backend.wait_any``."""
    lookouts = [lookout(store, queue, route, worker) for route in routes]

    def look(db: sqlite3.Connection) -> list[str]:
        return [route for route, (finds, _) in zip(routes, lookouts, strict=True) if finds(db)]

    def moments(db: sqlite3.Connection) -> Moments:
        dues, ends = zip(*(comes(db) for _, comes in lookouts), strict=True)
        return (
            min((due for due in dues if due is not None), default=None),
            min((end for end in ends if end is not None), default=None),
        )

    with ExitStack() as stack:
        fds = [stack.enter_context(store.fifos.listening(route_topic(queue, route))) for route in routes]
        found = store.waits.until(fds, timeout, look, moments)
    for route in found[1:]:
        # A wake-up meant for another wait may have been dropped before the look.
        store.wake_route(queue, route)
    return found[0] if found else None


def lookout(
    store: Store, queue: str, route: str, worker: str
) -> tuple[Callable[[sqlite3.Connection], bool], Callable[[sqlite3.Connection], Moments]]:
    """Return two queries: whether something may be claimed now, and at which moments something may be."""
    clock = store.clock

    def look(db: sqlite3.Connection) -> bool:
        number = store.known_route(queue, route, db)
        return number is not None and claim.look(db, number, worker, clock.now(), clock.monotonic())

    def moments(db: sqlite3.Connection) -> Moments:
        number = store.known_route(queue, route, db)
        return (None, None) if number is None else claim.next_moments(db, number, worker)

    return look, moments


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
