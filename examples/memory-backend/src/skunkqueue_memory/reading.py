"""What people and programs read: firings by id, pages, routes, rows, counts and results.

Everything is found by looking at all there is: a real store asks an index.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from msgspec.structs import replace

from skunkqueue.listings import Count, JobCount, Query, Result, Row, Rows
from skunkqueue.persistence import listing, rules
from skunkqueue.persistence.backend import MAX_PAGE
from skunkqueue.records import Page, Record, RouteInfo, State
from skunkqueue_memory.store import Store


def get(store: Store, ids: Sequence[str]) -> list[Record | None]:
    """Read firings."""
    now = store.now()
    entries = [store.shelf.entries.get(id_) for id_ in ids]
    return [entry.record(now) if entry is not None else None for entry in entries]


def find(store: Store, prefix: str, limit: int) -> list[str]:
    """Look through all ids; a real store asks an index."""
    return sorted(id_ for id_ in store.shelf.entries if id_.startswith(prefix))[:limit]


def page(store: Store, queue: str, route: str, state: State, *, limit: int, after: str | None) -> Page:
    """List what comes after the cursor, which is the sort key of the last record of the page before."""
    start = rules.place_in(after, state, (float, float, str)) if after is not None else None
    limit = min(limit, MAX_PAGE)
    now = store.now()
    entries = [
        entry
        for entry in store.shelf.entries.values()
        if entry.place == (queue, route) and entry.state is state and (start is None or entry.order > start)
    ]
    entries.sort(key=lambda entry: entry.order)
    shown = entries[:limit]
    cursor = rules.cursor_after(state, shown[-1].order) if len(entries) > limit else None
    return Page(records=tuple(entry.record(now) for entry in shown), next=cursor)


def routes(store: Store, queue: str | None) -> list[RouteInfo]:
    """List routes with their counts, which are kept up to date all the time."""
    paused = {(name, route) for name, routes in store.paused.items() for route in routes if route}
    known = sorted({*store.shelf.counts, *paused})
    return [
        RouteInfo(
            queue=place[0],
            route=place[1],
            paused=store.is_paused(place),
            counts={state: store.shelf.counts[place][state] for state in State},
            oldest_due=min((entry.due for entry in store.shelf.pending(place)), default=None),
        )
        for place in known
        if queue in (None, place[0])
    ]


def rows(store: Store, query: Query, limit: int, cursor: str | None) -> Rows:
    """List a page of firings that match."""
    rows = _rows(store, query)

    def walk(after: listing.Position | None, *, onward: bool, want: int) -> listing.Look:
        beyond = (
            row
            for row in sorted(rows, key=listing.position_of, reverse=not onward)
            if after is None or _lies_beyond(listing.position_of(row), after, onward=onward)
        )
        return listing.look_through(beyond, query, want)

    return listing.page_of(query, limit, cursor, walk)


def count(store: Store, query: Query, most: int) -> Count:
    """Count what matches; where the running totals tell it, no firing is looked at."""
    if listing.is_by_place_and_state(query):
        number = sum(
            store.shelf.counts[queue, route][state]
            for queue, route in list(store.shelf.counts)
            if query.queue in (None, queue) and query.route in (None, route)
            for state in listing.states_of(query)
        )
        return Count(number=number, exact=True)
    found = listing.look_through(_rows(store, query), query, most + 1, most)
    return Count(number=len(found.rows), exact=found.ended)


def job_counts(store: Store, queue: str | None, route: str | None) -> list[JobCount]:
    """Count by job and state."""
    found: defaultdict[tuple[str, str, str], Counter[State]] = defaultdict(Counter)
    for entry in store.shelf.entries.values():
        name = store.shelf.tallies.name_of(entry.place, entry.firing.job)
        found[entry.firing.queue, entry.firing.route, name][entry.state] += 1
    return [
        JobCount(queue=at, route=on, job=job, counts={state: counts[state] for state in State})
        for (at, on, job), counts in sorted(found.items(), key=lambda item: item[0])
        if queue in (None, at) and route in (None, on)
    ]


def results(store: Store, ids: Sequence[str]) -> list[Result | None]:
    """Read how firings ended."""
    entries = [store.shelf.entries.get(id_) for id_ in ids]
    return [entry.ended() if entry is not None else None for entry in entries]


def _rows(store: Store, query: Query) -> list[Row]:
    """Return the live firings, and the finished ones that a real store would find by its indexes."""
    now = store.now()
    finished = listing.finished_within(query)
    indexed = replace(query, schedule=None, worker=None, enqueued=None, due=None, finished=finished)
    rows = [entry.row(now, paused=store.is_paused(entry.place)) for entry in store.shelf.entries.values()]
    states = listing.states_of(query)
    return [
        row for row in rows if row.state in states and (not row.state.final or listing.matches(row, indexed))
    ]


def _lies_beyond(position: listing.Position, after: listing.Position, *, onward: bool) -> bool:
    return position > after if onward else position < after
