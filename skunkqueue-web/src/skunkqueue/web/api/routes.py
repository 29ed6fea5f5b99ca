"""Routes and counters, to be read."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from flask import abort

from skunkqueue.counters import Counters, add_beside, buckets, percentiles_of
from skunkqueue.persistence.asking import HOURS_KEPT, MINUTES_KEPT
from skunkqueue.persistence.backend import Backend
from skunkqueue.web import source
from skunkqueue.web.api.bodies import CountersQuery, RoutesQuery, TotalsQuery
from skunkqueue.web.api.cursors import backward, directions, onward, read_names, read_pair, write_names
from skunkqueue.web.api.endpoints import endpoint, some
from skunkqueue.web.api.structs import routes as structs
from skunkqueue.web.api.times import moment, seconds
from skunkqueue.web.paging import part_of
from skunkqueue.web.rights import Right
from skunkqueue.web.routes import page, places_of, working

MOST_COUNTERS = 100_000
"""Counters, one for each route and step, that one answer may need."""
_STEPS = {"minute": (60, MINUTES_KEPT, 3_600.0), "hour": (3_600, HOURS_KEPT, 86_400.0)}
"""Seconds of a step, for how long it is kept, and what is shown where nothing is asked for."""


@endpoint("GET", "/routes", Right.VIEW, {200: structs.Routes}, query=RoutesQuery)
def routes(asked: RoutesQuery) -> structs.Routes:
    """List routes with their counts, by queue and name."""
    here = source.current()
    return here.shared(("api routes", asked), lambda: _routes(here.backend, asked))


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
        ("api counters", asked),
        lambda: _steps(here.backend, asked, since, until, length=length),
        size=lambda found: len(found.steps),
    )


@endpoint("GET", "/totals", Right.VIEW, {200: structs.Totals}, query=TotalsQuery)
def totals(asked: TotalsQuery) -> structs.Totals:
    """Show what was counted by route and job since the store was made, by queue, route and job."""
    here, queue = source.current(), some(asked.queue)
    after, before = (read_names(cursor, 3) for cursor in directions(some(asked.cursor)))

    def read() -> tuple[datetime, list[Counters]]:
        return moment(here.now()), sorted(here.backend.totals(queue), key=_place_of)

    now, found = here.shared(("api totals", queue), read, size=lambda read: len(read[1]))
    part = part_of(found, _place_of, asked.limit, after, before)
    return structs.Totals(
        now=now,
        totals=[
            structs.Total(queue=each.queue, route=each.route, job=each.job or "", **point(each.values))
            for each in part.items
        ],
        next=onward(part.next and write_names(*part.next)),
        previous=backward(part.previous and write_names(*part.previous)),
    )


def _place_of(each: Counters) -> tuple[str, str, str]:
    return each.queue, each.route, each.job or ""


def point(values: dict[str, float]) -> dict[str, Any]:
    """Return counters by their names, with percentiles in place of histograms."""
    names = ("enqueued", "complete", "error", "killed", "expired", "retried", "snoozed", "released", "deaths")
    found: dict[str, Any] = {name: int(values.get(name, 0)) for name in names}
    for name in ("wait", "run"):
        found[name] = _times(values, name)
    return found


def _times(values: dict[str, float], name: str) -> structs.Times | None:
    histogram = buckets(values, name)
    found = percentiles_of(histogram, (0.5, 0.95, 0.99))
    if found is None:
        return None
    count = sum([many for _, _, many in histogram])
    p50, p95, p99 = found
    return structs.Times(count=int(count), mean=values.get(name, 0.0) / count, p50=p50, p95=p95, p99=p99)


def _routes(store: Backend, asked: RoutesQuery) -> structs.Routes:
    now, queue = store.now(), some(asked.queue)
    after, before = map(read_pair, directions(some(asked.cursor)))
    found = page(store, queue, some(asked.text) or "", asked.limit, after=after, before=before)
    live = working(store, queue)
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
                workers=live[info.queue, info.route],
            )
            for info in found.items
        ],
        next=onward(found.next and write_names(*found.next)),
        previous=backward(found.previous and write_names(*found.previous)),
    )


def _steps(store: Backend, asked: CountersQuery, since: float, until: float, *, length: int) -> structs.Steps:
    queue, route, job = some(asked.queue), some(asked.route), some(asked.job)
    steps_asked = math.ceil(max(until - since, 0.0) / length)
    most = MOST_COUNTERS // max(steps_asked, 1)
    places = places_of(store, queue, route, most)
    if places is None:
        # Refuse what would keep the store busy for minutes.
        abort(
            400,
            f"over {most:,} routes over {steps_asked:,} steps are too much for one answer: name a queue or a route, ask for a"
            f" shorter time, or for hours; {MOST_COUNTERS:,} counters are the most",
        )
    found: list[Counters] = []
    if places and since < until:
        found = store.counters(places, since, until, hours=asked.step == "hour", jobs=job is not None)
    steps: dict[float, dict[str, float]] = {}
    for each in found:
        if job is None or each.job == job:
            add_beside(steps.setdefault(each.begin, {}), each.values)
    return structs.Steps(
        now=moment(store.now()), seconds=length, steps=[_step(begin, steps[begin]) for begin in sorted(steps)]
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
