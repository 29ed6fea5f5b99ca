"""Writes that wait a moment, so that many go together: counts, and wake-ups that follow closely on others.

The first of a series is written at once, by the thread that brings it. So a process that does one thing and ends leaves
nothing behind. What comes within the next moments is gathered, and written by a thread that lives as long as there is
something to write. A process that is killed loses at most what it gathered in those moments: counts, and a wake-up that
followed another one.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial

import pymongo

from skunkqueue.clock import monotonic
from skunkqueue.counters import add
from skunkqueue.errors import BackendError
from skunkqueue.latch import Latch
from skunkqueue.persistence.mongodb.connection import Connection
from skunkqueue.persistence.mongodb.count_writer import Span

WAKEUPS_APART = 0.004
"""Seconds between two wake-ups for one route."""
_LATE = 0.005
"""Seconds after a wake-up when the thread sends the next, unless a call that fires has sent it by then.

For the call it costs less: a thread that wakes up for each takes the interpreter from those that fire.
"""
COUNTS_APART = 0.1
"""Seconds between two writes of counts."""
_LINGER = 1.0
"""Seconds for which the thread lives without anything to write."""
_MANY = 20_000
_EXIT_TIMEOUT = 2.0
"""Seconds that writing takes at most when the store is closed."""
_LONGEST_WRITE = 5.0
"""Seconds for which a read of counts waits for those that another thread writes."""
log = logging.getLogger("skunkqueue.mongodb")


class Deferred:
    """What a process has gathered. Every change of it is a single operation, which no signal handler can divide."""

    def __init__(
        self,
        connection: Connection,
        wake: Callable[[Iterable[str]], None],
        write: Callable[[Mapping[Span, dict[str, float]]], None],
    ) -> None:
        """Gather for ``wake``, which takes topics, and ``write``, which takes counts."""
        self._connection = connection
        self._wake_now = wake
        self._write = write
        self._counts: deque[tuple[Span, Mapping[str, float]]] = deque()
        self._written = -COUNTS_APART
        self._writing: deque[tuple[int, Latch]] = deque()
        """Writes of counts that go on: the thread of each, and what is set when it has ended."""
        self._topics: set[str] = set()
        self._woken: dict[str, float] = {}
        """When a topic was last woken, by the monotonic clock."""
        self._thread: threading.Thread | None = None
        self._has_topics = Latch()
        self._at_exit = partial(_close, weakref.ref(self))
        atexit.register(self._at_exit)

    # --- gathering --------------------------------------------------------------------------------

    def wake(self, topic: str) -> None:
        """Wake the calls that wait for a route: now, or in a few milliseconds where that was done just before."""
        now = monotonic()
        if now - self._woken.get(topic, -WAKEUPS_APART) < WAKEUPS_APART:
            self._topics.add(topic)
            if not self._has_topics.is_set():
                self._has_topics.set()
            self._start_thread()
            return
        if len(self._woken) > _MANY:
            self._woken.clear()
        self._topics.discard(topic)
        self._woken[topic] = now
        # Last, so that it wakes also for what another thread has gathered meanwhile.
        self._wake_now([topic])

    def count(self, numbers: Iterable[tuple[Span, Mapping[str, float]]]) -> None:
        """Add to the counters: now, or in a moment where some were written just before."""
        self._counts.extend(numbers)
        if (
            self._connection.time.is_virtual
            or monotonic() - self._written >= COUNTS_APART
            or len(self._counts) > _MANY
        ):
            self.write_counts()
        elif self._counts:
            self._start_thread()

    # --- writing ----------------------------------------------------------------------------------

    def write_counts(self) -> None:
        """Write the counts that are gathered. Those that cannot be written are lost, without an error.

        What they count has happened, so its caller must not hear of an error.
        """
        self._written = monotonic()
        writing = (threading.get_ident(), Latch())
        try:
            # Before any are taken: from now on whoever reads counts waits for these.
            self._writing.append(writing)
            self._write_gathered()
        finally:
            writing[1].set()
            with suppress(ValueError):
                self._writing.remove(writing)

    def finish_counts(self) -> None:
        """Write the counts that are gathered, and wait for those that other threads write now; for whoever reads them."""
        self.write_counts()
        self._await_writes(_LONGEST_WRITE)

    def _await_writes(self, timeout: float) -> None:
        """Wait for the counts that other threads write now."""
        me = threading.get_ident()
        for writing in tuple(self._writing):
            # One of this thread goes on below a signal handler, and ends after it.
            if writing[0] != me and not writing[1].wait(timeout):
                with suppress(ValueError):
                    self._writing.remove(writing)

    def _write_gathered(self) -> None:
        sums: dict[Span, dict[str, float]] = {}
        while True:
            try:
                span, values = self._counts.popleft()
            except IndexError:
                break
            add(sums.setdefault(span, {}), values)
        if not sums:
            return
        try:
            self._write(sums)
        except BackendError as error:
            log.debug("counts lost: server=%s error=%s", self._connection.settings.shown, error)

    def flush(self) -> None:
        """Write all that is gathered."""
        topics = self._take_topics()
        if topics:
            self._wake_now(topics)
        self.write_counts()

    def close(self) -> None:
        """Write what is gathered, within a short time, and not again at the end of the process."""
        atexit.unregister(self._at_exit)
        if self._connection.pid != os.getpid():
            # After a fork: what is gathered is the parent's to write, and so is the client, whose locks may be held.
            return
        if self._counts or self._topics:
            self._connection.uninterrupted(self._flush_in_time)
        # The connection is closed next, and a write that goes on would be lost.
        self._await_writes(_EXIT_TIMEOUT)

    def _flush_in_time(self) -> None:
        with pymongo.timeout(_EXIT_TIMEOUT):
            self.flush()

    def _take_topics(self) -> list[str]:
        taken: list[str] = []
        while self._topics:
            try:
                taken.append(self._topics.pop())
            except KeyError:
                break
        return taken

    # --- the thread -------------------------------------------------------------------------------

    def _start_thread(self) -> None:
        thread = self._thread
        if thread is not None and thread.is_alive():
            return
        made = self._thread = threading.Thread(target=self._work, name="skunkqueue-deferred", daemon=True)
        try:
            made.start()
        except RuntimeError:
            # The interpreter is about to end.
            self._thread = None
            self.flush()

    def _work(self) -> None:
        closed = self._connection.closed
        while not closed.is_set():
            due = self._written + COUNTS_APART - monotonic() if self._counts else _LINGER
            if self._has_topics.wait(max(due, 0.0)):
                closed.wait(self._until_late())
                # Before the topics are looked at: a topic that comes later sets it again.
                self._has_topics.clear()
                late = self._take_late()
                if self._topics:
                    self._has_topics.set()
                if late:
                    self._wake_now(late)
            if self._counts:
                if monotonic() - self._written >= COUNTS_APART:
                    self.write_counts()
            elif due == _LINGER and not self._topics:
                self._thread = None
                # A thread that gathered something just now believes that this one still runs.
                if not self._counts and not self._topics:
                    return
                self._thread = threading.current_thread()

    def _until_late(self) -> float:
        """Return after how many seconds the thread is to send the first of the wake-ups that are gathered."""
        woken = [self._woken.get(topic, 0.0) for topic in tuple(self._topics)]
        return max(min(woken, default=0.0) + _LATE - monotonic(), 0.0)

    def _take_late(self) -> list[str]:
        """Take the wake-ups that no call has sent in time."""
        now = monotonic()
        late = [topic for topic in tuple(self._topics) if now - self._woken.get(topic, 0.0) >= _LATE]
        self._woken.update(dict.fromkeys(late, now))
        self._topics.difference_update(late)
        return late


def _close(of: weakref.ref[Deferred]) -> None:
    deferred = of()
    if deferred is not None:
        deferred.close()
