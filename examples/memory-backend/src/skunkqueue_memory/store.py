"""What all verbs share: one lock, the shelf, the clock, and a bell that wakes whoever waits.

The lock makes every verb atomic, so no verb needs to think of another. A real store has transactions
(or scripts that run alone) in its place.
"""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from skunkqueue.clock import Clock
from skunkqueue.errors import BackendError
from skunkqueue.persistence import rules
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import State
from skunkqueue_memory.shelf import Entry, Place, Shelf

T = TypeVar("T")


class Store(Backend):
    """The part of the backend that is no verb."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._waiting: set[threading.Event] = set()
        self._closed = False
        self._shelf = Shelf()
        self._paused: defaultdict[str, set[str | None]] = defaultdict(set)
        """Paused routes by queue; ``None`` among them stands for the whole queue."""

    def close(self) -> None:
        """Wake all who wait; what was kept goes with the object."""
        with self._lock:
            self._closed = True
            self._ring()

    def now(self) -> float:
        """Tell the time of the clock it was given."""
        return self._clock.now()

    @abstractmethod
    def _alive(self, worker: str, now: float) -> bool:
        """Say whether a worker is listed."""

    def _is_paused(self, place: Place) -> bool:
        queue, route = place
        return bool(self._paused[queue] & {None, route})

    def _known(self, ids: Iterable[str]) -> list[Entry]:
        return [self._shelf.entries[id_] for id_ in dict.fromkeys(ids) if id_ in self._shelf.entries]

    def _kill_waiting(self, entries: Iterable[Entry], now: float) -> int:
        """Kill what waits, or runs on a lease that is over; return how many."""
        doomed = [entry for entry in entries if entry.state is State.PENDING or entry.overdue(now)]
        for entry in doomed:
            self._shelf.kill(entry, now)
        return len(doomed)

    @contextmanager
    def _open(self) -> Iterator[None]:
        """Have the store for oneself; raises BackendError after ``close``."""
        with self._lock:
            if self._closed:
                msg = "this store in memory was closed, and what it kept is gone: open another"
                raise BackendError(msg)
            yield

    def _ring(self) -> None:
        """Have everybody who waits look again; call it with the lock held, after the change."""
        for event in self._waiting:
            event.set()

    def _watch(self, look: Callable[[float], tuple[T, float | None]], timeout: float) -> T:
        """Look after every change, and at the moment that ``look`` names, until it finds something.

        ``look`` gets the time and answers with what it found and when to look again at the latest.
        The clock does the waiting, so under a virtual one nobody sits through a timeout.
        """
        event = threading.Event()

        def look_now() -> tuple[T, float | None]:
            with self._lock:
                event.clear()
                now = self.now()
                found, moment = look(now)
                return found, None if moment is None else moment - now

        with self._lock:
            self._waiting.add(event)
        try:
            return rules.wait_for(
                look_now,
                lambda seconds: self._clock.wait(event, seconds),
                clock=self._clock,
                timeout=timeout,
                closed=lambda: self._closed,
            )
        finally:
            with self._lock:
                self._waiting.discard(event)
