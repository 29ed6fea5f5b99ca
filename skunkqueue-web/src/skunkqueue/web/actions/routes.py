"""What people do to routes and queues: pause, resume, purge."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from skunkqueue.cli.text import plural
from skunkqueue.listings import QueueSum
from skunkqueue.records import RouteInfo, State
from skunkqueue.web import inputs, routes, source
from skunkqueue.web.rights import Right, allowed

blueprint = Blueprint("route_actions", __name__)


@blueprint.post("/do/route")
@allowed(Right.ACT)
def act() -> Response:
    """Pause or resume a route, or a whole queue."""
    verb = inputs.one_of("verb", ("pause", "resume"))
    queue, route = _named()
    control = source.current().control(inputs.text("why"))
    if verb == "pause":
        control.pause(queue, route)
        said = "is paused: what runs goes on, and nothing more begins"
    else:
        control.resume(queue, route)
        said = "goes on"
    source.current().note_change()
    flash(f"{_place(queue, route)} {said}.", "done")
    return redirect(inputs.back(_page(queue, route)), 303)


@blueprint.get("/confirm/pause")
@allowed(Right.ACT)
def confirm_pause() -> str:
    """Ask whether a whole queue is to be paused, with the number of its routes."""
    queue = inputs.needed("queue")
    found = source.current().backend.busiest(queue, 0).queues
    return render_template(
        "confirm_pause.html",
        queue=queue,
        routes=sum(one.routes for one in found),
        paused=sum(one.paused for one in found),
        pending=sum(one.counts[State.PENDING] for one in found),
        running=sum(one.counts[State.RUNNING] for one in found),
        exact=all(one.exact for one in found),
        back=inputs.back(_page(queue, None)),
    )


@blueprint.get("/confirm/purge")
@allowed(Right.ADMIN)
def confirm_purge() -> str:
    """Ask whether all that is pending is to be removed, with its number."""
    queue, route = _named()
    store = source.current().backend
    found: Sequence[RouteInfo | QueueSum]
    found = store.busiest(queue, 0).queues if route is None else routes.named(store, queue, route)
    return render_template(
        "confirm_purge.html",
        queue=queue,
        route=route,
        place=_place(queue, route),
        pending=sum(info.counts[State.PENDING] for info in found),
        running=sum(info.counts[State.RUNNING] for info in found),
        exact=all(info.exact for info in found),
        routes=sum(one.routes if isinstance(one, QueueSum) else 1 for one in found),
        back=inputs.back(_page(queue, route)),
    )


@blueprint.post("/do/purge")
@allowed(Right.ADMIN)
def purge() -> Response:
    """Remove all that is pending."""
    queue, route = _named()
    count = source.current().control(inputs.text("why")).purge(queue, route)
    source.current().note_change()
    flash(f"Removed {plural(count, 'pending firing')} from {_place(queue, route, begins=False)}.", "done")
    return redirect(inputs.back(_page(queue, route)), 303)


def _named() -> tuple[str, str | None]:
    """Return the queue and the route that are meant; without a route, the whole queue."""
    return inputs.needed("queue"), inputs.needed("route") if request.values.get("route") else None


def _page(queue: str, route: str | None) -> str:
    return url_for("queues.queues") if route is None else url_for("queues.route", queue=queue, route=route)


def _place(queue: str, route: str | None, *, begins: bool = True) -> str:
    text = f"queue {queue}" if route is None else f"route {route} of queue {queue}"
    return f"{text[0].upper()}{text[1:]}" if begins else text
