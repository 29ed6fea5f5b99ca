"""Listings of rows: where candidates are found, in order, and what is read of each.

Finished firings come from the chunks of ``ended`` or, by key, tag or error, from ``mark``; running ones from
the leases; pending ones from their lines. Every function here sees one state of the store.
"""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from skunkqueue.listings import MAX_LOOK, Count, Query, Row, Rows
from skunkqueue.persistence import listing
from skunkqueue.persistence.listing import FINISHED, PENDING, RUNNING, Look, Position
from skunkqueue.persistence.sqlite import jobs, leases, reading
from skunkqueue.persistence.sqlite.reading import as_json
from skunkqueue.persistence.sqlite.schema import AGAIN, ERROR_MARK, KEY_MARK, STATES, TAG_MARK
from skunkqueue.records import MAX_PRIORITY, State

_BLOCK = 200
"""Candidates that are read at once."""
_ROWS = (
    "SELECT f.id, t.queue, t.name, t.paused, f.route, f.rank, f.due, f.enqueued, f.expires, f.deaths, f.key, f.progress,"
    " length(f.body), d.state, d.began, d.finished, length(d.result), h.name, b.name, f.label,"
    " coalesce(d.error, f.error), d.took, f.tries, f.again"
    " FROM json_each(?) j CROSS JOIN firing f ON f.id = j.value CROSS JOIN route t ON t.no = f.route"
    " LEFT JOIN done d ON d.id = f.id LEFT JOIN job b ON b.no = f.job"
    " LEFT JOIN holder h ON h.no = coalesce(d.holder, f.holder)"
)
_OPEN = (float("-inf"), float("inf"))


class Moment(NamedTuple):
    """The time by both clocks."""

    now: float
    mono: float


def page(db: sqlite3.Connection, query: Query, limit: int, cursor: str | None, moment: Moment) -> Rows:
    """Read a page."""

    def walk(after: Position | None, *, onward: bool, want: int) -> Look:
        return _look(db, query, moment, after, onward=onward, want=want, most=MAX_LOOK)

    return listing.page_of(query, limit, cursor, walk)


def count(db: sqlite3.Connection, query: Query, most: int, moment: Moment) -> Count:
    """Count what matches."""
    plain = Query(queue=query.queue, route=query.route, states=query.states, newest=query.newest)
    if query == plain:
        states = listing.states_of(query)
        infos = reading.route_infos(db, query.queue)
        number = sum(
            info.counts[state] for info in infos if query.route in (None, info.route) for state in states
        )
        return Count(number=number, exact=True)
    most = max(most, 0)
    found = _look(db, query, moment, None, onward=True, want=most, most=most)
    return Count(number=len(found.rows), exact=found.ended)


def _look(
    db: sqlite3.Connection,
    query: Query,
    moment: Moment,
    after: Position | None,
    *,
    onward: bool,
    want: int,
    most: int,
) -> Look:
    candidates = _candidates(db, query, after, onward=onward)
    rows: list[Row] = []
    at, looked = None, 0
    size = min(max(want, 1), _BLOCK)
    while True:
        block = list(islice(candidates, min(size, most - looked + 1)))
        if not block:
            return Look(rows, at, looked, ended=True)
        read = _read(db, [at.id for at in block], moment)
        for place in block:
            if looked >= most or len(rows) >= want:
                return Look(rows, at, looked, ended=False)
            looked += 1
            at = place
            row = read.get(place.id)
            if row is not None and listing.matches(row, query):
                rows.append(row)
        size = _BLOCK


# --- candidates -------------------------------------------------------------------------------------


def _candidates(
    db: sqlite3.Connection, query: Query, after: Position | None, *, onward: bool
) -> Iterator[Position]:
    """List what may match, in order, from a position on."""
    states = listing.states_of(query)
    routes = _routes(db, query)
    groups: list[tuple[int, Callable[[], Iterable[Position]]]] = [
        (FINISHED, lambda: _finished(db, query, routes, states, after, onward=onward)),
        (RUNNING, lambda: _running(db, routes, onward=onward) if State.RUNNING in states else ()),
        (PENDING, lambda: _pending(db, routes, after, onward=onward) if State.PENDING in states else ()),
    ]
    for group, found in groups if onward else reversed(groups):
        if after is not None and (group < after.group if onward else group > after.group):
            continue
        for at in found():
            if after is None or (at > after if onward else at < after):
                yield at


def _routes(db: sqlite3.Connection, query: Query) -> list[int]:
    rows = db.execute(
        "SELECT no FROM route WHERE (:queue IS NULL OR queue = :queue) AND (:route IS NULL OR name = :route)",
        {"queue": query.queue, "route": query.route},
    )
    return [row[0] for row in rows]


def _finished(
    db: sqlite3.Connection,
    query: Query,
    routes: list[int],
    states: tuple[State, ...],
    after: Position | None,
    *,
    onward: bool,
) -> Iterator[Position]:
    since, until = _OPEN
    if query.finished is not None:
        since = since if query.finished[0] is None else query.finished[0]
        until = until if query.finished[1] is None else query.finished[1]
    if after is not None and after.group == FINISHED:
        since, until = (max(since, after.first), until) if onward else (since, min(until, after.first))
    span = (since, until)
    numbers = [STATES.index(state.value) for state in states if state.final]
    for kind, word in ((KEY_MARK, query.key), (TAG_MARK, query.tag), (ERROR_MARK, query.error)):
        if word is not None:
            return _marked(db, kind, word, span, onward=onward)
    if query.job is None:
        owners, column = routes, "route"
    else:
        found = [jobs.number(db, route, query.job) for route in routes]
        owners, column = [number for number in found if number is not None], "job"
    return heapq.merge(
        *(_ended(db, column, owner, number, span, onward=onward) for owner in owners for number in numbers),
        reverse=not onward,
    )


def _marked(
    db: sqlite3.Connection, kind: int, word: str, span: tuple[float, float], *, onward: bool
) -> Iterator[Position]:
    order = "finished, id" if onward else "finished DESC, id DESC"
    for finished, id_ in db.execute(
        "SELECT finished, id FROM mark WHERE kind = ? AND word = ? AND finished >= ? AND finished <= ?"  # noqa: S608 - constants
        f" ORDER BY {order}",
        (kind, word, *span),
    ):
        yield Position(FINISHED, finished, 0.0, id_)


def _ended(
    db: sqlite3.Connection, column: str, owner: int, state: int, span: tuple[float, float], *, onward: bool
) -> Iterator[Position]:
    """List what one route or job has in one state, sorting what finished in one moment by id."""
    order = "finished, chunk" if onward else "finished DESC, chunk DESC"
    moment, gathered = None, list[str]()
    for finished, ids in db.execute(
        f"SELECT finished, ids FROM ended WHERE {column} = ? AND state = ? AND finished >= ? AND finished <= ?"  # noqa: S608 - constants
        f" ORDER BY {order}",
        (owner, state, *span),
    ):
        if finished != moment:
            yield from _positions(moment, gathered, onward=onward)
            moment, gathered = finished, []
        gathered += ids.split(",")
    yield from _positions(moment, gathered, onward=onward)


def _positions(moment: float | None, ids: list[str], *, onward: bool) -> Iterator[Position]:
    if moment is not None:
        for id_ in sorted(ids, reverse=not onward):
            yield Position(FINISHED, moment, 0.0, id_)


def _running(db: sqlite3.Connection, routes: list[int], *, onward: bool) -> list[Position]:
    # As many as workers hold now, so reading them all stays cheap however large the store is.
    ids = [id_ for route in routes for lease in leases.of_route(db, route) for id_ in lease.held]
    rows = db.execute(
        "SELECT f.rank, f.due, f.id FROM json_each(?) j CROSS JOIN firing f ON f.id = j.value",
        (as_json(ids),),
    )
    return sorted((_position(RUNNING, *row) for row in rows), reverse=not onward)


def _pending(
    db: sqlite3.Connection, routes: list[int], after: Position | None, *, onward: bool
) -> Iterator[Position]:
    return heapq.merge(
        *(_line(db, table, route, after, onward=onward) for route in routes for table in ("ready", "aimed")),
        reverse=not onward,
    )


def _line(
    db: sqlite3.Connection, table: str, route: int, after: Position | None, *, onward: bool
) -> Iterator[Position]:
    compared, order = (">", "rank, due, id") if onward else ("<", "rank DESC, due DESC, id DESC")
    place: tuple[Any, ...] = (-1, 0.0, "") if onward else (MAX_PRIORITY + 1, 0.0, "")
    if after is not None and after.group == PENDING:
        place = (MAX_PRIORITY + int(after.first), after.second, after.id)
    for row in db.execute(
        f"SELECT rank, due, id FROM {table} WHERE route = ? AND (rank, due, id) {compared} (?, ?, ?) ORDER BY {order}",  # noqa: S608 - constants
        (route, *place),
    ):
        yield _position(PENDING, *row)


def _position(group: int, rank: int, due: float, id_: str) -> Position:
    return Position(group, rank - MAX_PRIORITY, due, id_)


# --- rows -------------------------------------------------------------------------------------------


def _read(db: sqlite3.Connection, ids: list[str], moment: Moment) -> dict[str, Row]:
    found = db.execute(_ROWS, (as_json(ids),)).fetchall()
    unfinished = [(row[4], row[0]) for row in found if row[13] is None]
    waiting = _waiting(db, unfinished)
    held = reading.leases_of(db, [one for one in unfinished if one[1] not in waiting])
    names = {no: leases.holder_name(db, no) for no in {lease.holder for lease in held.values()}}
    return {row[0]: _row(row, held.get(row[0]), names, moment) for row in found}


def _waiting(db: sqlite3.Connection, unfinished: list[tuple[int, str]]) -> set[str]:
    if not unfinished:
        return set()
    rows = db.execute(
        "SELECT f.id FROM json_each(?) j CROSS JOIN firing f ON f.id = j.value WHERE"
        " EXISTS (SELECT 1 FROM ready r WHERE r.route = f.route AND r.rank = f.rank AND r.due = f.due AND r.id = f.id)"
        " OR EXISTS (SELECT 1 FROM aimed a WHERE a.route = f.route AND a.rank = f.rank AND a.due = f.due AND a.id = f.id)",
        (as_json(id_ for _, id_ in unfinished),),
    )
    return {row[0] for row in rows}


def _row(row: tuple[Any, ...], lease: leases.Lease | None, names: dict[int, str], moment: Moment) -> Row:
    (
        id_, queue, route, paused, _, rank, due, enqueued, expires, deaths, key, progress, body_size, done, began, finished,
        result_size, worker, job, label, error, took, tries, again,
    ) = row  # fmt: skip
    state, waits = State.PENDING, None
    attempts = tries + deaths
    if done is not None:
        state = State(STATES[done])
        attempts += began is not None
    elif lease is not None:
        state, began, worker = State.RUNNING, lease.claimed, names[lease.holder]
        attempts += 1
    else:
        waits = listing.waits_for(due=due, now=moment.now, paused=bool(paused), again=AGAIN[again])
    tags, schedule, parent = jobs.decoded(label)
    return Row(
        id=id_,
        queue=queue,
        route=route,
        job=job or "",
        tags=tags,
        state=state,
        waits=waits,
        priority=MAX_PRIORITY - rank,
        enqueued=enqueued,
        due=due,
        began=began,
        finished=finished,
        took=took,
        worker=worker,
        attempts=attempts,
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
