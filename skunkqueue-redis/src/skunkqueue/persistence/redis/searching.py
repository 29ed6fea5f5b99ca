"""Finding the firings that a ``Query`` asks for, page by page, in the order of the line; and counting them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import msgspec

from skunkqueue.ids import ID_LENGTH
from skunkqueue.listings import Count, Query, Row, Rows
from skunkqueue.persistence import listing
from skunkqueue.persistence.listing import FINISHED, PENDING, RUNNING, Passed, Position
from skunkqueue.persistence.redis import route_pages, routes
from skunkqueue.persistence.redis.keys import quote
from skunkqueue.persistence.redis.labels import texts_of
from skunkqueue.persistence.redis.link import Link
from skunkqueue.persistence.redis.rows import Found, row_of
from skunkqueue.persistence.redis.scripts import load
from skunkqueue.persistence.redis.wire import or_false, reader
from skunkqueue.records import MAX_PRIORITY, MIN_PRIORITY, State

_ROWS, _RUNNING_IDS, _RUNNING_ROWS = map(load, ("rows", "running_ids", "running_rows"))
_SLICE = 512
"""Firings that one script looks at, so that it holds the server up for some milliseconds at most."""
_SLICE_PASSED = {"finished": 1_000, "pending": 1_500}
"""The same where the script itself passes over those that cannot match, which takes less time."""
_as_rows = reader(tuple[float, bool, list[float | str] | None, list[Found], int])
_as_ids_by_token = reader(list[tuple[str, str]])


def rows(link: Link, query: Query, limit: int, cursor: str | None) -> Rows:
    """Read a page of the firings that match; see ``Backend.rows``."""

    def walk(after: Position | None, *, onward: bool, want: int) -> listing.Look:
        return listing.look_through(_candidates(link, query, after, onward=onward, want=want), query, want)

    return listing.page_of(query, limit, cursor, walk)


def count(link: Link, query: Query, most: int) -> Count:
    """Count the firings that match; see ``Backend.count``."""
    counted = _counted(link, query)
    if counted is not None:
        exact = all(one.exact for one in counted.values())
        return Count(number=sum(one.number for one in counted.values()), exact=exact)
    found = _looked(link, query, most)
    return Count(number=len(found.rows), exact=found.ended)


def count_states(link: Link, query: Query, most: int) -> dict[State, Count]:
    """Count them by state; see ``Backend.count_states``."""
    counted = _counted(link, query)
    if counted is not None:
        return counted
    states = listing.states_of(query)
    groups = (
        tuple(state for state in states if state.final),
        *((state,) for state in states if not state.final),
    )
    result = {state: Count(number=0, exact=True) for state in State}
    for group in filter(None, groups):
        found = _looked(link, msgspec.structs.replace(query, states=group), most)
        for state in group:
            number = sum(row.state is state for row in found.rows)
            result[state] = Count(number=number, exact=found.ended)
    return result


def _counted(link: Link, query: Query) -> dict[State, Count] | None:
    """Return counts by state that are kept; ``None``: firings must be looked at."""
    if not listing.is_by_place_and_state(msgspec.structs.replace(query, job=None)) or query.job == "":
        return None
    sums, exact = dict.fromkeys(State, 0), True
    if query.job is None:
        for one in route_pages.busiest(link, query.queue, 0, query.route).queues:
            sums = {state: sums[state] + one.counts[state] for state in State}
    else:
        found = routes.counts_of_job(link, query.queue, query.route, query.job)
        if found is None:
            return None
        sums, exact = found
    wanted = listing.states_of(query)
    return {
        state: Count(number=sums[state], exact=exact) if state in wanted else Count(number=0, exact=True)
        for state in State
    }


def _looked(link: Link, query: Query, most: int) -> listing.Look:
    candidates = _candidates(link, query, None, onward=True, want=most)
    return listing.look_through(candidates, query, most + 1, most)


def _candidates(
    link: Link, query: Query, after: Position | None, *, onward: bool, want: int
) -> Iterator[Row | Passed]:
    """Go through the firings that may match, in the order of the line, from a position on."""
    states = listing.states_of(query)
    groups = {
        FINISHED: _finished if any(state.final for state in states) else None,
        RUNNING: _running if State.RUNNING in states else None,
        PENDING: _pending if State.PENDING in states else None,
    }
    for group in sorted(groups, reverse=not onward):
        walk = groups[group]
        if walk is None or (after is not None and (group < after.group if onward else group > after.group)):
            continue
        start = after if after is not None and after.group == group else None
        yield from walk(link, query, start, onward, want)


def _finished(
    link: Link,
    query: Query,
    start: Position | None,
    onward: bool,  # noqa: FBT001 - as the others are called
    want: int,
) -> Iterator[Row | Passed]:
    low, high = listing.finished_within(query)
    place: Sequence[float | str] | None = None if start is None else (start.first, start.id)
    states = [state.value for state in listing.states_of(query) if state.final]
    mark, job = _mark_of(query), query.job or None
    # What the index leads to has the rest.
    texts = texts_of(
        job if mark else None,
        None if mark == f"t:{query.tag}" else query.tag,
        query.schedule,
        None if mark == f"p:{query.parent}" else query.parent,
    )
    asked: tuple[object, ...] = (
        states,
        job or False,
        mark or False,
        or_false(low),
        or_false(high),
        False,
        texts,
        False,
        query.worker or False,
    )
    yield from _slices(link, "finished", query, place, asked, onward=onward, want=want)


def _pending(
    link: Link,
    query: Query,
    start: Position | None,
    onward: bool,  # noqa: FBT001 - as the others are called
    want: int,
) -> Iterator[Row | Passed]:
    place: Sequence[float | str] | None = None
    if start is not None:
        place = (MAX_PRIORITY + start.first, start.second, start.id)
    flag = "x" if query.error is not None else False
    key = False if query.key is None else query.key
    texts = texts_of(query.job, query.tag, query.schedule, query.parent)
    asked: tuple[object, ...] = ((), False, False, False, False, flag, texts, key, False)
    yield from _slices(link, "pending", query, place, asked, onward=onward, want=want)


def _slices(
    link: Link,
    kind: str,
    query: Query,
    place: Sequence[float | str] | None,
    asked: tuple[object, ...],
    *,
    onward: bool,
    want: int,
) -> Iterator[Row | Passed]:
    where = _where(query)
    *_, flag, texts, _, worker = asked
    most = _SLICE_PASSED[kind] if flag or texts or worker else _SLICE
    # At first as many as a page needs. Where few of them match, more at a time.
    first = min(want + 1, most)
    for size in itertools.chain((first, most - first % most), itertools.repeat(most)):
        reply = link.call(_ROWS, kind, *where, place or False, onward, size, *asked)
        now, ended, place, found, passed = _as_rows(reply)
        for one in found:
            yield row_of(one, now)
        if passed and place is not None:
            yield Passed(passed, _position_of(kind, place), more=not ended)
        if ended:
            return


def _running(
    link: Link,
    query: Query,
    start: Position | None,
    onward: bool,  # noqa: FBT001 - as the others are called
    want: int,
) -> Iterator[Row | Passed]:
    """Read all running firings, as only they themselves have their order. They are as many as workers hold."""
    del want
    # Where those stand that are passed over is not known, but all of them are read.
    far = Position(RUNNING, 1 - MIN_PRIORITY if onward else -1 - MAX_PRIORITY, 0.0, "")
    if start is not None and (start >= far if onward else start <= far):
        return
    rows, passed = [], 0
    texts = texts_of(query.job, query.tag, query.schedule, query.parent)
    for part in _parts(_as_ids_by_token(link.call(_RUNNING_IDS, *_where(query)))):
        now, _, _, found, unmatched = _as_rows(link.call(_RUNNING_ROWS, part, texts))
        rows += [row_of(one, now) for one in found]
        passed += unmatched
    for row in sorted(rows, key=listing.position_of, reverse=not onward):
        position = listing.position_of(row)
        if start is None or (position > start if onward else position < start):
            yield row
    if passed:
        yield Passed(passed, far)


def _position_of(kind: str, place: Sequence[float | str]) -> Position:
    if kind == "finished":
        finished, id_ = place
        return Position(FINISHED, float(finished), 0.0, str(id_))
    rank, due, id_ = place
    return Position(PENDING, float(rank) - MAX_PRIORITY, float(due), str(id_))


def _mark_of(query: Query) -> str | None:
    """Return the mark by which finished firings that match are found: the one that fewest firings have, as a rule."""
    if query.key is not None:
        return f"k:{query.key}"
    if query.parent is not None:
        return f"p:{query.parent}"
    if query.error is not None:
        return f"e:{query.error}"
    return None if query.tag is None else f"t:{query.tag}"


def _where(query: Query) -> tuple[str | bool, str | bool]:
    return (
        False if query.queue is None else quote(query.queue),
        False if query.route is None else quote(query.route),
    )


def _parts(held: list[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    """Divide running firings into parts that one script may look at."""
    part: list[tuple[str, str]] = []
    room = _SLICE
    for token, ids in held:
        for first in range(0, len(ids), _SLICE * ID_LENGTH):
            piece = ids[first : first + _SLICE * ID_LENGTH]
            part.append((token, piece))
            room -= len(piece) // ID_LENGTH
            if room <= 0:
                yield part
                part, room = [], _SLICE
    if part:
        yield part
