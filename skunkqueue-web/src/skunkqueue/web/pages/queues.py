"""Queues: every route with its counts, its oldest firing and its workers; and the page of one route."""

from __future__ import annotations

import msgspec
from flask import Blueprint, abort, render_template, request, url_for

from skunkqueue.listings import JobCount
from skunkqueue.records import RouteInfo, Schedule, State, WorkerRecord
from skunkqueue.web import inputs, routes, source
from skunkqueue.web.history import WINDOWS, history, rates
from skunkqueue.web.past_charts import charts_of
from skunkqueue.web.rights import Right, allowed
from skunkqueue.web.routes import Waits
from skunkqueue.web.rules import rules
from skunkqueue.web.show import is_live, now
from skunkqueue.web.source import Source

blueprint = Blueprint("queues", __name__)
WORKERS = 50
"""Workers, jobs and schedules of a route that are shown."""
SHOWN = 100
"""Routes of a page, where there are very many."""
QUEUES = 100
"""Queues that are shown to be paused or purged."""


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one route."""

    info: RouteInfo
    waits: Waits
    jobs: tuple[JobCount, ...]
    jobs_age: float
    """How many seconds ago these were counted."""
    workers: tuple[WorkerRecord, ...]
    schedules: tuple[Schedule, ...]


@blueprint.get("/queues")
@allowed(Right.VIEW)
def queues() -> str:
    """Show all routes."""
    queue, text = inputs.name("of"), inputs.name("text")
    after, before = inputs.pair("after_queue", "after"), inputs.pair("before_queue", "before")
    is_page = any(each is not None for each in (text, after, before))
    board = routes.board(queue, closer=not is_page)
    listed = None
    if is_page or (request.args.get("by") == "name" and not board.is_all):
        listed = _by_name(queue, text, after, before)
    return render_template(
        "queues.html",
        board=board,
        lines=board.lines[:SHOWN] if listed is None and not board.is_all else (listed or board).lines,
        listed=listed,
        queue=queue,
        text=text,
        paused={one.queue: one.paused == one.routes for one in board.queues[:QUEUES]},
        queues_left=max(len(board.queues) - QUEUES, 0),
    )


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A page of routes by name."""

    lines: list[routes.Line]
    older: str | None
    """Address of the page after."""
    newer: str | None
    """Address of the page before."""


def _by_name(
    queue: str | None, text: str | None, after: routes.Name | None, before: routes.Name | None
) -> Listed:
    here = source.current()
    key = ("route page", queue, text, after, before)
    part, working = here.shared(
        key,
        lambda: (
            routes.page(here.backend, queue, text or "", SHOWN, after=after, before=before),
            routes.working(here.backend),
        ),
    )
    return Listed(
        lines=routes.lines(part.items, working, closer=True, key=key),
        older=part.next
        and url_for(".queues", of=queue, text=text, after_queue=part.next[0], after=part.next[1]),
        newer=part.previous
        and url_for(".queues", of=queue, text=text, before_queue=part.previous[0], before=part.previous[1]),
    )


@blueprint.get("/queue")
@allowed(Right.VIEW)
def route() -> str:
    """Show one route."""
    queue, name = inputs.needed("queue"), inputs.needed("route")
    over = inputs.one_of("over", WINDOWS, default="hour")
    here = source.current()
    about = here.shared(("route", queue, name), lambda: read(here, queue, name))
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
        words={each.name: rules().words(each) for each in about.schedules[:WORKERS]},
        charts=charts_of(past),
        is_whole=past.is_whole,
        rates=rates(hour),
        over=over,
        windows=[
            (
                each.capitalize(),
                url_for(".route", queue=queue, route=name, over=None if each == "hour" else each),
                each == over,
            )
            for each in WINDOWS
        ],
    )


def read(here: Source, queue: str, name: str) -> About | None:
    """Read what is known about a route; ``None``: it does not exist. Where counting by job takes long, these counts are some seconds old."""
    backend = here.backend
    found = routes.named(backend, queue, name)
    workers = backend.workers(queue, name)
    if not found and not workers:
        return None
    info = found[0] if found else _empty(queue, name)
    at = backend.now()
    has_rows, is_full = "rows" in backend.capabilities, bool(info.counts[State.PENDING])
    jobs, age = here.lately(
        ("jobs of a route", queue, name),
        lambda: tuple(backend.job_counts(queue, name)) if has_rows else (),
        waits=is_live(),
    )
    return About(
        info=info,
        waits=routes.waits_of(backend, info, at, routes.LOOK) if has_rows and is_full else Waits(),
        jobs=jobs,
        jobs_age=age,
        workers=tuple(workers),
        schedules=tuple(each for each in backend.schedules(queue) if each.route == name),
    )


def _empty(queue: str, name: str) -> RouteInfo:
    counts = dict.fromkeys(State, 0)
    return RouteInfo(queue=queue, route=name, paused=False, counts=counts, oldest_due=None)
