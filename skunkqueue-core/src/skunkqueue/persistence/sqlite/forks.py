"""Forks: no thread is within SQLite while another one forks, and a child lets go of what it inherited.

A fork copies SQLite's own mutexes as they are, and its notes on which locks this process holds on a file, which
the child does not hold. So whoever forks waits until all threads are out of SQLite, and a child closes every
inherited connection before it opens one: with the last of them those notes go, and the locks are taken for real.
The parent's locks stay as they are, since the system keeps them by process. Without a transaction under way
closing writes nothing; where there was one, the child may not use SQLite at all.
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
"""Seconds that a fork waits for the other threads."""
_PAUSE = 0.0005

_inside: dict[int, int] = {}
"""The threads within SQLite, by the id of what they do there."""
_forking: list[int] = []
"""As many entries as threads are forking; whoever is about to enter SQLite waits for them."""
_quiet: set[int] = set()
"""Threads that forked while no other was within SQLite."""
_open: dict[int, weakref.ref[Connection]] = {}


class Connection(sqlite3.Connection):
    """A connection that can be found after a fork; SQLite's own cannot be referred to weakly."""

    pid = 0


class Connections(list[Connection]):
    """Connections that are closed with their list, where a signal handler's exception has kept anybody else from it.

    Only for what lives long: an exception that a handler raises within ``__del__`` is lost.
    """

    __slots__ = ()

    def __del__(self) -> None:
        for db in self:
            # Not those of the process that this one is a copy of. At the interpreter's end modules may be gone already.
            if os is not None and db.pid == os.getpid():
                guarded(db, db.close)


class _Process:
    """What this process is."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.unusable = False
        self.kept: list[Connection | None] = []
        """Connections that must not even be closed."""

    def find_out(self) -> None:
        """Notice that this is the child of a fork."""
        if self.pid != os.getpid():
            if _open and get_ident() not in _quiet:
                self.unusable = True
                self.kept = [known() for known in _open.values()]
            self.pid = os.getpid()


_process = _Process()


def guarded(call: object, action: Callable[..., T], *args: Any) -> T:
    """Run what calls SQLite; not while a thread forks. ``call`` tells it from others that run meanwhile."""
    number = id(call)
    end = None
    try:
        while True:
            # In this order, as a fork looks for who is inside after it has announced itself.
            _inside[number] = get_ident()
            if not _forking or (end is not None and monotonic() > end):
                return action(*args)
            del _inside[number]
            end = end or monotonic() + _LONGEST
            time.sleep(_PAUSE)
    finally:
        _inside.pop(number, None)


def note(db: Connection) -> None:
    """Remember a connection that was opened."""
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
    """Close what was inherited, before the first connection is opened. Raises BackendError where that cannot be."""
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


# What a handler raises within a hook is reported and forgotten, and the rest of the hook left out. So what must
# not be left out has no bytecode. The hooks that come before a fork run in the reverse order.
os.register_at_fork(before=_wait_for_others, after_in_child=_process.find_out)
os.register_at_fork(
    before=partial(_forking.append, 1), after_in_parent=_forking.pop, after_in_child=_forking.clear
)
os.register_at_fork(after_in_child=_inside.clear)
