"""Queues: every route with its counts, its oldest firing and its workers; and the page of one route."""

from __future__ import annotations

import msgspec
from flask import Blueprint, abort, render_template, url_for

from skunkqueue.listings import Count, JobCount, Query
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import RouteInfo, Schedule, State, WorkerRecord
from skunkqueue.web import inputs, routes, source
from skunkqueue.web.history import WINDOWS, history, rates
from skunkqueue.web.past_charts import charts_of
from skunkqueue.web.rights import Right, allowed
from skunkqueue.web.routes import Waits
from skunkqueue.web.show import now

blueprint = Blueprint("queues", __name__)
WORKERS = 50
"""Workers, jobs and schedules of a route that are shown."""
COUNTED = 1_000
"""Pending firings that are looked at to count those that are due."""


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one route."""

    info: RouteInfo
    waits: Waits
    due: Count
    jobs: tuple[JobCount, ...]
    workers: tuple[WorkerRecord, ...]
    schedules: tuple[Schedule, ...]


@blueprint.get("/queues")
@allowed(Right.VIEW)
def queues() -> str:
    """Show all routes."""
    lines = routes.lines(closer=True)
    return render_template(
        "queues.html", lines=lines[: routes.MOST], left=len(lines[routes.MOST :]), paused=paused_queues(lines)
    )


def paused_queues(lines: list[routes.Line]) -> dict[str, bool]:
    """List the queues, and whether all their routes are paused."""
    found: dict[str, bool] = {}
    for line in lines:
        found[line.info.queue] = found.get(line.info.queue, True) and line.info.paused
    return found


@blueprint.get("/queue")
@allowed(Right.VIEW)
def route() -> str:
    """Show one route."""
    queue, name = inputs.needed("queue"), inputs.needed("route")
    over = inputs.one_of("over", WINDOWS, default="hour")
    here = source.current()
    about = here.shared(("route", queue, name), lambda: read(here.backend, queue, name))
    if about is None:
        abort(
            404,
            f"Queue {queue} has no route {name}: nothing was ever fired there, and no worker listens on it.",
        )
    past = history().read([(queue, name)], WINDOWS[over], now())
    hour = past if over == "hour" else history().read([(queue, name)], WINDOWS["hour"], now())
    return render_template(
        "route.html",
        about=about,
        info=about.info,
        most=WORKERS,
        charts=charts_of(past),
        is_whole=past.is_whole,
        rates=rates(hour),
        over=over,
        windows=[
            (
                each,
                url_for(".route", queue=queue, route=name, over=None if each == "hour" else each),
                each == over,
            )
            for each in WINDOWS
        ],
    )


def read(backend: Backend, queue: str, name: str) -> About | None:
    """Read what is known about a route; ``None``: it does not exist."""
    found = [info for info in backend.routes(queue) if info.route == name]
    workers = backend.workers(queue, name)
    if not found and not workers:
        return None
    info = found[0] if found else _empty(queue, name)
    at = backend.now()
    waiting = Query(queue=queue, route=name, states=(State.PENDING,), due=(None, at))
    has_rows, is_full = "rows" in backend.capabilities, bool(info.counts[State.PENDING])
    return About(
        info=info,
        waits=routes.waits_of(backend, info, at) if has_rows and is_full else Waits(),
        due=backend.count(waiting, COUNTED) if has_rows and is_full else Count(number=0, exact=True),
        jobs=tuple(backend.job_counts(queue, name)) if has_rows else (),
        workers=tuple(workers),
        schedules=tuple(each for each in backend.schedules(queue) if each.route == name),
    )


def _empty(queue: str, name: str) -> RouteInfo:
    counts = dict.fromkeys(State, 0)
    return RouteInfo(queue=queue, route=name, paused=False, counts=counts, oldest_due=None)
