"""A listing of rows in the order people want, read page by page, and where it can go on. Prints nothing.

It consists of parts, one query each, one after the other: first what runs, then what is pending, then what is finished,
newest first; or the line through time, from either end.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import NamedTuple

from skunkqueue.cli.filters import UNFINISHED, Filter, Span, query_of, split
from skunkqueue.cli.searching import AT_ONCE, with_text
from skunkqueue.listings import MAX_ROWS, Query, Row, Rows
from skunkqueue.persistence.backend import Backend

PAGE = 500
"""Rows asked of the store at once."""
MOST_LOOKED = 50_000
"""Firings looked at in vain in each part of a listing without ``--all``: they did not match."""
MOST_READ = 10_000
"""Bodies read for one listing that looks for text."""
ORDERS = ("line", "newest", "oldest")


class CursorError(ValueError):
    """A cursor that is not one of this listing."""


class _Place(NamedTuple):
    """Where a listing goes on in one of its parts."""

    part: int
    cursor: str | None
    """The store's; ``None``: the beginning of the part."""


class Listing:
    """Firings that match a filter; read it once, from its beginning to its end."""

    def __init__(
        self,
        store: Backend,
        wanted: Filter,
        states: Sequence[str],
        *,
        order: str,
        after: str | None,
        limit: int | None,
    ) -> None:
        """``after`` is the ``following`` of another listing of the same filter and order; raises CursorError.

        ``order``: ``line``, ``newest`` or ``oldest``. ``limit``: ``None`` for all, however far that goes.
        """
        self._store = store
        self._wanted = wanted
        self._states = tuple(states)
        self._order = order
        self._limit = limit
        self._parts = self._of_order()
        all_ = [_Place(part, None) for part in range(len(self._parts))]
        self._left, self._span = (all_, wanted.span(store)) if after is None else self._read(after)
        self.following: str | None = None
        """Where another listing can go on, once this one is read to its end; ``None``: nothing is left."""
        self.looked = 0
        """Firings that were looked at."""
        self._in_vain = 0
        """Those of them that did not match."""
        self.read = 0
        """Bodies that were read."""
        self.is_cut = False
        """Whether it reached a bound, and has not looked at everything."""

    def __iter__(self) -> Iterator[Row]:
        left = self._limit
        more: list[_Place] = []
        for at, place in enumerate(self._left):
            query, cursor, bound = self._query(place.part), place.cursor, self._in_vain + MOST_LOOKED
            while True:
                if left is not None and left <= 0:
                    if cursor is None and not self._has_any(query):
                        break
                    self.following = self._write([*more, _Place(place.part, cursor), *self._left[at + 1 :]])
                    return
                if self._is_at_bound(bound):
                    # Finished firings are found by an index, also where many are pending.
                    more.append(_Place(place.part, cursor))
                    break
                rows, cursor = self._page(query, cursor, left)
                left = None if left is None else left - len(rows)
                yield from rows
                if cursor is None:
                    break
        self.is_cut = bool(more)
        self.following = self._write(more) if more else None

    def _page(self, query: Query, before: str | None, left: int | None) -> tuple[Sequence[Row], str | None]:
        """Read the matching rows of a page, and the cursor of the next."""
        page = self._store.rows(query, self._size(left), before)
        self.looked += page.looked
        # A full page looks at one more, to know whether there are more.
        self._in_vain += max(page.looked - len(page.rows) - 1, 0)
        rows = self._kept(page.rows)
        if left is None or len(rows) <= left:
            return rows, page.next
        return rows[:left], self._after(query, before, rows[left - 1], page)

    def _has_any(self, query: Query) -> bool:
        page = self._store.rows(query, 1)
        self.looked += page.looked
        return bool(page.rows) or page.next is not None

    def _is_at_bound(self, bound: int) -> bool:
        if self._wanted.text is not None and self.read >= MOST_READ:
            return True
        return self._limit is not None and self._in_vain >= bound

    def _size(self, left: int | None) -> int:
        if self._wanted.text is not None:
            return AT_ONCE
        return PAGE if left is None else min(left, PAGE)

    def _kept(self, rows: Sequence[Row]) -> Sequence[Row]:
        if self._wanted.text is None:
            return rows
        self.read += len(rows)
        return with_text(self._store, rows, self._wanted.text)

    def _after(self, query: Query, cursor: str | None, last: Row, page: Rows) -> str | None:
        """Find the cursor that continues after one row of a page."""
        size = next(at for at, row in enumerate(page.rows, 1) if row.id == last.id)
        # The page is read again as if it ended there. It may have changed by now.
        for _ in range(3):
            again = self._store.rows(query, size, cursor)
            at = [row.id for row in again.rows]
            if at[-1:] == [last.id]:
                return again.next
            size = at.index(last.id) + 1 if last.id in at else min(size + 1, MAX_ROWS)
        # Some may come twice; none is left out.
        return cursor

    def _of_order(self) -> list[tuple[tuple[str, ...], bool]]:
        """Return the states of each part, and whether it is read newest first."""
        if self._order == "line":
            unfinished = [((state,), False) for state in UNFINISHED if state in self._states]
            finished = tuple(state for state in self._states if state not in UNFINISHED)
            return unfinished + ([(finished, True)] if finished else [])
        newest = self._order == "newest"
        # In the line through time, the finished ones come first.
        found = split(self._states)
        return [(part, newest) for part in (found if newest else reversed(found))]

    def _query(self, part: int) -> Query:
        states, newest = self._parts[part]
        return query_of(self._wanted, states, self._span, newest=newest)

    # --- cursors ----------------------------------------------------------------------------------

    def _write(self, places: Sequence[_Place]) -> str:
        # "2h ago" is kept as the moment it was, so that all pages mean the same.
        text = json.dumps([self._print(), self._span, places], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    def _read(self, text: str) -> tuple[list[_Place], Span | None]:
        try:
            print_, span, found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            kept = None if span is None else (_time(span[0]), _time(span[1]))
            all_ = range(len(self._parts))
            places = [_Place(all_[part], None if cursor is None else str(cursor)) for part, cursor in found]
        except (ValueError, TypeError, IndexError, binascii.Error, RecursionError) as error:
            msg = f"{text!r} is not a cursor of this listing"
            raise CursorError(msg) from error
        if print_ != self._print():
            msg = f"{text!r} is not a cursor of this listing: it belongs to one with other filters"
            raise CursorError(msg)
        return places, kept

    def _print(self) -> str:
        """Return a hash of the filter and order, which cursors of other listings do not have."""
        wanted = self._wanted._replace(since=None, until=None, states=())
        times = (self._wanted.since is None, self._wanted.until is None)
        about = repr((tuple(wanted), times, self._states, self._order))
        return blake2b(about.encode(), digest_size=4).hexdigest()


def _time(value: object) -> float | None:
    if value is None or isinstance(value, float):
        return value
    msg = "not a time"
    raise TypeError(msg)
