"""Going through running and pending firings in the order in which they are claimed."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from skunkqueue.persistence import listing
from skunkqueue.persistence.fdb import firings, keys, leases, lines
from skunkqueue.persistence.fdb.binding import KeyValue
from skunkqueue.persistence.fdb.ranges import lumps
from skunkqueue.persistence.fdb.records import TARGETS, Attempt, Entry, Lease, Route, with_attempt
from skunkqueue.persistence.fdb.routes import Place
from skunkqueue.persistence.fdb.transactions import Transaction
from skunkqueue.persistence.listing import Position

_FIRST, _MOST = 4, 500
"""Keys of a line read at once: at least, and at most."""

Values = Callable[[Sequence[KeyValue], int], list[tuple[bytes, bytes]]]
"""What reads values of a line, given its keys from a place on."""


class Live(NamedTuple):
    """A firing that runs or is pending."""

    id: str
    entry: Entry | None
    """As it is claimed; ``None``: it is too large for the line, and was not read. It may lack the body."""
    noted: bool
    """There may be an ``Attempt`` of it."""
    lease: tuple[int, Lease] | None
    attempt: Attempt | None = None
    """Where it was read."""
    size: int | None = None
    """Bytes of its body, which ``entry`` lacks."""


def position_of(group: int, entry: Entry) -> Position:
    """Return where a firing stands, given as it is claimed."""
    return Position(group, -entry.priority, entry.due, entry.id)


def running(
    tr: Transaction, queue: str | None, route: str | None, after: Position | None, *, onward: bool
) -> Iterator[tuple[Position, Live]]:
    """Go through what runs; as many as workers hold, so all are read."""
    before = tr.keys.lease_end
    if queue is not None:
        before += keys.name(queue) if route is None else keys.place(queue, route)
    pairs = tr.get_range(before, before + keys.END, snapshot=True)()
    held: dict[str, tuple[int, Lease]] = {}
    for token, lease in leases.by_tokens(tr, [keys.number_of(pair.key[-8:]) for pair in pairs]).items():
        if route in (None, lease.route):
            held.update(dict.fromkeys(lease.ids, (token, lease)))
    heads = firings.heads(tr, held)
    attempts = firings.attempts(tr, [id_ for id_, (_, lease) in held.items() if id_ in lease.noted])
    found = []
    for id_, head in heads.items():
        attempt = attempts.get(id_)
        claimed = with_attempt(head.entry, attempt)
        live = Live(id_, claimed, attempt is not None, held[id_], attempt, head.size)
        found.append((position_of(listing.RUNNING, claimed), live))
    for position, live in sorted(found, key=lambda one: one[0], reverse=not onward):
        if after is None or (position > after if onward else position < after):
            yield position, live


def pending(
    tr: Transaction, listed: Sequence[tuple[Place, Route]], after: Position | None, *, onward: bool, want: int
) -> Iterator[tuple[Position, Live]]:
    """Go through what is in line on some routes; ``want``: how many are needed, or more."""
    border = b""
    if after is not None:
        border = keys.rank(round(-after.first) if 0 <= -after.first <= 9 else 0) + keys.moment(after.second)
        border += keys.id_(after.id)
    tables: list[tuple[bytes, Values]] = []
    for place, found in listed:
        if not found.ranks:
            continue
        packed = keys.place(*place)
        tables.append((tr.keys.line + packed, _plain))
        if found.ranks & TARGETS:
            tables.append((tr.keys.target + packed, _targeted(tr, packed)))
    # One route has all that is needed; of several each has some, or one has most.
    first = max(want if len(tables) < 2 else 2 * want // len(tables), _FIRST)
    lists = [_line(tr, before, border, values, (first, want), onward=onward) for before, values in tables]
    for order, live in heapq.merge(*lists, key=lambda one: one[0], reverse=not onward):
        yield _position(order), live


def keyed(
    tr: Transaction, queues: Sequence[str], key: str, after: Position | None, *, onward: bool
) -> Iterator[tuple[Position, Live]]:
    """Go through what is pending under a key: one firing in each queue at most."""
    asked = [tr.snapshot.get(tr.keys.key + keys.name(queue) + keys.name(key)) for queue in queues]
    ids = [value.decode() for future in asked if (value := future.value) is not None]
    heads = firings.heads(tr, ids)
    attempts = firings.attempts(tr, heads)
    waiting = lines.pending(tr, {id_: (head.entry, attempts.get(id_)) for id_, head in heads.items()})
    found = []
    for id_ in waiting:
        attempt = attempts.get(id_)
        entry = with_attempt(heads[id_].entry, attempt)
        live = Live(id_, entry, attempt is not None, None, attempt, heads[id_].size)
        found.append((position_of(listing.PENDING, entry), live))
    for position, live in sorted(found, key=lambda one: one[0], reverse=not onward):
        if after is None or (position > after if onward else position < after):
            yield position, live


def _position(order: bytes) -> Position:
    priority = keys.priority(order[:1])
    id_ = order[keys.LINE_TAIL :].decode()
    return Position(listing.PENDING, -priority, keys.seconds(order[1:9]), id_)


def _plain(pairs: Sequence[KeyValue], start: int) -> list[tuple[bytes, bytes]]:
    return [(pair.key[start:], pair.value) for pair in pairs]


def _targeted(tr: Transaction, place: bytes) -> Values:
    """Read what is for one worker only from where it lies."""

    def read(pairs: Sequence[KeyValue], start: int) -> list[tuple[bytes, bytes]]:
        asked = [
            (pair.key[start:], tr.snapshot.get(tr.keys.targeted + pair.value + place + pair.key[start:]))
            for pair in pairs
        ]
        return [(order, future.value or b"") for order, future in asked]

    return read


def _line(
    tr: Transaction,
    before: bytes,
    border: bytes,
    values: Values,
    sizes: tuple[int, int],
    *,
    onward: bool,
) -> Iterator[tuple[bytes, Live]]:
    """Read a line from a place in it (RANK, DUE and ID) on: so many keys at first, and then; more and more after that."""
    begin, end = before, before + keys.END
    if border and onward:
        begin = before + border + b"\0"
    elif border:
        end = before + border
    first, second = (min(size, _MOST) for size in sizes)
    read = lumps(tr, begin, end, onward=onward, first=first, most=_MOST, second=second)
    return ((order, _live(order, value)) for pairs in read for order, value in values(pairs, len(before)))


def _live(order: bytes, value: bytes) -> Live:
    entry = lines.entry_of(value) if value else None
    noted = not value or value[:1] == lines.NOTED
    return Live(order[keys.LINE_TAIL :].decode(), entry, noted, None)
