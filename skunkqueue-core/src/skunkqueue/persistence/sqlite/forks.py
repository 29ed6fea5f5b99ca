"""Forks: no thread is inside SQLite while another one forks, and a child closes the connections that it inherits.

A fork copies SQLite's own mutexes as they are, and also its notes on which locks the process holds on a file; the child
does not hold these locks. So a thread that forks waits until all threads are out of SQLite (``skunkqueue.forking``), and
a child closes every inherited connection before it opens one. With the last of them the notes go, and the next
connection takes real locks. The parent's locks stay as they are, since the system keeps them by process. Closing writes
nothing, unless a transaction was under way: then the child may not use SQLite at all.
"""

from __future__ import annotations

import os
import sqlite3
import weakref
from threading import get_ident

from skunkqueue.errors import BackendError
from skunkqueue.forking import SQLITE

guarded = SQLITE.run
"""Run something that calls SQLite, but not while a thread forks."""

_open: dict[int, weakref.ref[Connection]] = {}


class Connection(sqlite3.Connection):
    """A connection that can be found after a fork: ``sqlite3.Connection`` does not support weak references."""

    pid = 0


class Connections(list[Connection]):
    """Connections that are closed when their list goes, if a signal handler's exception has prevented that before.

    Only for lists that live long: an exception that a handler raises inside ``__del__`` is lost.
    """

    __slots__ = ()

    def __del__(self) -> None:
        for db in self:
            # Not the connections of the parent process. At the end of the interpreter modules may be gone already.
            if os is not None and db.pid == os.getpid():
                guarded(db, db.close)


class _Process:
    """Whether this process is a fork, and whether it may use SQLite."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.unusable = False
        self.kept: list[Connection | None] = []
        """Connections that must not even be closed."""

    def find_out(self) -> None:
        """Check whether this process is the child of a fork."""
        if self.pid != os.getpid():
            if _open and get_ident() not in SQLITE.quiet:
                self.unusable = True
                self.kept = [known() for known in _open.values()]
            self.pid = os.getpid()


_process = _Process()


def note(db: Connection) -> None:
    """Remember an open connection."""
    db.pid = os.getpid()
    for number, known in list(_open.items()):
        if known() is None:
            _open.pop(number, None)
    _open[id(db)] = weakref.ref(db)


def close_all(opened: list[Connection]) -> None:
    """Close connections; safe to do twice."""
    for db in opened:
        guarded(db, db.close)
    opened.clear()


def let_go_of_inherited() -> None:
    """Close inherited connections before the first one is opened. Raises BackendError where SQLite cannot be used."""
    _process.find_out()
    if _process.unusable:
        msg = (
            "this process was forked in the middle of an SQLite transaction (from within a signal handler, or while"
            " another thread's took longer than 10 s), so no SQLite store can be used in it: fork at another"
            " moment, or start a fresh process (multiprocessing's method 'spawn')"
        )
        raise BackendError(msg)
    for number, known in list(_open.items()):
        db = known()
        if db is not None and db.pid != _process.pid:
            db.close()
            _open.pop(number, None)


# Before a fork too: the child of a fork that did nothing since may fork in its turn.
os.register_at_fork(before=_process.find_out, after_in_child=_process.find_out)
