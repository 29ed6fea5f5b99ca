"""Commands to workers and pools: quiet, resume, restart, stop, roughly."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from skunkqueue.control import Control
from skunkqueue.errors import UnknownPoolError, UnknownWorkerError
from skunkqueue.web import inputs, orders, source
from skunkqueue.web.pages.workers import current, find_pool, find_worker
from skunkqueue.web.rights import Right, allowed

blueprint = Blueprint("worker_actions", __name__)

VERBS = ("quiet", "resume", "restart", "stop", "rough")


@blueprint.get("/confirm/worker")
@allowed(Right.ADMIN)
def confirm_worker() -> str:
    """Ask whether a worker is meant, and show what that changes."""
    verb, id_ = inputs.one_of("verb", VERBS), inputs.needed("id")
    _, member = find_worker(current(), id_)
    return render_template(
        "confirm_order.html",
        kind="worker",
        verb=verb,
        id=id_,
        there=member is not None,
        workers=0 if member is None else 1,
        firings=[] if member is None else list(member.running),
        more=0 if member is None else member.more,
        next=inputs.back(url_for("workers.worker", id_=id_)),
    )


@blueprint.get("/confirm/pool")
@allowed(Right.ADMIN)
def confirm_pool() -> str:
    """Ask whether a pool is meant, and show what that changes."""
    verb, id_ = inputs.one_of("verb", VERBS), inputs.needed("id")
    group = find_pool(current(), id_)
    members = [] if group is None else list(group.members)
    return render_template(
        "confirm_order.html",
        kind="pool",
        verb=verb,
        id=id_,
        there=group is not None,
        workers=len(members),
        firings=[row for member in members for row in member.running],
        more=sum(member.more for member in members),
        next=inputs.back(url_for("workers.pool", id_=id_)),
    )


@blueprint.post("/do/worker")
@allowed(Right.ADMIN)
def tell_worker() -> Response:
    """Send a command to a worker."""
    verb, id_ = inputs.one_of("verb", VERBS), inputs.needed("id")
    control = source.current().control(inputs.text("why"))
    try:
        entry = _send_worker(control, verb, id_)
    except UnknownWorkerError:
        flash(f"Worker {id_} has ended, so nothing was sent.", "error")
        return redirect(url_for("workers.worker", id_=id_), 303)
    source.current().note_change()
    flash(f"Sent to worker {id_}: {orders.VERBS[verb].lower()}.", "done")
    return redirect(inputs.back(url_for("workers.worker", id_=id_), entry=entry), 303)


@blueprint.post("/do/pool")
@allowed(Right.ADMIN)
def tell_pool() -> Response:
    """Send a command to a pool."""
    verb, id_ = inputs.one_of("verb", VERBS), inputs.needed("id")
    control = source.current().control(inputs.text("why"))
    try:
        entry = _send_pool(control, verb, id_)
    except UnknownPoolError:
        flash(f"Pool {id_} has ended, so nothing was sent.", "error")
        return redirect(url_for("workers.pool", id_=id_), 303)
    source.current().note_change()
    flash(f"Sent to pool {id_}: {orders.VERBS[verb].lower()}.", "done")
    return redirect(inputs.back(url_for("workers.pool", id_=id_), entry=entry), 303)


def _send_worker(control: Control, verb: str, id_: str) -> str:
    if verb == "quiet":
        return control.quiet_worker(id_)
    if verb == "resume":
        return control.resume_worker(id_)
    if verb == "restart":
        return control.restart_worker(id_)
    return control.stop_worker(id_, rough=verb == "rough")


def _send_pool(control: Control, verb: str, id_: str) -> str:
    if verb == "quiet":
        return control.quiet_pool(id_)
    if verb == "resume":
        return control.resume_pool(id_)
    if verb == "restart":
        return control.restart_pool(id_)
    return control.stop_pool(id_, rough=verb == "rough")
