"""Routes and counters, to be read."""

from __future__ import annotations

import math
from typing import Any

from flask import abort

from skunkqueue.counters import Counters, add_beside, buckets, percentile_of
from skunkqueue.persistence.asking import HOURS_KEPT, MINUTES_KEPT
from skunkqueue.persistence.backend import Backend
from skunkqueue.web import source
from skunkqueue.web.api.bodies import CountersQuery, QueueQuery
from skunkqueue.web.api.endpoints import endpoint, some
from skunkqueue.web.api.structs import routes as structs
from skunkqueue.web.api.times import moment, seconds
from skunkqueue.web.rights import Right
from skunkqueue.web.routes import read as read_routes

MOST_COUNTERS = 100_000
"""Counters, one for each route and step, that one answer may need."""
_STEPS = {"minute": (60, MINUTES_KEPT, 3_600.0), "hour": (3_600, HOURS_KEPT, 86_400.0)}
"""Seconds of a step, for how long it is kept, and what is shown where nothing is asked for."""


@endpoint("GET", "/routes", Right.VIEW, {200: structs.Routes}, query=QueueQuery)
def routes(asked: QueueQuery) -> structs.Routes:
    """List routes with their counts."""
    here = source.current()
    queue = some(asked.queue)
    return here.shared(("api routes", queue), lambda: _routes(here.backend, queue))


@endpoint("GET", "/counters", Right.VIEW, {200: structs.Steps}, query=CountersQuery)
def counters(asked: CountersQuery) -> structs.Steps:
    """Show what happened in each minute or hour."""
    here = source.current()
    length, kept, usual = _STEPS[asked.step]
    now = here.now()
    end, begin = some(asked.until), some(asked.since)
    until = now + length if end is None else min(seconds(end), now + length)
    since = now - usual if begin is None else seconds(begin)
    since = max(since, now - kept)
    return here.shared(
        ("api counters", asked), lambda: _steps(here.backend, asked, since, until, length=length)
    )


@endpoint("GET", "/totals", Right.VIEW, {200: structs.Totals}, query=QueueQuery)
def totals(asked: QueueQuery) -> structs.Totals:
    """Show what was counted by route and job since the store was made."""
    here = source.current()
    queue = some(asked.queue)

    def read() -> structs.Totals:
        found = [
            structs.Total(queue=each.queue, route=each.route, job=each.job or "", **point(each.values))
            for each in here.backend.totals(queue)
        ]
        return structs.Totals(now=moment(here.now()), totals=found)

    return here.shared(("api totals", queue), read)


def point(values: dict[str, float]) -> dict[str, Any]:
    """Return counters by their names, with percentiles in place of histograms."""
    names = ("enqueued", "complete", "error", "killed", "expired", "retried", "snoozed", "released", "deaths")
    found: dict[str, Any] = {name: int(values.get(name, 0)) for name in names}
    for name in ("wait", "run"):
        found[name] = _times(values, name)
    return found


def _times(values: dict[str, float], name: str) -> structs.Times | None:
    histogram = buckets(values, name)
    count = sum(many for _, _, many in histogram)
    if not count:
        return None
    shares = [percentile_of(histogram, share) or 0.0 for share in (0.5, 0.95, 0.99)]
    return structs.Times(
        count=int(count), mean=values.get(name, 0.0) / count, p50=shares[0], p95=shares[1], p99=shares[2]
    )


def _routes(store: Backend, queue: str | None) -> structs.Routes:
    now = store.now()
    found, working = read_routes(store, queue)
    return structs.Routes(
        now=moment(now),
        routes=[
            structs.RouteAnswer(
                queue=info.queue,
                route=info.route,
                paused=info.paused,
                counts=info.counts,
                exact=info.exact,
                oldest_due=moment(info.oldest_due),
                oldest_wait=0.0 if info.oldest_due is None else max(now - info.oldest_due, 0.0),
                workers=working[info.queue, info.route],
            )
            for info in found
        ],
    )


def _steps(store: Backend, asked: CountersQuery, since: float, until: float, *, length: int) -> structs.Steps:
    queue, route, job = some(asked.queue), some(asked.route), some(asked.job)
    places = [
        (info.queue, info.route) for info in store.routes(queue) if route is None or info.route == route
    ]
    found: list[Counters] = []
    if places and since < until:
        _check_size(len(places), math.ceil((until - since) / length))
        found = store.counters(places, since, until, hours=asked.step == "hour", jobs=job is not None)
    steps: dict[float, dict[str, float]] = {}
    for each in found:
        if job is None or each.job == job:
            add_beside(steps.setdefault(each.begin, {}), each.values)
    return structs.Steps(
        now=moment(store.now()), seconds=length, steps=[_step(begin, steps[begin]) for begin in sorted(steps)]
    )


def _check_size(routes: int, steps: int) -> None:
    """Refuse what would keep the store busy for minutes."""
    if routes * steps > MOST_COUNTERS:
        abort(
            400,
            f"{routes:,} routes over {steps:,} steps are too much for one answer: name a queue or a route, ask for a shorter"
            f" time, or for hours; {MOST_COUNTERS:,} counters are the most",
        )


def _step(begin: float, values: dict[str, float]) -> structs.Step:
    pending, running = values.get("pending"), values.get("running")
    return structs.Step(
        begin=moment(begin),
        pending=None if pending is None else int(pending),
        running=None if running is None else int(running),
        oldest=values.get("oldest"),
        **point(values),
    )
