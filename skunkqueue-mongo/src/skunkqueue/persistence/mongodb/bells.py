"""Hearing at once that something happened: who waits for what, and how others ring them.

On a replica set nobody rings: a change stream tells what was written. Elsewhere whoever writes puts a small
document into a capped collection, and a tailable cursor hands it to all who listen. Either way a ring may come
for nothing, and everybody is rung where rings may have been missed.

A change stream (or cursor) is read by one thread for the whole process, as long as somebody waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from bson import Timestamp

from skunkqueue.clock import monotonic
from skunkqueue.latch import Latch
from skunkqueue.persistence.mongodb.link import Link
from skunkqueue.persistence.mongodb.readers import Reader, StreamReader, TailReader
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.turns import Exclusive

_LINGER = 30.0
"""Seconds for which one goes on listening though nobody waits: they will again."""
_PATIENCE = 2.0


class Ear:
    """One who waits, and for what."""

    def __init__(self, topics: Iterable[str], ids: Iterable[str]) -> None:
        self.topics = frozenset(topics)
        self.ids = frozenset(ids)
        self.heard: set[str] = set()
        """Of the ids waited for, those that there is news of."""
        self.deaf = False
        """Whether it listens since before anybody did for it."""
        self._rung = Latch()

    def ring(self, ids: Iterable[str] = ()) -> None:
        """Wake who waits here, with news of all these ids at once, since what wakes asks for those that it has heard of."""
        self.heard.update(ids)
        self._rung.set()

    def wait(self, timeout: float) -> bool:
        """Sleep until it rings; say whether it did."""
        rung = self._rung.wait(max(timeout, 0.0))
        self._rung.clear()
        return rung


class Bells:
    """All ears of a process, and the thread that rings them."""

    def __init__(self, link: Link, *, streams: bool) -> None:
        self._link = link
        self.streams = streams
        """Whether the server tells of what was written, so that nobody has to ring."""
        self._alone = Exclusive()
        self._ears: set[Ear] = set()
        self._reader: Reader | None = None
        self._idle_since = 0.0

    # --- ringing ----------------------------------------------------------------------------------

    def ring(self, topics: Iterable[str] = (), ids: Iterable[str] = ()) -> None:
        """Wake whoever waits, in any process, for one of these places and mailboxes, or for news of these ids."""
        if self.streams or self._link.is_virtual:
            return
        said: Document = {"ts": Timestamp(0, 0), "topics": list(topics), "ids": list(ids)}
        if said["topics"] or said["ids"]:
            # Nobody waits for the answer: a ring that is lost with its connection is made up for by the
            # look that sleepers take once in a while.
            self._link.try_once(self._link.rings.insert_one, said)

    # --- listening --------------------------------------------------------------------------------

    @contextmanager
    def ear(self, topics: Iterable[str] = (), ids: Iterable[str] = (), *, timeout: float) -> Iterator[Ear]:
        """Listen; from here on nothing is missed, so what is looked at now need not be looked at again.

        Where the server cannot be listened to within ``timeout`` seconds one goes on all the same, and is rung
        once it can.
        """
        made = Ear(topics, ids)
        self._ears.add(made)
        try:
            # A handler that interrupts just that has to do without, as where the server cannot be listened to.
            reader = self._alone.run(lambda: self._reader_for(made), otherwise=None)
            made.deaf = reader is None or not reader.ready.wait(min(timeout, _PATIENCE))
            yield made
        finally:
            self._ears.discard(made)
            self._idle_since = monotonic()

    def _reader_for(self, made: Ear) -> Reader:
        """Find or start what hears for an ear."""
        reader = self._reader
        if reader is None or not reader.hears(made):
            ears = list(self._ears)
            wanted = frozenset().union(*(ear.topics for ear in ears))
            before = reader
            if before is not None:
                # One who listens for more takes its place; what both hear rings twice.
                wanted |= before.topics
            kind = StreamReader if self.streams else TailReader
            reader = self._reader = kind(
                self._link, self, wanted, ids=any(ear.ids for ear in ears), before=before
            )
            reader.start()
        return reader

    def dispatch(self, topics: Iterable[str], ids: Iterable[str]) -> None:
        """Ring those who wait for one of these."""
        topics, ids = set(topics), frozenset(ids)
        for ear in self._listening():
            news = ear.ids & ids
            if news or not topics.isdisjoint(ear.topics):
                ear.ring(news)

    def alarm(self, *, all_of_them: bool = True) -> None:
        """Ring everybody, or those who went on without being heard: something may have been missed."""
        for ear in self._listening():
            if all_of_them or ear.deaf:
                ear.ring()

    def close(self) -> None:
        """Wake all who wait, and the thread that listens."""
        reader = self._reader
        if reader is not None:
            reader.retire()
            reader.interrupt()
        self.alarm()

    def retire_if_idle(self, reader: Reader) -> bool:
        """Let a reader end that nobody listens to; one that is to be replaced goes on until its successor can hear."""

        def retire() -> bool:
            if self._reader is not reader or self._ears or monotonic() - self._idle_since < _LINGER:
                return False
            self._reader = None
            return True

        return self._alone.run(retire, otherwise=False)

    def _listening(self) -> list[Ear]:
        return list(self._ears)
