"""The overview: what needs attention, how much is going on, charts of the last hour, day or month, and the routes."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from flask import Blueprint, render_template, request, url_for

from skunkqueue.records import State
from skunkqueue.web import inputs, routes, source
from skunkqueue.web.attention import matters
from skunkqueue.web.history import WINDOWS, Numbers, Past, history
from skunkqueue.web.past_charts import charts_of
from skunkqueue.web.rights import Right, allowed
from skunkqueue.web.routes import Line
from skunkqueue.web.show import now

blueprint = Blueprint("overview", __name__)
ROUTES = 12
"""Routes that the overview shows; the page of queues has them all."""
_RATE_MINUTES = 5


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Whose charts are shown."""

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


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """How much is going on: by second, over the last minutes; and the last hour's failures."""

    entered: float
    ended: float
    errors: int
    retried: int
    ended_in_hour: int
    wait: float | None
    """Seconds below which 95 % of the waits were, at worst."""


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """All routes together."""

    pending: int
    running: int
    paused: int
    exact: bool
    oldest: float | None
    """When the first in line was due, if that has passed."""


@blueprint.get("/")
@allowed(Right.VIEW)
def overview() -> str:
    """Show how the store is."""
    choice = chosen()
    lines = [line for line in routes.lines() if choice.queue in (None, line.info.queue)]
    lines = [line for line in lines if choice.route in (None, line.info.route)]
    names = [(line.info.queue, line.info.route) for line in lines]
    past = history().read(names, WINDOWS[choice.over], now(), choice.job)
    hour = past if choice.over == "hour" else history().read(names, WINDOWS["hour"], now(), choice.job)
    here = source.current()
    return render_template(
        "overview.html",
        choice=choice,
        windows=list(WINDOWS),
        matters=matters(),
        sums=sums(lines),
        rates=rates(hour),
        charts=charts_of(past),
        is_whole=past.is_whole,
        lines=busiest(lines)[:ROUTES],
        left=max(len(lines) - ROUTES, 0),
        workers=here.shared("workers", lambda: len(here.backend.workers())),
        is_everything=choice.queue is choice.route is choice.job is None,
    )


def chosen() -> Choice:
    """Read what the URL asks for."""
    over = inputs.text("over") or "hour"
    if over not in WINDOWS:
        inputs.refuse("over", over, f"choose one of {', '.join(WINDOWS)}")
    return Choice(
        queue=request.args.get("queue") and inputs.needed("queue"),
        route=request.args.get("route") and inputs.needed("route"),
        job=request.args.get("job") and inputs.needed("job"),
        over=over,
    )


def sums(lines: Sequence[Line]) -> Sums:
    """Add up the counts of routes."""
    dues = [line.info.oldest_due for line in lines if line.info.oldest_due is not None]
    oldest = min(dues, default=None)
    return Sums(
        pending=sum(line.info.counts[State.PENDING] for line in lines),
        running=sum(line.info.counts[State.RUNNING] for line in lines),
        paused=sum(line.info.paused for line in lines),
        exact=all(line.info.exact for line in lines),
        oldest=oldest if oldest is not None and oldest <= now() else None,
    )


def rates(hour: Past) -> Rates:
    """Tell how much is going on from the minutes of the last hour."""
    last = hour.last(_RATE_MINUTES)
    seconds = max(len(last), 1) * hour.window.step
    known = hour.last(hour.window.parts)
    waits = [part.waits[1] for part in last if part.waits is not None]
    return Rates(
        entered=_sum(last, "entered") / seconds,
        ended=_sum(last, "ended") / seconds,
        errors=int(_sum(known, "error")),
        retried=int(_sum(known, "retried")),
        ended_in_hour=int(_sum(known, "ended")),
        wait=max(waits, default=None),
    )


def busiest(lines: Sequence[Line]) -> list[Line]:
    """Sort routes: those first that are stuck, then those with most in hand."""
    counted = State.PENDING, State.RUNNING
    return sorted(
        lines, key=lambda line: (not line.is_stuck, -sum(line.info.counts[state] for state in counted))
    )


def _sum(parts: Sequence[Numbers], name: str) -> float:
    return sum(float(getattr(part, name)) for part in parts)
