"""Routes, their numbers, their counts and their counters a minute.

Counts are changed in the transaction that changes the firings, once for each route and batch. The
counters of the minute that runs are kept in the route's own row, which is written anyway, and go to a
row of their own when the minute is over: each page that a commit touches costs about as much as a job.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

import msgspec

from skunkqueue.persistence.sqlite.schema import STATES
from skunkqueue.records import Minute

PAUSED_ITSELF = 1
PAUSED_WITH_QUEUE = 2

_SHIFT = f"UPDATE route SET {', '.join(f'{name} = {name} + ?' for name in STATES)}"  # noqa: S608 - constants
_SHIFT_ONLY = f"{_SHIFT} WHERE no = ?"
_SHIFT_AND_TALLY = f"{_SHIFT}, tallies = ? WHERE no = ?"
_ENTER = "UPDATE route SET pending = pending + ?, enqueued = enqueued + ? WHERE no = ? AND minute = ?"
_LEND = (
    "UPDATE route SET pending = pending - ?, running = running + ?, claims = claims + 1 WHERE no = ?"
    " RETURNING claims"
)

Tallies = dict[str, float]
_decoder = msgspec.msgpack.Decoder(Tallies)
_encode = msgspec.msgpack.Encoder().encode


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


def shift(db: sqlite3.Connection, route: int, changes: Mapping[int, int]) -> None:
    """Add to a route's counts, by state number."""
    get = changes.get
    db.execute(_SHIFT_ONLY, (get(0, 0), get(1, 0), get(2, 0), get(3, 0), get(4, 0), get(5, 0), route))


def entered(db: sqlite3.Connection, route: int, n: int, now: float) -> None:
    """Count ``n`` firings as pending and as enqueued."""
    values = (n, n, route, int(now // 60))
    if not db.execute(_ENTER, values).rowcount:
        _turn(db, route, int(now // 60))
        db.execute(_ENTER, values)


def lent(db: sqlite3.Connection, route: int, n: int) -> int:
    """Count ``n`` pending firings as running; return the number of this claim, one up from the last."""
    return int(db.execute(_LEND, (n, n, route)).fetchall()[0][0])


def settled(
    db: sqlite3.Connection, route: int, changes: Mapping[int, int], values: Mapping[str, float], now: float
) -> None:
    """Add to a route's counts and to its counters of the current minute."""
    minute = int(now // 60)
    found, tallies = db.execute("SELECT minute, tallies FROM route WHERE no = ?", (route,)).fetchone()
    if found != minute:
        _turn(db, route, minute)
        tallies = None
    total = _sum(tallies, values)
    get = changes.get
    db.execute(
        _SHIFT_AND_TALLY,
        (get(0, 0), get(1, 0), get(2, 0), get(3, 0), get(4, 0), get(5, 0), _encode(total), route),
    )


def minutes(
    db: sqlite3.Connection, name: tuple[str, str], number: int, since: int, until: int
) -> list[Minute]:
    """Read counters a minute, oldest first."""
    found: dict[int, Tallies] = {
        minute: _decoder.decode(tallies)
        for minute, tallies in db.execute(
            "SELECT minute, tallies FROM minute WHERE route = ? AND minute >= ? AND minute < ?",
            (number, since, until),
        )
    }
    minute, running = _running(db, number)
    if running and since <= minute < until:
        found[minute] = _sum(found.get(minute), running)
    return [
        Minute(queue=name[0], route=name[1], minute=minute, values=found[minute]) for minute in sorted(found)
    ]


def drop_counters(db: sqlite3.Connection, oldest: int) -> None:
    """Forget the counters of minutes before ``oldest``."""
    for (route,) in db.execute("SELECT no FROM route").fetchall():
        db.execute("DELETE FROM minute WHERE route = ? AND minute < ?", (route, oldest))
    db.execute("UPDATE route SET enqueued = 0, tallies = NULL WHERE minute < ?", (oldest,))


def _turn(db: sqlite3.Connection, route: int, minute: int) -> None:
    """Give the counters of the last minute a row of their own, and begin another."""
    over, running = _running(db, route)
    if running:
        row = db.execute(
            "SELECT tallies FROM minute WHERE route = ? AND minute = ?", (route, over)
        ).fetchone()
        # A row is there already only if the clock was set back.
        total = _sum(None if row is None else row[0], running)
        db.execute(
            "REPLACE INTO minute (route, minute, tallies) VALUES (?, ?, ?)", (route, over, _encode(total))
        )
    db.execute("UPDATE route SET minute = ?, enqueued = 0, tallies = NULL WHERE no = ?", (minute, route))


def _running(db: sqlite3.Connection, route: int) -> tuple[int, Tallies]:
    minute, enqueued, tallies = db.execute(
        "SELECT minute, enqueued, tallies FROM route WHERE no = ?", (route,)
    ).fetchone()
    return minute, _sum(tallies, {"enqueued": enqueued} if enqueued else {})


def _sum(left: bytes | Tallies | None, right: Mapping[str, float]) -> Tallies:
    total = _decoder.decode(left) if isinstance(left, bytes) else dict(left or ())
    for name, n in right.items():
        total[name] = total.get(name, 0) + n
    return total
