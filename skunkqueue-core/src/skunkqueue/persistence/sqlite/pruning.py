"""Pruning: finished firings that are past their time are removed, and so are old counters and old names of workers."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from skunkqueue.persistence.sqlite import audit, ending, tallies
from skunkqueue.persistence.sqlite.deferred import after_sorting
from skunkqueue.persistence.sqlite.schema import COMPLETE, EXPIRED

if TYPE_CHECKING:
    from skunkqueue.persistence.sqlite.store import Store

_HOLDER_TTL = 30 * 86_400.0
"""Seconds for which the name of a worker is kept that holds nothing."""
_ENTRIES_AT_ONCE = 1_000


def prune(store: Store, older: float | None, limit: int) -> int:
    """Remove finished firings that are past their time; see ``Backend.prune``."""

    def run(db: sqlite3.Connection) -> int:
        now = store.clock.now()
        drop_old(db, now)
        return remove(db, now, older, limit)

    removed = store.writer.run(after_sorting(run))
    while store.readers.run(lambda db: audit.is_too_long(db, store.clock.now())):
        store.writer.run(lambda db: audit.drop_old(db, store.clock.now(), _ENTRIES_AT_ONCE))
    return removed


def remove(db: sqlite3.Connection, now: float, older: float | None, limit: int) -> int:
    """Remove up to ``limit`` finished firings that are past their time, or that finished ``older`` seconds ago."""
    if older is None:
        chunks = db.execute(
            "SELECT route, state, finished, chunk, job, words, jobs, ids FROM ended WHERE gone <= ? ORDER BY gone LIMIT ?",
            (now, limit),
        ).fetchall()
        return _remove_listed(db, chunks, limit)
    n = 0
    for (route,) in db.execute("SELECT no FROM route").fetchall():
        for state in range(COMPLETE, EXPIRED + 1):
            chunks = db.execute(
                "SELECT route, state, finished, chunk, job, words, jobs, ids FROM ended"
                " WHERE route = ? AND state = ? AND finished <= ? ORDER BY finished LIMIT ?",
                (route, state, now - older, limit - n),
            ).fetchall()
            n += _remove_listed(db, chunks, limit - n)
            if n >= limit:
                return n
    return n


def drop_old(db: sqlite3.Connection, now: float) -> None:
    """Drop old counters, and the names of workers that were seen long ago."""
    tallies.drop_old(db, now)
    db.execute(
        "DELETE FROM holder WHERE seen < ? AND name NOT IN (SELECT id FROM worker)"
        # The last number stays: it would be given to another worker, and finished firings may still name it.
        " AND no NOT IN (SELECT holder FROM lease) AND no < (SELECT max(no) FROM holder)",
        (now - _HOLDER_TTL,),
    )


def _remove_listed(
    db: sqlite3.Connection,
    chunks: Sequence[tuple[int, int, float, int, int, int, str | None, str]],
    limit: int,
) -> int:
    left = limit
    gone: Counter[tuple[int, int, int]] = Counter()
    for route, state, finished, chunk, job, words, jobs, listed in chunks:
        if left <= 0:
            break
        ids = listed.split(",")[:left]
        left -= len(ids)
        if words:
            ending.forget_words(db, ids)
        ending.remove_rows(db, ids)
        ending.take_from_chunk(db, (route, state, finished, chunk), set(ids))
        if jobs is None:
            gone[route, job, state] += len(ids)
        else:
            gone.update((route, int(of), state) for of in jobs.split(",")[: len(ids)])
    for (route, job, state), n in gone.items():
        tallies.shift(db, route, job, 0, {state: -n})
    return limit - left
