"""What people do to schedules: run now, pause, resume, remove."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from skunkqueue.control import Control
from skunkqueue.errors import PluginError, UnknownScheduleError
from skunkqueue.web import inputs, source
from skunkqueue.web.rights import Right, allowed

blueprint = Blueprint("schedule_actions", __name__)

VERBS = ("run", "pause", "resume")


@blueprint.post("/do/schedule")
@allowed(Right.ACT)
def act() -> Response:
    """Run a schedule now, pause or resume it."""
    verb = inputs.one_of("verb", VERBS)
    queue, name = _named()
    control = source.current().control(inputs.text("why"))
    try:
        said = _do(control, verb, queue, name)
    except UnknownScheduleError:
        flash(f"Queue {queue} has no schedule {name} any more.", "error")
    except PluginError as error:
        flash(f"Schedule {name} stays as it is: {error}", "error")
    else:
        source.current().note_change()
        flash(f"Schedule {name} {said}.", "done")
    return redirect(inputs.back(url_for("schedules.schedule", queue=queue, name=name)), 303)


@blueprint.get("/confirm/schedule")
@allowed(Right.ADMIN)
def confirm_remove() -> str:
    """Ask whether a schedule is to be removed, and show what that changes."""
    queue, name = _named()
    found = source.current().backend.get_schedule(queue, name)
    runs = 0 if found is None else len(source.current().backend.history(queue, name))
    return render_template("confirm_schedule.html", queue=queue, name=name, schedule=found, runs=runs)


@blueprint.post("/do/schedule/remove")
@allowed(Right.ADMIN)
def remove() -> Response:
    """Forget a schedule and its history."""
    queue, name = _named()
    try:
        source.current().control(inputs.text("why")).remove_schedule(queue, name)
    except UnknownScheduleError:
        flash(f"Queue {queue} has no schedule {name} any more.", "error")
    else:
        source.current().note_change()
        flash(f"Schedule {name} of queue {queue} is removed.", "done")
    return redirect(url_for("schedules.schedules"), 303)


def _named() -> tuple[str, str]:
    return inputs.needed("queue"), inputs.needed("name")


def _do(control: Control, verb: str, queue: str, name: str) -> str:
    if verb == "pause":
        return "is paused" if control.pause_schedule(queue, name) else "was paused already"
    if verb == "resume":
        return "goes on" if control.resume_schedule(queue, name) else "was not paused"
    return "is due now" if control.run_schedule(queue, name) else "runs already, or is paused"
