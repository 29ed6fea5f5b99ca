"""A claim that waits at the FIFO of its route, which its caller can watch beside other descriptors."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from skunkqueue.clock import SystemClock
from skunkqueue.persistence.awaited import AwaitedClaim
from skunkqueue.persistence.sqlite import claim
from skunkqueue.persistence.sqlite.connections import closed
from skunkqueue.persistence.sqlite.fifos import route_topic
from skunkqueue.persistence.sqlite.forks import Connection
from skunkqueue.persistence.sqlite.readers import snapshot
from skunkqueue.persistence.sqlite.waits import LOOK_EVERY, Moments, data_version
from skunkqueue.persistence.sqlite.wakeups import lookout
from skunkqueue.records import Claim

if TYPE_CHECKING:
    from skunkqueue.persistence.sqlite.store import Store

_AT_ONCE = float("-inf")
MOST_ROUTES = 16
"""Routes that are waited for so at a time: each takes a connection of its own, which is three open files."""


def begin_claim(
    store: Store,
    queue: str,
    route: str,
    worker: str,
    *,
    limit: int,
    lease: float,
    look_and_claim: Callable[[], Sequence[Claim]],
) -> AwaitedClaim | None:
    """Wait at the FIFO of a route; see ``Backend.begin_claim``. ``look_and_claim`` is the backend's own ``claim``."""
    if not store.fifos.works or not isinstance(store.clock, SystemClock):
        return None

    def answer(woken: bool) -> Sequence[Claim]:  # noqa: FBT001 - as it is called
        # This wait is woken because something was put in, so a look first would only cost time.
        number = store.known_route(queue, route) if woken else None
        if number is None:
            return look_and_claim()
        return claim.lend(store, number, (queue, route), worker, limit=limit, lease=lease)

    look, moments = lookout(store, queue, route, worker)
    listening = store.fifos.listening(route_topic(queue, route))
    begun = FifoClaim(store, listening, claim=answer, look=look, moments=moments)
    if begun.fileno() < 0:
        begun.cancel()
        return None
    return begun


class FifoClaim(AwaitedClaim):
    """Claims when its route is woken, or a moment comes at which something may be due."""

    def __init__(
        self,
        store: Store,
        listening: AbstractContextManager[int],
        *,
        claim: Callable[[bool], Sequence[Claim]],
        look: Callable[[sqlite3.Connection], bool],
        moments: Callable[[sqlite3.Connection], Moments],
    ) -> None:
        """``claim`` claims; given True, without a look first."""
        self._store = store
        self._listening: AbstractContextManager[int] | None = listening
        self._claim = claim
        self._look = look
        self._moments = moments
        self._fd = listening.__enter__()
        self._lent: list[Connection] = []
        self._version = 0
        self._ahead: Moments = (None, None)
        """When something comes due, by the wall clock, and when a lease ends, as of the last look."""
        try:
            store.readers.borrow(self._lent)
            self._look_out()
        except BaseException:
            self._end(whole=False)
            raise

    def fileno(self) -> int:
        """Return the FIFO."""
        return self._fd

    def answer(self) -> Sequence[Claim]:
        """Claim if something may be there."""
        try:
            claims = self._answer()
        except BaseException:
            self._end(whole=False)
            raise
        if claims:
            self._end(whole=True)
        return claims

    def cancel(self) -> None:
        """Stop listening."""
        if self._fd >= 0 and self._ahead[1] == _AT_ONCE:
            # The last look found something, and dropped the wake-up that another wait may need.
            with contextlib.suppress(BlockingIOError):
                os.write(self._fd, b"!")
        self._end(whole=True)

    def _answer(self) -> Sequence[Claim]:
        store = self._store
        if not self._lent or store.fifos.closed:
            raise closed(store.location)
        db = self._lent[0]
        woken = self._woken()
        if not woken and self._left() > 0 and store.readers.run_on(db, data_version) == self._version:
            self.until = store.clock.monotonic() + self._left()
            return []
        claims = self._claim(woken)
        if not claims:
            self._look_out()
        return claims

    def _woken(self) -> bool:
        try:
            # One byte only: the next byte is for another wait.
            return os.read(self._fd, 1) != b""
        except BlockingIOError:
            return False

    def _look_out(self) -> None:
        """Forget earlier wake-ups, look, and note when to look again."""
        store, db = self._store, self._lent[0]
        store.fifos.drain(self._fd)
        self._version = store.readers.run_on(db, data_version)
        self._ahead = store.readers.run_on(db, snapshot(self._seen))
        self.until = store.clock.monotonic() + self._left()

    def _seen(self, db: sqlite3.Connection) -> Moments:
        return (None, _AT_ONCE) if self._look(db) else self._moments(db)

    def _left(self) -> float:
        """Return in how many seconds to look again; at most one, so that a jump of the wall clock is noticed."""
        due, ends = self._ahead
        clock = self._store.clock
        left = LOOK_EVERY if due is None else min(LOOK_EVERY, due - clock.now())
        return left if ends is None else min(left, ends - clock.monotonic())

    def _end(self, *, whole: bool) -> None:
        if self._listening is not None:
            self._listening.__exit__(None, None, None)
            self._listening = None
        self._fd, self.until = -1, _AT_ONCE
        if self._lent and whole:
            self._store.readers.give_back(self._lent)
        else:
            self._store.readers.discard(self._lent)
