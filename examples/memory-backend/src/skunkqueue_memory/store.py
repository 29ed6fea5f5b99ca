"""What all verbs share: everything that is kept, one lock, the clock, and what wakes those who wait.

The lock makes every verb atomic, so no verb needs to think of another. A real store has transactions
(or scripts that run alone) in its place.
"""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from skunkqueue.clock import Clock
from skunkqueue.errors import BackendError
from skunkqueue.persistence import rules
from skunkqueue.persistence.backend import HISTORY_LENGTH
from skunkqueue.pools import Entry as AuditEntry
from skunkqueue.pools import PoolRecord
from skunkqueue.records import Command, Run, Schedule, WorkerRecord
from skunkqueue_memory.shelf import Place, Shelf

P = ParamSpec("P")
T = TypeVar("T")
Key = tuple[str, str]
"""A queue and the name of a schedule in it."""


class Store:
    """All that one backend keeps. The functions of the other modules run inside ``run``."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.shelf = Shelf()
        self.paused: defaultdict[str, set[str | None]] = defaultdict(set)
        """Paused routes by queue; ``None`` among them stands for the whole queue."""
        self.workers: dict[str, tuple[WorkerRecord, float]] = {}
        """Each with the time from which it is not listed any more."""
        self.pools: dict[str, tuple[PoolRecord, float]] = {}
        """The same."""
        self.mailboxes: defaultdict[str, list[Command]] = defaultdict(list)
        self.schedules: dict[Key, Schedule] = {}
        self.histories: defaultdict[Key, deque[Run]] = defaultdict(lambda: deque(maxlen=HISTORY_LENGTH))
        # One count for the whole store: a generation must not come back when a name is removed and
        # declared again, or a firing of the old schedule would refire into the new one.
        self.generations = 0
        self.audit: dict[str, AuditEntry] = {}
        self._lock = threading.RLock()
        self._waits: set[threading.Event] = set()
        self._is_closed = False

    def now(self) -> float:
        """Return the time of the clock it was given."""
        return self.clock.now()

    def run(self, verb: Callable[Concatenate[Store, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function with this store while no other runs; raises BackendError after ``close``."""
        with self._lock:
            if self._is_closed:
                msg = "this store in memory was closed, and what it kept is gone: open another"
                raise BackendError(msg)
            return verb(self, *args, **kwargs)

    def close(self) -> None:
        """End all waits; what was kept goes with the object."""
        with self._lock:
            self._is_closed = True
            self.wake_all()

    def is_paused(self, place: Place) -> bool:
        """Return whether a route is paused, by itself or with its queue."""
        queue, route = place
        return bool(self.paused[queue] & {None, route})

    def wake_all(self) -> None:
        """Let every wait look again; called after a change, with the lock held."""
        for event in self._waits:
            event.set()

    def wait_until(self, look: Callable[[float], tuple[T, float | None]], timeout: float) -> T:
        """Look after every change, and at the moment that ``look`` names, until it finds something.

        ``look`` gets the time, and returns what it found and when to look again at the latest.
        The clock does the waiting, so a virtual one waits for no timeout.
        """
        event = threading.Event()

        def look_now() -> tuple[T, float | None]:
            with self._lock:
                event.clear()
                now = self.now()
                found, moment = look(now)
                return found, None if moment is None else moment - now

        with self._lock:
            self._waits.add(event)
        try:
            return rules.wait_for(
                look_now,
                lambda seconds: self.clock.wait(event, seconds),
                clock=self.clock,
                timeout=timeout,
                closed=lambda: self._is_closed,
            )
        finally:
            with self._lock:
                self._waits.discard(event)
