"""One firing: its call, its result or traceback, its attempts in order of time, and the actions on it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from skunkqueue.cli.views import unknown_job
from skunkqueue.listings import Query, Rows
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Record, Schedule, State
from skunkqueue.web import source
from skunkqueue.web.firing import view_of
from skunkqueue.web.kills import kill_of
from skunkqueue.web.links import links
from skunkqueue.web.redaction import redactor
from skunkqueue.web.rights import Right, allowed
from skunkqueue.web.routes import paused_of, workplaces
from skunkqueue.web.show import now
from skunkqueue.web.timeline import bars

blueprint = Blueprint("firing", __name__)
_MAX_ID = 64
_FEWEST = 4
"""Characters of an id's start that are looked up."""
_FIRED = 20
"""Firings shown of those that its job fired."""
_BYTES = 500
"""Bytes of a firing that count as one row, where it is remembered."""


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """What the store has under an id."""

    record: Record | None
    schedule: Schedule | None
    """That whose run it is."""
    found: Sequence[str]
    """Ids that begin so, where no firing has this one."""

    def size(self) -> int:
        """Return as how many rows it counts."""
        record = self.record
        return 0 if record is None else sum(len(one or b"") for one in (record.body, record.result)) // _BYTES


NOTHING = Looked(record=None, schedule=None, found=())


@blueprint.get("/jobs/<id_>")
@allowed(Right.VIEW)
def firing(id_: str) -> str | Response | tuple[str, int]:
    """Show a firing; the start of an id leads to it where no other begins so."""
    here = source.current()
    is_id = len(id_) <= _MAX_ID
    # As the store has it: whoever looks is shown no more of it than plugins let be seen.
    looked = here.shared(("firing", id_), lambda: _look(here.backend, id_), Looked.size) if is_id else NOTHING
    record, found = looked.record, looked.found
    if record is None:
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
        kill=kill_of(record),
        schedule=looked.schedule,
        fired=_fired(record),
        is_paused=record.state is State.PENDING and _is_paused(record),
        has_worker=record.state is not State.PENDING or (record.queue, record.route) in workplaces(),
        unknown=unknown_job(redactor().errors([record])[0]) if record.state is State.PENDING else None,
        bars=bars(view, now()),
        now=now(),
    )


def _look(store: Backend, id_: str) -> Looked:
    record = store.get([id_])[0]
    if record is None:
        return Looked(record=None, schedule=None, found=store.find(id_) if len(id_) >= _FEWEST else ())
    schedule = None if record.schedule is None else store.get_schedule(record.queue, record.schedule)
    return Looked(record=record, schedule=schedule, found=())


def _is_paused(record: Record) -> bool:
    """Return whether its route is paused, by itself or with its whole queue."""
    here, place = source.current(), (record.queue, record.route)
    return here.shared(("is paused", *place), lambda: bool(paused_of(here.backend, {place})))


def _fired(record: Record) -> Rows | None:
    """Return some of the firings that its job fired; ``None``: none is known."""
    here = source.current()
    # What was never lent to a worker has not fired anything.
    if not record.token or "rows" not in here.backend.capabilities:
        return None
    # Those that have ended first: every store finds them by an index, and looks at pending ones for a while only.
    query = Query(parent=record.id, newest=False)
    found = here.shared(("fired by", record.id), lambda: here.backend.rows(query, _FIRED))
    if not found.rows and found.next is None:
        return None
    return msgspec.structs.replace(found, rows=redactor().rows(found.rows))
