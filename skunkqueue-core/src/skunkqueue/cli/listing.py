"""Firings of many routes and states as one list, merged from the pages that a store gives. Prints nothing.

A store lists one state of one route at a time. Here the running ones of all routes come first, in the order of
the line (priority, then due time); then the pending ones in that order; then the finished ones of every state,
newest first. Only a part of each page is in memory at a time.
"""

from __future__ import annotations

import base64
import binascii
import heapq
import json
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from skunkqueue.cli.rows import CursorError
from skunkqueue.records import State

if TYPE_CHECKING:
    from skunkqueue.cli.filters import Filter
    from skunkqueue.listings import Row
    from skunkqueue.persistence.backend import Backend
    from skunkqueue.records import Record

LISTING_PAGE = 500
"""Firings asked of the store at once, over all routes together."""
SMALLEST_PAGE = 10
"""Firings asked of one route at once, where there are many routes."""
GROUPS: tuple[tuple[State, ...], ...] = (
    (State.RUNNING,),
    (State.PENDING,),
    (State.ERROR, State.KILLED, State.EXPIRED, State.COMPLETE),
)
"""What is merged, in the order in which people want to see it."""

Key = tuple[float, ...]


class Place(NamedTuple):
    """One state of one route."""

    queue: str
    route: str
    state: State


class Listing:
    """Firings of several places, merged; read it once, from its beginning to its end."""

    def __init__(
        self, store: Backend, places: Mapping[Place, int], after: str | None, limit: int | None
    ) -> None:
        """``places`` says how many firings are in each; those where none is are not asked for any.

        ``after`` is the ``following`` of another listing of the same places. Raises CursorError.
        """
        self._store = store
        self._places = places
        self._limit = limit
        self._start = _Cursor() if after is None else _read_cursor(after, places)
        self.following: str | None = None
        """Where another listing can go on, once this one is read to its end; ``None``: nothing is left."""

    def __iter__(self) -> Iterator[Record]:
        left, start = self._limit, self._start
        for number in range(start.group, len(GROUPS)):
            sources = self._sources(number, start)
            heads = [(source.key, at) for at, source in enumerate(sources) if source.head is not None]
            heapq.heapify(heads)
            while heads:
                if left == 0:
                    self.following = _cursor(number, sources, start)
                    return
                key, at = heads[0]
                yield sources[at].take()
                start = start._replace(key=key)
                if left is not None:
                    left -= 1
                if sources[at].head is None:
                    heapq.heappop(heads)
                else:
                    heapq.heapreplace(heads, (sources[at].key, at))
            start = _Cursor()

    def _sources(self, number: int, start: _Cursor) -> list[_Source]:
        places = [place for place, count in self._places.items() if count and place.state in GROUPS[number]]
        wanted = LISTING_PAGE if self._limit is None else min(self._limit + 1, LISTING_PAGE)
        size = min(max(2 * wanted // max(len(places), 1), SMALLEST_PAGE), wanted)
        sources = [_Source(self._store, place, size) for place in places]
        if start.key is not None:
            at = {mark.place: mark for mark in start.marks}
            for source in sources:
                source.go_on(start.key, at.get(source.place))
        return sources


class OlderRows:
    """What ``rows.Listing`` is, of a store that lists records only: no filter but queue, route and states."""

    def __init__(
        self, store: Backend, wanted: Filter, states: Sequence[str], after: str | None, limit: int | None
    ) -> None:
        routes = [info for info in store.routes(wanted.queue) if wanted.route in (None, info.route)]
        self._paused = {(info.queue, info.route) for info in routes if info.paused}
        self._now = store.now()
        places = {
            Place(info.queue, info.route, state): info.counts.get(state, 0)
            for info in routes
            for state in map(State, states)
        }
        self._listing = Listing(store, places, after, limit)
        self.looked = self.read = 0
        self.is_cut = False

    @property
    def following(self) -> str | None:
        """As that of ``Listing``."""
        return self._listing.following

    def __iter__(self) -> Iterator[Row]:
        for record in self._listing:
            self.looked += 1
            yield row_of(record, self._now, paused=(record.queue, record.route) in self._paused)


class _Mark(NamedTuple):
    """How far a listing has come in one place."""

    place: Place
    page: str | None
    """The store's cursor of the page it is in; ``None``: the first one."""
    last: str | None
    """The id of the firing that came last, where others may have its key."""


class _Cursor(NamedTuple):
    """How far a listing has come."""

    group: int = 0
    key: Key | None = None
    """Of the firing that came last; ``None``: none of this group has come."""
    marks: tuple[_Mark, ...] = ()
    """Of the places where the key alone does not tell where to go on, or only slowly."""


class _Source:
    """The firings of one place, in the store's own order."""

    def __init__(self, store: Backend, place: Place, size: int) -> None:
        self.place = place
        self._store = store
        self._size = size
        self._page: str | None = None
        self._next: str | None = None
        self._waiting: deque[Record] = deque()
        self._is_read = False
        self._last: tuple[Key, str] | None = None

    @property
    def head(self) -> Record | None:
        """The firing that comes next; ``None`` at the end."""
        while not self._waiting:
            if self._is_read:
                if self._next is None:
                    return None
                self._page, self._last = self._next, None
            found = self._store.page(*self.place, self._size, self._page)
            self._is_read = True
            self._waiting.extend(found.records)
            self._next = found.next
        return self._waiting[0]

    @property
    def key(self) -> Key:
        """The place of the next firing in the merged list."""
        return _key(self._waiting[0])

    def take(self) -> Record:
        """Take the next firing out; there must be one."""
        record = self._waiting.popleft()
        self._last = (_key(record), record.id)
        return record

    def go_on(self, key: Key, mark: _Mark | None) -> None:
        """Leave out what an earlier listing has shown, and what has come before that since."""
        self._begin_at(None if mark is None else mark.page, key)
        if mark is None or mark.last is None:
            return
        page = self._page
        # Several may have ended in the same moment.
        while self.head is not None and self.key == key:
            if self.take().id == mark.last:
                return
        # The last one shown is gone, so nobody knows which of them were shown: all are shown again.
        self._begin_at(page, key)

    def _begin_at(self, page: str | None, key: Key) -> None:
        """Read a page anew, and leave out what comes before the key."""
        self._waiting.clear()
        self._page, self._next, self._is_read, self._last = page, None, False, None
        while self.head is not None and self.key < key:
            self._waiting.popleft()

    def mark(self, key: Key | None) -> _Mark | None:
        """Say how far it has come; ``None`` where the key of the last firing shown says it all."""
        last = self._last[1] if self._last is not None and self._last[0] == key else None
        if self._page is None and last is None:
            return None
        return _Mark(self.place, self._page, last)


def row_of(record: Record, now: float, *, paused: bool) -> Row:
    """Make a row of a listing of what an older store tells."""
    from skunkqueue.cli.views import body_of, failure_line, name_of  # noqa: PLC0415 - knows the command line's words
    from skunkqueue.listings import Row  # noqa: PLC0415 - as above
    from skunkqueue.persistence.listing import numbers_of, waits_for  # noqa: PLC0415 - as above

    is_pending = record.state is State.PENDING
    return Row(
        id=record.id,
        queue=record.queue,
        route=record.route,
        job=record.job or (name_of(record) if body_of(record) else ""),
        tags=record.tags,
        state=record.state,
        waits=waits_for(due=record.due, now=now, paused=paused, again=None) if is_pending else None,
        priority=record.priority,
        enqueued=record.enqueued,
        due=record.due,
        began=record.began,
        finished=record.finished,
        took=record.took,
        worker=record.worker,
        attempts=record.deaths + (record.began is not None),
        deaths=record.deaths,
        key=record.key,
        schedule=record.schedule,
        parent=record.parent,
        progress=numbers_of(record.progress),
        error=record.error or failure_line(record),
        body_size=len(record.body),
        result_size=len(record.result or b""),
        expires=record.expires,
    )


def _key(record: Record) -> Key:
    if record.state.final:
        return (-(record.finished or 0.0),)
    return (-record.priority, record.due)


def _cursor(group: int, sources: Sequence[_Source], start: _Cursor) -> str:
    marks = [mark for mark in (source.mark(start.key) for source in sources) if mark is not None]
    text = json.dumps([group, start.key, marks], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(text: str, places: Collection[Place]) -> _Cursor:
    try:
        group, key, marks = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        found = _Cursor(
            range(len(GROUPS))[group],
            None if key is None else tuple(float(part) for part in key),
            tuple(_Mark(Place(queue, route, State(state)), *rest) for (queue, route, state), *rest in marks),
        )
        here = {place for place in places if place.state in GROUPS[found.group]}
        if not here or not {mark.place for mark in found.marks} <= here:
            msg = "it belongs to another listing"
            raise CursorError(msg)
    except (ValueError, TypeError, IndexError, binascii.Error, RecursionError) as error:
        msg = f"{text!r} is not a cursor of this listing"
        raise CursorError(msg) from error
    return found
