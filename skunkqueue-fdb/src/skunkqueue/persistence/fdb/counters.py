"""Reading counters: of each minute, of each hour, of all time; with the samples (``samples``).

Only minutes are added to. The sums of hours and of all time have what ``rollup`` has added to them, up to the minute that
it has come to; readers add up what is later.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple

import msgspec

from skunkqueue.counters import SAMPLES, Counters, add
from skunkqueue.persistence.asking import MINUTES_KEPT
from skunkqueue.persistence.fdb import keys, vectors
from skunkqueue.persistence.fdb.binding import KeyValue
from skunkqueue.persistence.fdb.routes import Place
from skunkqueue.persistence.fdb.transactions import Transaction
from skunkqueue.records import Minute

MINUTES = 60
"""Of an hour."""
TEN = 10
"""Minutes that are rolled up together."""
_LAST = (1 << 32) - 1
as_minutes = msgspec.msgpack.Decoder(dict[int, dict[str, float]]).decode
as_values = msgspec.msgpack.Decoder(dict[str, float]).decode
Read = Callable[[], Sequence[KeyValue]]
Sums = dict[tuple[int, str], dict[bytes, list[bytes]]]
"""By time and job, then by kind (what happened, histograms): what is to be added up."""


class Span(NamedTuple):
    """Minutes, or hours."""

    table: bytes
    seconds: float


def spans(tr: Transaction, *, hours: bool) -> Span:
    """Return where minutes or hours lie."""
    all_keys = tr.keys
    if hours:
        return Span(all_keys.hour, 3600.0)
    return Span(all_keys.minute, 60.0)


def minutes(tr: Transaction, queue: str, route: str, since: int, until: int) -> list[Minute]:
    """Read minutes of a route, all jobs together."""
    span = spans(tr, hours=False)
    rolled = rolled_until(tr, [(queue, route)])[queue, route]
    reading = _Reading(tr, (queue, route), span, since, until, jobs=False, rolled=rolled, with_samples=False)
    whole = reading.whole()
    found = []
    for minute in sorted(whole):
        values = {name: value for name, value in whole[minute].items() if name not in SAMPLES}
        if values:
            found.append(Minute(queue=queue, route=route, minute=minute, values=values))
    return found


def counters(
    tr: Transaction, places: Sequence[Place], since: float, until: float, *, hours: bool, jobs: bool
) -> list[Counters]:
    """Read minutes or hours of routes, of each job or of all together."""
    span = spans(tr, hours=hours)
    first, last = _number(since, span.seconds), _number(until, span.seconds)
    rolled = {} if jobs and not hours else rolled_until(tr, places)
    reads = [
        _Reading(tr, place, span, first, last, jobs=jobs, rolled=rolled.get(place), with_samples=not jobs)
        for place in places
    ]
    found: list[Counters] = []
    seconds = span.seconds
    for reading in reads:
        queue, route = reading.place
        if jobs:
            found += [
                Counters(queue=queue, route=route, job=job, begin=begin * seconds, values=values)
                for (begin, job), values in sorted(reading.by_job().items(), key=itemgetter(0))
            ]
        else:
            found += [
                Counters(queue=queue, route=route, job=None, begin=begin * seconds, values=values)
                for begin, values in sorted(reading.whole().items(), key=itemgetter(0))
            ]
    return found


class _Reading:
    """What is asked of one route; all is asked for before anything is waited for.

    What is rolled up is read from there; and what came later from the minutes of each job.
    """

    def __init__(
        self,
        tr: Transaction,
        place: Place,
        span: Span,
        first: int,
        last: int,
        *,
        jobs: bool,
        rolled: int | None,
        with_samples: bool,
    ) -> None:
        self.place = place
        self._jobs = jobs
        packed = keys.place(*place)
        self._start = len(tr.keys.minute + packed)
        is_hours = span.table == tr.keys.hour
        self._width = MINUTES if is_hours else 1
        since, until = first * self._width, last * self._width
        if not is_hours:
            # Old ones may still be there.
            first = since = max(since, int((tr.now - MINUTES_KEPT) // 60))
        self._span = first, last
        self._hours = _ask(tr, tr.keys.hour, place, first, last) if is_hours else None
        self._tens: Read | None = None
        if rolled is not None and not is_hours:
            self._tens = _ask(tr, tr.keys.minutes, place, first - first % TEN, last)
        self._open = _ask(tr, tr.keys.minute, place, max(since, rolled or 0), until)
        self._samples: Read | None = None
        self._hour_samples: Read | None = None
        if with_samples:
            self._samples = _ask(tr, tr.keys.sample, place, max(since, rolled or 0), until)
            if is_hours:
                self._hour_samples = _ask(tr, tr.keys.hour_sample, place, first, last)

    def by_job(self) -> dict[tuple[int, str], dict[str, float]]:
        """Wait, and add up by time and job."""
        sums: Sums = {}
        _collect(sums, self._open, self._start, self._width, jobs=self._jobs)
        if self._hours is not None:
            _collect(sums, self._hours, self._start, 1, jobs=self._jobs)
        return dict(_added_up(sums))

    def whole(self) -> dict[int, dict[str, float]]:
        """Wait, and add up by time: all jobs together, and samples. There may be thousands of minutes."""
        found = {begin: values for (begin, _), values in self.by_job().items()}
        first, last = self._span
        for pair in () if self._tens is None else self._tens():
            minutes = as_minutes(pair.value)
            if first <= min(minutes, default=first) and max(minutes, default=first) < last:
                found.update(minutes)
            else:
                found.update((begin, values) for begin, values in minutes.items() if first <= begin < last)
        for width, samples in ((1, self._hour_samples), (self._width, self._samples)):
            for pair in () if samples is None else samples():
                begin = keys.count_of(pair.key[self._start :]) // width
                # The largest of an hour.
                add(found.setdefault(begin, {}), as_values(pair.value))
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
        _collect(sums, new, len(tr.keys.minute + keys.place(*place)), _LAST + 1, jobs=True)
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


def _number(moment: float, seconds: float) -> int:
    """Return the first minute or hour that does not begin before a moment."""
    if moment >= _LAST * seconds:
        return _LAST
    return max(math.ceil(moment / seconds), 0) if moment > 0 else 0


def _ask(tr: Transaction, table: bytes, place: Place, since: int, until: int) -> Read:
    before = table + keys.place(*place)
    first, last = (min(max(number, 0), _LAST) for number in (since, until))
    return tr.get_range(before + keys.count(first), before + keys.count(max(first, last)), snapshot=True)


def _collect(sums: Sums, asked: Read, start: int, width: int, *, jobs: bool) -> None:
    """Sort what was read by time and job; ``width``: how many minutes (or hours) become one, from a multiple of it on."""
    for pair in asked():
        rest = pair.key[start:]
        begin = keys.count_of(rest[:4]) // width
        job = keys.names(rest[4:], 1)[0][0] if jobs else ""
        sums.setdefault((begin, job), {}).setdefault(rest[-1:], []).append(pair.value)


def _added_up(sums: Sums) -> Iterator[tuple[tuple[int, str], dict[str, float]]]:
    for key, kinds in sums.items():
        values: dict[str, float] = {}
        for packed in kinds.values():
            add(values, vectors.counters_of(vectors.total(packed)))
        yield key, values
