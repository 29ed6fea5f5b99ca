"""Reading what was counted: of minutes, of hours, ever; and the samples of each minute.

Only minutes are added to. The sums of hours and of all time have what ``rollup`` has added to them, up to the minute that
it has come to; what is later is added up by whoever reads.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from skunkqueue.counters import SAMPLES, Counters, add, sample_of
from skunkqueue.persistence.fdb import keys, routes, vectors
from skunkqueue.persistence.fdb.binding import KeyValue
from skunkqueue.persistence.fdb.records import encode
from skunkqueue.persistence.fdb.routes import Place
from skunkqueue.persistence.fdb.transactions import Transaction
from skunkqueue.records import Minute, State

MINUTES = 60
"""Of an hour."""
_LAST = (1 << 32) - 1
as_values = msgspec.msgpack.Decoder(dict[str, float]).decode
Read = Callable[[], Sequence[KeyValue]]
Sums = dict[tuple[int, str], dict[bytes, list[bytes]]]
"""By time and job, then by kind (what happened, histograms): what is to be added up."""


class Span(NamedTuple):
    """Minutes, or hours."""

    table: bytes
    samples: bytes
    seconds: float


def spans(tr: Transaction, *, hours: bool) -> Span:
    """Return where minutes or hours lie."""
    all_keys = tr.keys
    if hours:
        return Span(all_keys.hour, all_keys.hour_sample, 3600.0)
    return Span(all_keys.minute, all_keys.sample, 60.0)


def minutes(tr: Transaction, queue: str, route: str, since: int, until: int) -> list[Minute]:
    """Read minutes of a route, all jobs together."""
    place = (queue, route)
    asked = _ask(tr, tr.keys.minute, place, since, until)
    sums: Sums = {}
    _collect(sums, asked, len(tr.keys.minute + keys.place(*place)), 1)
    by_minute: dict[int, dict[str, float]] = {}
    for (minute, _), values in _added_up(sums):
        add(by_minute.setdefault(minute, {}), values)
    return [
        Minute(queue=queue, route=route, minute=minute, values=by_minute[minute])
        for minute in sorted(by_minute)
    ]


def counters(
    tr: Transaction, places: Sequence[Place], since: float, until: float, *, hours: bool, jobs: bool
) -> list[Counters]:
    """Read minutes or hours of routes, of each job or of all together."""
    span = spans(tr, hours=hours)
    first, last = _number(since, span.seconds), _number(until, span.seconds)
    rolled = rolled_until(tr, places) if hours else {}
    reads = [
        _Reading(tr, place, span, first, last, rolled=rolled.get(place), with_samples=not jobs)
        for place in places
    ]
    found: list[Counters] = []
    for reading in reads:
        by_begin = reading.by_begin(jobs=jobs)
        for begin, job in sorted(by_begin, key=lambda key: (key[0], key[1] or "")):
            queue, route = reading.place
            found.append(
                Counters(
                    queue=queue,
                    route=route,
                    job=job,
                    begin=begin * span.seconds,
                    values=by_begin[begin, job],
                )
            )
    return found


class _Reading:
    """What is asked of one route; all is asked for before anything is waited for."""

    def __init__(
        self,
        tr: Transaction,
        place: Place,
        span: Span,
        first: int,
        last: int,
        *,
        rolled: int | None,
        with_samples: bool,
    ) -> None:
        self.place = place
        packed = keys.place(*place)
        self._start = len(span.table + packed)
        self._asked = _ask(tr, span.table, place, first, last)
        self._open: Read | None = None
        self._open_start = len(tr.keys.minute + packed)
        if rolled is not None:
            self._open = _ask(tr, tr.keys.minute, place, max(first * MINUTES, rolled), last * MINUTES)
        self._samples = _ask(tr, span.samples, place, first, last) if with_samples else None
        self._samples_start = len(span.samples + packed)

    def by_begin(self, *, jobs: bool) -> dict[tuple[int, str | None], dict[str, float]]:
        """Wait, and add up."""
        sums: Sums = {}
        _collect(sums, self._asked, self._start, 1)
        if self._open is not None:
            _collect(sums, self._open, self._open_start, MINUTES)
        found: dict[tuple[int, str | None], dict[str, float]] = {}
        for (begin, job), values in _added_up(sums):
            add(found.setdefault((begin, job if jobs else None), {}), values)
        for pair in () if self._samples is None else self._samples():
            begin = keys.count_of(pair.key[self._samples_start :])
            found.setdefault((begin, None), {}).update(as_values(pair.value))
        return found


def totals(tr: Transaction, places: Sequence[Place]) -> list[Counters]:
    """Read what was counted ever, by route and job."""
    asked = []
    for place, until in rolled_until(tr, places).items():
        before = tr.keys.total + keys.place(*place)
        old = tr.get_range(before, before + keys.END)
        asked.append((place, len(before), old, _ask(tr, tr.keys.minute, place, until, _LAST)))
    found: list[Counters] = []
    for place, start, old, new in asked:
        sums: Sums = {}
        for pair in old():
            (job,), kind = keys.names(pair.key[start:], 1)
            sums.setdefault((0, job), {}).setdefault(kind, []).append(pair.value)
        _collect(sums, new, len(tr.keys.minute + keys.place(*place)), _LAST + 1)
        queue, route = place
        found += [
            Counters(queue=queue, route=route, job=job, begin=0.0, values=values)
            for (_, job), values in sorted(_added_up(sums), key=lambda one: one[0])
        ]
    return found


def rolled_until(tr: Transaction, places: Sequence[Place]) -> dict[Place, int]:
    """Return of routes up to which minute the sums of hours and of all time have everything."""
    asked = {place: tr.get(tr.keys.rolled + keys.place(*place)) for place in places}
    values = {place: future.value for place, future in asked.items()}
    return {place: 0 if value is None else keys.count_of(value) for place, value in values.items()}


def sample(tr: Transaction, places: Sequence[Place]) -> int:
    """Note how routes stand, those that have no sample of this minute; return how many had none."""
    minute = max(int(tr.now // 60), 0)
    had = {place: tr.get(tr.keys.sample + keys.place(*place) + keys.count(minute)) for place in places}
    missing = [place for place, future in had.items() if future.value is None]
    tr.unchanged = not missing
    if not missing:
        return 0
    asked = []
    for place in missing:
        before = tr.keys.counts + keys.place(*place)
        hour_key = tr.keys.hour_sample + keys.place(*place) + keys.count(minute // MINUTES)
        counts = tr.get_range(before, before + keys.END, snapshot=True)
        asked.append((place, counts, hour_key, tr.get(hour_key)))
    listed = [(place, found) for place in missing if (found := routes.one(tr, *place)) is not None]
    oldest = routes.oldest_due(tr, listed)
    for place, counts, hour_key, future in asked:
        sums = dict.fromkeys(State, 0)
        for pair in counts():
            for state, number in vectors.counts_of(pair.value).items():
                sums[state] += number
        values = sample_of(sums[State.PENDING], sums[State.RUNNING], oldest.get(place), tr.now)
        tr.set(tr.keys.sample + keys.place(*place) + keys.count(minute), encode(values))
        value = future.value
        largest = {} if value is None else as_values(value)
        add(largest, {name: values[name] for name in SAMPLES})
        tr.set(hour_key, encode(largest))
    return len(missing)


def _number(moment: float, seconds: float) -> int:
    """Return the first minute or hour that does not begin before a moment."""
    if moment >= _LAST * seconds:
        return _LAST
    return max(math.ceil(moment / seconds), 0) if moment > 0 else 0


def _ask(tr: Transaction, table: bytes, place: Place, since: int, until: int) -> Read:
    before = table + keys.place(*place)
    first, last = (min(max(number, 0), _LAST) for number in (since, until))
    return tr.get_range(before + keys.count(first), before + keys.count(max(first, last)), snapshot=True)


def _collect(sums: Sums, asked: Read, start: int, width: int) -> None:
    """Sort what was read by job, and by spans that are as many minutes (or hours) wide."""
    for pair in asked():
        rest = pair.key[start:]
        begin = keys.count_of(rest[:4]) // width
        (job,), kind = keys.names(rest[4:], 1)
        sums.setdefault((begin, job), {}).setdefault(kind, []).append(pair.value)


def _added_up(sums: Sums) -> Iterator[tuple[tuple[int, str], dict[str, float]]]:
    for key, kinds in sums.items():
        values: dict[str, float] = {}
        for packed in kinds.values():
            add(values, vectors.counters_of(vectors.total(packed)))
        yield key, values
