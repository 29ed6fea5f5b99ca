"""Some of very many routes: a page of them by name, or the busiest; and the sums of all. Counts only those that it shows."""

from __future__ import annotations

import sqlite3

from skunkqueue.listings import Busiest, QueueSum
from skunkqueue.persistence.sqlite import routes
from skunkqueue.persistence.sqlite.schema import COMPLETE, STATES
from skunkqueue.records import RouteInfo, State

_SUMMED = ("live", *STATES[COMPLETE:])
_SUMS = (
    f"SELECT r.queue, count(*), sum(r.paused > 0), {', '.join(f'total(t.{name})' for name in _SUMMED)}"  # noqa: S608 - constants
    f" FROM route r LEFT JOIN (SELECT route, {', '.join(f'sum({name}) AS {name}' for name in _SUMMED)} FROM %s"
    " GROUP BY route) t ON t.route = r.no WHERE :queue IS NULL OR r.queue = :queue GROUP BY r.queue ORDER BY r.queue"
)
_RUNNING = f"SELECT r.queue, sum({routes.RUNNING_IN_LEASE}) FROM lease l JOIN route r ON r.no = l.route GROUP BY r.queue"  # noqa: S608 - constants
_BUSIEST = (
    "SELECT r.no, r.queue, r.name, r.paused FROM route r"
    " LEFT JOIN (SELECT route, sum(live) AS live FROM %s GROUP BY route) t ON t.route = r.no"
    " WHERE :queue IS NULL OR r.queue = :queue ORDER BY coalesce(t.live, 0) DESC, r.queue, r.name LIMIT :limit"
)


def page(
    db: sqlite3.Connection, queue: str | None, text: str, limit: int, after: tuple[str, str] | None
) -> list[RouteInfo]:
    """Read a page by name; see ``Backend.route_page``."""
    where = ["instr(queue, :text) + instr(name, :text)"] if text else []
    if queue is not None:
        where.append("queue = :queue")
    if after is not None:
        where.append("(queue, name) > (:after_queue, :after_name)")
    after_queue, after_name = after or ("", "")
    rows = db.execute(
        f"SELECT no, queue, name, paused FROM route {'WHERE ' if where else ''}{' AND '.join(where)}"  # noqa: S608 - constants
        " ORDER BY queue, name LIMIT :limit",
        {
            "text": text,
            "queue": queue,
            "after_queue": after_queue,
            "after_name": after_name,
            "limit": max(0, limit),
        },
    ).fetchall()
    return routes.infos_of(db, rows, routes.counts(db, [row[0] for row in rows]))


def busiest(db: sqlite3.Connection, queue: str | None, limit: int) -> Busiest:
    """Read the busiest, and add up all; see ``Backend.busiest``."""
    tally = routes.tallied(db)
    table, late = tally
    rows = db.execute(_BUSIEST % table, {"queue": queue, "limit": max(0, limit), "late": late}).fetchall()
    shown = routes.infos_of(db, rows, routes.counts(db, [row[0] for row in rows], tally))
    return Busiest(routes=tuple(shown), queues=tuple(sums(db, queue, tally)))


def sums(db: sqlite3.Connection, queue: str | None, tally: routes.Tally | None = None) -> list[QueueSum]:
    """Add up the routes of each queue."""
    table, late = tally or routes.tallied(db)
    running = dict(db.execute(_RUNNING).fetchall())
    found = []
    for owner, number, paused, live, *finished in db.execute(
        _SUMS % table, {"queue": queue, "late": late}
    ).fetchall():
        run = running.get(owner, 0)
        counts = dict(zip(State, map(int, (live - run, run, *finished)), strict=True))
        found.append(QueueSum(queue=owner, routes=number, paused=paused, counts=counts))
    return found
