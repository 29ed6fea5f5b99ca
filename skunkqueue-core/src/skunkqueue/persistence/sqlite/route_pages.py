"""Some of very many routes: a page of them by name, or the busiest; and the sums of all. Counts only those that it shows."""

from __future__ import annotations

import json
import sqlite3

from skunkqueue.listings import Busiest, QueueSum
from skunkqueue.persistence.sqlite import routes, unsorted
from skunkqueue.persistence.sqlite.schema import COMPLETE, STATES
from skunkqueue.persistence.sqlite.unsorted import Late
from skunkqueue.records import RouteInfo, State

_SUMMED = ("live", *STATES[COMPLETE:])


def _tallied(*names: str) -> str:
    """Make the tables of routes with some of their counts: ``t``, and ``l``, what ended and is not sorted yet, which is some rows."""
    sums = ", ".join(f"sum({name}) AS {name}" for name in names)
    late = ", ".join(
        f"json_extract(value, '$[{at}]') AS {name}" for at, name in enumerate(("route", *_SUMMED))
    )
    return (
        f"route r LEFT JOIN (SELECT route, {sums} FROM tally GROUP BY route) t ON t.route = r.no"  # noqa: S608 - constants
        f" LEFT JOIN (SELECT {late} FROM json_each(:late)) l ON l.route = r.no"
    )


_SUMS = (
    f"SELECT r.queue, count(*), sum(r.paused > 0), {', '.join(f'total(t.{name}) + total(l.{name})' for name in _SUMMED)}"  # noqa: S608 - constants
    f" FROM {_tallied(*_SUMMED)} WHERE :queue IS NULL OR r.queue = :queue GROUP BY r.queue ORDER BY r.queue"
)
_RUNNING = f"SELECT r.queue, sum({routes.RUNNING_IN_LEASE}) FROM lease l JOIN route r ON r.no = l.route GROUP BY r.queue"  # noqa: S608 - constants
_BUSIEST = (
    f"SELECT r.no, r.queue, r.name, r.paused FROM {_tallied('live')} WHERE :queue IS NULL OR r.queue = :queue"  # noqa: S608 - constants
    " ORDER BY coalesce(t.live, 0) + coalesce(l.live, 0) DESC, r.queue, r.name LIMIT :limit"
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
    late = unsorted.not_counted(db)
    given = {"queue": queue, "limit": max(0, limit), "late": json.dumps(late)}
    rows = db.execute(_BUSIEST, given).fetchall()
    shown = routes.infos_of(db, rows, routes.counts(db, [row[0] for row in rows], late))
    return Busiest(routes=tuple(shown), queues=tuple(sums(db, queue, late)))


def sums(db: sqlite3.Connection, queue: str | None, late: Late | None = None) -> list[QueueSum]:
    """Add up the routes of each queue; ``late``: what was read of it already."""
    running = dict(db.execute(_RUNNING).fetchall())
    given = {"queue": queue, "late": json.dumps(unsorted.not_counted(db) if late is None else late)}
    found = []
    for owner, number, paused, live, *finished in db.execute(_SUMS, given).fetchall():
        run = running.get(owner, 0)
        counts = dict(zip(State, map(int, (live - run, run, *finished)), strict=True))
        found.append(QueueSum(queue=owner, routes=number, paused=paused, counts=counts))
    return found
