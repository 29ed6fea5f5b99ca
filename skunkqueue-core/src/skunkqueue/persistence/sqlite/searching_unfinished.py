"""Running and pending firings that may match a query: the running ones from their leases, the pending ones in line order."""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterator, Sequence

from skunkqueue.listings import Query
from skunkqueue.persistence import listing
from skunkqueue.persistence.listing import Position
from skunkqueue.persistence.sqlite import leases
from skunkqueue.persistence.sqlite.schema import FAILED, TAGGED
from skunkqueue.persistence.sqlite.searching_scope import Scope
from skunkqueue.persistence.sqlite.statements import as_json
from skunkqueue.records import MAX_PRIORITY

_LINE = 200
"""Places in line that are read at once, at most; a page rarely needs more."""

_FEW = 50
"""Routes that are looked at one by one."""
# From one route and rank to the next by the index, which is as many steps as there are of these.
_PAIRS = (
    "WITH RECURSIVE pair(one) AS (SELECT (SELECT route * 16 + rank FROM {table} ORDER BY route, rank LIMIT 1) UNION ALL"
    " SELECT (SELECT route * 16 + rank FROM {table} WHERE (route, rank) > (pair.one >> 4, pair.one & 15)"
    " ORDER BY route, rank LIMIT 1) FROM pair WHERE pair.one IS NOT NULL) SELECT one FROM pair"
)


def running(
    db: sqlite3.Connection, scope: Scope, after: Position | None, *, onward: bool
) -> Iterator[Position]:
    """List the positions of firings that run."""
    # As many as workers hold now, so reading all of them stays cheap, however large the store is.
    busy = {row[0] for row in db.execute("SELECT DISTINCT route FROM lease").fetchall()}
    ids = [
        id_
        for route in scope.live
        if route in busy
        for lease in leases.of_route(db, route)
        for id_ in lease.held
    ]
    yield from _places(db, listing.RUNNING, ids, after, onward=onward)


def keyed(
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


def fired_by(
    db: sqlite3.Connection, parent: str, after: Position | None, *, onward: bool
) -> Iterator[Position]:
    """List what is pending of what a firing fired."""
    running = {id_ for (ids,) in db.execute("SELECT ids FROM lease") for id_ in ids.split(",")}
    order, sign = ("ASC", ">") if onward else ("DESC", "<")
    beyond: tuple[float, float, str] = (-1, 0.0, "") if onward else (MAX_PRIORITY + 1, 0.0, "")
    if after is not None:
        beyond = (MAX_PRIORITY + after.first, after.second, after.id)
    found = db.execute(
        "SELECT f.rank, f.due, f.id FROM firing f INDEXED BY firing_by_parent"  # noqa: S608 - constants
        f" WHERE f.parent = ? AND (f.rank, f.due, f.id) {sign} (?, ?, ?)"
        " AND NOT EXISTS (SELECT 1 FROM done d WHERE d.id = f.id)"
        f" ORDER BY f.rank {order}, f.due {order}, f.id {order}",
        (parent, *beyond),
    )
    for rank, due, id_ in found:
        if id_ not in running:
            yield Position(listing.PENDING, rank - MAX_PRIORITY, due, id_)


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


def pending(
    db: sqlite3.Connection, query: Query, scope: Scope, after: Position | None, *, onward: bool
) -> Iterator[tuple[Position, bool]]:
    """List the positions in line, and whether the firing at each can match, as far as the line tells."""
    job = scope.job
    words = (TAGGED if query.tag is not None else 0) | (FAILED if query.error is not None else 0)
    ranks = range(MAX_PRIORITY + 1)
    tables = {table: _lines_of(db, table, scope.live) for table in ("ready", "aimed")}
    for rank in ranks if onward else reversed(ranks):
        beyond = None
        if after is not None:
            at = MAX_PRIORITY + int(after.first)
            if rank < at if onward else rank > at:
                continue
            beyond = (after.second, after.id) if rank == at else None
        lines = [
            _line(db, table, route, rank, beyond, onward=onward, worded=words > 0)
            for table, known in tables.items()
            for route in scope.live
            if known is None or (route, rank) in known
        ]
        for due, id_, of, has in heapq.merge(*lines, reverse=not onward):
            place = Position(listing.PENDING, rank - MAX_PRIORITY, due, id_)
            yield place, (job is None or of == job) and has & words == words


def _lines_of(db: sqlite3.Connection, table: str, live: Sequence[int]) -> set[tuple[int, int]] | None:
    """List the routes and ranks that have something in line; ``None``: there are so few routes that each is looked at."""
    if len(live) <= _FEW:
        return None
    return {(one >> 4, one & 15) for (one,) in db.execute(_PAIRS.format(table=table)) if one is not None}


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
