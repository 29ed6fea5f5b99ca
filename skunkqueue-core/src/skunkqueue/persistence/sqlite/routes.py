"""Routes, their numbers, and how many firings of each state they have."""

from __future__ import annotations

import sqlite3

from skunkqueue.persistence.sqlite.schema import COMPLETE, STATES
from skunkqueue.records import State

PAUSED_ITSELF = 1
PAUSED_WITH_QUEUE = 2

_LEND = "UPDATE route SET claims = claims + 1 WHERE no = ? RETURNING claims"
_COUNTS = f"SELECT route, sum(live), {', '.join(f'sum({name})' for name in STATES[COMPLETE:])} FROM tally GROUP BY route"  # noqa: S608 - constants


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
    return made


def next_claim(db: sqlite3.Connection, route: int) -> int:
    """Return the number of a new claim, one up from the last."""
    return int(db.execute(_LEND, (route,)).fetchall()[0][0])


def counts(db: sqlite3.Connection) -> dict[int, dict[State, int]]:
    """Count firings by route and state; a route that never had any is left out."""
    running = dict(
        db.execute(
            "SELECT route, sum(length(ids) - length(replace(ids, ',', '')) + 1) FROM lease GROUP BY route"
        ).fetchall()
    )
    found = {}
    for route, live, *finished in db.execute(_COUNTS).fetchall():
        run = running.get(route, 0)
        found[route] = dict(zip(State, (live - run, run, *finished), strict=True))
    return found
