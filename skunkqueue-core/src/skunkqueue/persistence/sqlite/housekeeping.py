"""What any worker does every few seconds: forget dead workers, prune, and notice a clock that was set back."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING

from skunkqueue.persistence.sqlite import (
    audit,
    ending,
    leases,
    location,
    pools,
    pruning,
    tallies,
    wall_clock,
    workers,
)
from skunkqueue.persistence.sqlite.deferred import after_sorting
from skunkqueue.persistence.sqlite.fifos import mail_topic

if TYPE_CHECKING:
    from skunkqueue.persistence.sqlite.store import Store

_SWEPT_AT_ONCE = 500
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


def _clean_up(store: Store, now: float) -> None:
    """Drop what is old, and cut back a write-ahead log that long reads have made large."""
    if abs(now - store.cleaned) > _CLEAN_EVERY:
        store.cleaned = now
        location.clear_up(store.location.path)
        store.fifos.clear_up(store.readers.run(workers.topics))
        store.writer.run(after_sorting(lambda db: pruning.drop_old(db, now)))
    store.checkpoints.cut_back()


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
    pruned = pruning.remove(db, now, None, limit)
    return len(dead) + killed + pruned + forgotten, dead
