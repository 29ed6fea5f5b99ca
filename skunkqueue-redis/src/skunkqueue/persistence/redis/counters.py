"""Counters: of each minute, of each hour, of all time; and the samples of each minute."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from skunkqueue.counters import SAMPLES, Counters, add
from skunkqueue.persistence.asking import HOURS_KEPT, MINUTES_KEPT
from skunkqueue.persistence.redis import routes, server_time
from skunkqueue.persistence.redis.keys import names_in, place_of
from skunkqueue.persistence.redis.link import Link
from skunkqueue.persistence.redis.scripts import load
from skunkqueue.persistence.redis.wire import reader
from skunkqueue.records import Minute

_COUNTERS, _TOTALS, _SAMPLE, _SAMPLED = map(load, ("counters", "totals", "sample", "sampled"))
_Values = dict[str, float]
_Jobs = dict[str, dict[str, float]]
_as_sums = reader(list[tuple[bool, dict[int, _Values], dict[int, _Values]]])
_as_jobs = reader(list[tuple[bool, dict[int, _Jobs], dict[int, _Jobs]]])
_as_totals = reader(list[tuple[bool, _Jobs, dict[int, _Jobs]]])
"""Whether all minutes that are over are packed; what is packed; and the other minutes, by their numbers."""
_as_sampled = reader(tuple[int, bool])
"""A number, and whether there is something to do."""
_TOGETHER = 50
"""Routes that one request asks for."""
_SPANS_TOGETHER = 600
"""Minutes or hours of routes that one request asks for."""
_JOBS_WEIGH = 20
"""How many times longer one takes whose jobs are counted apart."""
_TRIES = 5_000
"""Requests after which packing the minutes of a route is given up: more than there can be."""
_ONLY_ASKED = False
_SAMPLED_TOGETHER = 250
"""Routes of which one request takes samples, so that it holds the server up for some milliseconds at most."""
_AGAIN = 50
"""Requests that one sweep makes beyond those, at most, where much is left to pack; the next one goes on."""


def minutes(link: Link, queue: str, route: str, since: int, until: int) -> list[Minute]:
    """Read the counters of a route minute by minute, without samples."""
    found = counters(link, [(queue, route)], 60.0 * since, 60.0 * until, hours=False, jobs=False)
    read = [
        Minute(
            queue=queue,
            route=route,
            minute=int(one.begin // 60),
            values={name: value for name, value in one.values.items() if name not in SAMPLES},
        )
        for one in found
    ]
    return [minute for minute in read if minute.values]


def counters(
    link: Link,
    chosen: Sequence[tuple[str, str]],
    since: float,
    until: float,
    *,
    hours: bool,
    jobs: bool,
) -> list[Counters]:
    """Read what was counted on routes in each minute or hour; see ``Backend.counters``."""
    # Also where one of the two is not a number.
    if not chosen or not since < until:
        return []
    length, kept = (3_600, HOURS_KEPT) if hours else (60, MINUTES_KEPT)
    now = server_time.now(link)
    first = -int(-max(since, (now - kept) // length * length) // length)
    last = -int(-min(until, now + 2 * length) // length) - 1
    if first > last:
        return []
    read = _by_job if jobs else _in_all
    # A script is short, so that it holds up nobody else for long.
    size = max(1, _SPANS_TOGETHER // ((last - first + 1) * (_JOBS_WEIGH if jobs else 1)))
    by_place: dict[str, list[Counters]] = {}
    left = list(dict.fromkeys(place_of(queue, route) for queue, route in chosen))
    for _ in range(_TRIES):
        again = []
        for start in range(0, len(left), size):
            asked = left[start : start + size]
            for place, part in zip(
                asked, read(link.call(_COUNTERS, asked, first, last, hours, jobs), length), strict=True
            ):
                if part is None:
                    again.append(place)
                    continue
                queue, route = names_in(place)
                by_place[place] = [
                    Counters(queue=queue, route=route, job=job, begin=float(span * length), values=values)
                    for span, job, values in part
                    if first <= span <= last
                ]
        left = again
        if not left:
            break
    return [one for queue, route in chosen for one in by_place.get(place_of(queue, route), ())]


def totals(link: Link, queue: str | None) -> list[Counters]:
    """Read what was counted ever, by route and job."""
    places = routes.places(link, queue)
    found: list[Counters] = []
    while places:
        asked, places = places[:_TOGETHER], places[_TOGETHER:]
        again = []
        for place, (whole, jobs, open_) in zip(asked, _as_totals(link.call(_TOTALS, asked)), strict=True):
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


def sample(link: Link) -> int:
    """Take the samples of this minute; return on how many routes."""
    return sum(number for number, _ in _sampled(link))


def sample_if_due(link: Link) -> None:
    """Take the samples of this minute and pack the minutes that are over, unless that is done, or somebody else is doing it."""
    minute, is_due = _as_sampled(link.call(_SAMPLED, _ONLY_ASKED))
    if not is_due:
        return
    again = 0
    for _, is_more in _sampled(link):
        again += is_more
        if again > _AGAIN:
            return
    link.call(_SAMPLED, str(minute))


def _sampled(link: Link) -> Iterator[tuple[int, bool]]:
    """Take samples of some routes, and pack the minutes of these, by each request; yield of how many, and whether more is left."""
    left = routes.places(link, None)
    while left:
        some = left[:_SAMPLED_TOGETHER]
        number, is_more = _as_sampled(link.call(_SAMPLE, some))
        if not is_more:
            left = left[_SAMPLED_TOGETHER:]
        yield number, is_more


_Part = list[tuple[int, str | None, _Values]] | None
"""Of one route; ``None``: ask again."""


def _in_all(reply: bytes, length: int) -> list[_Part]:
    """Read the sums of all jobs, of each minute or hour."""
    found: list[_Part] = []
    for whole, spans, open_ in _as_sums(reply):
        for minute, values in open_.items():
            add(spans.setdefault(minute * 60 // length, {}), values)
        found.append([(span, None, spans[span]) for span in sorted(spans)] if whole else None)
    return found


def _by_job(reply: bytes, length: int) -> list[_Part]:
    """Read the sums of each job, of each minute or hour."""
    found: list[_Part] = []
    for whole, spans, open_ in _as_jobs(reply):
        for minute, jobs in open_.items():
            _add_jobs(spans.setdefault(minute * 60 // length, {}), jobs)
        part: _Part = [(span, job, jobs[job]) for span, jobs in sorted(spans.items()) for job in sorted(jobs)]
        found.append(part if whole else None)
    return found


def _add_jobs(jobs: _Jobs, more: _Jobs) -> None:
    for job, values in more.items():
        add(jobs.setdefault(job, {}), values)
