"""Finished firings that may match a query, in the order of finishing, from an index.

By the firing that fired them, or by word (tag, key, type of error), where the query has one, otherwise by route, state and job, merged.
"""

from __future__ import annotations

import heapq
import itertools
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any

from skunkqueue.listings import Query
from skunkqueue.persistence import listing
from skunkqueue.persistence.listing import Position
from skunkqueue.persistence.sqlite.schema import ERROR_TYPE, KEY, TAG
from skunkqueue.persistence.sqlite.searching_scope import Scope

_CHUNKS = 8
"""Chunks of finished firings read at once from each of the lists that are merged."""


def finished(
    db: sqlite3.Connection, query: Query, scope: Scope, after: Position | None, *, onward: bool
) -> Iterator[Position]:
    """List the positions of finished firings that may match."""
    since, until = listing.finished_within(query)
    low = float("-inf") if since is None else since
    high = float("inf") if until is None else until
    if after is not None:
        if onward:
            low = max(low, after.first)
        else:
            high = min(high, after.first)
    if not scope.finished:
        return
    places: Iterable[tuple[float, str]]
    if scope.parent is not None and query.key is None:
        places = _fired_by(db, scope.parent, low, high, onward=onward)
    else:
        for kind, text in ((KEY, query.key), (TAG, query.tag), (ERROR_TYPE, query.error)):
            if text is not None:
                places = _by_word(db, kind, text, low, high, onward=onward)
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


def _fired_by(
    db: sqlite3.Connection, parent: str, low: float, high: float, *, onward: bool
) -> Iterator[tuple[float, str]]:
    """Sort what a firing fired."""
    order = "ASC" if onward else "DESC"
    yield from db.execute(
        "SELECT d.finished, d.id FROM firing f INDEXED BY firing_by_parent CROSS JOIN done d ON d.id = f.id"  # noqa: S608 - constants
        " WHERE f.parent = ? AND d.finished >= ? AND d.finished <= ?"
        f" ORDER BY d.finished {order}, d.id {order}",
        (parent, low, high),
    )


def _by_chunk(
    db: sqlite3.Connection, scope: Scope, low: float, high: float, *, onward: bool
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
