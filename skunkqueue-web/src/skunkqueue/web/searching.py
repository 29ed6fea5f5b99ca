"""A page of firings that match a filter, with a bounded look at their arguments where these are to have a text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from skunkqueue.cli.searching import AT_ONCE, batches
from skunkqueue.listings import MAX_LOOK, Query, Row
from skunkqueue.persistence.backend import Backend
from skunkqueue.web.filters import Filter
from skunkqueue.web.firing import view_of
from skunkqueue.web.redaction import Redactor

MOST_READ = 300
"""Firings whose arguments are read for one page."""


class CursorError(ValueError):
    """A cursor that no page has given."""


class _Place(NamedTuple):
    """Where a page begins or ends: in one part of the listing, which is read from its beginning or from its end."""

    part: int
    from_end: bool
    cursor: str | None
    """The store's; ``None``: the part's beginning, or its end."""

    def write(self) -> str:
        return f"{self.part}{'e' if self.from_end else 'b'}{self.cursor or ''}"


_START = _Place(part=0, from_end=False, cursor=None)


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One page."""

    rows: tuple[Row, ...]
    next: str | None
    """Cursor of what comes after; ``None``: nothing does."""
    previous: str | None
    """Cursor of what comes before."""
    looked: int
    """Firings that were looked at."""
    read: int
    """Those of them whose arguments were read."""
    is_cut: bool
    """Whether it reached its bound, and not the end."""
    passed: tuple[str, ...]
    """Cursors of what was passed over among running or pending ones, since it came to its bound there."""


def page(
    store: Backend,
    wanted: Filter,
    redactor: Redactor,
    after: str | None,
    before: str | None,
    *,
    passes: bool = True,
) -> Found:
    """Read the first page, or the one that comes after or before a cursor. Raises CursorError, and what ``Backend.rows`` raises.

    ``passes``: where it comes to its bound among running or pending ones, it goes on with those after them. Without it, the page
    ends there, so that whoever follows ``next`` gets each firing once.
    """
    return _Reading(store, wanted, redactor, passes=passes).page(after, before)


class _Reading:
    """Reads one page, over the parts of a listing."""

    def __init__(self, store: Backend, wanted: Filter, redactor: Redactor, *, passes: bool) -> None:
        self._store = store
        self._passes = passes
        self._wanted = wanted
        self._redactor = redactor
        self._parts = wanted.parts()
        self._looked = 0
        self._read = 0
        self._had_text = 0
        """Those of the firings read that had the text."""
        self._looked_before = 0
        """In the parts before."""
        self._read_before = 0

    def page(self, after: str | None, before: str | None) -> Found:
        """Read it."""
        is_onward = before is None
        cursor = after if is_onward else before
        place: _Place | None = _START if cursor is None else self._place(cursor)
        rows: list[Row] = []
        behind: _Place | None = None
        passed: list[_Place] = []
        is_first = True
        while place is not None and len(rows) < self._wanted.limit:
            if self._is_at_bound():
                following = self._beside(place, None, 1)
                if not (self._passes and is_onward) or following is None:
                    break
                # Finished firings are found by an index, also where many are pending.
                passed.append(place)
                place = following
                self._begin_part()
            kept, previous, next_ = self._step(place, self._wanted.limit - len(rows))
            rows = rows + kept if is_onward else kept + rows
            if is_first:
                behind = self._there(previous if is_onward else next_, is_onward=not is_onward)
            following = next_ if is_onward else previous
            if following is not None and following.part != place.part:
                self._begin_part()
            place, is_first = following, False
        place = self._there(place, is_onward=is_onward)
        if place is None and passed:
            place = passed.pop()
        ends = (behind, place) if is_onward else (place, behind)
        return Found(
            rows=tuple(rows),
            previous=None if ends[0] is None else ends[0].write(),
            next=None if ends[1] is None else ends[1].write(),
            looked=self._looked,
            read=self._read,
            is_cut=place is not None and len(rows) < self._wanted.limit,
            passed=tuple(each.write() for each in passed),
        )

    def _step(self, place: _Place, limit: int) -> tuple[list[Row], _Place | None, _Place | None]:
        """Read what matches at a place, and the places before and after that."""
        text = self._wanted.text
        size = limit if text is None else self._size_of_reading()
        found = self._store.rows(self._query(place), size, place.cursor)
        self._looked += found.looked
        rows = list(found.rows)
        previous, next_ = found.previous, found.next
        if place.from_end:
            rows.reverse()
            previous, next_ = next_, previous
        if text is not None:
            self._read += len(rows)
            rows = with_text(self._store, rows, text, self._redactor)
            self._had_text += len(rows)
        return rows, self._beside(place, previous, -1), self._beside(place, next_, 1)

    def _begin_part(self) -> None:
        """Count anew: each part has its own bound."""
        self._looked_before, self._read_before = self._looked, self._read

    def _size_of_reading(self) -> int:
        """Return how many firings to read next. Of those that are read, all that have the text are shown: they would be read again otherwise.

        Where few have had it so far, more are read in one step, since a store may begin anew with each: twice as many as a page has,
        and where none had it, as many again as all so far. So a page has at most 200 rows more than it was asked for.
        """
        read = self._read - self._read_before
        size = min(AT_ONCE, self._wanted.limit)
        if read and self._had_text * 4 < self._read:
            size = max(2 * self._wanted.limit, 0 if self._had_text else read)
        return min(size, MOST_READ - read)

    def _beside(self, place: _Place, cursor: str | None, step: int) -> _Place | None:
        if cursor is not None:
            return place._replace(cursor=cursor)
        part = place.part + step
        return _Place(part, step < 0, None) if 0 <= part < len(self._parts) else None

    def _there(self, place: _Place | None, *, is_onward: bool) -> _Place | None:
        """Skip parts without rows, so that no page is empty without need."""
        while place is not None and place.cursor is None:
            found = self._store.rows(self._query(place), 1)
            if found.rows or found.next is not None:
                break
            place = self._beside(place, None, 1 if is_onward else -1)
        return place

    def _query(self, place: _Place) -> Query:
        query = self._parts[place.part]
        return msgspec.structs.replace(query, newest=not query.newest) if place.from_end else query

    def _is_at_bound(self) -> bool:
        return self._read - self._read_before >= MOST_READ or self._looked - self._looked_before >= MAX_LOOK

    def _place(self, cursor: str) -> _Place:
        part, end, rest = cursor[:1], cursor[1:2], cursor[2:]
        if part in ("0", "1", "2") and int(part) < len(self._parts) and end in ("b", "e"):
            return _Place(int(part), end == "e", rest or None)
        msg = f"{cursor[:40]!r} is not a cursor of this listing: begin at the first page"
        raise CursorError(msg)


def keeping(
    store: Backend, text: str | None, redactor: Redactor
) -> Callable[[Sequence[Row]], list[Row]] | None:
    """Return what keeps those rows that have a text, for ``Bulk``; ``None``: all are meant."""
    return None if text is None else lambda rows: with_text(store, rows, text, redactor)


def in_words(text: str | None) -> str:
    """Return the words in which the audit log says what ``keeping`` keeps; empty: all."""
    return "" if text is None else f"text={text}"


def with_text(store: Backend, rows: Sequence[Row], text: str, redactor: Redactor) -> list[Row]:
    """Return those of these firings that have a text in their calls, as people are shown these; case does not matter.

    What a plugin hides is not found, so that a hidden value cannot be guessed by searching.
    """
    wanted = text.casefold()
    return [row for batch in batches(rows) for row in _matching(store, batch, wanted, redactor)]


def _matching(store: Backend, rows: Sequence[Row], wanted: str, redactor: Redactor) -> Iterator[Row]:
    for row, record in zip(rows, store.get([row.id for row in rows]), strict=True):
        if record is None:
            continue
        for call in view_of(record, redactor, whole=True).calls:
            given = [f"{one.name}={one.value.text}" if one.name else one.value.text for one in call.arguments]
            own = [f"{one.name}={one.value.text}" for one in call.attributes]
            if wanted in f"{call.job}({', '.join([*given, *own])})".casefold():
                yield row
                break
