"""Routes, their numbers, and how many claims were made on each."""

from __future__ import annotations

import sqlite3

from skunkqueue.persistence.sqlite import jobs

PAUSED_ITSELF = 1
PAUSED_WITH_QUEUE = 2

_LEND = "UPDATE route SET claims = claims + 1 WHERE no = ? RETURNING claims"


def number(db: sqlite3.Connection, queue: str, route: str) -> int | None:
    """Look a route up."""
    row = db.execute("SELECT no FROM route WHERE queue = ? AND name = ?", (queue, route)).fetchone()
    return None if row is None else int(row[0])


def make(db: sqlite3.Connection, queue: str, route: str) -> int:
    """Look a route up, making it where there is none; in a write transaction."""
    found = number(db, queue, route)
    if found is not None:
        return found
    row = db.execute("SELECT paused FROM queue WHERE name = ?", (queue,)).fetchone()
    paused = PAUSED_WITH_QUEUE if row is not None and row[0] else 0
    made = db.execute(
        "INSERT INTO route (queue, name, paused) VALUES (?, ?, ?)", (queue, route, paused)
    ).lastrowid
    assert made is not None  # noqa: S101 - for the type checker; an INSERT has one
    jobs.make_unnamed(db, made)
    return made


def lent(db: sqlite3.Connection, route: int) -> int:
    """Return the number of a claim that is made now, one up from the last."""
    return int(db.execute(_LEND, (route,)).fetchall()[0][0])
