"""Listings of rows, as every store makes them: their order, their cursors, what matches, what a pending firing waits for.

A store only has to walk through its firings from one position in one direction (``Walk``). Pure; knows no store.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

import msgspec

from skunkqueue.errors import CursorInvalidError
from skunkqueue.listings import MAX_LOOK, MAX_ROWS, Query, Row, Rows
from skunkqueue.pools import Entry
from skunkqueue.records import State, Verdict

FINISHED, RUNNING, PENDING = 0, 1, 2
"""Groups, in the order of the line through time."""
_GROUPS = {State.RUNNING: RUNNING, State.PENDING: PENDING}
_JUST_AFTER = "~"
"""Appended to an id, it sorts after that id and before the next: it comes after all digits."""

SET_BACK = 60.0
"""Seconds by which a clock may be set back, or that of another server be behind, and times still be in their order."""
ROOM = 980
"""Bytes of JSON for each row of a page, on the average: 100 rows take less than 100 kB."""
SMALL_PAGE = 100
"""A page of fewer rows has as much room as one of so many."""
_ROW = 490
"""Bytes of a row at most, without its words."""

_encode = msgspec.msgpack.Encoder().encode
_json = msgspec.json.Encoder().encode


class _Numbers(msgspec.Struct, frozen=True, array_like=True):
    """The first fields of a progress report (``payload.Progress``); the others are not for stores."""

    done: float
    total: float | None


_numbers = msgspec.msgpack.Decoder(_Numbers).decode


class Position(NamedTuple):
    """Where a firing stands in the line through time (``listings.Query``); positions compare as the firings do."""

    group: int
    """FINISHED, RUNNING or PENDING."""
    first: float
    """When it finished; for the others, minus its priority."""
    second: float
    """0; for the others, when it is due."""
    id: str


class Look(NamedTuple):
    """What a walk has found."""

    rows: list[Row]
    """Those that match, in the order of the walk; at most as many as were wanted."""
    at: Position | None
    """Position of the last firing that was looked at, whether it matched or not; ``None``: none was."""
    looked: int
    ended: bool
    """Nothing lies beyond ``at``."""


class Passed(NamedTuple):
    """Firings that a store skipped while it looked, since they cannot match."""

    number: int
    at: Position
    """Position of the last of them."""
    more: bool = False
    """Certainly more firings follow, so at the bound they need not be asked for."""


class Walk(Protocol):
    """Goes through a store's firings."""

    def __call__(self, after: Position | None, *, onward: bool, want: int) -> Look:
        """Look from after a position; ``None``: from the end.

        ``onward``: forwards in time, otherwise backwards. Up to ``want`` rows, among at most MAX_LOOK firings.
        """


# --- one firing -------------------------------------------------------------------------------------


def position_of(row: Row) -> Position:
    """Return where a firing stands."""
    group = _GROUPS.get(row.state, FINISHED)
    if group == FINISHED:
        return Position(FINISHED, row.finished or 0.0, 0.0, row.id)
    return Position(group, -row.priority, row.due, row.id)


def waits_for(*, due: float, now: float, paused: bool, again: str | None) -> str:
    """Return what a pending firing waits for (``Row.waits``); ``again``: ``retry``, ``snooze`` or ``None``."""
    if paused:
        return "pause"
    if due <= now:
        return "turn"
    return again or "time"


def again_after(verdict: Verdict) -> str | None:
    """Return what a firing waits for until it is due, after this verdict made it pending again."""
    return verdict.value if verdict in (Verdict.RETRY, Verdict.SNOOZE) else None


def numbers_of(progress: bytes | None) -> tuple[float, float | None] | None:
    """Return how much is done, of how much, from a progress report; ``None`` for other bytes."""
    if progress is None:
        return None
    try:
        found = _numbers(progress)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return found.done, found.total


def error_type(line: str | None) -> str | None:
    """Return the type that an error line names."""
    return None if line is None else line.partition(":")[0].strip()


def states_of(query: Query) -> tuple[State, ...]:
    """Return the states that can match: none where a time is not a number, since no time is before or after it."""
    if any(math.isnan(end) for span in (query.enqueued, query.due, query.finished) for end in _ends(span)):
        return ()
    wanted = query.states or tuple(State)
    return tuple(state for state in State if state in wanted and (query.finished is None or state.final))


def _ends(span: tuple[float | None, float | None] | None) -> Iterator[float]:
    yield from (end for end in span or () if end is not None)


def finished_within(query: Query) -> tuple[float | None, float | None]:
    """Return from when to when finished firings that match may have finished, so that a store need not look at others.

    None finished before it was put in. What a worker ran to its end began no earlier than it was due; what was killed or
    expired may never have been.
    """
    since, until = query.finished or (None, None)
    spans = [query.enqueued]
    if not {State.KILLED, State.EXPIRED}.intersection(states_of(query)):
        spans.append(query.due)
    bounds = [span[0] - SET_BACK for span in spans if span is not None and span[0] is not None]
    if since is not None:
        bounds.append(since)
    return (max(bounds) if bounds else None), until


def is_by_place_and_state(query: Query) -> bool:
    """Return whether a query restricts only queue, route and states, so that the counts of routes answer it."""
    restricted = msgspec.structs.replace(query, queue=None, route=None, states=(), newest=True)
    return restricted == Query()


def matches(row: Row, query: Query) -> bool:
    """Return whether a firing matches a query."""
    return (
        (not query.states or row.state in query.states)
        and query.queue in (None, row.queue)
        and query.route in (None, row.route)
        and query.job in (None, row.job)
        and (query.tag is None or query.tag in row.tags)
        and query.key in (None, row.key)
        and (query.error is None or error_type(row.error) == query.error)
        and query.schedule in (None, row.schedule)
        and query.parent in (None, row.parent)
        and query.worker in (None, row.worker)
        and _within(row.enqueued, query.enqueued)
        and _within(row.due, query.due)
        and _within(row.finished, query.finished)
    )


def _within(moment: float | None, span: tuple[float | None, float | None] | None) -> bool:
    if span is None:
        return True
    if moment is None:
        return False
    since, until = span
    return (since is None or moment >= since) and (until is None or moment < until)


# --- pages ------------------------------------------------------------------------------------------


def look_through(candidates: Iterable[Row | Passed], query: Query, want: int, most: int = MAX_LOOK) -> Look:
    """Look at firings one after the other, until enough match or the bound is reached.

    Once enough match, nothing more is asked for: a store may have to read much for one candidate more.
    """
    rows: list[Row] = []
    at, looked = None, 0
    for row in candidates:
        if looked >= most:
            return Look(rows, at, looked, ended=False)
        if isinstance(row, Passed):
            looked = min(looked + row.number, most)
            at = row.at
            if row.more and looked >= most:
                return Look(rows, at, looked, ended=False)
            continue
        looked += 1
        at = position_of(row)
        if matches(row, query):
            rows.append(row)
            if len(rows) >= want:
                return Look(rows, at, looked, ended=False)
    return Look(rows, at, looked, ended=True)


def page_of(query: Query, limit: int, cursor: str | None, walk: Walk) -> Rows:
    """Make a page. Raises ``CursorInvalidError`` for a cursor that is not from a page of this query."""
    limit = max(1, min(limit, MAX_ROWS))
    place, back = (None, False) if cursor is None else _read_cursor(cursor, query)
    # Backwards from a page with the newest first is forwards in time.
    found = walk(place, onward=query.newest == back, want=limit + 1)
    rows = _that_fit(found.rows[:limit], limit)
    more = found.at if not found.ended else None
    if len(found.rows) > len(rows):
        more = position_of(rows[-1])
    if more is not None and more == place:
        more = None
    onward = None if more is None else _cursor(query, more, back=back)
    if cursor is None:
        return Rows(rows=tuple(rows), next=onward, previous=None, looked=found.looked)
    behind = position_of(rows[0]) if rows else _beside(place, later=query.newest == back)
    return_ = None if behind is None else _cursor(query, behind, back=not back)
    if back:
        rows.reverse()
        return Rows(rows=tuple(rows), next=return_, previous=onward, looked=found.looked)
    return Rows(rows=tuple(rows), next=onward, previous=return_, looked=found.looked)


def _that_fit(rows: Sequence[Row], limit: int) -> list[Row]:
    """Return the first rows of a page that it has room for: with very long names in each, fewer fit; one always does."""
    left = ROOM * max(limit, SMALL_PAGE)
    for at, row in enumerate(rows):
        words = f"{row.queue}{row.route}{row.job}{row.tags}{row.worker}{row.key}{row.schedule}{row.error}"
        # As in JSON, where quotes and the like take more than themselves.
        left -= _ROW + len(_json(words.encode(errors="replace").decode()))
        if left < 0 and at:
            return list(rows[:at])
    return list(rows)


def _beside(place: Position | None, *, later: bool) -> Position | None:
    """Return a position just after this one (``later``) or just before it, from which a walk finds the firing at it."""
    if place is None:
        return None
    id_ = place.id.rstrip(_JUST_AFTER)
    return place._replace(id=id_ + _JUST_AFTER if later else id_[:-1])


def _fingerprint(query: Query) -> str:
    return hashlib.blake2b(_encode(query), digest_size=4).hexdigest()


def _cursor(query: Query, place: Position, *, back: bool) -> str:
    direction = "p" if back else "n"
    return f"{direction}{_fingerprint(query)}:{place.group}:{place.first!r}:{place.second!r}:{place.id}"


def _read_cursor(text: str, query: Query) -> tuple[Position, bool]:
    head, *parts = text.split(":", 4)
    try:
        group, first, second, id_ = parts
        place = Position(int(group), float(first), float(second), id_)
        text.encode()
        is_place = place.group in (FINISHED, RUNNING, PENDING) and math.isfinite(place.first + place.second)
    except ValueError:
        is_place = False
    if not is_place or head[:1] not in ("n", "p") or len(id_) > 100:
        msg = f"{text[:100]!r} is not a cursor of a listing: leave it out to begin at the first page"
        raise CursorInvalidError(msg)
    if head[1:] != _fingerprint(query):
        msg = f"the cursor {text[:100]!r} belongs to a listing with other filters: leave it out to begin at the first page"
        raise CursorInvalidError(msg)
    return place, head[0] == "p"


# --- the audit log ----------------------------------------------------------------------------------


def entry_cursor(entry: Entry) -> str:
    """Write the cursor that continues the audit log, newest first, after this entry."""
    return f"{entry.at!r}:{entry.id}"


def entry_before(cursor: str) -> tuple[float, str]:
    """Read a cursor as time and id: older entries come next. Raises ``CursorInvalidError`` for one that is not from a page."""
    at, colon, id_ = cursor.partition(":")
    try:
        place = float(at), id_
        cursor.encode()
    except ValueError:
        place = math.nan, ""
    if not (colon and id_ and math.isfinite(place[0])):
        msg = (
            f"{cursor[:100]!r} is not a cursor of the audit log: leave it out to begin with the newest entry"
        )
        raise CursorInvalidError(msg)
    return place
