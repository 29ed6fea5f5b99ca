"""The overview: what needs attention, how much is going on, charts of the last hour, day or month, and the routes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
from flask import Blueprint, render_template, url_for

from skunkqueue.listings import Count
from skunkqueue.persistence.asking import MAX_JOBS, OTHER_JOBS
from skunkqueue.records import RouteInfo, State
from skunkqueue.web import inputs, routes
from skunkqueue.web.attention import matters
from skunkqueue.web.history import WINDOWS, history, rates
from skunkqueue.web.job_sums import can_count, job_states, job_sums
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
    """Firings of all that was chosen."""

    pending: Count | None
    """``None``: the store cannot count those of a job."""
    running: Count | None
    oldest: RouteInfo | None = None
    """The route whose oldest firing has been due for longest; ``None``: nothing is due, or it is not known of a job."""
    known: bool = True
    """False: the store has no firing of the job."""
    mixed: bool = False
    """Whether the job may be counted together with others, on a route that has very many."""


@blueprint.get("/")
@allowed(Right.VIEW)
def overview() -> str:
    """Show the overview."""
    choice = chosen()
    board = routes.board(choice.queue)
    if choice.route is None or board.is_all:
        lines = [line for line in board.lines if choice.route in (None, line.info.route)]
    else:
        lines = routes.lines_of(choice.queue, choice.route)
    names = [(line.info.queue, line.info.route) for line in lines]
    past = history().read(names, WINDOWS[choice.over], now(), choice.job)
    hour = past if choice.over == "hour" else history().read(names, WINDOWS["hour"], now(), choice.job)
    is_everything = choice.queue is choice.route is choice.job is None
    if choice.job is not None:
        found = sums_of_job(choice.job, choice.queue, choice.route)
    else:
        found = sums(lines) if choice.route or board.is_all else sums_of_all(board)
    return render_template(
        "overview.html",
        choice=choice,
        windows=list(WINDOWS),
        matters=matters(board) if is_everything else None,
        sums=found,
        max_jobs=MAX_JOBS,
        board=board,
        rates=rates(hour),
        charts=charts_of(past),
        is_whole=past.is_whole,
        lines=sorted(busiest(lines)[:ROUTES], key=lambda line: (line.info.queue, line.info.route)),
        left=max((len(lines) if choice.route else board.total) - ROUTES, 0),
        workers=board.workers,
        is_everything=is_everything,
        is_new=not lines,
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
    exact = all(line.info.exact for line in lines)
    return Sums(
        pending=Count(number=sum(line.info.counts[State.PENDING] for line in lines), exact=exact),
        running=Count(number=sum(line.info.counts[State.RUNNING] for line in lines), exact=exact),
        oldest=oldest if due <= now() else None,
    )


def sums_of_all(board: Board) -> Sums:
    """Return the sums of more routes than are shown; the longest wait is that of the busiest."""
    exact = all(one.exact for one in board.queues)
    return Sums(
        pending=Count(number=sum(one.counts[State.PENDING] for one in board.queues), exact=exact),
        running=Count(number=sum(one.counts[State.RUNNING] for one in board.queues), exact=exact),
        oldest=sums(board.lines).oldest,
    )


def sums_of_job(job: str, queue: str | None, route: str | None) -> Sums:
    """Add up the firings of one job: never those of others, also where the store counts it together with others."""
    if not can_count():
        return Sums(pending=None, running=None)
    counted = job_sums(queue, route)
    own = [each for each in counted if each.job == job]
    exact = all(each.exact for each in own)
    found = {
        state: Count(number=sum(each.counts[state] for each in own), exact=exact)
        for state in (State.PENDING, State.RUNNING)
    }
    mixed = any(each.job == OTHER_JOBS for each in counted)
    known = bool(own)
    if mixed:
        seen = job_states(job, queue, route)
        known = known or any(each.number or not each.exact for each in seen.values())
        found = {
            state: seen[state]
            if seen[state].exact
            else Count(number=max(seen[state].number, each.number), exact=False)
            for state, each in found.items()
        }
    return Sums(pending=found[State.PENDING], running=found[State.RUNNING], known=known, mixed=mixed)


def busiest(lines: Sequence[Line]) -> list[Line]:
    """Sort routes: stuck ones first, then those with most work."""
    counted = State.PENDING, State.RUNNING
    return sorted(
        lines, key=lambda line: (not line.is_stuck, -sum(line.info.counts[state] for state in counted))
    )
