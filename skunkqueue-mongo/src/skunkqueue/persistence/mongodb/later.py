"""What is written a moment after it happened, for many at once: counts, and rings that follow closely on others.

The first of a row is written at once, by who brings it, so a process that does one thing and ends leaves nothing
behind. What comes within the next moments is gathered, and a thread that lives only as long as there is something
writes it. A process that is killed loses at most what was gathered in those moments: counts, and a ring after one
that was heard just before.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import NamedTuple

import pymongo

from skunkqueue.clock import monotonic
from skunkqueue.counters import add
from skunkqueue.errors import BackendError
from skunkqueue.latch import Latch
from skunkqueue.persistence.mongodb.link import Link

RINGS_APART = 0.004
"""Seconds between two rings for one place."""
COUNTS_APART = 0.1
"""Seconds between two times that counts are written."""
_LINGER = 1.0
_MANY = 20_000
_GOODBYE = 2.0

log = logging.getLogger("skunkqueue.mongodb")


class Span(NamedTuple):
    """Of what something is counted, and when."""

    queue: str
    route: str
    job: str
    minute: int


class Later:
    """What a process has gathered; every step on it is a single operation, which no signal handler divides."""

    def __init__(
        self,
        link: Link,
        ring: Callable[[Iterable[str]], None],
        write: Callable[[Mapping[Span, dict[str, float]]], None],
    ) -> None:
        self._link = link
        self._ring_now = ring
        self._write = write
        self._counts: deque[tuple[Span, Mapping[str, float]]] = deque()
        self._written = -COUNTS_APART
        self._topics: set[str] = set()
        self._rung: dict[str, float] = {}
        self._thread: threading.Thread | None = None
        self._wake = Latch()
        self._at_exit = partial(_flush, weakref.ref(self))
        atexit.register(self._at_exit)

    # --- gathering --------------------------------------------------------------------------------

    def ring(self, topic: str) -> None:
        """Ring for a place: now, or in a few milliseconds where that was done just before."""
        now = monotonic()
        if now - self._rung.get(topic, -RINGS_APART) < RINGS_APART:
            self._topics.add(topic)
            self._wake.set()
            self._have_it_done()
            return
        if len(self._rung) > _MANY:
            self._rung.clear()
        self._rung[topic] = now
        self._ring_now([topic])

    def count(self, numbers: Iterable[tuple[Span, Mapping[str, float]]]) -> None:
        """Add to the counters: now, or in a moment where some were written just before."""
        self._counts.extend(numbers)
        if self._link.is_virtual or monotonic() - self._written >= COUNTS_APART or len(self._counts) > _MANY:
            self.write_counts()
        elif self._counts:
            self._have_it_done()

    # --- writing ----------------------------------------------------------------------------------

    def write_counts(self) -> None:
        """Write the counts that are there. What cannot be written is lost: it has happened, so nobody hears of an error."""
        self._written = monotonic()
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
            log.debug("%s: counts are lost: %s", self._link.settings.shown, error)

    def flush(self) -> None:
        """Write all that is there."""
        topics = self._take_topics()
        if topics:
            self._ring_now(topics)
        self.write_counts()

    def close(self) -> None:
        """Write what is there, within a short time, and do no more at the end of the process."""
        atexit.unregister(self._at_exit)
        if self._link.pid != os.getpid():
            # Born by a fork: what was gathered is the parent's to write, and so is the client, whose locks may be held.
            return
        if self._counts or self._topics:
            self._link.aside(self._flush_in_time)

    def _flush_in_time(self) -> None:
        with pymongo.timeout(_GOODBYE):
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

    def _have_it_done(self) -> None:
        thread = self._thread
        if thread is not None and thread.is_alive():
            return
        made = self._thread = threading.Thread(target=self._work, name="skunkqueue-later", daemon=True)
        try:
            made.start()
        except RuntimeError:
            # The interpreter is about to end.
            self._thread = None
            self.flush()

    def _work(self) -> None:
        closed = self._link.closed
        while not closed.is_set():
            due = self._written + COUNTS_APART - monotonic() if self._counts else _LINGER
            if self._wake.wait(max(due, 0.0)):
                closed.wait(RINGS_APART)
                # Before the topics are taken: what comes after that sets it again.
                self._wake.clear()
                topics = self._take_topics()
                if topics:
                    self._rung.update(dict.fromkeys(topics, monotonic()))
                    self._ring_now(topics)
            if self._counts:
                if monotonic() - self._written >= COUNTS_APART:
                    self.write_counts()
            elif due == _LINGER and not self._topics:
                self._thread = None
                # Who came in between takes this thread for one that lives.
                if not self._counts and not self._topics:
                    return
                self._thread = threading.current_thread()


def _flush(of: weakref.ref[Later]) -> None:
    later = of()
    if later is not None:
        later.close()
