"""What one process holds of an open store: connections, wake-ups, and the numbers of routes and jobs that it knows."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import TypeVar

from skunkqueue.clock import Clock
from skunkqueue.errors import BackendFullError
from skunkqueue.persistence.sqlite import deferred, fifos, inbox, jobs, routes, wall_clock
from skunkqueue.persistence.sqlite.checkpoints import Checkpoints
from skunkqueue.persistence.sqlite.connections import closed
from skunkqueue.persistence.sqlite.giving_way import GivingWay
from skunkqueue.persistence.sqlite.location import Location
from skunkqueue.persistence.sqlite.readers import Readers, snapshot
from skunkqueue.persistence.sqlite.waits import Waits
from skunkqueue.persistence.sqlite.writer import Writer
from skunkqueue.records import Firing

T = TypeVar("T")

_READ_TRIES = 3
_MAX_NAMES = 10_000
"""Names of jobs whose numbers a process remembers."""


class Store:
    """An open store. Its methods run one transaction each, or none."""

    def __init__(self, location: Location, clock: Clock) -> None:
        self.pid = os.getpid()
        self.location = location
        self.clock = clock
        self.flowing: set[int] = set()
        """Routes that had more to claim when last looked at."""
        self._numbers: dict[tuple[str, str], int] = {}
        self._jobs: dict[str, int] = {"": 0}
        self.job_names: Mapping[int, str] = {0: ""}
        """Names of jobs by number, as far as claims have brought them."""
        self._topics: dict[tuple[str, str], str] = {}
        self.cleaned = clock.now()
        """When ``housekeeping`` last dropped what is old."""
        self._is_closed = False
        self.readers = Readers(location)
        self.wall_clock = wall_clock.Watch(clock)
        beside = location.path.with_name(f"{location.path.name}-bells")
        self.writer = Writer(location, self.wall_clock.look, GivingWay(beside / "waits"))
        log = location.path.with_name(f"{location.path.name}-wal")
        self.checkpoints = Checkpoints(beside / "checkpoints", log, self.readers, self.writer, clock)
        try:
            self.fifos = fifos.Fifos(beside)
            self.waits = Waits(clock, self.readers, self.fifos)
        except BaseException:
            # Python itself would close it too, but only at some later garbage collection.
            self.writer.close()
            raise

    def close(self) -> None:
        """Close everything, and let waits return; safe to call twice."""
        if self._is_closed:
            return
        self._is_closed = True
        self.waits.close()
        self.checkpoints.close()
        self.readers.close()
        self.writer.close()

    # --- numbers that stand for names ---------------------------------------------------------------

    def route(self, queue: str, route: str) -> int:
        """Return the number of a route, which is made where it is missing."""
        number = self._numbers.get((queue, route))
        if number is None:
            number = self.writer.run(lambda db: routes.make(db, queue, route))
            self._numbers[queue, route] = number
        return number

    def jobs(self, names: Collection[str]) -> Mapping[str, int]:
        """Return the numbers of jobs by name, and perhaps those of others; a new name gets a number."""
        known = self._jobs
        new = [name for name in names if name not in known]
        if new and len(known) > _MAX_NAMES:
            # Another dict, since a thread may use the old one.
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
        """Return the number of a route that exists; ``db``: a reading connection that the caller has."""
        if self._is_closed and db is None:
            raise closed(self.location)
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

    # --- reading ------------------------------------------------------------------------------------

    def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Read one state of the store, in which everything that was put in before is filed; listings by job may be late."""
        if not self.readers.run(inbox.is_empty):
            try:
                self.writer.run(inbox.file_all, reads=True)
            except BackendFullError:
                return self.writer.alone(lambda db: _as_if_filed(db, query))
        return self.readers.run(snapshot(query))

    def read_sorted(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Read one state of the store, in which all is filed and sorted, so that listings by job are right."""
        for _ in range(_READ_TRIES):
            found = self._read_if_sorted(query)
            if found:
                return found[0]
            try:
                self.writer.run(deferred.do_all, reads=True)
            except BackendFullError:
                return self.writer.alone(lambda db: _as_if_filed(db, query))
        # Others settle faster than this process looks; no other process writes during a write transaction.
        return self.writer.run(deferred.after_sorting(query), reads=True)

    def _read_if_sorted(self, query: Callable[[sqlite3.Connection], T]) -> tuple[T, ...]:
        """Return what is read, or nothing where something is left to sort."""
        return self.readers.run(snapshot(lambda db: (query(db),) if deferred.is_done(db) else ()))

    # --- waking others ------------------------------------------------------------------------------

    def wake_route(self, queue: str, route: str) -> None:
        """Wake a worker of a route."""
        topic = self._topics.get((queue, route))
        if topic is None:
            topic = self._topics[queue, route] = fifos.route_topic(queue, route)
        self.fifos.wake(topic)

    def wake_numbers(self, numbers: Iterable[int]) -> None:
        """Wake a worker of each route, by number."""
        for number in numbers:
            row = self.readers.run(
                lambda db, number=number: db.execute(
                    "SELECT queue, name FROM route WHERE no = ?", (number,)
                ).fetchone()  # type: ignore[misc] # bound now
            )
            if row is not None:
                self.wake_route(row[0], row[1])

    def wake_armed(self, firing: Firing | None) -> None:
        """Wake a worker for a schedule's new firing."""
        if firing is not None:
            self.wake_route(firing.queue, firing.route)


def _as_if_filed(db: sqlite3.Connection, query: Callable[[sqlite3.Connection], T]) -> T:
    """Read on a full disk: what is rolled back needs no room."""
    db.execute("BEGIN IMMEDIATE")
    try:
        deferred.do_all(db)
        return query(db)
    finally:
        db.execute("ROLLBACK")
