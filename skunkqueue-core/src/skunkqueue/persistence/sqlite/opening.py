"""Opening a store, and what one process holds of it while it is open."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

from skunkqueue.clock import Clock
from skunkqueue.errors import BackendFullError, ConfigError
from skunkqueue.persistence.sqlite import (
    forks,
    housekeeping,
    inbox,
    jobs,
    place,
    routes,
    schema,
    unsorted,
    wakeup,
)
from skunkqueue.persistence.sqlite.connections import closed, connect, patiently
from skunkqueue.persistence.sqlite.errors import translate
from skunkqueue.persistence.sqlite.place import Place
from skunkqueue.persistence.sqlite.readers import Readers, snapshot
from skunkqueue.persistence.sqlite.waiting import Waiting
from skunkqueue.persistence.sqlite.writer import Writer
from skunkqueue.records import Firing

_OLDEST_SQLITE = (3, 35, 0)
T = TypeVar("T")

_LARGEST_LOG = 64 << 20
_CLEAN_EVERY = 600.0
_READ_TRIES = 3
_MAX_NAMES = 10_000
"""Names of jobs whose numbers a process remembers."""


class Store:
    """An open store: connections, bells, and what this process remembers of the routes."""

    def __init__(self, place: Place, clock: Clock) -> None:
        self.pid = os.getpid()
        self.place = place
        self.clock = clock
        self.flowing: set[int] = set()
        """Routes that had more to claim when last looked at."""
        self._numbers: dict[tuple[str, str], int] = {}
        self._jobs: dict[str, int] = {"": 0}
        self.job_names: Mapping[int, str] = {0: ""}
        """Names of jobs by number, as far as they came along with claims."""
        self._topics: dict[tuple[str, str], str] = {}
        self._cleaned = clock.now()
        self._is_closed = False
        self.readers = Readers(place)
        self.writer = Writer(place)
        try:
            self.bells = wakeup.Bells(place.path.with_name(f"{place.path.name}-bells"))
            self.waiting = Waiting(clock, self.readers, self.bells)
        except BaseException:
            # Python itself would close it too, but only at some later garbage collection.
            self.writer.close()
            raise

    def close(self) -> None:
        """Let go of it all; safe to call twice."""
        if self._is_closed:
            return
        self._is_closed = True
        self.waiting.close()
        self.readers.close()
        self.writer.close()

    def route(self, queue: str, route: str) -> int:
        """Give the number of a route, making it where there is none."""
        number = self._numbers.get((queue, route))
        if number is None:
            number = self.writer.run(lambda db: routes.make(db, queue, route))
            self._numbers[queue, route] = number
        return number

    def jobs(self, names: Collection[str]) -> Mapping[str, int]:
        """Give the numbers of jobs by their names, and maybe of others; those that have none get one."""
        known = self._jobs
        new = [name for name in names if name not in known]
        if new and len(known) > _MAX_NAMES:
            # Another one, since a thread may use the old one.
            self._jobs = known = {name: known[name] for name in ("", *names) if name in known}
        for name in new:
            number = self.readers.run(partial(jobs.number, name=name))
            known[name] = self.writer.run(partial(jobs.make, name=name)) if number is None else number
        return known

    def learn(self, names: Mapping[int, str]) -> None:
        """Remember names of jobs that are in the store."""
        if names is not self.job_names:
            self.job_names = names if len(names) <= _MAX_NAMES else {0: ""}

    def known_route(self, queue: str, route: str, db: sqlite3.Connection | None = None) -> int | None:
        """Give the number of a route that exists; ``db`` where a reading connection is at hand."""
        if self._is_closed and db is None:
            raise closed(self.place)
        number = self._numbers.get((queue, route))
        if number is None:
            if db is not None:
                number = routes.number(db, queue, route)
            else:
                number = self.readers.run(lambda db: routes.number(db, queue, route))
            if number is not None:
                # Routes are never removed, so what was once committed stays true.
                self._numbers[queue, route] = number
        return number

    def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Read one state of the store, in which everything is filed that was put in before; counts may be late."""
        if not self.readers.run(inbox.is_empty):
            try:
                self.writer.run(inbox.file_all)
            except BackendFullError:
                return self.writer.alone(lambda db: _as_if_filed(db, query))
        return self.readers.run(snapshot(query))

    def read_sorted(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Read one state of the store, in which all is filed and sorted, so that counts and listings by job are right."""

        def if_sorted(db: sqlite3.Connection) -> tuple[T, ...]:
            return (query(db),) if inbox.is_empty(db) and unsorted.is_empty(db) else ()

        for _ in range(_READ_TRIES):
            found = self.readers.run(snapshot(if_sorted))
            if found:
                return found[0]
            try:
                self.writer.run(_sort)
            except BackendFullError:
                return self.writer.alone(lambda db: _as_if_filed(db, query))
        # Others settle faster than this process looks; nobody does while it may write.
        return self.writer.run(filed(query))

    def ring_route(self, queue: str, route: str) -> None:
        """Wake a worker of a route."""
        topic = self._topics.get((queue, route))
        if topic is None:
            topic = self._topics[queue, route] = wakeup.route_topic(queue, route)
        self.bells.ring(topic)

    def ring_numbers(self, numbers: Iterable[int]) -> None:
        """Wake a worker of each route, by number."""
        for number in numbers:
            row = self.readers.run(
                lambda db, number=number: db.execute(
                    "SELECT queue, name FROM route WHERE no = ?", (number,)
                ).fetchone()  # type: ignore[misc] # bound now
            )
            if row is not None:
                self.ring_route(row[0], row[1])

    def ring_armed(self, firing: Firing | None) -> None:
        """Wake a worker for a schedule's new firing."""
        if firing is not None:
            self.ring_route(firing.queue, firing.route)

    def mind_the_log(self, now: float) -> None:
        """Cut the write-ahead log back when long readers kept it from being used anew, and drop what is old."""
        if abs(now - self._cleaned) > _CLEAN_EVERY:
            self._cleaned = now
            place.clear_up(self.place.path)
            self.writer.run(filed(lambda db: housekeeping.drop_old(db, now)))
        log = Path(f"{self.place.path}-wal")
        try:
            large = log.stat().st_size > _LARGEST_LOG
        except OSError:
            # It is not there, or its folder is not: whoever reads or writes next says so.
            return
        if large:
            # Does what it can without waiting for anybody; the next sweep tries again.
            self.writer.alone(lambda db: db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone())


def _as_if_filed(db: sqlite3.Connection, query: Callable[[sqlite3.Connection], T]) -> T:
    """Read on a full disk: what is undone before it is committed needs no room."""
    db.execute("BEGIN IMMEDIATE")
    try:
        _sort(db)
        return query(db)
    finally:
        db.execute("ROLLBACK")


def _sort(db: sqlite3.Connection) -> None:
    inbox.file_all(db)
    unsorted.sort_all(db)


def in_line(operation: Callable[[sqlite3.Connection], T]) -> Callable[[sqlite3.Connection], T]:
    """File what is in the inbox before an operation that must find it."""

    def after_filing(db: sqlite3.Connection) -> T:
        inbox.file_all(db)
        return operation(db)

    return after_filing


def filed(operation: Callable[[sqlite3.Connection], T]) -> Callable[[sqlite3.Connection], T]:
    """Do so, and sort what has ended, before an operation that changes or counts what has ended."""

    def after_sorting(db: sqlite3.Connection) -> T:
        _sort(db)
        return operation(db)

    return after_sorting


def open_store(where: Place, clock: Clock, *, default: bool) -> Store:
    """Open a file, making it and its tables where there are none; any number of processes may do so at once."""
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        msg = (
            f"this Python has SQLite {sqlite3.sqlite_version}, and SkunkQueue needs 3.35 or later: use a newer Python,"
            f" or another backend"
        )
        raise ConfigError(msg)
    place.prepare(where.path, default=default)
    try:
        _make_schema(where, clock)
        return Store(where, clock)
    except sqlite3.Error as error:
        raise translate(error, where.path) from error


def _make_schema(where: Place, clock: Clock) -> None:
    boot = housekeeping.boot_id(clock)
    opened: list[forks.Connection] = []
    # Twice, since an exception may also come in the middle of closing.
    try:
        try:
            patiently(where, lambda: connect(where, opened, write=True))
            patiently(where, lambda: forks.guarded(opened, _make_tables, opened[0], where, clock, boot))
        finally:
            forks.close_all(opened)
    finally:
        forks.close_all(opened)


def _make_tables(db: sqlite3.Connection, where: Place, clock: Clock, boot: str) -> None:
    """Do so, or raise that the file is busy; what was done before that stays right."""
    # In one snapshot, or another process that makes the schema meanwhile looks like another program.
    version = snapshot(lambda db: schema.version_of(db, where.path))(db)
    db.execute("PRAGMA journal_mode = WAL").fetchall()
    if version == len(schema.STEPS) and housekeeping.boot_is(db, boot):
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        schema.migrate(db, where.path)
        housekeeping.note_boot(db, boot, clock.now() - clock.monotonic())
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
