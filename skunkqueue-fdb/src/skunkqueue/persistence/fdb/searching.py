"""Finding the firings that a ``Query`` asks for, page by page, in the order it names; and counting them.

A look through many takes several transactions, each of which goes on where the one before has come to: what stays as it is
is seen once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from skunkqueue.clock import monotonic
from skunkqueue.listings import MAX_LOOK, Count, Query, Row, Rows
from skunkqueue.persistence import listing
from skunkqueue.persistence.fdb import routes, searching_finished, searching_unfinished
from skunkqueue.persistence.fdb.ended import Found
from skunkqueue.persistence.fdb.records import Route
from skunkqueue.persistence.fdb.routes import Place
from skunkqueue.persistence.fdb.rows import Pauses, shown
from skunkqueue.persistence.fdb.searching_unfinished import Live
from skunkqueue.persistence.fdb.transactions import Link, Transaction
from skunkqueue.persistence.listing import Look, Passed, Position
from skunkqueue.records import State

_LONGEST = 1.0
"""Seconds that one transaction looks: after 5 it may read no more."""
_LUMP = 100


class _Scope(NamedTuple):
    """Where to look."""

    listed: list[tuple[Place, Route]]
    """Routes that the query is about."""
    states: tuple[State, ...]
    pauses: Pauses


def rows(link: Link, query: Query, limit: int, cursor: str | None) -> Rows:
    """Read a page."""

    def walk(after: Position | None, *, onward: bool, want: int) -> Look:
        return _look(link, query, after, onward=onward, want=want, most=MAX_LOOK)

    return listing.page_of(query, limit, cursor, walk)


def count(link: Link, query: Query, most: int) -> Count:
    """Count what matches: by the counts of routes where these say it, otherwise by looking."""
    if listing.is_by_place_and_state(query):
        counts = link.read(lambda tr: routes.counts_of(tr, query.queue, query.route))
        states = listing.states_of(query)
        return Count(number=sum(one[state] for one in counts.values() for state in states), exact=True)
    most = max(0, most)
    found = _look(link, query, None, onward=True, want=most + 1, most=most)
    return Count(number=len(found.rows), exact=found.ended)


def _look(link: Link, query: Query, after: Position | None, *, onward: bool, want: int, most: int) -> Look:
    found: list[Row] = []
    at, looked = after, 0
    while True:
        left = want - len(found)
        step = link.read(
            lambda tr, at=at, left=left, most=most - looked: _step(  # type: ignore[misc]
                tr, query, at, onward=onward, want=left, most=most
            )
        )
        found += step.rows
        looked += step.looked
        at = step.at or at
        if step.ended or len(found) >= want or looked >= most:
            return Look(found, at if looked else None, looked, ended=step.ended)


class _Timed:
    """Goes through candidates, for as long as a transaction may take."""

    def __init__(self, candidates: Iterator[Row | Passed], until: float) -> None:
        self._candidates = candidates
        self._until = until
        self.cut = False

    def __iter__(self) -> Iterator[Row | Passed]:
        for number, candidate in enumerate(self._candidates):
            if number and monotonic() > self._until:
                self.cut = True
                return
            yield candidate


def _step(
    tr: Transaction, query: Query, after: Position | None, *, onward: bool, want: int, most: int
) -> Look:
    until = monotonic() + _LONGEST
    scope = _scope(tr, query)
    candidates = _candidates(tr, query, scope, after, onward=onward, want=want)
    timed = _Timed(shown(tr, query, candidates, scope.pauses, min(max(want, 1), _LUMP)), until)
    found = listing.look_through(timed, query, want, most)
    return found._replace(ended=False) if timed.cut else found


def _scope(tr: Transaction, query: Query) -> _Scope:
    asked, queues = routes.ask_known(tr, query.queue, query.route), routes.ask_paused_queues(tr)
    listed = asked()
    paused = frozenset(place for place, found in listed if found.paused)
    return _Scope(listed, listing.states_of(query), Pauses(frozenset(queues()), paused))


def _candidates(
    tr: Transaction, query: Query, scope: _Scope, after: Position | None, *, onward: bool, want: int
) -> Iterator[tuple[Position, Live | Found]]:
    """Go through what may match, from one end of the line through time; ``want``: how many are needed, or more."""
    groups = (listing.FINISHED, listing.RUNNING, listing.PENDING)
    for group in groups if onward else reversed(groups):
        if after is not None and (group < after.group if onward else group > after.group):
            continue
        place = after if after is not None and after.group == group else None
        yield from _group(tr, query, scope, group, place, onward=onward, want=want)


def _group(
    tr: Transaction,
    query: Query,
    scope: _Scope,
    group: int,
    after: Position | None,
    *,
    onward: bool,
    want: int,
) -> Iterator[tuple[Position, Live | Found]]:
    if group == listing.FINISHED:
        final = [state for state in scope.states if state.final]
        if final:
            places = [place for place, _ in scope.listed]
            yield from searching_finished.positions(tr, query, places, final, after, onward=onward)
    elif group == listing.RUNNING:
        if State.RUNNING in scope.states:
            yield from searching_unfinished.running(tr, query.queue, query.route, after, onward=onward)
    elif State.PENDING in scope.states:
        if query.key is None:
            yield from searching_unfinished.pending(tr, scope.listed, after, onward=onward, want=want)
        else:
            queues = list(dict.fromkeys(place[0] for place, _ in scope.listed))
            yield from searching_unfinished.keyed(tr, queues, query.key, after, onward=onward)
