"""Routes: their numbers, and how many firings they have, by state and by job."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from operator import add

from skunkqueue.listings import JobCount
from skunkqueue.persistence.sqlite import jobs, unsorted
from skunkqueue.persistence.sqlite.schema import COMPLETE, OTHER_JOBS, STATES
from skunkqueue.persistence.sqlite.statements import as_json
from skunkqueue.persistence.sqlite.unsorted import Late
from skunkqueue.records import MAX_PRIORITY, RouteInfo, State

PAUSED_ITSELF = 1
PAUSED_WITH_QUEUE = 2

_LEND = "UPDATE route SET claims = claims + 1 WHERE no = ? RETURNING claims"
_COUNTS = f"SELECT route, sum(live), {', '.join(f'sum({name})' for name in STATES[COMPLETE:])} FROM tally"  # noqa: S608 - constants
RUNNING_IN_LEASE = "length(ids) - length(replace(ids, ',', '')) + 1"
_OLDEST = (
    "SELECT min(due) FROM ("  # noqa: S608 - constants
    + " UNION ALL ".join(
        f"SELECT min(due) AS due FROM {table} WHERE route = :route AND rank = {rank}"  # noqa: S608 - constants
        for rank in range(MAX_PRIORITY + 1)
        for table in ("ready", "aimed")
    )
    + ")"
)


def number(db: sqlite3.Connection, queue: str, route: str) -> int | None:
    """Return the number of a route, if it exists."""
    row = db.execute("SELECT no FROM route WHERE queue = ? AND name = ?", (queue, route)).fetchone()
    return None if row is None else int(row[0])


def make(db: sqlite3.Connection, queue: str, route: str) -> int:
    """Return the number of a route, which is made where it is missing; in a write transaction."""
    found = number(db, queue, route)
    if found is not None:
        return found
    row = db.execute("SELECT paused FROM queue WHERE name = ?", (queue,)).fetchone()
    paused = PAUSED_WITH_QUEUE if row is not None and row[0] else 0
    made = db.execute(
        "INSERT INTO route (queue, name, paused) VALUES (?, ?, ?)", (queue, route, paused)
    ).lastrowid
    assert made is not None  # noqa: S101 - for the type checker: an INSERT sets it
    return made


def next_claim(db: sqlite3.Connection, route: int) -> int:
    """Return the number of a new claim, one up from the last."""
    return int(db.execute(_LEND, (route,)).fetchall()[0][0])


def counts(
    db: sqlite3.Connection, only: Sequence[int] | None = None, late: Late | None = None
) -> dict[int, dict[State, int]]:
    """Count firings by route (``only``: of these) and state; a route that never had any is left out.

    What ended and is not sorted yet (``late``) is added. So nobody who asks for these counts has to sort, for which one waits
    beside processes that write.
    """
    where = "" if only is None else " WHERE route IN (SELECT value FROM json_each(?))"
    given = () if only is None else (json.dumps(only),)
    running = dict(
        db.execute(f"SELECT route, sum({RUNNING_IN_LEASE}) FROM lease{where} GROUP BY route", given)  # noqa: S608 - constants
    )
    more = {route: changes for route, *changes in (unsorted.not_counted(db) if late is None else late)}
    found = {}
    for route, *kept in db.execute(f"{_COUNTS}{where} GROUP BY route", given).fetchall():
        live, *finished = map(add, kept, more[route]) if route in more else kept
        run = running.get(route, 0)
        found[route] = dict(zip(State, (live - run, run, *finished), strict=True))
    return found


def infos(db: sqlite3.Connection, queue: str | None) -> list[RouteInfo]:
    """List all routes (of one queue) with their counts."""
    rows = db.execute(
        "SELECT no, queue, name, paused FROM route WHERE :queue IS NULL OR queue = :queue ORDER BY queue, name",
        {"queue": queue},
    ).fetchall()
    return infos_of(db, rows, counts(db))


def infos_of(
    db: sqlite3.Connection, rows: list[tuple[int, str, str, int]], by_route: Mapping[int, dict[State, int]]
) -> list[RouteInfo]:
    """Return routes, which are given by number, queue, name and pause, with their counts."""
    none = dict.fromkeys(State, 0)
    return [
        RouteInfo(
            queue=owner,
            route=name,
            paused=bool(paused),
            counts=by_route.get(no, none),
            oldest_due=oldest_due(db, no) if by_route.get(no, none)[State.PENDING] else None,
        )
        for no, owner, name, paused in rows
    ]


def oldest_due(db: sqlite3.Connection, route: int) -> float | None:
    """Return when the pending firing of a route is due that is due first."""
    found: float | None = db.execute(_OLDEST, {"route": route}).fetchone()[0]
    return found


def job_counts(
    db: sqlite3.Connection, queue: str | None, route: str | None, only: int | None = None
) -> list[JobCount]:
    """Count firings by route, job and state; ``only``: the number of the one job that is wanted.

    What ended and is not sorted yet is added, as in ``counts``.
    """
    running: dict[tuple[int, int], int] = {}
    for on, job, n in db.execute(
        "SELECT f.route, f.job, count(*) FROM json_each(?) j CROSS JOIN firing f ON f.id = j.value GROUP BY 1, 2",
        (as_json(id_ for (ids,) in db.execute("SELECT ids FROM lease") for id_ in ids.split(",")),),
    ).fetchall():
        running[on, job] = n
    rows = db.execute(
        "SELECT r.queue, r.name, r.no, t.job, t.live, t.complete, t.error, t.killed, t.expired"
        " FROM route r JOIN tally t ON t.route = r.no"
        " WHERE (:queue IS NULL OR r.queue = :queue) AND (:route IS NULL OR r.name = :route)"
        " AND (:job IS NULL OR t.job = :job)",
        {"queue": queue, "route": route, "job": only},
    ).fetchall()
    late, none = unsorted.jobs_not_counted(db), (0,) * 5
    if only is None:
        own = {(row[2], row[3]) for row in rows}
        for (on, job), n in list(running.items()):
            if (on, job) not in own:
                running[on, OTHER_JOBS] = running.get((on, OTHER_JOBS), 0) + n
        for (on, job), changes in list(late.items()):
            if (on, job) not in own:
                late[on, OTHER_JOBS] = tuple(map(add, late.get((on, OTHER_JOBS), none), changes))
    names = jobs.shown_names(db, {row[3] for row in rows})
    found = []
    for owner, name, on, job, *kept in rows:
        live, *finished = map(add, kept, late.get((on, job), none))
        run = running.get((on, job), 0)
        if live or any(finished):
            by_state = dict(zip(State, (live - run, run, *finished), strict=True))
            found.append(JobCount(queue=owner, route=name, job=names[job], counts=by_state))
    return sorted(found, key=lambda one: (one.queue, one.route, one.job))
