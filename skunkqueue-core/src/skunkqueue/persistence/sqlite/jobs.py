"""Jobs by name on their routes, and what is counted of them: how many are live or finished, and this minute's counters.

Counts are changed in the transaction that changes the firings, once for each job and batch. The counters of the
minute that runs are kept in the job's own row, which is written anyway, and go to ``tallies`` when it is
over: each page that a commit touches costs about as much as a job.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

import msgspec

from skunkqueue.counters import Counters, add
from skunkqueue.persistence.asking import MAX_JOBS, OTHER_JOBS
from skunkqueue.persistence.sqlite import tallies
from skunkqueue.persistence.sqlite.schema import STATES

FINALS = STATES[2:]
Numbers = Mapping[tuple[str, str, str], tuple[int, int]]
"""Route and job by number; by queue, route and job by name."""
LIVE = 0
"""What is pending or running, among the numbers of states."""

_MINE = "no = (SELECT counts FROM job WHERE no = ?)"
_SHIFT = f"live = live + ?, {', '.join(f'{name} = {name} + ?' for name in FINALS)}"
_SHIFT_ONLY = f"UPDATE job SET {_SHIFT} WHERE {_MINE}"  # noqa: S608 - constants
_SHIFT_AND_TALLY = f"UPDATE job SET {_SHIFT}, tallies = ? WHERE no = ?"  # noqa: S608 - constants
_ENTER = f"UPDATE job SET live = live + ?, enqueued = enqueued + ? WHERE {_MINE} AND minute = ?"  # noqa: S608 - constants


def number(db: sqlite3.Connection, route: int, name: str) -> int | None:
    """Look a job up."""
    if not name:
        return -route
    row = db.execute("SELECT no FROM job WHERE route = ? AND name = ?", (route, name)).fetchone()
    return None if row is None else int(row[0])


def make(db: sqlite3.Connection, route: int, name: str) -> int:
    """Look a job up, making it where there is none; in a write transaction."""
    found = number(db, route, name)
    return _make(db, route, name) if found is None else found


def make_unnamed(db: sqlite3.Connection, route: int) -> None:
    """Make the one that stands for firings of which nobody said what job they are of."""
    db.execute(
        "INSERT OR IGNORE INTO job (no, route, name, counts) VALUES (?, ?, '', ?)", (-route, route, -route)
    )


def _make(db: sqlite3.Connection, route: int, name: str) -> int:
    row = db.execute("SELECT count(*) FROM job WHERE route = ? AND counts = no", (route,)).fetchone()
    counts = None
    # One is left for all others.
    if row[0] >= MAX_JOBS and name != OTHER_JOBS:
        counts = make(db, route, OTHER_JOBS)
    # Not below zero, where the unnamed ones are.
    made = db.execute(
        "INSERT INTO job (no, route, name, counts) SELECT max(0, coalesce(max(no), 0)) + 1, ?, ?, 0 FROM job"
        " RETURNING no",
        (route, name),
    ).fetchall()[0][0]
    db.execute("UPDATE job SET counts = ? WHERE no = ?", (made if counts is None else counts, made))
    return int(made)


def name_of(db: sqlite3.Connection, job: int) -> str:
    """Tell the name of a job."""
    row = db.execute("SELECT name FROM job WHERE no = ?", (job,)).fetchone()
    return "" if row is None else str(row[0])


def of_firings(db: sqlite3.Connection, ids: str) -> dict[int, list[str]]:
    """Sort firings (a JSON list) by their jobs."""
    found: dict[int, list[str]] = {}
    for id_, job in db.execute(
        "SELECT f.id, coalesce(f.job, -f.route) FROM json_each(?) j CROSS JOIN firing f ON f.id = j.value",
        (ids,),
    ):
        found.setdefault(job, []).append(id_)
    return found


def shift(db: sqlite3.Connection, job: int, changes: Mapping[int, int]) -> None:
    """Add to a job's counts, by state number; LIVE stands for pending and running."""
    get = changes.get
    db.execute(_SHIFT_ONLY, (get(LIVE, 0), get(2, 0), get(3, 0), get(4, 0), get(5, 0), job))


def entered(db: sqlite3.Connection, job: int, n: int, now: float) -> None:
    """Count ``n`` firings as live and as enqueued."""
    values = (n, n, job, int(now // 60))
    if not db.execute(_ENTER, values).rowcount:
        _turn(db, _counting(db, job), int(now // 60))
        db.execute(_ENTER, values)


def counted(
    db: sqlite3.Connection, job: int, changes: Mapping[int, int], values: Mapping[str, float], now: float
) -> None:
    """Add to a job's counts and to its counters of the current minute."""
    minute = int(now // 60)
    no, found, running = db.execute(f"SELECT no, minute, tallies FROM job WHERE {_MINE}", (job,)).fetchone()  # noqa: S608 - constants
    if found != minute:
        _turn(db, no, minute)
        running = None
    total = tallies.added(running, values)
    get = changes.get
    db.execute(
        _SHIFT_AND_TALLY,
        (get(LIVE, 0), get(2, 0), get(3, 0), get(4, 0), get(5, 0), tallies.encode(total), no),
    )


def running(db: sqlite3.Connection, route: int) -> list[tuple[str, int, dict[str, float]]]:
    """Read what the jobs of a route have counted in the minute that runs: name, minute and counters."""
    rows = db.execute(
        "SELECT name, minute, enqueued, tallies FROM job WHERE route = ? AND counts = no"
        " AND (enqueued > 0 OR tallies IS NOT NULL)",
        (route,),
    )
    return [
        (name, minute, tallies.added(found, {"enqueued": enqueued} if enqueued else {}))
        for name, minute, enqueued, found in rows
    ]


def totals(db: sqlite3.Connection, queue: str | None) -> list[Counters]:
    """Read what each job has counted since ever."""
    found = []
    for no, owner, route, name, enqueued, now in db.execute(
        "SELECT j.no, r.queue, r.name, j.name, j.enqueued, j.tallies FROM route r JOIN job j ON j.route = r.no"
        " WHERE j.counts = j.no AND (:queue IS NULL OR r.queue = :queue) ORDER BY r.queue, r.name, j.name",
        {"queue": queue},
    ).fetchall():
        values = tallies.total(db, no)
        add(values, tallies.added(now, {"enqueued": enqueued} if enqueued else {}))
        if values:
            found.append(Counters(queue=owner, route=route, job=name, begin=0.0, values=values))
    return found


def end_minutes(db: sqlite3.Connection, now: float) -> None:
    """File what jobs have counted in minutes that are over, though nothing has happened to them since."""
    minute = int(now // 60)
    rows = db.execute(
        "SELECT no FROM job WHERE minute < ? AND (enqueued > 0 OR tallies IS NOT NULL)", (minute,)
    ).fetchall()
    for (job,) in rows:
        _turn(db, job, minute)


def _counting(db: sqlite3.Connection, job: int) -> int:
    return int(db.execute("SELECT counts FROM job WHERE no = ?", (job,)).fetchone()[0])


def _turn(db: sqlite3.Connection, job: int, minute: int) -> None:
    """File the counters of the last minute, and begin another."""
    route, over, enqueued, found = db.execute(
        "SELECT route, minute, enqueued, tallies FROM job WHERE no = ?", (job,)
    ).fetchone()
    values = tallies.added(found, {"enqueued": enqueued} if enqueued else {})
    if values:
        tallies.file(db, job, route, over, values)
    db.execute("UPDATE job SET minute = ?, enqueued = 0, tallies = NULL WHERE no = ?", (minute, job))


def decoded(label: str | None) -> tuple[tuple[str, ...], str | None, str | None]:
    """Read a label: tags, schedule and parent."""
    return ((), None, None) if label is None else _decode_label(label)


def label_of(tags: tuple[str, ...], schedule: str | None, parent: str | None) -> str | None:
    """Write a label; ``None`` where there is nothing to say."""
    if not tags and schedule is None and parent is None:
        return None
    return msgspec.json.encode((tags, schedule, parent)).decode()


_decode_label = msgspec.json.Decoder(tuple[tuple[str, ...], str | None, str | None]).decode
