"""Connections that read, as many as threads read at once; writers never hold them up. Knows nothing of tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TypeVar

from skunkqueue.persistence.sqlite import forks
from skunkqueue.persistence.sqlite.connections import closed, connect, identity_of, patiently
from skunkqueue.persistence.sqlite.errors import is_busy, replaced, translate
from skunkqueue.persistence.sqlite.place import Place

T = TypeVar("T")


class Readers:
    """A pool of connections that only read."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        self._identity = identity_of(place)

    def run(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run a query; several statements see one state only within ``snapshot``."""
        db = self.borrow()
        try:
            value = self.run_on(db, query)
        except BaseException:
            self.discard(db)
            raise
        self.give_back(db)
        return value

    def run_on(self, db: sqlite3.Connection, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run a query on a connection borrowed earlier."""
        self._check_identity()
        try:
            try:
                return forks.guarded(db, query, db)
            except sqlite3.OperationalError as error:
                # Only while another process recovers or closes the file.
                if not is_busy(error):
                    raise
                return patiently(self._place, lambda: forks.guarded(db, query, db))
        except sqlite3.Error as error:
            raise translate(error, self._place.path) from error

    def borrow(self) -> sqlite3.Connection:
        """Take a connection for oneself until ``give_back``, or ``discard`` where an exception came."""
        if self._closed:
            raise closed(self._place)
        self._check_identity()
        try:
            return self._idle.pop()
        except IndexError:
            pass
        try:
            return patiently(self._place, lambda: connect(self._place, write=False))
        except sqlite3.Error as error:
            raise translate(error, self._place.path) from error

    def _check_identity(self) -> None:
        # Before connecting too, since SQLite would make an empty file in the place of one that is gone.
        if identity_of(self._place) != self._identity:
            raise replaced(self._place.path)

    def give_back(self, db: sqlite3.Connection) -> None:
        """Let others use a borrowed connection."""
        if self._closed:
            self.discard(db)
        else:
            self._idle.append(db)

    def discard(self, db: sqlite3.Connection) -> None:
        """Close a connection that may be in the middle of something: it would show an old state for ever."""
        forks.guarded(db, db.close)

    def close(self) -> None:
        """Close the idle ones now, and those in use when they are given back."""
        self._closed = True
        while True:
            try:
                db = self._idle.pop()
            except IndexError:
                return
            self.discard(db)


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
