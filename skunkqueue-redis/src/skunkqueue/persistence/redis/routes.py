"""Routes: which there are, their pauses, and how many firings of each state and job are on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from skunkqueue.listings import JobCount
from skunkqueue.persistence.redis.keys import names_in, place_of, quote
from skunkqueue.persistence.redis.link import Link
from skunkqueue.persistence.redis.scripts import load
from skunkqueue.persistence.redis.wire import reader
from skunkqueue.records import RouteInfo, State

_ROUTES, _NAMES, _JOB_COUNTS = map(load, ("routes", "names", "job_counts"))
_RouteRow = tuple[str, bool, int, int, int, int, int, int, float | None]
_as_routes = reader(tuple[list[_RouteRow] | None])
_ANY_QUEUE = _EACH = False
_COUNTED_TOGETHER = 250
"""Routes that one request counts, so that it holds the server up for some milliseconds at most."""
_as_names = reader(list[str])
_Counted = tuple[bool, list[tuple[str, int, int, int, int, int, int]]]
_as_job_counts = reader(list[_Counted | None])
_TOGETHER = 10
"""Routes whose jobs one request counts."""
_ALONE_TOGETHER = 500
"""The same where one job is counted."""


def infos(link: Link, queue: str | None) -> list[RouteInfo]:
    """List routes with their counts."""
    found = infos_at_once(link, queue)
    return infos_at(link, places(link, queue)) if found is None else found


def infos_at_once(link: Link, queue: str | None) -> list[RouteInfo] | None:
    """Do so by one request; ``None``: there are too many."""
    (rows,) = _as_routes(link.call(_ROUTES, False if queue is None else quote(queue), _EACH))
    return None if rows is None else sorted(map(_info, rows), key=lambda info: (info.queue, info.route))


def infos_at(link: Link, chosen: Sequence[str]) -> list[RouteInfo]:
    """List the routes at these places."""
    found: list[RouteInfo] = []
    for first in range(0, len(chosen), _COUNTED_TOGETHER):
        part = chosen[first : first + _COUNTED_TOGETHER]
        (rows,) = _as_routes(link.call(_ROUTES, _ANY_QUEUE, part))
        found += map(_info, rows or ())
    return sorted(found, key=lambda info: (info.queue, info.route))


def places(link: Link, queue: str | None) -> list[str]:
    """List the places of routes, as ``keys.place_of`` names them."""
    return _as_names(link.call(_NAMES, "routes", False if queue is None else quote(queue)))


def job_counts(link: Link, queue: str | None, route: str | None) -> list[JobCount]:
    """Count firings by job and state."""
    found = []
    for place, counted in _counted(link, queue, route, None, _TOGETHER):
        exact, rows = counted or (False, [])
        at, on = names_in(place)
        found += [
            JobCount(queue=at, route=on, job=job, counts=dict(zip(State, counts, strict=True)), exact=exact)
            for job, *counts in rows
        ]
    return sorted(found, key=lambda one: (one.queue, one.route, one.job))


def counts_of_job(
    link: Link, queue: str | None, route: str | None, job: str
) -> tuple[dict[State, int], bool] | None:
    """Count the firings of a job by state, and tell whether that is exact; ``None``: a route counts it among others."""
    sums, all_exact = dict.fromkeys(State, 0), True
    for _, counted in _counted(link, queue, route, job, _ALONE_TOGETHER):
        if counted is None:
            return None
        exact, rows = counted
        all_exact = all_exact and exact
        for _, *counts in rows:
            for state, count in zip(State, counts, strict=True):
                sums[state] += count
    return sums, all_exact


def _counted(
    link: Link, queue: str | None, route: str | None, job: str | None, together: int
) -> Iterator[tuple[str, _Counted | None]]:
    """Count on each route, on several in one request."""
    if queue is not None and route is not None:
        asked = [place_of(queue, route)]
    else:
        asked = [place for place in places(link, queue) if route in (None, names_in(place)[1])]
    for first in range(0, len(asked), together):
        part = asked[first : first + together]
        yield from zip(part, _as_job_counts(link.call(_JOB_COUNTS, part, job or False)), strict=True)


def _info(row: _RouteRow) -> RouteInfo:
    place, paused, *counts, oldest = row
    queue, route = names_in(place)
    return RouteInfo(
        queue=queue,
        route=route,
        paused=paused,
        counts=dict(zip(State, counts, strict=True)),
        oldest_due=oldest,
    )
