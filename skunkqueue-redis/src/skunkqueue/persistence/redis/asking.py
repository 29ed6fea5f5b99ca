"""What people ask of many firings: rows, counts, results; and what they do to some: delete, run now."""

from __future__ import annotations

import itertools
from abc import ABC
from collections.abc import Iterator, Sequence

import msgspec

from skunkqueue.ids import ID_LENGTH
from skunkqueue.listings import MAX_LOOK, Count, JobCount, Query, Result, Row, Rows
from skunkqueue.persistence import listing
from skunkqueue.persistence.backend import MAX_PAGE
from skunkqueue.persistence.listing import FINISHED, PENDING, RUNNING, Passed, Position
from skunkqueue.persistence.redis import wire
from skunkqueue.persistence.redis.counting import Counting
from skunkqueue.persistence.redis.keys import names_in, quote
from skunkqueue.persistence.redis.reading import Reading
from skunkqueue.persistence.redis.scripts import Script, load
from skunkqueue.records import MAX_PRIORITY, State

_ROWS, _HELD, _ROWS_HELD, _JOB_COUNTS = map(load, ("rows", "running_ids", "running_rows", "job_counts"))
_RESULTS, _DELETE, _RUN_NOW = map(load, ("results", "delete", "run_now"))
_SLICE = 500
"""Firings that one script looks at, so that it holds the server up for some milliseconds at most."""
_DELETED_AT_ONCE = 200


class _Extras(msgspec.Struct, array_like=True, frozen=True, gc=False):
    due: float | None
    never_expires: bool
    deaths: int
    progress: bytes | None
    worker: str | None
    tries: int
    again: str
    error: str | None


class _End(msgspec.Struct, array_like=True, frozen=True, gc=False):
    state: State
    began: float | None
    worker: str | None
    took: float | None
    error: str | None
    result_size: int
    finished: float


class _Found(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One firing as ``rowing.lua`` sends it."""

    enqueued: float
    due: float
    expires: float | None
    id: str
    queue: str
    route: str
    priority: int
    target: str | None
    key: str | None
    body_size: int
    labels: str
    extras: _Extras | None
    end: _End | None
    lease: tuple[str, float] | None
    """Worker, and when it was claimed."""
    paused: bool


_NO_EXTRAS = _Extras(
    None, never_expires=False, deaths=0, progress=None, worker=None, tries=0, again="", error=None
)
_Place = tuple[float, float, str] | tuple[float, str]
_as_rows = wire.reader(tuple[float, bool, list[float | str] | None, list[_Found], int])
_as_held = wire.reader(list[tuple[str, str]])
_as_job_counts = wire.reader(tuple[bool, list[tuple[str, int, int, int, int, int, int]]])
_as_results = wire.reader(tuple[list[wire.End | None], list[tuple[int, bool, float | None, str | None]]])
_as_states = wire.reader(list[str | bool])


class Asking(Counting, Reading, ABC):
    """The verbs about many firings."""

    # --- rows -------------------------------------------------------------------------------------

    def rows(self, query: Query, limit: int = 50, cursor: str | None = None) -> Rows:
        """List a page; see ``Asking.rows``."""

        def walk(after: Position | None, *, onward: bool, want: int) -> listing.Look:
            return listing.look_through(self._candidates(query, after, onward=onward, want=want), query, want)

        return listing.page_of(query, limit, cursor, walk)

    def count(self, query: Query, most: int = MAX_LOOK) -> Count:
        """Count what matches; see ``Asking.count``."""
        if listing.is_by_place_and_state(query):
            number = sum(
                info.counts[state]
                for info in self.routes(query.queue)
                if query.route in (None, info.route)
                for state in listing.states_of(query)
            )
            return Count(number=number, exact=True)
        candidates = self._candidates(query, None, onward=True, want=_SLICE)
        found = listing.look_through(candidates, query, most + 1, most)
        return Count(number=len(found.rows), exact=found.ended)

    def job_counts(self, queue: str | None = None, route: str | None = None) -> list[JobCount]:
        """Count by job and state."""
        found = []
        for place in self._places(queue):
            at, on = names_in(place)
            if route not in (None, on):
                continue
            exact, rows = _as_job_counts(self._link.call(_JOB_COUNTS, place))
            found += [
                JobCount(
                    queue=at, route=on, job=job, counts=dict(zip(State, counts, strict=True)), exact=exact
                )
                for job, *counts in rows
            ]
        return sorted(found, key=lambda one: (one.queue, one.route, one.job))

    def _candidates(
        self, query: Query, after: Position | None, *, onward: bool, want: int
    ) -> Iterator[Row | Passed]:
        """Go through what may match, in the order of the line, from a position on."""
        states = listing.states_of(query)
        groups = {
            FINISHED: self._finished if any(state.final for state in states) else None,
            RUNNING: self._running if State.RUNNING in states else None,
            PENDING: self._pending if State.PENDING in states else None,
        }
        for group in sorted(groups, reverse=not onward):
            walk = groups[group]
            if walk is None or (
                after is not None and (group < after.group if onward else group > after.group)
            ):
                continue
            start = after if after is not None and after.group == group else None
            yield from walk(query, start, onward, want)

    def _finished(
        self,
        query: Query,
        start: Position | None,
        onward: bool,  # noqa: FBT001 - as the others are called
        want: int,
    ) -> Iterator[Row | Passed]:
        low, high = query.finished or (None, None)
        place: Sequence[float | str] | None = None if start is None else (start.first, start.id)
        states = [state.value for state in listing.states_of(query) if state.final]
        asked = (
            states,
            query.job or False,
            _mark_of(query) or False,
            _or_false(low),
            _or_false(high),
            False,
            (),
            False,
        )
        yield from self._slices("finished", query, place, asked, onward=onward, want=want)

    def _pending(
        self,
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
        asked: tuple[object, ...] = ((), False, False, False, False, flag, _texts_of(query), key)
        yield from self._slices("pending", query, place, asked, onward=onward, want=want)

    def _slices(
        self,
        kind: str,
        query: Query,
        place: Sequence[float | str] | None,
        asked: tuple[object, ...],
        *,
        onward: bool,
        want: int,
    ) -> Iterator[Row | Passed]:
        where = _where(query)
        # As many as a page needs; if few of them match, more at a time.
        first = min(want + 1, _SLICE)
        for size in itertools.chain((first, _SLICE - first % _SLICE), itertools.repeat(_SLICE)):
            reply = self._link.call(_ROWS, kind, *where, place or False, onward, size, *asked)
            now, ended, place, found, passed = _as_rows(reply)
            for one in found:
                yield _row(one, now)
            if passed and place is not None:
                yield Passed(passed, _position_in_line(place))
            if ended:
                return

    def _running(self, query: Query, start: Position | None, onward: bool, want: int) -> Iterator[Row]:  # noqa: FBT001
        """Read all that run, which is as many as workers hold, since only their firings tell their order."""
        del want
        rows = []
        for part in _parts(_as_held(self._link.call(_HELD, *_where(query)))):
            now, _, _, found, _ = _as_rows(self._link.call(_ROWS_HELD, part))
            rows += [_row(one, now) for one in found]
        for row in sorted(rows, key=listing.position_of, reverse=not onward):
            position = listing.position_of(row)
            if start is None or (position > start if onward else position < start):
                yield row

    # --- single firings -----------------------------------------------------------------------------

    def results(self, ids: Sequence[str]) -> list[Result | None]:
        """Read how firings ended."""
        known = [id_ for id_ in ids[:MAX_PAGE] if id_.isascii()]
        if not known:
            return [None] * len(ids[:MAX_PAGE])
        ends, live = _as_results(self._link.call(_RESULTS, known))
        found = {
            id_: Result(id=id_, state=end.state, result=end.result, error=end.error)
            for id_, end in zip(known, ends, strict=True)
            if end is not None
        }
        for index, runs, expires, error in live:
            state = State.RUNNING if runs else State.PENDING
            expiry = None if runs else expires
            found[known[index]] = Result(
                id=known[index], state=state, result=None, error=error, expires=expiry
            )
        return [found.get(id_) for id_ in ids[:MAX_PAGE]]

    def delete(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Remove what does not run."""
        return self._each(_DELETE, ids)

    def run_now(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Make what waits for its time due."""
        return self._each(_RUN_NOW, ids)

    def _each(self, script: Script, ids: Sequence[str]) -> dict[str, State | None]:
        before: dict[str, State | None] = dict.fromkeys(ids)
        known = [id_ for id_ in before if id_.isascii()]
        for first in range(0, len(known), _DELETED_AT_ONCE):
            part = known[first : first + _DELETED_AT_ONCE]
            states = _as_states(self._link.call(script, part, kept=True))
            before.update({id_: State(state) for id_, state in zip(part, states, strict=True) if state})
        return before


def _row(found: _Found, now: float) -> Row:
    labels, extras, end, lease = (
        wire.labels_of(found.labels),
        found.extras or _NO_EXTRAS,
        found.end,
        found.lease,
    )
    due = found.due if extras.due is None else extras.due
    state, began, worker = State.PENDING, None, extras.worker
    waits = None
    if end is not None:
        state, began, worker = end.state, end.began, end.worker
    elif lease is not None:
        state = State.RUNNING
        worker, began = lease
    else:
        waits = listing.waits_for(due=due, now=now, paused=found.paused, again=_again(extras.again))
    tried = 1 if lease is not None or (end is not None and began is not None) else 0
    return Row(
        id=found.id,
        queue=found.queue,
        route=found.route,
        job=labels.job,
        tags=labels.tags,
        state=state,
        waits=waits,
        priority=found.priority,
        enqueued=found.enqueued,
        due=due,
        began=began,
        finished=None if end is None else end.finished,
        took=None if end is None else end.took,
        worker=worker,
        attempts=extras.tries + extras.deaths + tried,
        deaths=extras.deaths,
        key=found.key,
        schedule=labels.schedule,
        parent=labels.parent,
        progress=listing.numbers_of(extras.progress),
        error=extras.error if end is None or end.error is None else end.error,
        body_size=found.body_size,
        result_size=0 if end is None else end.result_size,
        expires=None if extras.never_expires else found.expires,
    )


def _again(verdict: str) -> str | None:
    return verdict if verdict in ("retry", "snooze") else None


def _texts_of(query: Query) -> list[str]:
    """Return texts that must be in what is stored of a firing that matches, as ``wire.label`` writes them."""
    texts = ["[" + msgspec.json.encode(query.job).decode()] if query.job else []
    if query.tag is not None:
        texts.append(msgspec.json.encode(query.tag).decode())
    return texts


def _position_in_line(place: Sequence[float | str]) -> Position:
    rank, due, id_ = place
    return Position(PENDING, float(rank) - MAX_PRIORITY, float(due), str(id_))


def _mark_of(query: Query) -> str | None:
    """Name what finished ones are found by that few have; the rarest first, as far as one can tell."""
    if query.key is not None:
        return f"k:{query.key}"
    if query.error is not None:
        return f"e:{query.error}"
    return None if query.tag is None else f"t:{query.tag}"


def _where(query: Query) -> tuple[str | bool, str | bool]:
    return (
        False if query.queue is None else quote(query.queue),
        False if query.route is None else quote(query.route),
    )


def _or_false(moment: float | None) -> float | bool:
    return False if moment is None else float(moment)


def _parts(held: list[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    """Divide what runs into parts that one script may look at."""
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
