"""What any worker does every few seconds: forget the dead, prune, notice a clock that was set back.

Every function here runs inside a transaction somebody else began, and takes the time as an argument.
"""

from __future__ import annotations

import logging
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from skunkqueue.clock import Clock, SystemClock
from skunkqueue.counters import sample_of
from skunkqueue.persistence.sqlite import audit, counting, ending, leases, pools, reading, routes, workers
from skunkqueue.persistence.sqlite.schema import COMPLETE, EXPIRED
from skunkqueue.records import State

_JUMP = 1.0
"""Seconds by which the wall clock must fall behind to count as set back; less is ordinary slewing."""
_DRIFT = 0.1
_HOLDER_TTL = 30 * 86_400.0

log = logging.getLogger("skunkqueue.sqlite")


def boot_id(clock: Clock) -> str:
    """Name this boot of the machine, since monotonic times of another one mean nothing."""
    if not isinstance(clock, SystemClock):
        return "virtual"
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        pass
    try:
        return subprocess.run(
            ["/usr/sbin/sysctl", "-n", "kern.boottime"], capture_output=True, text=True, check=True, timeout=5
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        # The moment of booting, coarse enough that an ordinary adjustment of the clock does not change it.
        return f"about {round((clock.now() - clock.monotonic()) / 600)}"


def boot_is(db: sqlite3.Connection, boot: str) -> bool:
    """Say whether the store was last opened in this boot."""
    row = db.execute("SELECT value FROM meta WHERE name = 'boot'").fetchone()
    return row is not None and row[0] == boot


def note_boot(db: sqlite3.Connection, boot: str, offset: float) -> None:
    """End all leases and forget all workers of an earlier boot: none of them can be alive."""
    if boot_is(db, boot):
        return
    db.execute("UPDATE lease SET ends = -1.0, apart = NULL")
    db.execute("UPDATE worker SET ends = -1.0")
    db.execute("UPDATE pool SET ends = -1.0")
    db.execute("REPLACE INTO meta (name, value) VALUES ('boot', ?), ('offset', ?)", (boot, offset))


def needs_sweep(db: sqlite3.Connection, now: float, mono: float) -> bool:
    """Say whether ``sweep`` would find anything to do; cheap, and only reads."""
    row = db.execute(
        "SELECT EXISTS (SELECT 1 FROM worker WHERE ends <= :mono) OR EXISTS (SELECT 1 FROM pool WHERE ends <= :mono) OR EXISTS (SELECT 1 FROM ended WHERE gone <= :now)"  # noqa: S608 - constants
        f" OR EXISTS (SELECT 1 FROM lease WHERE special & {leases.AIMED} AND ends <= :mono)"
        " OR EXISTS (SELECT 1 FROM aimed WHERE target NOT IN (SELECT id FROM worker WHERE ends > :mono))"
        f" OR (SELECT abs(value - (:now - :mono)) > {_DRIFT} FROM meta WHERE name = 'offset')",
        {"now": now, "mono": mono},
    ).fetchone()
    return bool(row[0]) or audit.is_too_long(db, now)


def sample(db: sqlite3.Connection, now: float) -> int:
    """Keep how each route stands that has no sample of this minute; return how many."""
    missing = counting.unsampled(db, now)
    if not missing:
        return 0
    counts = routes.counts(db)
    for route in missing:
        of = counts.get(route, {})
        oldest = reading.oldest_due(db, route) if of.get(State.PENDING) else None
        values = sample_of(of.get(State.PENDING, 0), of.get(State.RUNNING, 0), oldest, now)
        counting.keep_sample(db, route, values, now)
    counting.turn_idle(db, now)
    return len(missing)


def sweep(db: sqlite3.Connection, now: float, mono: float, limit: int) -> tuple[int, list[str], set[int]]:
    """Do some of it; return how much, the workers forgotten, and the routes that have more to claim now."""
    dead = [row[0] for row in db.execute("SELECT id FROM worker WHERE ends <= ? LIMIT ?", (mono, limit))]
    for worker in dead:
        workers.remove(db, worker)
    dead += pools.remove_dead(db, mono)
    forgotten = audit.drop_old(db, now, limit)
    leases.give_back_orphans(db, mono, now)
    orphans = db.execute(
        "SELECT id, route, job FROM aimed WHERE target NOT IN (SELECT id FROM worker WHERE ends > ?) LIMIT ?",
        (mono, limit),
    ).fetchall()
    killed = ending.kill_pending(db, orphans, now)
    moved, touched = _mind_the_clock(db, now, mono)
    pruned = prune(db, now, None, limit)
    return len(dead) + killed + moved + pruned + forgotten, dead, touched


def drop_old(db: sqlite3.Connection, now: float) -> None:
    """Drop counters past their time, and the names of workers long gone."""
    counting.drop_old(db, now)
    db.execute(
        "DELETE FROM holder WHERE seen < ? AND name NOT IN (SELECT id FROM worker)"
        " AND no NOT IN (SELECT holder FROM lease)",
        (now - _HOLDER_TTL,),
    )


def prune(db: sqlite3.Connection, now: float, older: float | None, limit: int) -> int:
    """Remove up to ``limit`` finished firings whose time is over, or that finished ``older`` seconds ago."""
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
        counting.shift(db, route, job, 0, {state: -n})
    return limit - left


def _mind_the_clock(db: sqlite3.Connection, now: float, mono: float) -> tuple[int, set[int]]:
    """Pull firings that were due at once back to now, when the wall clock was set back since they came.

    A clock set forward needs nothing: what was due stays due.
    """
    row = db.execute("SELECT value FROM meta WHERE name = 'offset'").fetchone()
    offset = now - mono
    back = row[0] - offset if row is not None else 0.0
    if abs(back) > _DRIFT:
        db.execute("REPLACE INTO meta (name, value) VALUES ('offset', ?)", (offset,))
    if -_JUMP <= back <= _JUMP:
        return 0, set()
    if back < 0:
        log.info(
            "the wall clock went forward by %.1f s (or the machine slept); due times come that much sooner",
            -back,
        )
        return 0, set()
    moved: list[tuple[float, str]] = []
    touched: set[int] = set()
    for (route,) in db.execute("SELECT DISTINCT route FROM tally WHERE live > 0").fetchall():
        for table in ("ready", "aimed"):
            for rank in range(10):
                # What was put in for at once before the jump is due within the jump's length from now.
                rows = db.execute(
                    f"SELECT f.due, f.id FROM {table} r CROSS JOIN firing f ON f.id = r.id"  # noqa: S608 - constants
                    " WHERE r.route = ? AND r.rank = ? AND r.due > ? AND r.due <= ? AND f.due <= f.enqueued",
                    (route, rank, now, now + back),
                ).fetchall()
                db.executemany(
                    f"UPDATE {table} SET due = ? WHERE route = ? AND rank = ? AND due = ? AND id = ?",  # noqa: S608 - constants
                    [(due - back, route, rank, due, id_) for due, id_ in rows],
                )
                moved += [(due - back, id_) for due, id_ in rows]
                if rows:
                    touched.add(route)
    db.executemany("UPDATE firing SET due = ? WHERE id = ?", moved)
    log.warning(
        "the wall clock was set back by %.1f s: %d firings that were due are due now again, delayed ones wait as"
        " their due times say",
        back,
        len(moved),
    )
    return len(moved), touched
