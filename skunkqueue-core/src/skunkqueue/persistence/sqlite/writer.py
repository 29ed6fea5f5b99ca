"""The connection that writes, shared by all threads of a process.

It commits in groups without a thread of its own: a thread that comes while no other commits does so itself, without a
hand-over. Operations of threads that come meanwhile are part of the next commit.

The exception of a signal handler may interrupt a thread anywhere here, and the handler itself may use this
module. So nothing is locked: everything that must be undone belongs to a turn, and a turn, group or connection that was
left over can be recognised. Knows nothing of tables.
"""

from __future__ import annotations

import itertools
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic, TypeVar

from skunkqueue.errors import BackendError, BackendUnavailableError
from skunkqueue.persistence.sqlite import forks
from skunkqueue.persistence.sqlite.busy import retry_while_busy
from skunkqueue.persistence.sqlite.connections import (
    CHECKPOINT_PAGES,
    READ_CHECKPOINT_PAGES,
    closed,
    connect,
    identity_of,
)
from skunkqueue.persistence.sqlite.errors import is_busy, replaced, translate
from skunkqueue.persistence.sqlite.giving_way import GivingWay
from skunkqueue.persistence.sqlite.location import Location
from skunkqueue.turns import Turn, Turned

T = TypeVar("T")

_GROUP = 64
_COMMIT = ("COMMIT",)
_LOOK_EVERY = 0.2
"""Seconds after which a waiting thread checks whether the thread that it waits for is still at work."""


class Repeat(Exception):  # noqa: N818 - steers a verb and never leaves the backend
    """Raised by an operation whose short cut is not valid: undo it, and take the long way."""


class _Ticket(Turned, Generic[T]):
    """One thread's operation on its way through a commit."""

    __slots__ = ("done", "error", "gate", "leads", "left", "operation", "reads", "solo", "value")

    def __init__(self, operation: Callable[[sqlite3.Connection], T], *, solo: bool, reads: bool) -> None:
        self.thread = threading.get_ident()
        self.operation = operation
        self.solo = solo
        self.reads = reads
        self.value: T | None = None
        self.error: BaseException | None = None
        self.done = False
        self.leads = False
        """Whether it has begun to use its turn; until then a signal handler in its thread may take the turn."""
        self.left = False
        self.gate: threading.Lock | None = None

    def wake(self) -> None:
        """Let its thread look again, if it waits."""
        if self.gate is not None:
            with suppress(RuntimeError):  # it has been woken already
                self.gate.release()


class _Group:
    """Tickets that are committed together, and whether they have been."""

    __slots__ = ("committed", "reads", "tickets")

    def __init__(self, tickets: list[_Ticket[Any]]) -> None:
        self.tickets = tickets
        self.reads = all(ticket.reads for ticket in tickets)
        self.committed: list[Any] = []
        """Empty until they are. Filled by the same call that commits, so that no bytecode is in between."""


class Writer:
    """The one connection of this process that writes."""

    def __init__(
        self, location: Location, prologue: Callable[[sqlite3.Connection], object], giving_way: GivingWay
    ) -> None:
        """``prologue`` runs at the beginning of each transaction."""
        self._location = location
        self._prologue = prologue
        self._giving_way = giving_way
        self._turn: Turn[_Ticket[Any]] = Turn(Writer.run.__code__, "ticket")
        self._waiting: deque[_Ticket[Any]] = deque()
        self._group: _Group | None = None
        self._main = threading.main_thread().ident
        self._identity = identity_of(location)
        self._opened = forks.Connections()
        retry_while_busy(location, lambda: connect(location, self._opened, write=True))
        self._db: forks.Connection | None = self._opened[0]
        self._pages = CHECKPOINT_PAGES
        """Pages of the write-ahead log after which this connection makes a checkpoint; 0: not known."""
        self.commits = 0
        """How many transactions it has committed."""

    def run(
        self, operation: Callable[[sqlite3.Connection], T], *, solo: bool = False, reads: bool = False
    ) -> T:
        """Run an operation in a transaction, and return its value once that is committed.

        It may be run twice, when another operation of its group fails, so it must not depend on anything that it changes
        outside of the database. Its own error undoes it alone. ``solo`` runs it outside of any transaction. ``reads``: it is
        part of a read, for which processes that write all the time give way, and leaves checkpoints to them.
        """
        if not solo and identity_of(self._location) != self._identity:
            raise replaced(self._location.path)
        ticket = _Ticket(operation, solo=solo, reads=reads)
        # Called twice, since an exception may also come in the middle of it.
        try:
            try:
                self._see_to(ticket)
            finally:
                self._leave(ticket)
        finally:
            if not ticket.left:
                self._leave(ticket)
        if ticket.error is not None:
            if isinstance(ticket.error, sqlite3.Error):
                raise translate(ticket.error, self._location.path) from ticket.error
            raise ticket.error
        return ticket.value  # type: ignore[return-value] # set whenever there is no error

    def alone(self, action: Callable[[sqlite3.Connection], T]) -> T:
        """Use the connection outside of any transaction (checkpoints, pragmas), between two groups."""
        return self.run(action, solo=True)

    def close(self) -> None:
        """Wait for the commit under way, and close."""

        def shut(db: sqlite3.Connection) -> None:
            self._db = None
            db.close()
            self._opened.clear()
            self._giving_way.close()

        if self._db is not None:
            self.run(shut, solo=True)

    # --- turns ------------------------------------------------------------------------------------

    def _see_to(self, ticket: _Ticket[Any]) -> None:
        """Run the operation, or wait until another thread has; not within the ``try`` of its caller, see turns.py."""
        while not ticket.done:
            holder = self._turn.take(ticket)
            if holder is ticket:
                self._lead(ticket)
            else:
                self._wait_for(ticket, holder)

    def _wait_for(self, ticket: _Ticket[Any], holder: _Ticket[Any]) -> None:
        """Wait until another thread has run the operation, or the turn may be this thread's."""
        if holder.thread == ticket.thread:
            if not self._turn.is_under_way(holder):
                self._turn.take_over(holder, ticket)
            elif holder.leads:
                msg = (
                    f"{self._location.path}: this thread is in the middle of a transaction, which a signal handler has"
                    f" interrupted to start another: set a flag in the handler, or fire from a thread of its own"
                )
                raise BackendError(msg)
            else:
                self._turn.pass_on(ticket)
        elif ticket.gate is None:
            gate = threading.Lock()
            gate.acquire()
            ticket.gate = gate
            # The caller looks once more: a thread that gives the turn back looks at those that wait.
            self._waiting.append(ticket)
        elif not (ticket.gate.acquire(timeout=_LOOK_EVERY) or ticket.done or self._turn.is_under_way(holder)):
            self._turn.take_over(holder, ticket)

    def _leave(self, ticket: _Ticket[Any]) -> None:
        """Give back everything that this thread has of the writer; safe to do twice."""
        if ticket.gate is not None:
            self._remove(ticket)
        if self._turn.holder is ticket:
            if self._group is not None:
                self._clear_up()
            heir = self._first() if self._waiting else None
            if heir is None:
                self._turn.give_back()
            else:
                self._turn.pass_on(heir)
        if self._waiting:
            # Also one that has begun to wait in between.
            following = self._turn.holder or self._first()
            if following is not None:
                following.wake()
        ticket.left = True

    def _first(self) -> _Ticket[Any] | None:
        try:
            return self._waiting[0]
        except IndexError:
            return None

    def _remove(self, ticket: _Ticket[Any]) -> None:
        with suppress(ValueError):
            self._waiting.remove(ticket)

    # --- commits ----------------------------------------------------------------------------------

    def _lead(self, ticket: _Ticket[Any]) -> None:
        """Run the operation, and with it the operations of threads that wait."""
        if not ticket.reads:
            # Before it leads: until then, a signal handler in this thread may take the turn, and others join its commit.
            self._giving_way.give_way()
        ticket.leads = True
        if self._turn.holder is not ticket:
            # A signal handler had the turn a moment ago.
            ticket.leads = False
            return
        if self._group is not None:
            self._clear_up()
            if ticket.done:
                return
        if ticket.gate is not None:
            self._remove(ticket)
        group = [ticket]
        # The main thread runs no operation of another thread: signal handlers run there, and what they raise must not fail it.
        if self._waiting and not ticket.solo and ticket.thread != self._main:
            waiting = list(itertools.islice(self._waiting, _GROUP - 1))
            group += [other for other in waiting if not other.solo and other is not ticket]
        if not self._run_group(group):
            # Each one alone, to see which of them fails.
            for one in group:
                self._run_group([one])

    def _run_group(self, tickets: list[_Ticket[Any]]) -> bool:
        """Commit the whole group; False, and nothing is changed, where one of several fails."""
        self._group = group = _Group(tickets)
        try:
            try:
                forks.guarded(group, self._commit, group)
            except sqlite3.OperationalError as error:
                if not is_busy(error):
                    raise
                ask = self._giving_way.wait if group.reads else None
                retry_while_busy(self._location, lambda: forks.guarded(group, self._commit, group), ask)
        except Exception as error:
            if group.committed:
                raise
            self._undo()
            if len(tickets) > 1 and not isinstance(error, BackendUnavailableError):
                return False
            for ticket in tickets:
                ticket.error = error
        self._finish(group)
        return True

    def _commit(self, group: _Group) -> None:
        db = self._db
        if db is None:
            raise closed(self._location)
        if db.in_transaction:
            db.execute("ROLLBACK")
        if group.tickets[0].solo:
            group.tickets[0].value = group.tickets[0].operation(db)
            group.committed.append(True)
            return
        pages = READ_CHECKPOINT_PAGES if group.reads else CHECKPOINT_PAGES
        if pages != self._pages:
            # What is set is not known if a signal handler raises here.
            self._pages = 0
            db.execute(f"PRAGMA wal_autocheckpoint = {pages}")
            self._pages = pages
        db.execute("BEGIN IMMEDIATE")
        self._prologue(db)
        for ticket in group.tickets:
            ticket.value = ticket.operation(db)
        group.committed.extend(map(db.execute, _COMMIT))
        self.commits += 1

    def _finish(self, group: _Group) -> None:
        """Hand the threads the values of their operations; safe to do twice."""
        for ticket in group.tickets:
            ticket.done = True
            if ticket.gate is not None:
                self._remove(ticket)
                ticket.wake()
        self._group = None

    def _clear_up(self) -> None:
        """Bring an interrupted group to its end."""
        group = self._group
        if group is not None and group.committed:
            self._finish(group)
        else:
            self._undo()
            self._group = None

    def _undo(self) -> None:
        """Roll back a transaction that was begun and not committed."""
        db = self._db
        if db is not None and db.in_transaction:
            # SQLite rolls back by itself on a full disk or an I/O error; then nothing is left to undo.
            with suppress(sqlite3.Error):
                forks.guarded(db, db.execute, "ROLLBACK")
