"""Routes: which there are, their pauses, and how many firings of each state and job are on them."""

from __future__ import annotations

from skunkqueue.listings import JobCount
from skunkqueue.persistence.redis.keys import names_in, quote
from skunkqueue.persistence.redis.link import Link
from skunkqueue.persistence.redis.scripts import load
from skunkqueue.persistence.redis.wire import reader
from skunkqueue.records import RouteInfo, State

_ROUTES, _NAMES, _JOB_COUNTS = map(load, ("routes", "names", "job_counts"))
_RouteRow = tuple[str, bool, int, int, int, int, int, int, float | None]
_as_routes = reader(list[_RouteRow])
_as_names = reader(list[str])
_as_job_counts = reader(tuple[bool, list[tuple[str, int, int, int, int, int, int]]])


def infos(link: Link, queue: str | None) -> list[RouteInfo]:
    """List routes with their counts."""
    rows = _as_routes(link.call(_ROUTES, False if queue is None else quote(queue)))
    return sorted(map(_info, rows), key=lambda info: (info.queue, info.route))


def places(link: Link, queue: str | None) -> list[str]:
    """List the places of routes, as ``keys.place_of`` names them."""
    return _as_names(link.call(_NAMES, "routes", False if queue is None else quote(queue)))


def job_counts(link: Link, queue: str | None, route: str | None) -> list[JobCount]:
    """Count firings by job and state."""
    found = []
    for place in places(link, queue):
        at, on = names_in(place)
        if route not in (None, on):
            continue
        exact, rows = _as_job_counts(link.call(_JOB_COUNTS, place))
        found += [
            JobCount(queue=at, route=on, job=job, counts=dict(zip(State, counts, strict=True)), exact=exact)
            for job, *counts in rows
        ]
    return sorted(found, key=lambda one: (one.queue, one.route, one.job))


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
