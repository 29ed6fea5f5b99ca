"""Schedules: all of them page by page, and one with its history, its rule and its next runs."""

from __future__ import annotations

from flask import Blueprint, render_template, url_for

from skunkqueue.web import inputs, schedule_views, source
from skunkqueue.web.redaction import redactor
from skunkqueue.web.rights import Right, allowed
from skunkqueue.web.rules import rules

blueprint = Blueprint("schedules", __name__)


@blueprint.get("/schedules")
@allowed(Right.VIEW)
def schedules() -> str:
    """Show a page of schedules."""
    here, known = source.current(), rules()
    queue = inputs.name("queue")
    after, before = inputs.pair("after_queue", "after"), inputs.pair("before_queue", "before")
    page = here.shared(
        ("schedules", queue, after, before),
        lambda: schedule_views.page(here.backend, known, queue, after, before),
    )
    older = newer = None
    if page.next is not None:
        older = url_for(".schedules", queue=queue, after_queue=page.next[0], after=page.next[1])
    if page.previous is not None:
        newer = url_for(".schedules", queue=queue, before_queue=page.previous[0], before=page.previous[1])
    return render_template(
        "schedules.html", page=page, queue=queue, older=older, newer=newer, begin=after or before
    )


@blueprint.get("/schedule")
@allowed(Right.VIEW)
def schedule() -> str:
    """Show one schedule."""
    here, known = source.current(), rules()
    queue, name = inputs.needed("queue"), inputs.needed("name")
    detail = here.shared(
        ("schedule", queue, name), lambda: schedule_views.detail(here.backend, known, redactor(), queue, name)
    )
    if detail is None:
        return render_template("no_schedule.html", queue=queue, name=name)
    return render_template("schedule.html", detail=detail)
