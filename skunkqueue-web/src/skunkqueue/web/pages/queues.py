"""Queues: every route with its counts, its oldest firing and its workers."""

from __future__ import annotations

from collections import Counter

import msgspec
from flask import Blueprint, render_template

from skunkqueue.records import RouteInfo
from skunkqueue.web import source
from skunkqueue.web.rights import Right, allowed

blueprint = Blueprint("queues", __name__)


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One route, and how many workers listen on it."""

    info: RouteInfo
    workers: int


def lines() -> list[Line]:
    """Read all routes."""
    store = source.current().backend
    listening = Counter((worker.queue, worker.route) for worker in store.workers())
    return [Line(info=info, workers=listening[info.queue, info.route]) for info in store.routes()]


@blueprint.get("/queues")
@allowed(Right.VIEW)
def queues() -> str:
    """Show all routes."""
    return render_template("queues.html", lines=source.current().shared("queues", lines))
