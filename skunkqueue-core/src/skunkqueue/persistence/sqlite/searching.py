"""Finding the firings that a ``Query`` asks for, page by page, in the order it names.

Finished ones come from ``searching_finished``, running and pending ones from ``searching_unfinished``. Rows are read a lump at
a time. SQLite drops rows that cannot match, and ``listing.matches`` decides.

All of one answer is read from one state of the store. Only a search by job has what ended sorted by job before.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import msgspec

from skunkqueue.listings import MAX_LOOK, Count, Query, Row, Rows
from skunkqueue.persistence import listing
from skunkqueue.persistence.listing import Look, Position
from skunkqueue.persistence.sqlite import route_pages, routes
from skunkqueue.persistence.sqlite.rows import rows_at
from skunkqueue.persistence.sqlite.schema import OTHER_JOBS
from skunkqueue.persistence.sqlite.searching_finished import finished
from skunkqueue.persistence.sqlite.searching_scope import Scope, of_page, scope_of
from skunkqueue.persistence.sqlite.searching_unfinished import fired_by, keyed, pending, running
from skunkqueue.persistence.sqlite.store import Store
from skunkqueue.records import State

T = TypeVar("T")

_STATES = tuple(State)
_LUMP = 100
_LARGEST_LUMP = 1_000


def rows(store: Store, query: Query, limit: int, cursor: str | None) -> Rows:
    """Read a page; see ``Backend.rows``."""
    now = store.clock.now()

    def page(db: sqlite3.Connection) -> Rows:
        scope = of_page(db, scope_of(db, query))

        def walk(after: Position | None, *, onward: bool, want: int) -> Look:
            return _look(db, query, scope, after, onward=onward, want=want, most=MAX_LOOK, now=now)

        return listing.page_of(query, limit, cursor, walk)

    return _read(store, query, page)


def count(store: Store, query: Query, most: int) -> Count:
    """Count what matches: by the counts of routes and jobs where these suffice, otherwise by looking at firings."""
    counted = _counted(store, query)
    if counted is not None:
        return Count(number=sum(counted.values()), exact=True)
    limit = max(0, most)
    now = store.clock.now()

    def number(db: sqlite3.Connection) -> Count:
        found = _look(db, query, scope_of(db, query), None, onward=True, want=limit + 1, most=limit, now=now)
        return Count(number=len(found.rows), exact=found.ended)

    return _read(store, query, number)


def count_states(store: Store, query: Query, most: int) -> dict[State, Count]:
    """Do so by state; the finished ones of all states are looked at together."""
    counted = _counted(store, query)
    if counted is not None:
        return {state: Count(number=counted.get(state, 0), exact=True) for state in State}
    limit = max(0, most)
    now = store.clock.now()
    wanted = listing.states_of(query)
    groups = (
        tuple(state for state in wanted if state.final),
        *((state,) for state in wanted if not state.final),
    )

    def numbers(db: sqlite3.Connection) -> dict[State, Count]:
        result = {state: Count(number=0, exact=True) for state in State}
        for states in filter(None, groups):
            part = msgspec.structs.replace(query, states=states)
            found = _look(
                db, part, scope_of(db, part), None, onward=True, want=limit + 1, most=limit, now=now
            )
            for state in states:
                number = sum(row.state is state for row in found.rows)
                result[state] = Count(number=number, exact=found.ended)
        return result

    return _read(store, query, numbers)


def _read(store: Store, query: Query, operation: Callable[[sqlite3.Connection], T]) -> T:
    """Look at firings; only to find those of a job, what ended has to be sorted."""
    return store.read(operation) if query.job is None else store.read_sorted(operation)


def _counted(store: Store, query: Query) -> dict[State, int] | None:
    """Return counts by state that are kept, for which nothing has to be sorted; ``None``: firings must be looked at."""
    if not listing.is_by_place_and_state(msgspec.structs.replace(query, job=None)):
        return None
    return store.read(lambda db: _kept_counts(db, query, scope_of(db, query)))


def _kept_counts(db: sqlite3.Connection, query: Query, scope: Scope) -> dict[State, int] | None:
    if scope.job is not None and _shares_its_count(db, scope):
        return None
    if scope.job is None and query.route is None:
        found = [one.counts for one in route_pages.sums(db, query.queue)]
    elif scope.job is None:
        counts = routes.counts(db, scope.routes)
        found = [counts[route] for route in scope.routes if route in counts]
    else:
        found = [one.counts for one in routes.job_counts(db, query.queue, query.route, scope.job)]
    return {state: sum(one[state] for one in found) for state in scope.states}


def _shares_its_count(db: sqlite3.Connection, scope: Scope) -> bool:
    rows = db.execute("SELECT DISTINCT route FROM tally WHERE job = ?", (OTHER_JOBS,)).fetchall()
    return any(row[0] in scope.routes for row in rows)


def _look(
    db: sqlite3.Connection,
    query: Query,
    scope: Scope,
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
        at = lump[-1][0]
        likely = [place for place, may_match in lump if may_match]
        by_id = rows_at(db, likely, only, values, now) if likely else {}
        for number, (place, _) in enumerate(lump, 1):
            row = by_id.get(place.id)
            if row is not None and listing.matches(row, query):
                found.append(row)
                if len(found) >= want:
                    return Look(found, place, looked + number, ended=False)
        looked += len(lump)
        size = min(size * 2, _LARGEST_LUMP)
    ended = looked < most or next(candidates, None) is None
    return Look(found, at, looked, ended=ended)


def _conditions(query: Query, scope: Scope) -> tuple[str, list[Any]]:
    """Return SQL conditions that drop most of the rows that do not match."""
    found = [
        (text, value)
        for text, value in (
            ("f.job = ?", scope.job),
            ("f.key = ?", query.key),
            ("f.schedule = ?", query.schedule),
            ("f.parent = ?", query.parent),
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
    db: sqlite3.Connection, query: Query, scope: Scope, after: Position | None, *, onward: bool
) -> Iterator[tuple[Position, bool]]:
    """List the positions of what may match, and whether each does, as far as is known without its row."""
    groups = (listing.FINISHED, listing.RUNNING, listing.PENDING)
    for group in groups if onward else reversed(groups):
        if after is not None and (group < after.group if onward else group > after.group):
            continue
        place = after if after is not None and after.group == group else None
        if group == listing.FINISHED:
            yield from ((one, True) for one in finished(db, query, scope, place, onward=onward))
        elif group == listing.RUNNING:
            if State.RUNNING in scope.states and scope.live:
                yield from ((one, True) for one in running(db, scope, place, onward=onward))
        elif State.PENDING in scope.states and scope.live:
            if query.key is not None:
                yield from ((one, True) for one in keyed(db, query, place, onward=onward))
            elif query.parent is not None:
                yield from ((one, True) for one in fired_by(db, query.parent, place, onward=onward))
            else:
                yield from pending(db, query, scope, place, onward=onward)
