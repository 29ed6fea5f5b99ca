"""Forks: no thread is inside SQLite while another one forks, and a child closes the connections that it inherits.

A fork copies SQLite's own mutexes as they are, and also its notes on which locks the process holds on a file; the child
does not hold these locks. So a thread that forks waits until all threads are out of SQLite, and a child closes every
inherited connection before it opens one. With the last of them the notes go, and the next connection takes real locks.
The parent's locks stay as they are, since the system keeps them by process. Closing writes nothing, unless a
transaction was under way: then the child may not use SQLite at all.
"""

from __future__ import annotations

import os
import sqlite3
import time
import weakref
from collections.abc import Callable
from functools import partial
from threading import get_ident
from typing import Any, TypeVar

from skunkqueue.clock import monotonic
from skunkqueue.errors import BackendError
from skunkqueue.stacks import stacks
from skunkqueue.turns import frames_of

T = TypeVar("T")

_LONGEST = 10.0
"""Seconds for which a fork waits for the other threads."""
_PAUSE = 0.0005

_inside: dict[int, int] = {}
"""The threads inside SQLite, by the id of their call."""
_forking: list[int] = []
"""One entry for each thread that forks now; a thread that is about to enter SQLite waits for them."""
_quiet: set[int] = set()
"""Threads that forked while no other thread was inside SQLite."""
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
            if _open and get_ident() not in _quiet:
                self.unusable = True
                self.kept = [known() for known in _open.values()]
            self.pid = os.getpid()


_process = _Process()


def guarded(call: object, action: Callable[..., T], *args: Any) -> T:
    """Run something that calls SQLite, but not while a thread forks. The id of ``call`` identifies it meanwhile."""
    number = id(call)
    end = None
    try:
        while True:
            # In this order: a fork first announces itself, and then looks which threads are inside.
            _inside[number] = get_ident()
            if not _forking or (end is not None and monotonic() > end):
                return action(*args)
            del _inside[number]
            end = end or monotonic() + _LONGEST
            time.sleep(_PAUSE)
    finally:
        _inside.pop(number, None)


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


def _wait_for_others() -> None:
    _process.find_out()
    me = get_ident()
    _quiet.discard(me)
    end = None
    while _inside:
        found = stacks()
        for number, thread in list(_inside.items()):
            if not frames_of(found.get(thread), guarded.__code__):
                # It was interrupted on its way out.
                _inside.pop(number, None)
            elif thread == me:
                return
        now = monotonic()
        end = end or now + _LONGEST
        if now > end:
            return
        time.sleep(_PAUSE)
    _quiet.add(me)


# An exception that a handler raises inside a hook is reported and dropped, and the rest of the hook is skipped. So what
# must not be skipped has no bytecode. The hooks that run before a fork run in reverse order.
os.register_at_fork(before=_wait_for_others, after_in_child=_process.find_out)
os.register_at_fork(
    before=partial(_forking.append, 1), after_in_parent=_forking.pop, after_in_child=_forking.clear
)
os.register_at_fork(after_in_child=_inside.clear)
