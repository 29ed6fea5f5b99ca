"""Pools as listed. Their mailboxes are among those of the workers.

Every function here runs inside a transaction somebody else began, and takes the time as an argument.
"""

from __future__ import annotations

import sqlite3

import msgspec

from skunkqueue.pools import PoolRecord


def write(db: sqlite3.Connection, pool: PoolRecord, ends: float, now: float) -> None:
    """List a pool, or list it anew."""
    record = msgspec.msgpack.encode(msgspec.structs.replace(pool, beat=now))
    db.execute(
        "REPLACE INTO pool (id, queue, started, ends, record) VALUES (?, ?, ?, ?, ?)",
        (pool.id, pool.queue, pool.started, ends, record),
    )


def lives(db: sqlite3.Connection, pool: str, mono: float) -> bool:
    """Say whether a pool is listed."""
    return db.execute("SELECT 1 FROM pool WHERE id = ? AND ends > ?", (pool, mono)).fetchone() is not None


def listed(db: sqlite3.Connection, queue: str | None, mono: float) -> list[PoolRecord]:
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
    """Do so with those that have stopped beating; return their ids."""
    dead = [row[0] for row in db.execute("SELECT id FROM pool WHERE ends <= ?", (mono,))]
    for pool in dead:
        remove(db, pool)
    return dead
