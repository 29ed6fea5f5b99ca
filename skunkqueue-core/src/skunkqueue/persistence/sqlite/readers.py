"""Connections that read, as many as threads read at once; writers never block them. Knows nothing of tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from skunkqueue.persistence.sqlite import forks
from skunkqueue.persistence.sqlite.busy import retry_while_busy
from skunkqueue.persistence.sqlite.connections import closed, connect, identity_of, move
from skunkqueue.persistence.sqlite.errors import is_busy, replaced, translate
from skunkqueue.persistence.sqlite.location import Location

T = TypeVar("T")


class Readers:
    """A pool of connections that only read."""

    def __init__(self, location: Location) -> None:
        self._location = location
        self._idle = forks.Connections()
        self._closed = False
        self._identity = identity_of(location)

    def run(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run a query; several statements see one state only within ``snapshot``."""
        lent: list[forks.Connection] = []
        try:
            self.borrow(lent)
            value = self.run_on(lent[0], query)
            self.give_back(lent)
        except BaseException:
            self.discard(lent)
            raise
        return value

    def run_on(self, db: sqlite3.Connection, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run a query on a connection borrowed earlier."""
        self._check_identity()
        try:
            try:
                return forks.guarded(db, query, db)
            except sqlite3.OperationalError as error:
                # This happens only while another process recovers or closes the file.
                if not is_busy(error):
                    raise
                return retry_while_busy(self._location, lambda: forks.guarded(db, query, db))
        except sqlite3.Error as error:
            raise translate(error, self._location.path, writes=False) from error

    def borrow(self, into: list[forks.Connection]) -> None:
        """Move a connection to an empty list; the caller has it until ``give_back``, or ``discard`` after an exception.

        So it is always in a list, whenever an exception comes.
        """
        if self._closed:
            raise closed(self._location)
        self._check_identity()
        try:
            move(self._idle, into)
        except IndexError:
            pass
        else:
            return
        try:
            retry_while_busy(self._location, lambda: connect(self._location, into, write=False))
        except sqlite3.Error as error:
            raise translate(error, self._location.path, writes=False) from error

    def _check_identity(self) -> None:
        # Before connecting too, since SQLite would make an empty file where the old one is gone.
        if identity_of(self._location) != self._identity:
            raise replaced(self._location.path)

    def give_back(self, lent: list[forks.Connection]) -> None:
        """Give a borrowed connection back for others to use."""
        move(lent, self._idle)
        if self._closed:
            # It may have been closed after this call began.
            self.close()

    @staticmethod
    def discard(lent: list[forks.Connection]) -> None:
        """Close a connection that may be inside a transaction: it would show an old state for ever."""
        forks.close_all(lent)

    def close(self) -> None:
        """Close the idle ones now, and those in use when they are given back."""
        self._closed = True
        while self._idle:
            closing: list[forks.Connection] = []
            # Another thread may have been faster.
            with suppress(IndexError):
                move(self._idle, closing)
            self.discard(closing)


def snapshot(query: Callable[[sqlite3.Connection], T]) -> Callable[[sqlite3.Connection], T]:
    """Let all statements of a query see one state of the store."""

    def within(db: sqlite3.Connection) -> T:
        if db.in_transaction:
            # An attempt before this one found the file busy.
            db.execute("ROLLBACK")
        db.execute("BEGIN")
        try:
            return query(db)
        finally:
            db.execute("COMMIT")

    return within
