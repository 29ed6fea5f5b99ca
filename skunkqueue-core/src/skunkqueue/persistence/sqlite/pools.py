"""Pools as listed. Their mailboxes are in the same table as those of workers.

Functions that take ``db`` run inside a transaction that their caller began.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import msgspec

from skunkqueue.persistence.sqlite.fifos import mail_topic
from skunkqueue.pools import PoolRecord

if TYPE_CHECKING:
    from skunkqueue.persistence.sqlite.store import Store


def beat(store: Store, pool: PoolRecord, lease: float) -> bool:
    """List a pool for some more time; return whether it was listed. See ``Backend.beat_pool``."""

    def write(db: sqlite3.Connection) -> bool:
        mono = store.clock.monotonic()
        lived = lives(db, pool.id, mono)
        _write(db, pool, mono + lease, store.clock.now())
        return lived

    return store.writer.run(write)


def unregister(store: Store, pool: str) -> None:
    """Take a pool off the list; see ``Backend.unregister_pool``."""
    store.writer.run(lambda db: remove(db, pool))
    store.fifos.forget(mail_topic(pool))


def live(store: Store, queue: str | None) -> list[PoolRecord]:
    """List live pools; see ``Backend.pools``."""
    return store.readers.run(lambda db: _listed(db, queue, store.clock.monotonic()))


# --- within a transaction -------------------------------------------------------------------------


def _write(db: sqlite3.Connection, pool: PoolRecord, ends: float, now: float) -> None:
    """Write a pool's entry in the list, new or again."""
    record = msgspec.msgpack.encode(msgspec.structs.replace(pool, beat=now))
    db.execute(
        "REPLACE INTO pool (id, queue, started, ends, record) VALUES (?, ?, ?, ?, ?)",
        (pool.id, pool.queue, pool.started, ends, record),
    )


def lives(db: sqlite3.Connection, pool: str, mono: float) -> bool:
    """Return whether a pool is listed."""
    return db.execute("SELECT 1 FROM pool WHERE id = ? AND ends > ?", (pool, mono)).fetchone() is not None


def _listed(db: sqlite3.Connection, queue: str | None, mono: float) -> list[PoolRecord]:
    """Read live pools, oldest first."""
    rows = db.execute(
        "SELECT record FROM pool WHERE ends > :mono AND (:queue IS NULL OR queue = :queue) ORDER BY started, id",
        {"queue": queue, "mono": mono},
    )
    return [msgspec.msgpack.decode(row[0], type=PoolRecord) for row in rows]


def remove(db: sqlite3.Connection, pool: str) -> None:
    """Take a pool off the list, with its mail."""
    db.execute("DELETE FROM pool WHERE id = ?", (pool,))
    db.execute("DELETE FROM mail WHERE worker = ?", (pool,))


def remove_dead(db: sqlite3.Connection, mono: float) -> list[str]:
    """Take pools off the list that have stopped beating; return their ids."""
    dead = [row[0] for row in db.execute("SELECT id FROM pool WHERE ends <= ?", (mono,))]
    for pool in dead:
        remove(db, pool)
    return dead
