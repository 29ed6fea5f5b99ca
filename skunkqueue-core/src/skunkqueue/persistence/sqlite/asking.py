"""The verbs over SQLite by which people ask: rows, counts, results, counters, pools, the audit log.

Each opens a transaction, or a snapshot, and calls the module that does the work.
"""

from __future__ import annotations

import sqlite3
from abc import ABC
from collections.abc import Sequence

from skunkqueue.counters import Counters
from skunkqueue.listings import MAX_LOOK, Count, JobCount, Query, Result, Rows
from skunkqueue.persistence.backend import MAX_PAGE
from skunkqueue.persistence.sqlite import audit, control, jobs, reading, rows, schedules, tallies, workers
from skunkqueue.persistence.sqlite.administration import Administration
from skunkqueue.persistence.sqlite.opening import filed
from skunkqueue.persistence.sqlite.readers import snapshot
from skunkqueue.persistence.sqlite.wakeup import mail_topic
from skunkqueue.pools import Entries, Entry, PoolRecord
from skunkqueue.records import Run, Schedule, State


class AskingVerbs(Administration, ABC):
    """What people ask of the store."""

    # --- firings ----------------------------------------------------------------------------------

    def rows(self, query: Query, limit: int = 50, cursor: str | None = None) -> Rows:
        """List what matches; see ``Backend.rows``."""
        clock = self._store.clock
        return self._store.read(
            lambda db: rows.page(db, query, limit, cursor, rows.Moment(clock.now(), clock.monotonic()))
        )

    def count(self, query: Query, most: int = MAX_LOOK) -> Count:
        """Count what matches; see ``Backend.count``."""
        clock = self._store.clock
        return self._store.read(
            lambda db: rows.count(db, query, most, rows.Moment(clock.now(), clock.monotonic()))
        )

    def job_counts(self, queue: str | None = None, route: str | None = None) -> list[JobCount]:
        """Count by job and state."""
        return self._store.read(lambda db: reading.job_counts(db, queue, route))

    def results(self, ids: Sequence[str]) -> list[Result | None]:
        """Read how firings ended."""
        wanted = ids[:MAX_PAGE]
        found = self._store.read(lambda db: reading.results(db, wanted))
        return [found.get(id_) for id_ in wanted]

    def delete(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Remove what does not run; see ``Backend.delete``."""
        store = self._store
        before = store.writer.run(filed(lambda db: control.delete(db, ids)))
        # Whoever waits for one of them waits for nothing.
        store.bells.ring_settled()
        return before

    def run_now(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Have what waits for a time wait for its turn."""
        store = self._store
        before, touched = store.writer.run(filed(lambda db: control.run_now(db, ids, store.clock.now())))
        store.ring_numbers(touched)
        return before

    # --- counters ---------------------------------------------------------------------------------

    def counters(
        self,
        routes: Sequence[tuple[str, str]],
        since: float,
        until: float,
        *,
        hours: bool = False,
        jobs: bool = False,
    ) -> list[Counters]:
        """Read minutes or hours; see ``Backend.counters``."""
        store = self._store
        length = tallies.HOUR if hours else tallies.MINUTE
        numbers = [(name, number) for name in routes if (number := store.known_route(*name)) is not None]

        def read(db: sqlite3.Connection) -> list[Counters]:
            return [
                one
                for name, number in numbers
                for one in _read_counters(db, name, number, (since, until), length, jobs_=jobs)
            ]

        return store.read(read)

    def totals(self, queue: str | None = None) -> list[Counters]:
        """Read what was counted since ever."""
        return self._store.read(lambda db: jobs.totals(db, queue))

    def sample(self) -> int:
        """Note how long each line is."""
        store = self._store
        if store.readers.run(lambda db: reading.is_sampled(db, store.clock.now())):
            return 0
        return store.writer.run(filed(lambda db: reading.sample(db, store.clock.now())))

    def sweep(self) -> int:
        """Sample, and do some housekeeping."""
        self.sample()
        return super().sweep()

    # --- pools ------------------------------------------------------------------------------------

    def register_pool(self, pool: PoolRecord, lease: float) -> None:
        """List a pool."""
        self.beat_pool(pool, lease)

    def beat_pool(self, pool: PoolRecord, lease: float) -> bool:
        """List a pool for some more time; say whether it was listed."""
        store = self._store

        def write(db: sqlite3.Connection) -> bool:
            mono = store.clock.monotonic()
            lived = workers.lives(db, pool.id, mono)
            workers.write_pool(db, pool, mono + lease, store.clock.now())
            return lived

        return store.writer.run(write)

    def unregister_pool(self, pool: str) -> None:
        """Take a pool off the list."""
        store = self._store
        store.writer.run(lambda db: workers.remove(db, pool))
        store.bells.forget(mail_topic(pool))

    def pools(self, queue: str | None = None) -> list[PoolRecord]:
        """List live pools."""
        store = self._store
        return store.readers.run(lambda db: workers.pools(db, queue, store.clock.monotonic()))

    # --- the audit log ----------------------------------------------------------------------------

    def log_entry(self, entry: Entry) -> None:
        """Write down who does what."""
        store = self._store
        store.writer.run(lambda db: audit.write(db, entry, store.clock.now()))

    def note_entry(
        self, id_: str, *, did: str | None = None, heard: bool = False, done: bool = False
    ) -> bool:
        """Write down what became of it."""
        store = self._store
        return store.writer.run(
            lambda db: audit.note(db, id_, did, heard=heard, done=done, now=store.clock.now())
        )

    def audit(
        self,
        limit: int = 50,
        cursor: str | None = None,
        *,
        who: str | None = None,
        verb: str | None = None,
        id_: str | None = None,
    ) -> Entries:
        """List the audit log."""
        return self._store.readers.run(lambda db: audit.page(db, limit, cursor, who=who, verb=verb, id_=id_))

    # --- schedules --------------------------------------------------------------------------------

    def schedule_page(
        self, queue: str | None = None, limit: int = 50, after: tuple[str, str] | None = None
    ) -> list[Schedule]:
        """List some schedules."""
        return self._store.readers.run(lambda db: schedules.page(db, queue, limit, after))

    def histories(self, names: Sequence[tuple[str, str]]) -> list[list[Run]]:
        """List the last runs of several schedules."""
        return self._store.readers.run(
            snapshot(lambda db: [schedules.history(db, queue, name) for queue, name in names])
        )


def _read_counters(
    db: sqlite3.Connection,
    name: tuple[str, str],
    number: int,
    span: tuple[float, float],
    length: int,
    *,
    jobs_: bool,
) -> list[Counters]:
    read = tallies.read_jobs if jobs_ else tallies.read
    return read(db, name, number, span, length, running=jobs.running(db, number))
