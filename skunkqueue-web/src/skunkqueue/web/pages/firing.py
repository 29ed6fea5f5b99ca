"""One firing: its call, its result or traceback, its attempts in order of time, and what can be done with it."""

from __future__ import annotations

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from skunkqueue.records import Record, Schedule
from skunkqueue.web import source
from skunkqueue.web.firing import Try, view_of
from skunkqueue.web.links import links
from skunkqueue.web.redaction import redactor
from skunkqueue.web.rights import Right, allowed

blueprint = Blueprint("firing", __name__)
_MAX_ID = 64
_FEWEST = 4
"""Characters of an id's start that are looked up."""


@blueprint.get("/jobs/<id_>")
@allowed(Right.VIEW)
def firing(id_: str) -> str | Response | tuple[str, int]:
    """Show a firing; the start of an id leads to it where no other begins so."""
    here = source.current()
    record = here.backend.get([id_])[0] if len(id_) <= _MAX_ID else None
    if record is None:
        found = here.backend.find(id_) if _FEWEST <= len(id_) <= _MAX_ID else []
        if len(found) == 1:
            return redirect(url_for(".firing", id_=found[0]))
        return render_template("no_firing.html", id=id_[:_MAX_ID], found=found), 404
    whole = request.args.get("whole", "") == "1"
    view = view_of(record, redactor(), whole=whole)
    return render_template(
        "firing.html",
        firing=view,
        record=record,
        whole=whole,
        links=links().of(record),
        schedule=_schedule(record),
        bars=bars(view.tries, record, here.now()),
        now=here.now(),
    )


@blueprint.get("/find")
@allowed(Right.VIEW)
def find() -> Response:
    """Lead to the firing whose id, or the start of it, was typed."""
    wanted = request.args.get("id", "").strip()
    if not wanted or "/" in wanted:
        abort(404)
    return redirect(url_for(".firing", id_=wanted[:_MAX_ID]))


class Bar:
    """One part of the timeline, in thousandths of its whole length."""

    def __init__(self, kind: str, begin: float, length: float, text: str) -> None:
        """``kind``: ``wait``, or the verdict of the attempt."""
        self.kind = kind
        self.x = round(1_000 * begin, 1)
        self.width = max(round(1_000 * length, 1), 3.0)
        self.text = text


def bars(tries: tuple[Try, ...], record: Record, now: float) -> list[Bar]:
    """Draw the timeline: waits and attempts one after another, as long as they took."""
    end = now if record.finished is None else record.finished
    begin = record.enqueued
    length = end - begin
    if length <= 0:
        return []
    found = []
    for each in tries:
        number = "death" if each.number is None else f"attempt {each.number}"
        text = f"{number}: {each.verdict}"
        found.append(Bar("wait", (each.began - each.waited - begin) / length, each.waited / length, "wait"))
        found.append(Bar(each.verdict, (each.began - begin) / length, each.took / length, text))
    if record.state.value == "running" and record.began is not None:
        found.append(
            Bar("running", (record.began - begin) / length, (now - record.began) / length, "running")
        )
    return [bar for bar in found if bar.x < 1_000 and (bar.kind != "wait" or bar.width > 3)]


def _schedule(record: Record) -> Schedule | None:
    if record.schedule is None:
        return None
    return source.current().backend.get_schedule(record.queue, record.schedule)
