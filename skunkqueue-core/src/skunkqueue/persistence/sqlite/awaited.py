"""A claim that waits at the bell of its route: a FIFO, which its caller can watch beside other descriptors."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from skunkqueue.persistence.awaited import AwaitedClaim
from skunkqueue.persistence.sqlite.connections import closed
from skunkqueue.persistence.sqlite.forks import Connection
from skunkqueue.persistence.sqlite.opening import Store
from skunkqueue.persistence.sqlite.readers import snapshot
from skunkqueue.persistence.sqlite.waiting import LOOK_EVERY, Moments, data_version
from skunkqueue.records import Claim

_AT_ONCE = float("-inf")


class BellClaim(AwaitedClaim):
    """Claims when the bell of its route rings, or a moment comes at which something may be due."""

    def __init__(
        self,
        store: Store,
        listening: AbstractContextManager[int],
        *,
        claim: Callable[[bool], Sequence[Claim]],
        look: Callable[[sqlite3.Connection], bool],
        moments: Callable[[sqlite3.Connection], Moments],
    ) -> None:
        """``claim`` claims; given True, without a look whether there is anything."""
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
        """Claim if there may be something."""
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
        self._end(whole=True)

    def _answer(self) -> Sequence[Claim]:
        store = self._store
        if not self._lent or store.bells.closed:
            raise closed(store.place)
        db = self._lent[0]
        rung = self._rung()
        if not rung and self._left() > 0 and store.readers.run_on(db, data_version) == self._version:
            self.until = store.clock.monotonic() + self._left()
            return []
        claims = self._claim(rung)
        if not claims:
            self._look_out()
        return claims

    def _rung(self) -> bool:
        try:
            # One byte only: the next one is for somebody else who waits.
            return os.read(self._fd, 1) != b""
        except BlockingIOError:
            return False

    def _look_out(self) -> None:
        """Forget what rang so far, look, and see when to look again."""
        store, db = self._store, self._lent[0]
        store.bells.drain(self._fd)
        self._version = store.readers.run_on(db, data_version)
        self._ahead = store.readers.run_on(db, snapshot(self._seen))
        self.until = store.clock.monotonic() + self._left()

    def _seen(self, db: sqlite3.Connection) -> Moments:
        return (None, _AT_ONCE) if self._look(db) else self._moments(db)

    def _left(self) -> float:
        """Return in how many seconds to look again; not more than one, so that a wall clock that jumps is noticed."""
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
