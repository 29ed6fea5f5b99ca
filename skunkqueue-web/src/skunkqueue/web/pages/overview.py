"""The overview: what needs attention, how much is going on, charts of the last hour, day or month, and the routes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
from flask import Blueprint, render_template, url_for

from skunkqueue.persistence.asking import OTHER_JOBS
from skunkqueue.records import RouteInfo, State
from skunkqueue.web import inputs, routes
from skunkqueue.web.attention import matters
from skunkqueue.web.history import WINDOWS, history, rates
from skunkqueue.web.job_sums import job_sums
from skunkqueue.web.past_charts import charts_of
from skunkqueue.web.rights import Right, allowed
from skunkqueue.web.routes import Board, Line
from skunkqueue.web.show import now

blueprint = Blueprint("overview", __name__)
ROUTES = 12
"""Routes that the overview shows; the page of queues has them all."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """The queue, route or job whose charts are shown."""

    queue: str | None
    route: str | None
    job: str | None
    over: str

    def url(self, over: str) -> str:
        """Return the same for another time."""
        return url_for(
            "overview.overview",
            over=over if over != "hour" else None,
            queue=self.queue,
            route=self.route,
            job=self.job,
        )


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """All routes together."""

    pending: int
    running: int
    paused: int
    exact: bool
    oldest: RouteInfo | None = None
    """The route whose oldest firing has been due for longest; ``None``: nothing is due, or it is not known of a job."""
    known: bool = True
    """False: the store has no firing of the job."""


@blueprint.get("/")
@allowed(Right.VIEW)
def overview() -> str:
    """Show the overview."""
    choice = chosen()
    board = routes.board(choice.queue)
    lines = [line for line in board.lines if choice.route in (None, line.info.route)]
    if choice.queue is not None and choice.route is not None and not lines:
        lines = routes.one(choice.queue, choice.route)
    names = [(line.info.queue, line.info.route) for line in lines]
    past = history().read(names, WINDOWS[choice.over], now(), choice.job)
    hour = past if choice.over == "hour" else history().read(names, WINDOWS["hour"], now(), choice.job)
    is_everything = choice.queue is choice.route is choice.job is None
    all_routes = sums(lines) if choice.route or board.is_all else sums_of_all(board)
    of_job = sums_of_job(choice) if lines and choice.job is not None else None
    return render_template(
        "overview.html",
        choice=choice,
        windows=list(WINDOWS),
        matters=matters(board) if is_everything else None,
        sums=of_job or all_routes,
        board=board,
        rates=rates(hour),
        charts=charts_of(past),
        is_whole=past.is_whole,
        lines=sorted(busiest(lines)[:ROUTES], key=lambda line: (line.info.queue, line.info.route)),
        left=max((len(lines) if choice.route else board.total) - ROUTES, 0),
        workers=board.workers,
        is_everything=is_everything,
        is_new=not lines,
        knows_job=of_job is None or of_job.known,
    )


def chosen() -> Choice:
    """Read what the URL asks for."""
    return Choice(
        queue=inputs.name("queue"),
        route=inputs.name("route"),
        job=inputs.name("job"),
        over=inputs.one_of("over", WINDOWS, default="hour"),
    )


def sums(lines: Sequence[Line]) -> Sums:
    """Add up the counts of routes."""
    dues = [(line.info.oldest_due, line.info) for line in lines if line.info.oldest_due is not None]
    due, oldest = min(dues, key=lambda one: one[0], default=(math.inf, None))
    return Sums(
        pending=sum(line.info.counts[State.PENDING] for line in lines),
        running=sum(line.info.counts[State.RUNNING] for line in lines),
        paused=sum(line.info.paused for line in lines),
        exact=all(line.info.exact for line in lines),
        oldest=oldest if due <= now() else None,
    )


def sums_of_all(board: Board) -> Sums:
    """Return the sums of more routes than are shown; the longest wait is that of the busiest."""
    shown = sums(board.lines)
    return Sums(
        pending=sum(one.counts[State.PENDING] for one in board.queues),
        running=sum(one.counts[State.RUNNING] for one in board.queues),
        paused=sum(one.paused for one in board.queues),
        exact=all(one.exact for one in board.queues),
        oldest=shown.oldest,
    )


def sums_of_job(choice: Choice) -> Sums | None:
    """Add up the firings of one job; ``None``: the store does not count by job."""
    counted = job_sums(choice.queue, choice.route)
    found = [each for each in counted if each.job == choice.job]
    others = any(each.job == OTHER_JOBS for each in counted)
    if not counted or (others and not found):
        return None
    return Sums(
        pending=sum(each.counts[State.PENDING] for each in found),
        running=sum(each.counts[State.RUNNING] for each in found),
        paused=0,
        exact=not others and all(each.exact for each in found),
        known=bool(found),
    )


def busiest(lines: Sequence[Line]) -> list[Line]:
    """Sort routes: stuck ones first, then those with most work."""
    counted = State.PENDING, State.RUNNING
    return sorted(
        lines, key=lambda line: (not line.is_stuck, -sum(line.info.counts[state] for state in counted))
    )
