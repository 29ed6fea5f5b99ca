"""Rows of firings that are known by their positions, as listings show them.

Every function here sees one state of the store: its caller wraps it in ``snapshot``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from skunkqueue.listings import Row
from skunkqueue.persistence import listing
from skunkqueue.persistence.listing import Position
from skunkqueue.persistence.sqlite import jobs
from skunkqueue.persistence.sqlite.statements import as_json
from skunkqueue.records import MAX_PRIORITY, State

_STATES = tuple(State)
_ROWS = (
    "SELECT f.id, t.queue, t.name, t.paused, n.name, f.tags, f.rank, f.enqueued, f.due, f.again, f.expires, f.key,"
    " f.schedule, f.parent, f.progress, f.attempts, f.deaths, coalesce(d.error, f.error), length(f.body), d.state,"
    " d.began, d.took, d.finished, length(d.result), h.name"
    " FROM json_each(?) j CROSS JOIN firing f ON f.id = j.value CROSS JOIN route t ON t.no = f.route"
    " CROSS JOIN job n ON n.no = f.job"
    " LEFT JOIN done d ON d.id = f.id LEFT JOIN holder h ON h.no = coalesce(d.holder, f.holder)"
)


def rows_at(
    db: sqlite3.Connection, lump: Sequence[Position], only: str, values: Sequence[Any], now: float
) -> dict[str, Row]:
    """Read the firings at these positions by id; ``only`` and ``values`` leave out, in SQL, what is not wanted."""
    found = db.execute(
        f"{_ROWS} WHERE true{only}" if only else _ROWS,
        (as_json(place.id for place in lump), *values),
    ).fetchall()
    running = {place.id for place in lump if place.group == listing.RUNNING}
    held: dict[str, tuple[str, float]] = {}
    if running:
        wanted = running.intersection(row[0] for row in found)
        for name, claimed, ids in db.execute(
            "SELECT h.name, l.claimed, l.ids FROM lease l JOIN holder h ON h.no = l.holder"
        ):
            held.update((id_, (name, claimed)) for id_ in wanted.intersection(ids.split(",")))
    return {row[0]: _row(row, held.get(row[0]), now) for row in found}


def _row(row: tuple[Any, ...], held: tuple[str, float] | None, now: float) -> Row:
    (
        id_, queue, route, paused, job, tags, rank, enqueued, due, again, expires, key, schedule, parent, progress,
        attempts, deaths, error, body_size, done, began, took, finished, result_size, worker,
    ) = row  # fmt: skip
    waits = None
    if done is not None:
        state = _STATES[done]
        attempts += began is not None
    elif held is not None:
        state = State.RUNNING
        worker, began = held
        attempts += 1
    else:
        state = State.PENDING
        waits = listing.waits_for(due=due, now=now, paused=bool(paused), again=again)
    return Row(
        id=id_,
        queue=queue,
        route=route,
        job=job,
        tags=jobs.tags_of(tags),
        state=state,
        waits=waits,
        priority=MAX_PRIORITY - rank,
        enqueued=enqueued,
        due=due,
        began=began,
        finished=finished,
        took=took,
        worker=worker,
        attempts=attempts + deaths,
        deaths=deaths,
        key=key,
        schedule=schedule,
        parent=parent,
        progress=listing.numbers_of(progress),
        error=error,
        body_size=body_size,
        result_size=result_size or 0,
        expires=expires,
    )
