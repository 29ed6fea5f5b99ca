"""Counters: each minute's, each hour's, what was counted ever; and the samples of how routes stand."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence

from skunkqueue.counters import SAMPLES, Counters, add
from skunkqueue.persistence.asking import HOURS_KEPT, MINUTES_KEPT
from skunkqueue.persistence.redis import wire
from skunkqueue.persistence.redis.base import StoreBackend
from skunkqueue.persistence.redis.keys import names_in, place_of, quote
from skunkqueue.persistence.redis.scripts import load
from skunkqueue.records import Minute

_COUNTERS, _TOTALS, _SAMPLE, _NAMES = map(load, ("counters", "totals", "sample", "names"))
_Values = dict[str, float]
_Jobs = dict[str, dict[str, float]]
_as_sums = wire.reader(tuple[bool, dict[int, dict[str, float]], dict[int, dict[str, float]]])
_as_jobs = wire.reader(tuple[bool, dict[int, _Jobs], dict[int, _Jobs]])
_as_totals = wire.reader(list[tuple[bool, _Jobs, dict[int, _Jobs]]])
"""Whether all minutes that are over are packed; the packed; and, by the number of the minute, those that are not."""
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
                for minute in open_.values():
                    _add_jobs(jobs, minute)
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
    for minute, values in open_.items():
        add(spans.setdefault(minute * 60 // length, {}), values)
    return [(span, None, spans[span]) for span in sorted(spans)]


def _by_job(reply: bytes, length: int) -> _Part:
    whole, spans, open_ = _as_jobs(reply)
    if not whole:
        return None
    for minute, jobs in open_.items():
        _add_jobs(spans.setdefault(minute * 60 // length, {}), jobs)
    return [(span, job, jobs[job]) for span, jobs in sorted(spans.items()) for job in sorted(jobs)]


def _add_jobs(jobs: _Jobs, more: _Jobs) -> None:
    for job, values in more.items():
        add(jobs.setdefault(job, {}), values)
