"""The verbs over SQLite by which people and programs ask: rows, counts, results, counters, pools, the audit log.

Each opens a transaction and calls the module that does the work.
"""

from __future__ import annotations

import sqlite3
from abc import ABC
from collections.abc import Sequence

from skunkqueue.counters import Counters
from skunkqueue.listings import MAX_LOOK, Count, JobCount, Query, Result, Rows
from skunkqueue.persistence.backend import MAX_PAGE
from skunkqueue.persistence.sqlite import (
    audit,
    control,
    counting,
    histories,
    housekeeping,
    pools,
    reading,
    schedules,
    searching,
)
from skunkqueue.persistence.sqlite.administration import Administration
from skunkqueue.persistence.sqlite.opening import filed
from skunkqueue.persistence.sqlite.readers import snapshot
from skunkqueue.persistence.sqlite.wakeup import mail_topic
from skunkqueue.pools import Entries, Entry, PoolRecord
from skunkqueue.records import Run, Schedule, State


class Answers(Administration, ABC):
    """See ``persistence.asking.Asking``."""

    # --- firings ----------------------------------------------------------------------------------

    def rows(self, query: Query, limit: int = 50, cursor: str | None = None) -> Rows:
        """List firings that match."""
        store = self._store
        return store.read_sorted(lambda db: searching.rows(db, query, limit, cursor, store.clock.now()))

    def count(self, query: Query, most: int = MAX_LOOK) -> Count:
        """Count firings that match."""
        store = self._store
        return store.read_sorted(lambda db: searching.count(db, query, most, store.clock.now()))

    def job_counts(self, queue: str | None = None, route: str | None = None) -> list[JobCount]:
        """Count firings by route, job and state."""
        return self._store.read_sorted(lambda db: reading.job_counts(db, queue, route))

    def results(self, ids: Sequence[str]) -> list[Result | None]:
        """Read how firings ended."""
        asked = ids[:MAX_PAGE]
        readers = self._store.readers
        # One statement sees one state. Where it does not find all, some may be in the inbox, and may be filed meanwhile.
        found = readers.run(lambda db: reading.results(db, asked, unfiled=False))
        if len(found) < len(asked):
            found = readers.run(snapshot(lambda db: reading.results(db, asked)))
        return [found.get(id_) for id_ in asked]

    def delete(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Remove firings that do not run."""
        store = self._store
        before = store.writer.run(filed(lambda db: control.delete(db, ids)))
        if any(before.values()):
            store.bells.ring_settled()
        return before

    def run_now(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Make pending firings due."""
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
        """Read what was counted in each minute or hour."""
        store = self._store
        read = counting.of_each_job if jobs else counting.of_all_jobs

        def found(db: sqlite3.Connection) -> list[Counters]:
            listed: list[Counters] = []
            for name in routes:
                number = store.known_route(*name, db)
                if number is not None:
                    listed += read(db, name, number, since, until, hours=hours)
            return listed

        return store.read_sorted(found)

    def totals(self, queue: str | None = None) -> list[Counters]:
        """Read what was counted since the store was made."""
        return self._store.read_sorted(lambda db: counting.totals(db, queue))

    def sample(self) -> int:
        """Keep how each route stands in this minute."""
        store = self._store
        return store.writer.run(filed(lambda db: housekeeping.sample(db, store.clock.now())))

    # --- pools ------------------------------------------------------------------------------------

    def register_pool(self, pool: PoolRecord, lease: float) -> None:
        """List a pool."""
        self.beat_pool(pool, lease)

    def beat_pool(self, pool: PoolRecord, lease: float) -> bool:
        """List a pool for some more time; say whether it was listed."""
        store = self._store

        def write(db: sqlite3.Connection) -> bool:
            mono = store.clock.monotonic()
            lived = pools.lives(db, pool.id, mono)
            pools.write(db, pool, mono + lease, store.clock.now())
            return lived

        return store.writer.run(write)

    def unregister_pool(self, pool: str) -> None:
        """Take a pool off the list."""
        store = self._store
        store.writer.run(lambda db: pools.remove(db, pool))
        store.bells.forget(mail_topic(pool))

    def pools(self, queue: str | None = None) -> list[PoolRecord]:
        """List live pools."""
        store = self._store
        return store.readers.run(lambda db: pools.listed(db, queue, store.clock.monotonic()))

    # --- the audit log ----------------------------------------------------------------------------

    def log_entry(self, entry: Entry) -> None:
        """Add an entry."""
        store = self._store
        store.writer.run(lambda db: audit.add(db, entry, store.clock.now()))

    def note_entry(
        self, id_: str, *, did: str | None = None, heard: bool = False, done: bool = False
    ) -> bool:
        """Add to an entry what became of it."""
        store = self._store
        return store.writer.run(
            lambda db: audit.note(db, id_, store.clock.now(), did=did, heard=heard, done=done)
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
        """List entries, newest first."""
        return self._store.readers.run(lambda db: audit.page(db, limit, cursor, who=who, verb=verb, id_=id_))

    # --- schedules --------------------------------------------------------------------------------

    def schedule_page(
        self, queue: str | None = None, limit: int = 50, after: tuple[str, str] | None = None
    ) -> list[Schedule]:
        """List some schedules."""
        return self._store.readers.run(lambda db: schedules.page(db, queue, limit, after))

    def histories(self, names: Sequence[tuple[str, str]]) -> list[list[Run]]:
        """List the last runs of several schedules."""
        return self._store.readers.run(snapshot(lambda db: histories.of_each(db, names)))
