"""Counts of firings and counters of what happened, by route and job.

Both are changed in the transaction that changes the firings, once for each route, job and batch: each page that a commit
changes costs about as much as a job. The counters of the current minute are kept in the row of the counts, which is
written anyway. When the minute is over, they are added to rows of their own: the minute's, the hour's, and the total.
The sum of all jobs of a route has rows, too, so that no reader adds up a hundred jobs to draw a day. The minutes of an
hour that is over are packed into one row.

Every function here runs inside a transaction that its caller began, and takes the time as an argument.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

import msgspec

from skunkqueue.counters import add
from skunkqueue.persistence.asking import HOURS_KEPT, MAX_JOBS, MINUTES_KEPT
from skunkqueue.persistence.sqlite.schema import (
    ALL_JOBS,
    COMPLETE,
    EVER,
    HOUR,
    MINUTE,
    OTHER_JOBS,
    PACKED,
    STATES,
)

_COLUMNS = ("live", *STATES[COMPLETE:])
_SHIFT = f"UPDATE tally SET {', '.join(f'{name} = {name} + ?' for name in _COLUMNS)}"  # noqa: S608 - constants
_SHIFT_ONLY = f"{_SHIFT} WHERE route = ? AND job = ?"
_SHIFT_AND_TALLY = f"{_SHIFT}, tallies = ? WHERE route = ? AND job = ?"
_ENTER = (
    "UPDATE tally SET live = live + ?, enqueued = enqueued + ? WHERE route = ? AND job = ? AND minute = ?"
)
_RUNNING = "SELECT minute, tallies FROM tally WHERE route = ? AND job = ?"
_PACK_AFTER = 300.0
"""Seconds after the end of an hour when its minutes are packed; later ones are added to them when they are read."""
_TURNED_AT_ONCE = 200

Tallies = dict[str, float]
decode = msgspec.msgpack.Decoder(Tallies).decode
decode_packed = msgspec.msgpack.Decoder(dict[float, Tallies]).decode
_encode = msgspec.msgpack.Encoder().encode
_NONE: tuple[int, ...] = (0, 0, 0, 0, 0)


def entered(db: sqlite3.Connection, counts: Mapping[tuple[int, int], int], now: float) -> None:
    """Count firings, by route and job, as pending and as enqueued."""
    minute = int(now // 60)
    for (route, job), n in counts.items():
        if db.execute(_ENTER, (n, n, route, job, minute)).rowcount:
            continue
        slot = _slot(db, route, job)
        if not db.execute(_ENTER, (n, n, route, slot, minute)).rowcount:
            _turn(db, route, slot, minute)
            db.execute(_ENTER, (n, n, route, slot, minute))


def shift(db: sqlite3.Connection, route: int, job: int, live: int, changes: Mapping[int, int]) -> None:
    """Add to the counts: how many more are pending or running, and how many more are in each final state."""
    values = _values(live, changes)
    if not db.execute(_SHIFT_ONLY, (*values, route, job)).rowcount:
        db.execute(_SHIFT_ONLY, (*values, route, _slot(db, route, job)))


def settled(
    db: sqlite3.Connection,
    route: int,
    job: int,
    values: Mapping[str, float],
    now: float,
    *,
    live: int = 0,
    changes: Mapping[int, int] | None = None,
) -> None:
    """Add to the counts as ``shift`` does, and to the counters of the current minute."""
    minute = int(now // 60)
    row = db.execute(_RUNNING, (route, job)).fetchone()
    if row is None:
        job = _slot(db, route, job)
        row = db.execute(_RUNNING, (route, job)).fetchone()
    found, tallies = row
    if found != minute:
        _turn(db, route, job, minute)
        tallies = None
    total = summed(tallies, values)
    db.execute(
        _SHIFT_AND_TALLY,
        (*(_values(live, changes) if changes else (live, 0, 0, 0, 0)), _encode(total), route, job),
    )


def _values(live: int, changes: Mapping[int, int]) -> tuple[int, ...]:
    get = changes.get
    return (live, get(2, 0), get(3, 0), get(4, 0), get(5, 0))


def _slot(db: sqlite3.Connection, route: int, job: int) -> int:
    """Return the number under which a job is counted on a route, and make its row: its own, or OTHER_JOBS after MAX_JOBS."""
    if db.execute("SELECT 1 FROM tally WHERE route = ? AND job = ?", (route, job)).fetchone() is not None:
        return job
    made = db.execute(
        "UPDATE route SET jobs = jobs + 1 WHERE no = ? AND jobs < ?", (route, MAX_JOBS)
    ).rowcount
    number = job if made else OTHER_JOBS
    db.execute("INSERT INTO tally (route, job) VALUES (?, ?) ON CONFLICT DO NOTHING", (route, number))
    return number


# --- minutes, hours and totals --------------------------------------------------------------------


def _turn(db: sqlite3.Connection, route: int, job: int, minute: int) -> None:
    """Add the counters of the last minute to the rows of their spans, and begin another minute."""
    over, enqueued, tallies = db.execute(
        "SELECT minute, enqueued, tallies FROM tally WHERE route = ? AND job = ?", (route, job)
    ).fetchone()
    if enqueued or tallies is not None:
        values = whole(enqueued, tallies)
        begin = over * 60.0
        hour = over // 60 * 3600.0
        for span, of, at in (
            (MINUTE, job, begin),
            (MINUTE, ALL_JOBS, begin),
            (HOUR, job, hour),
            (HOUR, ALL_JOBS, hour),
            (EVER, job, 0.0),
        ):
            _add(db, (route, span, of, at), values)
    db.execute(
        "UPDATE tally SET minute = ?, enqueued = 0, tallies = NULL WHERE route = ? AND job = ?",
        (minute, route, job),
    )


def _add(db: sqlite3.Connection, place: tuple[int, int, int, float], values: Mapping[str, float]) -> None:
    row = db.execute(
        "SELECT tallies FROM counted WHERE route = ? AND span = ? AND job = ? AND begin = ?", place
    ).fetchone()
    db.execute(
        "REPLACE INTO counted (route, span, job, begin, tallies) VALUES (?, ?, ?, ?, ?)",
        (*place, _encode(summed(None if row is None else row[0], values))),
    )


def turn_idle(db: sqlite3.Connection, now: float) -> None:
    """Do so for some jobs for which nothing has been counted since."""
    minute = int(now // 60)
    rows = db.execute(
        "SELECT route, job FROM tally WHERE minute <> ? AND (enqueued > 0 OR tallies IS NOT NULL) LIMIT ?",
        (minute, _TURNED_AT_ONCE),
    ).fetchall()
    for route, job in rows:
        _turn(db, route, job, minute)


def drop_old(db: sqlite3.Connection, now: float) -> None:
    """Pack the minutes of hours that are over, and drop what is older than the contract keeps."""
    turn_idle(db, now)
    this_hour = (now - _PACK_AFTER) // 3600 * 3600
    oldest = (now - MINUTES_KEPT) // 60 * 60
    for (route,) in db.execute("SELECT no FROM route").fetchall():
        for span, first in (
            (MINUTE, oldest),
            (PACKED, oldest - 3600),
            (HOUR, (now - HOURS_KEPT) // 3600 * 3600),
        ):
            db.execute("DELETE FROM counted WHERE route = ? AND span = ? AND begin < ?", (route, span, first))
        _pack(db, route, this_hour)


def _pack(db: sqlite3.Connection, route: int, before: float) -> None:
    place = (route, MINUTE, ALL_JOBS, before)
    where = "route = ? AND span = ? AND job = ? AND begin < ?"
    hours: dict[float, dict[float, Tallies]] = {}
    for begin, tallies in db.execute(f"SELECT begin, tallies FROM counted WHERE {where}", place):  # noqa: S608 - constants
        hours.setdefault(begin // 3600 * 3600, {})[begin] = decode(tallies)
    for hour, minutes in hours.items():
        at = (route, PACKED, ALL_JOBS, hour)
        row = db.execute(
            "SELECT tallies FROM counted WHERE route = ? AND span = ? AND job = ? AND begin = ?", at
        ).fetchone()
        packed = {} if row is None else decode_packed(row[0])
        for begin, values in minutes.items():
            add(packed.setdefault(begin, {}), values)
        db.execute(
            "REPLACE INTO counted (route, span, job, begin, tallies) VALUES (?, ?, ?, ?, ?)",
            (*at, _encode(dict(sorted(packed.items())))),
        )
    if hours:
        db.execute(f"DELETE FROM counted WHERE {where}", place)  # noqa: S608 - constants


# --- samples --------------------------------------------------------------------------------------


def keep_sample(db: sqlite3.Connection, route: int, values: Mapping[str, float], now: float) -> None:
    """Save the sample of a route for this minute."""
    for span, length in ((MINUTE, 60.0), (HOUR, 3600.0)):
        _add(db, (route, span, ALL_JOBS, now // length * length), values)
    db.execute("UPDATE route SET sampled = ? WHERE no = ?", (int(now // 60), route))


def unsampled(db: sqlite3.Connection, now: float) -> Sequence[int]:
    """List the routes that have no sample of this minute."""
    rows = db.execute("SELECT no FROM route WHERE sampled <> ?", (int(now // 60),))
    return [row[0] for row in rows.fetchall()]


# --- values ----------------------------------------------------------------------------------------


def whole(enqueued: int, tallies: bytes | None) -> Tallies:
    """Return the counters of a minute that runs; the number of enqueued firings is stored beside the others."""
    values = {} if tallies is None else decode(tallies)
    if enqueued:
        values["enqueued"] = values.get("enqueued", 0) + enqueued
    return values


def summed(left: bytes | None, right: Mapping[str, float]) -> Tallies:
    """Return the sum of stored counters and others."""
    total = {} if left is None else decode(left)
    add(total, right)
    return total
