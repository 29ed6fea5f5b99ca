"""Where a search looks: the routes, states and job that a query allows, by their numbers."""

from __future__ import annotations

import json
import sqlite3
from typing import NamedTuple

from skunkqueue.listings import Query
from skunkqueue.persistence import listing
from skunkqueue.persistence.sqlite import jobs, unsorted
from skunkqueue.persistence.sqlite.schema import OTHER_JOBS
from skunkqueue.records import State

_STATES = tuple(State)
_NO_SUCH_JOB = -4
"""Stands for a job that is not in the store, where a job's number is expected."""
_FEW = 50
"""Routes that are counted alone; for more, the counts of all are read."""
_MOST_SORTED = 500_000
"""As many firings that one firing fired are sorted for a page, which takes some 300 ms."""
_FINAL = tuple(number for number, state in enumerate(_STATES) if state.final)


class Scope(NamedTuple):
    """Which routes, states and job a query allows, by their numbers."""

    routes: tuple[int, ...]
    states: tuple[State, ...]
    job: int | None
    """``None``: all."""
    live: tuple[int, ...]
    """Those of the routes that may have matching firings that are pending or running."""
    finished: tuple[tuple[int, int], ...]
    """Routes and states that may have matching firings."""
    parent: str | None = None
    """The firing whose finished firings are asked for. ``None``: nothing of the kind is asked for, or it fired so many that
    a page looks for them among the others."""


def scope_of(db: sqlite3.Connection, query: Query) -> Scope:
    """Find the routes and states that can have matching firings."""
    known = db.execute(
        "SELECT no FROM route WHERE (:queue IS NULL OR queue = :queue) AND (:route IS NULL OR name = :route)",
        {"queue": query.queue, "route": query.route},
    ).fetchall()
    wanted = {row[0] for row in known}
    states = listing.states_of(query)
    job = None if query.job is None else jobs.number(db, query.job)
    if query.job is not None and job is None:
        return Scope((), states, _NO_SUCH_JOB, (), ())
    among = "" if len(wanted) > _FEW else "route IN (SELECT value FROM json_each(:routes)) AND "
    rows = db.execute(
        "SELECT route, sum(live), sum(complete), sum(error), sum(killed), sum(expired) FROM tally"  # noqa: S608 - constants
        f" WHERE {among}(:job IS NULL OR job = :job OR job = :others) GROUP BY route",
        {"job": job, "others": OTHER_JOBS, "routes": json.dumps(list(wanted))},
    ).fetchall()
    counts = {row[0]: row for row in rows if row[0] in wanted}
    # What ended there last may be in no count yet.
    late = set() if query.job is not None else unsorted.routes(db) & wanted
    return Scope(
        routes=tuple(wanted),
        states=states,
        job=job,
        live=tuple(route for route, row in counts.items() if row[1]),
        finished=tuple(
            (route, state)
            for route, row in counts.items()
            for state in _FINAL
            if (row[state] or route in late) and _STATES[state] in states
        ),
        parent=query.parent,
    )


def of_page(db: sqlite3.Connection, scope: Scope) -> Scope:
    """Return the scope of a page, which sorts what a firing fired and finished, unless that is too much."""
    if scope.parent is None:
        return scope
    (number,) = db.execute(
        "SELECT count(*) FROM (SELECT 1 FROM firing INDEXED BY firing_by_parent WHERE parent = ? LIMIT ?)",
        (scope.parent, _MOST_SORTED + 1),
    ).fetchone()
    return scope if number <= _MOST_SORTED else scope._replace(parent=None)
