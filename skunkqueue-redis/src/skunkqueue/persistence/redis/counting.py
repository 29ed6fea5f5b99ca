"""Counters: each minute's, each hour's, what was counted ever; and the samples of how routes stand."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterator, Sequence
from typing import Any

from skunkqueue.counters import SAMPLES, Counters, add
from skunkqueue.persistence.asking import HOURS_KEPT, MINUTES_KEPT
from skunkqueue.persistence.redis import wire
from skunkqueue.persistence.redis.base import StoreBackend
from skunkqueue.persistence.redis.keys import names_in, place_of, quote
from skunkqueue.persistence.redis.scripts import load
from skunkqueue.records import Minute

_COUNTERS, _TOTALS, _SAMPLE, _NAMES = map(load, ("counters", "totals", "sample", "names"))
_Values = dict[str, float]
_Span = tuple[int, _Values]
"""The number of a minute or hour, and what was counted in it."""
_Open = list[list[Any]]
"""Minutes that are not packed yet: number, name, value, ..."""
_as_sums = wire.reader(tuple[bool, dict[int, dict[str, float]], list[list[Any]]])
_as_jobs = wire.reader(tuple[bool, dict[int, dict[str, dict[str, float]]], list[list[Any]]])
_as_totals = wire.reader(list[tuple[bool, dict[str, dict[str, float]], list[list[Any]]]])
_as_names = wire.reader(list[str])
_ALL, _WHERE_DUE = False, True
_TOGETHER = 50
"""Routes that one request asks for."""
_TRIES = 5_000
"""Requests after which it is given up to pack the minutes of a route: more than there can be."""


class Counting(StoreBackend, ABC):
    """The verbs about counters."""

    def minutes(self, queue: str, route: str, since: int, until: int) -> list[Minute]:
        """Read counters a minute."""
        found = self.counters([(queue, route)], 60.0 * since, 60.0 * until)
        minutes = [
            Minute(
                queue=queue,
                route=route,
                minute=int(one.begin // 60),
                values={name: value for name, value in one.values.items() if name not in SAMPLES},
            )
            for one in found
        ]
        return [minute for minute in minutes if minute.values]

    def counters(
        self,
        routes: Sequence[tuple[str, str]],
        since: float,
        until: float,
        *,
        hours: bool = False,
        jobs: bool = False,
    ) -> list[Counters]:
        """Read what was counted in each minute or hour; see ``Asking.counters``."""
        if not routes:
            return []
        length, kept = (3_600, HOURS_KEPT) if hours else (60, MINUTES_KEPT)
        now = self.now()
        first = -int(-max(since, (now - kept) // length * length) // length)
        last = -int(-min(until, now + 2 * length) // length) - 1
        if first > last:
            return []
        read = _by_job if jobs else _in_all
        found: list[Counters] = []
        for queue, route in routes:
            place = place_of(queue, route)
            for _ in range(_TRIES):
                reply = self._link.call(_COUNTERS, place, first, last, hours, jobs)
                part = read(reply, length)
                if part is not None:
                    break
            else:
                continue
            found += [
                Counters(queue=queue, route=route, job=job, begin=float(span * length), values=values)
                for span, job, values in part
                if first <= span <= last
            ]
        return found

    def totals(self, queue: str | None = None) -> list[Counters]:
        """Read what was counted ever."""
        places = self._places(queue)
        found: list[Counters] = []
        while places:
            asked, places = places[:_TOGETHER], places[_TOGETHER:]
            again = []
            for place, (whole, jobs, open_) in zip(
                asked, _as_totals(self._link.call(_TOTALS, asked)), strict=True
            ):
                if not whole:
                    again.append(place)
                    continue
                for _, job, values in _opened(open_, 60):
                    if job is not None:
                        add(jobs.setdefault(job, {}), values)
                queue_, route = names_in(place)
                found += [
                    Counters(queue=queue_, route=route, job=job, begin=0.0, values=values)
                    for job, values in jobs.items()
                ]
            places = again + places
        return sorted(found, key=lambda one: (one.queue, one.route, one.job))

    def sample(self) -> int:
        """Take the samples of this minute."""
        return wire.as_count(self._link.call(_SAMPLE, _ALL))

    def _sample_if_due(self) -> None:
        """Take them where nobody has looked in this minute."""
        self._link.call(_SAMPLE, _WHERE_DUE)

    def _places(self, queue: str | None) -> list[str]:
        return _as_names(self._link.call(_NAMES, "routes", False if queue is None else quote(queue)))


_Part = list[tuple[int, str | None, _Values]] | None


def _in_all(reply: bytes, length: int) -> _Part:
    """Add up all jobs of each minute or hour; ``None``: ask again."""
    whole, spans, open_ = _as_sums(reply)
    if not whole:
        return None
    for span, _, values in _opened(open_, length):
        add(spans.setdefault(span, {}), values)
    return [(span, None, spans[span]) for span in sorted(spans)]


def _by_job(reply: bytes, length: int) -> _Part:
    whole, spans, open_ = _as_jobs(reply)
    if not whole:
        return None
    for span, job, values in _opened(open_, length):
        if job is not None:
            add(spans.setdefault(span, {}).setdefault(job, {}), values)
    return [(span, job, jobs[job]) for span, jobs in sorted(spans.items()) for job in sorted(jobs)]


def _opened(minutes: _Open, length: int) -> Iterator[tuple[int, str | None, _Values]]:
    """Read the minutes that are not packed: the minute or hour, the job (``None``: samples), what was counted."""
    for number, *flat in minutes:
        jobs: dict[str | None, _Values] = {}
        for field, value in zip(flat[::2], flat[1::2], strict=True):
            name, _, job = field.partition("\n")
            if name.startswith("@"):
                jobs.setdefault(None, {})[name[1:]] = value
            else:
                jobs.setdefault(job, {})[name] = value
        for one, values in jobs.items():
            yield number * 60 // length, one, values
