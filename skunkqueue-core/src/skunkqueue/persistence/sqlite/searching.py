"""Finding the firings that a ``Query`` asks for, page by page, in the order it names.

Finished firings come from an index: by word (tag, key, type of error) where the query has one, otherwise by route, state
and job, merged in the order of finishing. Running firings are as many as workers hold. Pending firings are read in line
order. Rows are read a lump at a time. SQLite drops rows that cannot match, and ``listing.matches`` decides.

Every function here sees one state of the store: its caller wraps it in ``snapshot``.
"""

from __future__ import annotations

import heapq
import itertools
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec

from skunkqueue.listings import MAX_LOOK, Count, Query, Row, Rows
from skunkqueue.persistence import listing
from skunkqueue.persistence.listing import Look, Position
from skunkqueue.persistence.sqlite import jobs, leases, routes
from skunkqueue.persistence.sqlite.rows import rows_at
from skunkqueue.persistence.sqlite.schema import ERROR_TYPE, FAILED, KEY, OTHER_JOBS, TAG, TAGGED
from skunkqueue.persistence.sqlite.statements import as_json
from skunkqueue.records import MAX_PRIORITY, State

_STATES = tuple(State)
_NO_SUCH_JOB = -4
"""Stands for a job that is not in the store, where a job's number is expected."""
_FINAL = tuple(number for number, state in enumerate(_STATES) if state.final)
_LUMP = 100
_LARGEST_LUMP = 1_000
_CHUNKS = 8
"""Chunks of finished firings read at once from each of the lists that are merged."""
_LINE = 200
"""Places in line that are read at once, at most; a page rarely needs more."""


class _Scope(NamedTuple):
    """Which routes, states and job a query allows, by their numbers."""

    routes: tuple[int, ...]
    states: tuple[State, ...]
    job: int | None
    """``None``: all."""
    live: tuple[int, ...]
    """Those of the routes that may have matching firings that are pending or running."""
    finished: tuple[tuple[int, int], ...]
    """Routes and states that may have matching firings."""


def rows(db: sqlite3.Connection, query: Query, limit: int, cursor: str | None, now: float) -> Rows:
    """Read a page."""
    scope = _scope(db, query)

    def walk(after: Position | None, *, onward: bool, want: int) -> Look:
        return _look(db, query, scope, after, onward=onward, want=want, most=MAX_LOOK, now=now)

    return listing.page_of(query, limit, cursor, walk)


def count(db: sqlite3.Connection, query: Query, most: int, now: float) -> Count:
    """Count what matches: by the counts of routes and jobs where these suffice, otherwise by looking at firings."""
    scope = _scope(db, query)
    if listing.is_by_place_and_state(msgspec.structs.replace(query, job=None)) and (
        scope.job is None or not _shares_its_count(db, scope)
    ):
        if scope.job is None:
            counts = routes.counts(db)
            number = sum(
                counts[route][state] for route in scope.routes if route in counts for state in scope.states
            )
        else:
            number = sum(
                one.counts[state]
                for one in routes.job_counts(db, query.queue, query.route, scope.job)
                for state in scope.states
            )
        return Count(number=number, exact=True)
    most = max(0, most)
    found = _look(db, query, scope, None, onward=True, want=most + 1, most=most, now=now)
    return Count(number=len(found.rows), exact=found.ended)


def _shares_its_count(db: sqlite3.Connection, scope: _Scope) -> bool:
    rows = db.execute("SELECT DISTINCT route FROM tally WHERE job = ?", (OTHER_JOBS,)).fetchall()
    return any(row[0] in scope.routes for row in rows)


# --- where to look --------------------------------------------------------------------------------


def _scope(db: sqlite3.Connection, query: Query) -> _Scope:
    """Find the routes and states that can have matching firings."""
    known = db.execute(
        "SELECT no FROM route WHERE (:queue IS NULL OR queue = :queue) AND (:route IS NULL OR name = :route)",
        {"queue": query.queue, "route": query.route},
    ).fetchall()
    wanted = {row[0] for row in known}
    states = listing.states_of(query)
    job = None if query.job is None else jobs.number(db, query.job)
    if query.job is not None and job is None:
        return _Scope((), states, _NO_SUCH_JOB, (), ())
    rows = db.execute(
        "SELECT route, sum(live), sum(complete), sum(error), sum(killed), sum(expired) FROM tally"
        " WHERE :job IS NULL OR job = :job OR job = :others GROUP BY route",
        {"job": job, "others": OTHER_JOBS},
    ).fetchall()
    counts = {row[0]: row for row in rows if row[0] in wanted}
    return _Scope(
        routes=tuple(wanted),
        states=states,
        job=job,
        live=tuple(route for route, row in counts.items() if row[1]),
        finished=tuple(
            (route, state)
            for route, row in counts.items()
            for state in _FINAL
            if row[state] and _STATES[state] in states
        ),
    )


def _look(
    db: sqlite3.Connection,
    query: Query,
    scope: _Scope,
    after: Position | None,
    *,
    onward: bool,
    want: int,
    most: int,
    now: float,
) -> Look:
    """Look at what may match, a lump at a time."""
    candidates = _candidates(db, query, scope, after, onward=onward)
    only, values = _conditions(query, scope)
    found: list[Row] = []
    at, looked, size = None, 0, max(1, min(want, _LUMP))
    while True:
        lump = list(itertools.islice(candidates, min(size, most - looked)))
        if not lump:
            break
        looked += len(lump)
        at = lump[-1][0]
        likely = [place for place, may_match in lump if may_match]
        by_id = rows_at(db, likely, only, values, now) if likely else {}
        for place in likely:
            row = by_id.get(place.id)
            if row is not None and listing.matches(row, query):
                found.append(row)
                if len(found) >= want:
                    return Look(found, place, looked, ended=False)
        size = min(size * 2, _LARGEST_LUMP)
    ended = looked < most or next(candidates, None) is None
    return Look(found, at, looked, ended=ended)


def _conditions(query: Query, scope: _Scope) -> tuple[str, list[Any]]:
    """Return SQL conditions that drop most of the rows that do not match."""
    found = [
        (text, value)
        for text, value in (
            ("f.job = ?", scope.job),
            ("f.key = ?", query.key),
            ("f.schedule = ?", query.schedule),
            ("h.name = ?", query.worker if set(scope.states) <= set(_STATES[2:]) else None),
        )
        if value is not None
    ]
    text = "".join(f" AND {condition}" for condition, _ in found)
    if query.tag is not None:
        text += " AND f.tags IS NOT NULL"
    if query.error is not None:
        text += " AND (d.error IS NOT NULL OR f.error IS NOT NULL)"
    return text, [value for _, value in found]


# --- candidates, in order -------------------------------------------------------------------------


def _candidates(
    db: sqlite3.Connection, query: Query, scope: _Scope, after: Position | None, *, onward: bool
) -> Iterator[tuple[Position, bool]]:
    """List the positions of what may match, and whether each does, as far as is known without its row."""
    groups = (listing.FINISHED, listing.RUNNING, listing.PENDING)
    for group in groups if onward else reversed(groups):
        if after is not None and (group < after.group if onward else group > after.group):
            continue
        place = after if after is not None and after.group == group else None
        if group == listing.FINISHED:
            yield from ((one, True) for one in _finished(db, query, scope, place, onward=onward))
        elif group == listing.RUNNING:
            if State.RUNNING in scope.states and scope.live:
                yield from ((one, True) for one in _running(db, scope, place, onward=onward))
        elif State.PENDING in scope.states and scope.live:
            if query.key is None:
                yield from _pending(db, query, scope, place, onward=onward)
            else:
                yield from ((one, True) for one in _keyed(db, query, place, onward=onward))


def _finished(
    db: sqlite3.Connection, query: Query, scope: _Scope, after: Position | None, *, onward: bool
) -> Iterator[Position]:
    since, until = query.finished or (None, None)
    low = float("-inf") if since is None else since
    high = float("inf") if until is None else until
    if after is not None:
        if onward:
            low = max(low, after.first)
        else:
            high = min(high, after.first)
    if not scope.finished:
        return
    for kind, text in ((KEY, query.key), (TAG, query.tag), (ERROR_TYPE, query.error)):
        if text is not None:
            places: Iterable[tuple[float, str]] = _by_word(db, kind, text, low, high, onward=onward)
            break
    else:
        places = _by_chunk(db, scope, low, high, onward=onward)
    beyond = None if after is None else (after.first, after.id)
    for place in places:
        if beyond is None or (place > beyond if onward else place < beyond):
            yield Position(listing.FINISHED, place[0], 0.0, place[1])


def _by_word(
    db: sqlite3.Connection, kind: int, text: str, low: float, high: float, *, onward: bool
) -> Iterator[tuple[float, str]]:
    order = "ASC" if onward else "DESC"
    yield from db.execute(
        "SELECT finished, id FROM word WHERE kind = ? AND text = ? AND finished >= ? AND finished <= ?"  # noqa: S608 - constants
        f" ORDER BY finished {order}, id {order}",
        (kind, text, low, high),
    )


def _by_chunk(
    db: sqlite3.Connection, scope: _Scope, low: float, high: float, *, onward: bool
) -> Iterator[tuple[float, str]]:
    """Merge the lists of each route and state; a chunk is split only when its turn comes."""
    lists = [_chunks(db, combination, scope.job, low, high, onward=onward) for combination in scope.finished]
    if scope.job is not None:
        lists += [
            _mixed_chunks(db, combination, scope.job, low, high, onward=onward)
            for combination in scope.finished
        ]
    chunks = heapq.merge(*lists, key=itemgetter(0), reverse=not onward)
    for finished, together in itertools.groupby(chunks, key=itemgetter(0)):
        ids = [id_ for chunk in together for id_ in chunk[2].split(",")]
        ids.sort(reverse=not onward)
        for id_ in ids:
            yield finished, id_


def _chunks(
    db: sqlite3.Connection,
    combination: tuple[int, int],
    job: int | None,
    low: float,
    high: float,
    *,
    onward: bool,
) -> Iterator[tuple[float, int, str]]:
    by_job, of = ("", ()) if job is None else ("job = ? AND ", (job,))
    index = "" if job is None else " INDEXED BY ended_by_job"
    sql = f"SELECT finished, chunk, ids FROM ended{index} WHERE {by_job}route = ? AND state = ?"  # noqa: S608 - constants
    yield from _in_order(db, sql, (*of, *combination), low, high, onward=onward)


def _mixed_chunks(
    db: sqlite3.Connection,
    combination: tuple[int, int],
    job: int,
    low: float,
    high: float,
    *,
    onward: bool,
) -> Iterator[tuple[float, int, str]]:
    """Read chunks of several jobs, and keep the firings of this one."""
    name = str(job)
    sql = (
        "SELECT finished, chunk, jobs, ids FROM mixed JOIN ended USING (route, state, finished, chunk)"
        " WHERE mixed.job = ? AND route = ? AND state = ?"
    )
    for finished, chunk, jobs_of, ids in _in_order(db, sql, (job, *combination), low, high, onward=onward):
        own = [id_ for of, id_ in zip(jobs_of.split(","), ids.split(","), strict=True) if of == name]
        if own:
            yield finished, chunk, ",".join(own)


def _in_order(
    db: sqlite3.Connection, sql: str, values: Sequence[Any], low: float, high: float, *, onward: bool
) -> Iterator[tuple[Any, ...]]:
    """Read chunks in the order of finishing, a few at a time."""
    order, beyond = ("ASC", ">") if onward else ("DESC", "<")
    sql += (
        f" AND finished >= ? AND finished <= ? AND (finished, chunk) {beyond} (?, ?)"
        f" ORDER BY finished {order}, chunk {order} LIMIT ?"
    )
    place: tuple[float, float] = (low, -1) if onward else (high, 1 << 62)
    size = 1
    while True:
        chunks = db.execute(sql, (*values, low, high, *place, size)).fetchall()
        yield from chunks
        if len(chunks) < size:
            return
        place = chunks[-1][:2]
        size = _CHUNKS


def _running(
    db: sqlite3.Connection, scope: _Scope, after: Position | None, *, onward: bool
) -> Iterator[Position]:
    # As many as workers hold now, so reading all of them stays cheap, however large the store is.
    ids = [id_ for route in scope.live for lease in leases.of_route(db, route) for id_ in lease.held]
    yield from _places(db, listing.RUNNING, ids, after, onward=onward)


def _keyed(
    db: sqlite3.Connection, query: Query, after: Position | None, *, onward: bool
) -> Iterator[Position]:
    """List what is pending under a key: at most one firing in each queue."""
    rows = db.execute(
        "SELECT k.id FROM (SELECT DISTINCT queue FROM route) r CROSS JOIN keyed k ON k.queue = r.queue AND k.key = ?",
        (query.key,),
    ).fetchall()
    running = {
        id_ for (ids,) in db.execute("SELECT ids FROM lease WHERE special & 1") for id_ in ids.split(",")
    }
    ids = [row[0] for row in rows if row[0] not in running]
    yield from _places(db, listing.PENDING, ids, after, onward=onward)


def _places(
    db: sqlite3.Connection, group: int, ids: Sequence[str], after: Position | None, *, onward: bool
) -> Iterator[Position]:
    rows = db.execute(
        "SELECT f.rank, f.due, f.id FROM json_each(?) j CROSS JOIN firing f ON f.id = j.value",
        (as_json(ids),),
    ).fetchall()
    for rank, due, id_ in sorted(rows, reverse=not onward):
        place = Position(group, rank - MAX_PRIORITY, due, id_)
        if after is None or (place > after if onward else place < after):
            yield place


def _pending(
    db: sqlite3.Connection, query: Query, scope: _Scope, after: Position | None, *, onward: bool
) -> Iterator[tuple[Position, bool]]:
    job = scope.job
    words = (TAGGED if query.tag is not None else 0) | (FAILED if query.error is not None else 0)
    ranks = range(MAX_PRIORITY + 1)
    for rank in ranks if onward else reversed(ranks):
        beyond = None
        if after is not None:
            at = MAX_PRIORITY + int(after.first)
            if rank < at if onward else rank > at:
                continue
            beyond = (after.second, after.id) if rank == at else None
        lines = [
            _line(db, table, route, rank, beyond, onward=onward, worded=words > 0)
            for route in scope.live
            for table in ("ready", "aimed")
        ]
        for due, id_, of, has in heapq.merge(*lines, reverse=not onward):
            place = Position(listing.PENDING, rank - MAX_PRIORITY, due, id_)
            yield place, (job is None or of == job) and has & words == words


def _line(
    db: sqlite3.Connection,
    table: str,
    route: int,
    rank: int,
    beyond: tuple[float, str] | None,
    *,
    onward: bool,
    worded: bool,
) -> Iterator[tuple[float, str, int, int]]:
    """List places in line; ``worded``: only of firings with tags or errors, by their index."""
    order, sign = ("ASC", ">") if onward else ("DESC", "<")
    index, only = (f" INDEXED BY {table}_by_words", " AND words > 0") if worded else ("", "")
    place: tuple[float, str] = beyond or ((float("-inf"), "") if onward else (float("inf"), "~"))
    size = 1
    while True:
        found = db.execute(
            f"SELECT due, id, job, words FROM {table}{index} WHERE route = ? AND rank = ? AND (due, id) {sign} (?, ?){only}"  # noqa: S608 - constants
            f" ORDER BY due {order}, id {order} LIMIT ?",
            (route, rank, *place, size),
        ).fetchall()
        yield from found
        if len(found) < size:
            return
        place = found[-1][:2]
        size = min(4 * size, _LINE)
