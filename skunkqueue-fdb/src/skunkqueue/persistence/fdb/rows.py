"""Rows of firings, as listings show them, put together from the values that have their parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from skunkqueue.listings import Query, Row
from skunkqueue.persistence import listing
from skunkqueue.persistence.fdb import blobs, firings
from skunkqueue.persistence.fdb.ended import Found
from skunkqueue.persistence.fdb.firings import Head
from skunkqueue.persistence.fdb.records import NO_ATTEMPT, Attempt, record_of
from skunkqueue.persistence.fdb.searching_unfinished import Live
from skunkqueue.persistence.fdb.transactions import Transaction
from skunkqueue.persistence.listing import Passed, Position
from skunkqueue.records import State


class Pauses(NamedTuple):
    """What is paused."""

    queues: frozenset[str]
    routes: frozenset[tuple[str, str]]

    def hold(self, place: tuple[str, str]) -> bool:
        """Return whether nothing is claimed from a route."""
        return place[0] in self.queues or place in self.routes


def may_match(query: Query, one: Live | Found) -> bool:
    """Return whether a firing can match, as far as is known without reading it."""
    if isinstance(one, Found):
        return _ended_may_match(query, one)
    entry = one.entry
    if entry is None:
        return True
    return (
        query.queue in (None, entry.queue)
        and query.route in (None, entry.route)
        and query.job in (None, entry.job)
        and query.key in (None, entry.key)
        and query.schedule in (None, entry.schedule)
        and query.parent in (None, entry.parent)
        and (query.tag is None or query.tag in entry.tags)
        and (query.error is None or one.noted)
        and (query.worker is None or one.noted or one.lease is not None)
    )


def _ended_may_match(query: Query, one: Found) -> bool:
    item, chunk = one.item, one.chunk
    worker = one.ended.worker if item.worker is None else item.worker
    return (
        (not query.states or chunk.state in query.states)
        and ((query.queue is None and query.route is None) or _is_at(query, chunk.queue_and_route))
        and query.job in (None, item.job)
        and query.key in (None, item.key)
        and query.worker in (None, worker)
        and (query.parent is None or item.parent in (None, query.parent))
        and (query.tag is None or query.tag in item.tags)
        and (query.error is None or listing.error_type(item.error) == query.error)
    )


def _is_at(query: Query, place: tuple[str, str]) -> bool:
    return query.queue in (None, place[0]) and query.route in (None, place[1])


def shown(
    tr: Transaction,
    query: Query,
    candidates: Iterable[tuple[Position, Live | Found]],
    pauses: Pauses,
    size: int,
) -> Iterator[Row | Passed]:
    """Read the rows of firings, some at once; those that cannot match are passed."""
    lump: list[tuple[Position, Live | Found | None]] = []
    likely = 0
    for position, one in candidates:
        is_likely = may_match(query, one)
        lump.append((position, one if is_likely else None))
        likely += is_likely
        if likely >= size or len(lump) >= _LARGEST:
            yield from _rows(tr, lump, pauses)
            lump, likely, size = [], 0, min(size * 2, _LARGEST)
    yield from _rows(tr, lump, pauses)


_LARGEST = 400
"""Firings read at once."""


def _rows(
    tr: Transaction, lump: Sequence[tuple[Position, Live | Found | None]], pauses: Pauses
) -> Iterator[Row | Passed]:
    ids = [position.id for position, one in lump if one is not None]
    whole = {one.id for _, one in lump if isinstance(one, Live) and one.entry is not None}
    plain = {one.id for _, one in lump if isinstance(one, Live) and not one.noted}
    running = {one.id for _, one in lump if isinstance(one, Live) and one.lease is not None}
    asked_attempts = firings.ask_attempts(tr, [id_ for id_ in ids if id_ not in plain])
    # What was only ever put in has made no progress.
    asked_progress = blobs.ask_each(
        tr, tr.keys.progress, [id_ for id_ in ids if id_ not in plain or id_ in running]
    )
    heads = firings.heads(tr, [id_ for id_ in ids if id_ not in whole])
    attempts, progress = asked_attempts(), asked_progress()
    for position, one in lump:
        head = heads.get(position.id)
        if head is None and isinstance(one, Live) and one.entry is not None:
            head = Head(one.entry, len(one.entry.body) if one.size is None else one.size)
        if one is None or head is None:
            yield Passed(1, position)
            continue
        row = _row_of(head, attempts.get(position.id), one, tr.now, paused=pauses.hold(head.entry.place))
        reported = progress.get(position.id)
        yield row if reported is None else replace(row, progress=listing.numbers_of(reported))


def _row_of(head: Head, attempt: Attempt | None, one: Live | Found, now: float, *, paused: bool) -> Row:
    """Put a row together, without the progress."""
    entry = head.entry
    known = attempt or NO_ATTEMPT
    attempts, waits, size = known.attempts + known.deaths, None, 0
    if isinstance(one, Found):
        item, state = one.item, one.chunk.state
        record = record_of(entry, attempt, state, ended=(one.ended, item, one.chunk.finished))
        attempts += item.took is not None
        size = item.result_size
    elif one.lease is not None:
        record = record_of(entry, attempt, State.RUNNING, lease=one.lease, now=now)
        attempts += 1
    else:
        record = record_of(entry, attempt, State.PENDING)
        waits = listing.waits_for(due=record.due, now=now, paused=paused, again=known.again)
    return Row(
        id=record.id,
        queue=record.queue,
        route=record.route,
        job=record.job,
        tags=record.tags,
        state=record.state,
        waits=waits,
        priority=record.priority,
        enqueued=record.enqueued,
        due=record.due,
        began=record.began,
        finished=record.finished,
        took=record.took,
        worker=record.worker,
        attempts=attempts,
        deaths=record.deaths,
        key=record.key,
        schedule=record.schedule,
        parent=record.parent,
        progress=None,
        error=record.error,
        body_size=head.size,
        result_size=size,
        expires=record.expires,
    )
