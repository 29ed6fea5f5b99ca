"""Going through finished firings in the order of finishing, by the index that suits a query."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, groupby, islice
from typing import NamedTuple

from skunkqueue.listings import Query
from skunkqueue.persistence import listing
from skunkqueue.persistence.fdb import ended, keys
from skunkqueue.persistence.fdb.binding import KeyValue
from skunkqueue.persistence.fdb.ended import Found
from skunkqueue.persistence.fdb.keys import Chunk
from skunkqueue.persistence.fdb.ranges import lumps
from skunkqueue.persistence.fdb.records import Ended, as_ended
from skunkqueue.persistence.fdb.routes import Place
from skunkqueue.persistence.fdb.transactions import Transaction
from skunkqueue.persistence.listing import Position
from skunkqueue.records import State

_FIRST, _MOST = 2, 64
"""Chunks of a route that are read at once: at first, and later. Keys that lead to chunks are read by the most at once."""
_FIRST_LED_TO = 4
"""Chunks that are read at first of those that keys lead to."""


class _Index(NamedTuple):
    """Chunks in the order of finishing: keys that begin with ``before`` and the time."""

    before: bytes
    chunk: Callable[[bytes], Chunk]
    """Make it from what follows ``before`` in a key."""
    holds: bool
    """The values are the chunks themselves."""


class _Where(NamedTuple):
    """What an index is chosen by, and from when to when."""

    query: Query
    places: Sequence[Place]
    states: Sequence[State]
    low: float
    high: float


class _Ref(NamedTuple):
    """A chunk, and its value if it was read with it."""

    finished: float
    chunk: Chunk
    value: bytes | None


def positions(
    tr: Transaction,
    query: Query,
    places: Sequence[Place],
    states: Sequence[State],
    after: Position | None,
    *,
    onward: bool,
) -> Iterator[tuple[Position, Found]]:
    """Go through finished firings that may match, beyond a position."""
    since, until = listing.finished_within(query)
    low = -math.inf if since is None else since
    high = math.inf if until is None else until
    if after is not None:
        low, high = (max(low, after.first), high) if onward else (low, min(high, after.first))
    found = _by_word(tr, query, low, high, onward=onward)
    if found is None:
        found = _by_chunk(tr, _Where(query, places, states, low, high), onward=onward)
    for one in found:
        position = Position(listing.FINISHED, one.chunk.finished, 0.0, one.item.id)
        if after is None or (position > after if onward else position < after):
            yield position, one


def _by_word(
    tr: Transaction, query: Query, low: float, high: float, *, onward: bool
) -> Iterator[Found] | None:
    for kind, text in (
        (keys.KEY, query.key),
        (keys.PARENT, query.parent),
        (keys.TAG, query.tag),
        (keys.ERROR, query.error),
    ):
        if text is not None:
            return _of_word(tr, tr.keys.word + kind + keys.name(text), low, high, onward=onward)
    return None


def _of_word(tr: Transaction, before: bytes, low: float, high: float, *, onward: bool) -> Iterator[Found]:
    kept: dict[bytes, Ended | None] = {}
    pairs = _read(tr, before, low, high, onward=onward)
    while lump := list(islice(pairs, _MOST)):
        wanted = {pair.value for pair in lump if pair.value not in kept}
        kept = {pair.value: kept[pair.value] for pair in lump if pair.value in kept}
        asked = {pointer: tr.snapshot.get(tr.keys.chunk + pointer) for pointer in wanted}
        for pointer, future in asked.items():
            value = future.value
            kept[pointer] = None if value is None else as_ended(value)
        for pair in lump:
            whole = kept[pair.value]
            id_ = pair.key[len(before) + 8 :].decode()
            for item in () if whole is None else whole.items:
                if whole is not None and item.id == id_:
                    yield Found(Chunk.of_pointer(pair.value), whole, ended.whole(item, whole))


def _by_chunk(tr: Transaction, where: _Where, *, onward: bool) -> Iterator[Found]:
    lists = [_refs(tr, index, where.low, where.high, onward=onward) for index in _indexes(tr, where)]
    refs = heapq.merge(*lists, key=lambda ref: ref.finished, reverse=not onward)
    for _, together in groupby(_with_values(tr, refs), key=lambda pair: pair[0].finished):
        found = [
            Found(chunk, whole, ended.whole(item, whole)) for chunk, whole in together for item in whole.items
        ]
        yield from sorted(found, key=lambda one: one.item.id, reverse=not onward)


def _indexes(tr: Transaction, where: _Where) -> Iterator[_Index]:
    """Choose where to look: among the chunks of a job, of routes, or of all."""
    query, states = where.query, where.states
    if query.job is not None:
        before = tr.keys.by_job + keys.name(query.job)
        yield _Index(before, _of_job, holds=False)
    elif query.queue is not None or query.route is not None:
        for place in where.places:
            for state in states:
                at = keys.place(*place)
                before = tr.keys.chunk + at + keys.LETTERS[state]
                yield _Index(before, _of_place(at + keys.LETTERS[state]), holds=True)
    else:
        for state in states:
            letter = keys.LETTERS[state]
            yield _Index(tr.keys.by_state + letter, _of_state(letter), holds=False)


def _of_job(rest: bytes) -> Chunk:
    return Chunk.of_tail_first(rest[8:9] + rest[:8] + rest[9:])


def _of_place(before: bytes) -> Callable[[bytes], Chunk]:
    return lambda rest: Chunk.of_pointer(before + rest)


def _of_state(letter: bytes) -> Callable[[bytes], Chunk]:
    return lambda rest: Chunk.of_tail_first(letter + rest)


def _refs(tr: Transaction, index: _Index, low: float, high: float, *, onward: bool) -> Iterator[_Ref]:
    def ref(pair: KeyValue) -> _Ref:
        chunk = index.chunk(pair.key[len(index.before) :])
        return _Ref(chunk.finished, chunk, pair.value if index.holds else None)

    first = _FIRST if index.holds else _MOST
    return map(ref, _read(tr, index.before, low, high, onward=onward, first=first))


def _read(
    tr: Transaction, before: bytes, low: float, high: float, *, onward: bool, first: int = _MOST
) -> Iterator[KeyValue]:
    """Read an index from end to end; from ``low`` to ``high``, both included."""
    begin, end = before + keys.moment(low), before + keys.moment(high) + keys.END
    return chain.from_iterable(lumps(tr, begin, end, onward=onward, first=first, most=_MOST))


def _with_values(tr: Transaction, refs: Iterator[_Ref]) -> Iterator[tuple[Chunk, Ended]]:
    """Read chunks, more and more at once."""
    size = _FIRST_LED_TO
    while lump := list(islice(refs, size)):
        asked = [
            (
                ref.chunk,
                ref.value,
                None if ref.value is not None else tr.snapshot.get(tr.keys.chunk + ref.chunk.pointer),
            )
            for ref in lump
        ]
        for chunk, held, future in asked:
            value = held if future is None else future.value
            if value is not None:
                yield chunk, as_ended(value)
        size = min(size * 4, _MOST)
