"""Wake-ups: waking the calls that wait, in this process and in others, and the loop of a wait.

On a replica set a change stream reports what was written, and nothing has to be sent. Elsewhere a process that writes
puts a small document, a signal, into a capped collection, and a tailable cursor hands it to every process that waits.
Either way a wake-up may come for nothing, and all waiters are woken where signals may have been missed.

One thread reads the stream for the whole process, as long as a call waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from bson import Timestamp

from skunkqueue.clock import monotonic
from skunkqueue.persistence.mongodb.change_stream import ChangeStream
from skunkqueue.persistence.mongodb.connection import Connection
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.streams import SignalStream, Stream
from skunkqueue.persistence.mongodb.waiters import Waiter, Waiters
from skunkqueue.persistence.rules import LOOK_EVERY
from skunkqueue.turns import Exclusive

T = TypeVar("T")
_LINGER = 30.0
"""Seconds for which a stream stays open without waiters: they will come back."""
_PATIENCE = 2.0
"""Seconds for which a wait is held up until its stream is ready."""


class Wakeups:
    """All waiters of a process, and the stream that wakes them."""

    def __init__(self, connection: Connection, *, streams: bool) -> None:
        self._connection = connection
        self.streams = streams
        """The server has change streams, so signals are not needed."""
        self.waiters = Waiters()
        self._turn = Exclusive()
        self._stream: Stream | None = None
        self._idle_since = 0.0

    def send(self, topics: Iterable[str] = (), ids: Iterable[str] = ()) -> None:
        """Wake the calls that wait, in any process, for one of these routes and mailboxes, or for news of these firings."""
        if self.streams or self._connection.time.is_virtual:
            return
        signal: Document = {"ts": Timestamp(0, 0), "topics": list(topics), "ids": list(ids)}
        if signal["topics"] or signal["ids"]:
            # Without waiting for an answer: waiters look once in a while, which makes up for a lost signal.
            self._connection.try_once(self._connection.signals_w0.insert_one, signal)

    @contextmanager
    def waiter(
        self, topics: Iterable[str] = (), ids: Iterable[str] = (), *, timeout: float
    ) -> Iterator[Waiter]:
        """Begin to wait. What happens from here on wakes the waiter, so what is read now need not be read again.

        Where no stream gets ready within ``timeout`` seconds the wait begins without one, and is woken once it is ready.
        """
        made = Waiter(topics, ids)
        self.waiters.add(made)
        try:
            # A signal handler that interrupts just this waits without a stream.
            stream = self._turn.run(lambda: self._stream_for(made), otherwise=None)
            made.is_early = stream is None or not stream.ready.wait(min(timeout, _PATIENCE))
            yield made
        finally:
            self.waiters.discard(made)
            self._idle_since = monotonic()

    def wait_until(
        self,
        waiter: Waiter,
        look: Callable[[], list[T]],
        timeout: float,
        *,
        woken: Callable[[], list[T]] | None = None,
    ) -> list[T]:
        """Look, and again whenever the waiter is woken, until something is found, the time is over or the store closed.

        ``woken``: what to look at after a wake-up, where that is less.
        """
        closed = self._connection.closed
        end = monotonic() + timeout
        while not closed.is_set():
            found = look()
            left = end - monotonic()
            if found or left <= 0:
                return found
            if waiter.wait(min(left, LOOK_EVERY)) and woken is not None:
                found = woken()
                if found or closed.is_set():
                    return found
        return []

    def close(self) -> None:
        """Wake all who wait, and end the stream."""
        stream = self._stream
        if stream is not None:
            stream.retire()
            stream.interrupt()
        self.waiters.wake_all()

    def _stream_for(self, waiter: Waiter) -> Stream:
        """Return a stream that covers what this waiter waits for; start one if the present one does not."""
        stream = self._stream
        if stream is None or not stream.covers(waiter):
            waiters = list(self.waiters)
            topics = frozenset().union(*(one.topics for one in waiters))
            before = stream
            if before is not None:
                # The new stream replaces the old one; as long as both are open, news wakes twice.
                topics |= before.topics
            kind = ChangeStream if self.streams else SignalStream
            stream = self._stream = kind(
                self._connection,
                self.waiters,
                topics,
                ids=any(one.ids for one in waiters),
                before=before,
                may_end=self._may_end,
            )
            stream.start()
        return stream

    def _may_end(self, stream: Stream) -> bool:
        """Return whether no call needs this stream. One that is being replaced goes on until the new one is ready."""

        def forget() -> bool:
            if self._stream is not stream or self.waiters or monotonic() - self._idle_since < _LINGER:
                return False
            self._stream = None
            return True

        return self._turn.run(forget, otherwise=False)
