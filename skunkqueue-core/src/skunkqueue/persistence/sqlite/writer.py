"""Connections: one that writes, shared by all threads of a process, and a pool of those that read.

The writer commits in groups without a thread of its own: whoever comes while nobody commits does it,
at no hand-over; whoever comes meanwhile is carried along by the next commit. Waiting for other
processes is done here and not by SQLite, whose own pauses grow to 100 ms.

Knows nothing of tables.
"""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from skunkqueue.errors import BackendError, BackendUnavailableError
from skunkqueue.persistence.sqlite.errors import is_busy, locked, replaced, translate
from skunkqueue.persistence.sqlite.place import Place

T = TypeVar("T")

_GROUP = 64
_SHORTEST_PAUSE = 0.0002
_LONGEST_PAUSE = 0.003
_WRITE_CACHE_KIB = 4096
_READ_CACHE_KIB = 1024
_WAL_KEPT = 16 << 20
_CHECKPOINT_PAGES = 4000


class Repeat(Exception):  # noqa: N818 - steers a verb and never leaves the backend
    """Raised by an operation that took a short cut which does not hold: undo it, take the long way."""


class _Ticket(Generic[T]):
    """One thread's operation on its way through a commit."""

    __slots__ = ("done", "error", "gate", "leads", "operation", "solo", "value")

    def __init__(self, operation: Callable[[sqlite3.Connection], T], *, solo: bool) -> None:
        self.operation = operation
        self.solo = solo
        self.value: T | None = None
        self.error: BaseException | None = None
        self.done = False
        self.leads = False
        self.gate: threading.Lock | None = None


def connect(place: Place, *, write: bool) -> sqlite3.Connection:
    """Open the file as it is; its schema is somebody else's business."""
    db = sqlite3.connect(
        place.path, timeout=0.0, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    try:
        db.execute(f"PRAGMA cache_size = -{_WRITE_CACHE_KIB if write else _READ_CACHE_KIB}")
        if write:
            db.execute(f"PRAGMA synchronous = {place.synchronous}")
            db.execute(f"PRAGMA journal_size_limit = {_WAL_KEPT}")
            # Four times SQLite's default: a page that many commits touch is copied and synced less often.
            db.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
            # Some builds overwrite what is deleted with zeros, at a third of the speed.
            db.execute("PRAGMA secure_delete = OFF")
            db.execute("PRAGMA temp_store = MEMORY")
        else:
            db.execute("PRAGMA query_only = ON")
    except BaseException:
        db.close()
        raise
    return db


def identity_of(place: Place) -> tuple[int, int] | None:
    """Tell which file the path leads to now; ``None``: to none. SQLite itself would not notice a change."""
    try:
        found = os.stat(place.path)  # noqa: PTH116 - a third of the price, at each transaction
    except OSError:
        return None
    return found.st_dev, found.st_ino


def patiently(place: Place, attempt: Callable[[], T]) -> T:
    """Call until the file is not busy, for ``busy_timeout`` seconds at most."""
    deadline = None
    while True:
        try:
            return attempt()
        except sqlite3.OperationalError as error:
            if not is_busy(error):
                raise
            now = time.monotonic()
            if deadline is None:
                deadline = now + place.busy_timeout
            if now >= deadline:
                raise locked(place.path, place.busy_timeout) from error
        # Random, so that many processes do not come back all at once.
        time.sleep(random.uniform(_SHORTEST_PAUSE, _LONGEST_PAUSE))  # noqa: S311 - no secret


class Writer:
    """The one connection of this process that writes."""

    def __init__(self, place: Place) -> None:
        self._place = place
        # Reentrant, since a signal handler may fire while this thread holds it.
        self._mutex = threading.RLock()
        self._leader = 0
        self._waiting: deque[_Ticket[Any]] = deque()
        self._busy = False
        self._db: sqlite3.Connection | None = patiently(place, lambda: connect(place, write=True))
        self._identity = identity_of(place)

    def run(self, operation: Callable[[sqlite3.Connection], T], *, solo: bool = False) -> T:
        """Run an operation in a transaction and return its value once that is committed.

        It may be run twice, when another one of its group fails, so it must depend on nothing it changes
        itself outside of the database. Its own error undoes it alone. ``solo`` keeps it out of groups.
        """
        if not solo and identity_of(self._place) != self._identity:
            raise replaced(self._place.path)
        if self._leader == threading.get_ident():
            msg = (
                f"{self._place.path}: this thread is in the middle of a transaction, which a signal handler has"
                f" interrupted to start another: set a flag in the handler, or fire from a thread of its own"
            )
            raise BackendError(msg)
        ticket = _Ticket(operation, solo=solo)
        with self._mutex:
            if self._busy:
                ticket.gate = threading.Lock()
                ticket.gate.acquire()
            else:
                self._busy = ticket.leads = True
            self._waiting.append(ticket)
        try:
            if ticket.gate is not None:
                ticket.gate.acquire()
            if ticket.leads:
                self._leader = threading.get_ident()
                try:
                    self._commit_group()
                finally:
                    self._leader = 0
        finally:
            self._leave(ticket)
        if ticket.error is not None:
            if isinstance(ticket.error, sqlite3.Error):
                raise translate(ticket.error, self._place.path) from ticket.error
            raise ticket.error
        return ticket.value  # type: ignore[return-value] # set whenever there is no error

    def alone(self, action: Callable[[sqlite3.Connection], T]) -> T:
        """Use the connection outside of any transaction (checkpoints, pragmas), between two groups."""
        box: list[T] = []

        def outside(db: sqlite3.Connection) -> None:
            db.execute("ROLLBACK")
            try:
                box.append(action(db))
            finally:
                db.execute("BEGIN")

        self.run(outside, solo=True)
        return box[-1]

    def close(self) -> None:
        """Wait for the commit under way, and close."""

        def shut(db: sqlite3.Connection) -> None:
            db.execute("ROLLBACK")
            db.close()
            self._db = None

        with self._mutex:
            gone = self._db is None
        if not gone:
            self.run(shut, solo=True)

    def _leave(self, ticket: _Ticket[Any]) -> None:
        """Hand the lead on, also when an exception was thrown into this thread from outside."""
        with self._mutex:
            if not ticket.done and ticket in self._waiting:
                self._waiting.remove(ticket)
            if not ticket.leads:
                return
            ticket.leads = False
            if self._waiting:
                heir = self._waiting[0]
                heir.leads = True
                if heir.gate is not None:
                    heir.gate.release()
            else:
                self._busy = False

    def _commit_group(self) -> None:
        with self._mutex:
            group = [self._waiting.popleft()]
            while self._waiting and len(group) < _GROUP and not (group[0].solo or self._waiting[0].solo):
                group.append(self._waiting.popleft())
        try:
            if not self._try_all(group):
                for ticket in group:
                    self._try_alone(ticket)
        except BaseException:
            # Thrown into this thread from outside (a job is interrupted while it fires): the others
            # have done nothing wrong, so the next leader takes them along.
            self._undo()
            with self._mutex:
                self._waiting.extendleft(t for t in reversed(group) if not t.done and not t.leads)
            raise
        finally:
            for ticket in group:
                if ticket.done and ticket.gate is not None and not ticket.leads:
                    ticket.gate.release()

    def _try_all(self, group: list[_Ticket[Any]]) -> bool:
        """Commit the whole group; False, and nothing is changed, where one of several fails."""
        try:
            db = self._begin()
            for ticket in group:
                ticket.value = ticket.operation(db)
            if self._db is not None:
                db.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - an operation may raise anything, and its caller gets it
            self._undo()
            if len(group) > 1 and not isinstance(error, BackendUnavailableError):
                return False
            for ticket in group:
                ticket.error = error
        for ticket in group:
            ticket.done = True
        return True

    def _try_alone(self, ticket: _Ticket[Any]) -> None:
        self._try_all([ticket])

    def _begin(self) -> sqlite3.Connection:
        db = self._db
        if db is None:
            raise closed(self._place)
        try:
            db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if not is_busy(error):
                raise
            patiently(self._place, lambda: db.execute("BEGIN IMMEDIATE"))
        return db

    def _undo(self) -> None:
        db = self._db
        if db is not None and db.in_transaction:
            try:
                db.execute("ROLLBACK")
            except sqlite3.Error:
                # SQLite rolls back by itself on a full disk or an I/O error; then there is nothing to undo.
                return


class Readers:
    """Connections that only read, as many as threads read at once; writers never hold them up."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        self._identity = identity_of(place)

    def run(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run a query; several statements see one state only within ``snapshot``."""
        db = self.borrow()
        try:
            return self.run_on(db, query)
        finally:
            self.give_back(db)

    def run_on(self, db: sqlite3.Connection, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run a query on a connection borrowed earlier."""
        self._check_identity()
        try:
            try:
                return query(db)
            except sqlite3.OperationalError as error:
                # Only while another process recovers or closes the file.
                if not is_busy(error):
                    raise
                return patiently(self._place, lambda: query(db))
        except sqlite3.Error as error:
            raise translate(error, self._place.path) from error

    def borrow(self) -> sqlite3.Connection:
        """Take a connection for oneself until ``give_back``."""
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
            db.close()
        else:
            self._idle.append(db)

    def close(self) -> None:
        """Close the idle ones now, and those in use when they are given back."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()


def snapshot(query: Callable[[sqlite3.Connection], T]) -> Callable[[sqlite3.Connection], T]:
    """Let all statements of a query see one state of the store."""

    def within(db: sqlite3.Connection) -> T:
        db.execute("BEGIN")
        try:
            return query(db)
        finally:
            db.execute("COMMIT")

    return within


def closed(place: Place) -> BackendError:
    """Somebody uses a backend after ``close``."""
    return BackendError(f"{place.path}: this backend was closed: open the store again")
