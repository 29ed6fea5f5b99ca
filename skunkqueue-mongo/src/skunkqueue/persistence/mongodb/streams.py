"""Threads that read what the server reports, and wake the waiters it concerns: the common part, and signals.

They know no verb, and look for the topics and ids that waiters name.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress

import pymongo
from bson import Timestamp
from pymongo import CursorType
from pymongo.errors import OperationFailure, PyMongoError

from skunkqueue.latch import Latch
from skunkqueue.persistence.mongodb.connection import Connection
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.waiters import Waiter, Waiters

AWAIT = 10.0
"""Seconds for which the server holds a request for news open."""
_PAUSE = 0.5
"""Seconds before a lost stream is opened again."""
_INTERRUPT_TIMEOUT = 0.5
_USUAL = frozenset({43, 136, 175, 237, 91, 189, 11600, 11602, 10107, 13435, 286, 280})
"""Error codes of cursors that end with their server, its role as primary, or their position."""
log = logging.getLogger("skunkqueue.mongodb")


class Stream(threading.Thread):
    """Reads what the server reports, as long as a call waits."""

    def __init__(
        self,
        connection: Connection,
        waiters: Waiters,
        topics: frozenset[str],
        *,
        ids: bool,
        before: Stream | None,
        may_end: Callable[[Stream], bool],
    ) -> None:
        """Make a stream for these topics, and for firings if ``ids``; ``before`` is the stream that it replaces."""
        super().__init__(name="skunkqueue-stream", daemon=True)
        self.topics = topics
        self.ready = Latch()
        """Set as long as nothing that happens from now on is missed."""
        self._connection = connection
        self._waiters = waiters
        self._ids = ids
        self._before = before
        self._may_end = may_end
        self._retired = False
        # Half of the time after which a silent connection counts as dead.
        self._patience = int(1_000 * min(AWAIT, connection.settings.socket_timeout / 2 or AWAIT))

    def covers(self, waiter: Waiter) -> bool:
        """Return whether it reports what this waiter waits for."""
        del waiter  # it reports everything
        return self.is_alive()

    def retire(self) -> None:
        """End at the next opportunity."""
        self._retired = True

    def interrupt(self) -> None:
        """Have the server answer the open request, which would keep this thread for some seconds.

        For a killed cursor it does not answer at once; for news it does.
        """

        def insert() -> None:
            with suppress(PyMongoError), pymongo.timeout(_INTERRUPT_TIMEOUT):
                self._connection.signals.insert_one(_empty_signal())

        self._connection.uninterrupted(insert)

    @property
    def is_over(self) -> bool:
        """Return whether to end."""
        return self._connection.closed.is_set() or self._retired or self._may_end(self)

    def run(self) -> None:
        """Read, and begin again where the connection or the server was lost."""
        warned = False
        while not self.is_over:
            try:
                self.read()
            except PyMongoError as error:
                if self._connection.closed.is_set():
                    break
                refused = isinstance(error, OperationFailure) and error.code not in _USUAL
                if refused and not warned:
                    warned = True
                    # Waits must not be held up for a stream that does not come.
                    self.ready.set()
                    log.warning(
                        "stream refused: server=%s error=%s; waits look every few seconds instead",
                        self._connection.settings.shown,
                        # The whole error is long, since it quotes the request.
                        (getattr(error, "details", None) or {}).get("codeName", error),
                    )
                self._connection.closed.wait(AWAIT if refused else _PAUSE)
        self.ready.set()
        self._end_before()
        self._waiters.wake_all()

    def read(self) -> None:
        """Read until the cursor ends; call ``mark_ready`` once nothing can be missed any more."""
        raise NotImplementedError

    def mark_ready(self) -> None:
        """Let waiters rely on this stream from here on."""
        again = self.ready.is_set()
        self.ready.set()
        self._end_before()
        # What happened earlier was not seen: since the last cursor ended, or by waiters that began without a stream.
        if again:
            self._waiters.wake_all()
        else:
            self._waiters.wake_early()

    def _end_before(self) -> None:
        """End the stream that this one replaces."""
        if self._before is not None:
            self._before.retire()
            self._before = None


class SignalStream(Stream):
    """Follows the capped collection of signals."""

    def read(self) -> None:
        """Read signals from the last one on."""
        signals = self._connection.signals
        last = signals.find_one(sort=[("$natural", -1)])
        if last is None:
            # A tailable cursor over nothing ends at once.
            signals.insert_one(_empty_signal())
            return
        cursor = signals.find({"ts": {"$gt": last["ts"]}}, cursor_type=CursorType.TAILABLE_AWAIT)
        with cursor.max_await_time_ms(self._patience):
            # Every signal from here on comes after ``last``.
            self.mark_ready()
            while cursor.alive and not self.is_over:
                for signal in cursor:
                    self._waiters.dispatch(signal["topics"], signal["ids"])
                    if self._retired:
                        break


def _empty_signal() -> Document:
    """Make a signal that wakes no waiter."""
    return {"ts": Timestamp(0, 0), "topics": [], "ids": []}
