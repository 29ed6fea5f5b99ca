"""What any worker does every few seconds: forget dead workers, prune, and notice a clock that was set back."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from skunkqueue.persistence.sqlite import (
    audit,
    ending,
    leases,
    location,
    pools,
    tallies,
    wall_clock,
    workers,
)
from skunkqueue.persistence.sqlite.deferred import after_sorting
from skunkqueue.persistence.sqlite.fifos import mail_topic
from skunkqueue.persistence.sqlite.schema import COMPLETE, EXPIRED

if TYPE_CHECKING:
    from skunkqueue.persistence.sqlite.store import Store

_SWEPT_AT_ONCE = 500
_HOLDER_TTL = 30 * 86_400.0
"""Seconds for which the name of a worker is kept that holds nothing."""
_LARGEST_LOG = 64 << 20
_CUT_WITHIN = 1_000
"""Milliseconds for which nobody writes at most while the log is cut back: the reads under way must end first."""
_CUT_AGAIN = 120.0
"""Seconds after which a sweep waits again where a read took longer; until then it only tries."""
_CLEAN_EVERY = 600.0


def sweep(store: Store, sample: Callable[[], object]) -> int:
    """Do some housekeeping; ``sample`` takes the samples of this minute. See ``Backend.sweep``."""
    now, mono = store.clock.now(), store.clock.monotonic()
    _clean_up(store, now)
    if store.readers.run(lambda db: tallies.unsampled(db, now)):
        sample()
    done, dead = 0, list[str]()
    if store.readers.run(lambda db: _needs_sweep(db, now, mono)):
        done, dead = store.writer.run(
            after_sorting(lambda db: _sweep(db, store.clock.now(), store.clock.monotonic(), _SWEPT_AT_ONCE))
        )
    for worker in set(dead):
        store.fifos.forget(mail_topic(worker))
    moved, touched = store.wall_clock.take_moved()
    store.wake_numbers(touched)
    return done + moved


def prune(store: Store, older: float | None, limit: int) -> int:
    """Remove finished firings that are past their time; see ``Backend.prune``."""

    def remove(db: sqlite3.Connection) -> int:
        now = store.clock.now()
        _drop_old(db, now)
        return _prune(db, now, older, limit)

    return store.writer.run(after_sorting(remove))


def _clean_up(store: Store, now: float) -> None:
    """Drop what is old, and cut back a write-ahead log that long reads have made large."""
    if abs(now - store.cleaned) > _CLEAN_EVERY:
        store.cleaned = now
        location.clear_up(store.location.path)
        store.fifos.clear_up(store.readers.run(workers.topics))
        store.writer.run(after_sorting(lambda db: _drop_old(db, now)))
    log = Path(f"{store.location.path}-wal")
    try:
        large = log.stat().st_size > _LARGEST_LOG
    except OSError:
        # The log is missing, or its folder: the next read or write raises an error that names it.
        return
    if large:
        mono = store.clock.monotonic()
        within = _CUT_WITHIN if mono >= store.cut_again else 0
        if store.writer.alone(lambda db: _cut_back(db, within)):
            store.cut_again = 0.0
        elif within:
            store.cut_again = mono + _CUT_AGAIN


def _cut_back(db: sqlite3.Connection, within: int) -> bool:
    """Empty the write-ahead log within so many milliseconds; False where a read lasts longer.

    Where one read or another is always under way, the log never gets empty by itself. So this waits for those that
    began before; meanwhile others read, and nobody writes.
    """
    db.execute(f"PRAGMA busy_timeout = {within}").fetchone()
    try:
        busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    finally:
        db.execute("PRAGMA busy_timeout = 0").fetchone()
    return not busy


def _needs_sweep(db: sqlite3.Connection, now: float, mono: float) -> bool:
    """Return whether ``_sweep`` would find anything to do; cheap, and only reads."""
    row = db.execute(
        "SELECT EXISTS (SELECT 1 FROM worker WHERE ends <= :mono) OR EXISTS (SELECT 1 FROM pool WHERE ends <= :mono) OR EXISTS (SELECT 1 FROM ended WHERE gone <= :now)"  # noqa: S608 - constants
        f" OR EXISTS (SELECT 1 FROM lease WHERE special & {leases.TARGETED} AND ends <= :mono)"
        " OR EXISTS (SELECT 1 FROM aimed WHERE target NOT IN (SELECT id FROM worker WHERE ends > :mono))"
        f" OR (SELECT abs(value - (:now - :mono)) > {wall_clock.DRIFT} FROM meta WHERE name = 'offset')",
        {"now": now, "mono": mono},
    ).fetchone()
    return bool(row[0]) or workers.has_orphans(db) or audit.is_too_long(db, now)


def _sweep(db: sqlite3.Connection, now: float, mono: float, limit: int) -> tuple[int, list[str]]:
    """Do a bounded part; return how much was done, and whose mailboxes were removed."""
    dead = [row[0] for row in db.execute("SELECT id FROM worker WHERE ends <= ? LIMIT ?", (mono, limit))]
    for worker in dead:
        workers.remove(db, worker)
    dead += pools.remove_dead(db, mono)
    dead += workers.drop_orphans(db, limit)
    forgotten = audit.drop_old(db, now, limit)
    leases.give_back_orphans(db, mono, now)
    orphans = db.execute(
        "SELECT id, route, job FROM aimed WHERE target NOT IN (SELECT id FROM worker WHERE ends > ?) LIMIT ?",
        (mono, limit),
    ).fetchall()
    killed = ending.kill_pending(db, orphans, now)
    wall_clock.note_offset(db, now - mono)
    pruned = _prune(db, now, None, limit)
    return len(dead) + killed + pruned + forgotten, dead


def _drop_old(db: sqlite3.Connection, now: float) -> None:
    """Drop old counters, and the names of workers that were seen long ago."""
    tallies.drop_old(db, now)
    db.execute(
        "DELETE FROM holder WHERE seen < ? AND name NOT IN (SELECT id FROM worker)"
        # The last number stays: it would be given to another worker, and finished firings may still name it.
        " AND no NOT IN (SELECT holder FROM lease) AND no < (SELECT max(no) FROM holder)",
        (now - _HOLDER_TTL,),
    )


def _prune(db: sqlite3.Connection, now: float, older: float | None, limit: int) -> int:
    """Remove up to ``limit`` finished firings that are past their time, or that finished ``older`` seconds ago."""
    if older is None:
        chunks = db.execute(
            "SELECT route, state, finished, chunk, job, words, jobs, ids FROM ended WHERE gone <= ? ORDER BY gone LIMIT ?",
            (now, limit),
        ).fetchall()
        return _remove(db, chunks, limit)
    n = 0
    for (route,) in db.execute("SELECT no FROM route").fetchall():
        for state in range(COMPLETE, EXPIRED + 1):
            chunks = db.execute(
                "SELECT route, state, finished, chunk, job, words, jobs, ids FROM ended"
                " WHERE route = ? AND state = ? AND finished <= ? ORDER BY finished LIMIT ?",
                (route, state, now - older, limit - n),
            ).fetchall()
            n += _remove(db, chunks, limit - n)
            if n >= limit:
                return n
    return n


def _remove(
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
