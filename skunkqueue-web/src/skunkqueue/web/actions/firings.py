"""What is done to firings: kill, requeue, run now, delete; to one, to those ticked, or to all that a filter matches.

A few are done at once. All that match are counted first, and then done in the background.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from skunkqueue.bulk import Bulk
from skunkqueue.cli.text import plural
from skunkqueue.firing_control import CHANGES, told
from skunkqueue.listings import MAX_ROWS, Count, Row
from skunkqueue.records import Record, State
from skunkqueue.web import filters, inputs, operations, searching, source
from skunkqueue.web.filters import Filter
from skunkqueue.web.redaction import redactor
from skunkqueue.web.rights import Right, allowed, may

blueprint = Blueprint("firing_actions", __name__)

MAX_IDS = 1_000
"""Firings that may be named one by one."""
MAX_ID = 64
MAX_WHY = 200
EXAMPLES = 5
_BEGAN = "began"
"""The field of a form with the moment of the question: what was fired up to then is meant, as it was counted."""
ASKED = {"kill": "Kill", "requeue": "Requeue", "run_now": "Run now", "delete": "Delete"}
DONE = {"kill": "Killed", "requeue": "Requeued", "run_now": "Made due", "delete": "Deleted"}
MEANS = {
    "kill": "Pending ones will not run. Running ones are interrupted, and end as killed.",
    "requeue": "They go back in line and run again. What they left, a result or an error, is replaced by that run.",
    "run_now": "They become due now. Their priority, and a pause of their route, count as before.",
    "delete": "They are removed with their results. This cannot be undone.",
}


MEANS_OF_ONE = {
    "kill": "If it is pending, it will not run. If it is running, it is interrupted, and ends as killed.",
    "requeue": "It goes back in line and runs again. What it left, a result or an error, is replaced by that run.",
    "run_now": "It becomes due now. Its priority, and a pause of its route, count as before.",
    "delete": "It is removed with its result. This cannot be undone.",
}


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a person is asked before it is done."""

    verb: str
    count: Count
    """Firings that would be changed."""
    others: tuple[tuple[str, int], ...]
    """Those that were named and would not be changed, by what they are."""
    ids: tuple[str, ...]
    """Empty: all that match are meant."""
    examples: tuple[Row | Record, ...]
    """Some of those that would be changed."""
    words: tuple[tuple[str, str], ...]
    """The filter."""
    values: dict[str, Any]
    """The same, to be sent."""
    text: str | None

    @property
    def means(self) -> str:
        """What is done, in words."""
        is_one = self.count.number == 1 and self.count.exact
        return (MEANS_OF_ONE if is_one else MEANS)[self.verb]


@blueprint.get("/confirm")
@allowed(Right.ACT)
def confirm() -> str | Response:
    """Ask whether this is meant, with the number of firings that would change."""
    verb = request.args.get("verb", "")
    if verb not in ASKED:
        abort(400, f"verb={verb[:40]!r} cannot be done to firings: choose from {', '.join(ASKED)}")
    if verb == "delete" and not may(Right.ADMIN):
        abort(403)
    next_ = inputs.back(url_for("jobs.jobs"))
    if request.args.get("all") == "1":
        question = _about_all(verb, _filter(request.args))
    else:
        ids = _ids(request.args.getlist("id"))
        if not ids:
            flash("No firing is ticked: tick some, or choose “All that match”.", "error")
            return redirect(next_)
        question = _about(verb, ids)
    return render_template("confirm.html", question=question, asked=ASKED[verb], next=next_, max_why=MAX_WHY)


@blueprint.post("/do/firings/kill")
@allowed(Right.ACT)
def kill() -> Response:
    """Kill firings."""
    return _do("kill")


@blueprint.post("/do/firings/requeue")
@allowed(Right.ACT)
def requeue() -> Response:
    """Make finished firings pending again."""
    return _do("requeue")


@blueprint.post("/do/firings/run_now")
@allowed(Right.ACT)
def run_now() -> Response:
    """Make pending firings due now."""
    return _do("run_now")


@blueprint.post("/do/firings/delete")
@allowed(Right.ADMIN)
def delete() -> Response:
    """Remove firings."""
    return _do("delete")


# --- asking -----------------------------------------------------------------------------------------


def _about(verb: str, ids: Sequence[str]) -> Question:
    store = source.current().backend
    found = [None if one is None else one.state for one in store.results(ids)]
    changed = [id_ for id_, state in zip(ids, found, strict=True) if state in CHANGES[verb]]
    return Question(
        verb=verb,
        count=Count(number=len(changed), exact=True),
        others=tuple(Counter(_is(state) for state in found if state not in CHANGES[verb]).most_common()),
        ids=tuple(ids),
        examples=tuple(record for record in store.get(changed[:EXAMPLES]) if record is not None),
        words=(),
        values={},
        text=None,
    )


def _about_all(verb: str, wanted: Filter) -> Question:
    here = source.current()
    # What was fired since the list was shown is counted, so it is meant as well.
    bulk = Bulk(here.control(), verb, wanted.query)
    count = bulk.count()
    return Question(
        verb=verb,
        count=count,
        others=(),
        ids=(),
        examples=here.backend.rows(bulk.query, EXAMPLES).rows if count.number else (),
        words=tuple(wanted.in_words()),
        values={**wanted.fixed(), _BEGAN: repr(bulk.began)},
        text=wanted.text,
    )


# --- doing ------------------------------------------------------------------------------------------


def _do(verb: str) -> Response:
    why = request.form.get("why", "").strip()
    if len(why) > MAX_WHY:
        abort(400, f"why={why[:40]!r}... is too long: give the reason in at most {MAX_WHY} characters")
    here = source.current()
    control = here.control(why or None)
    if request.form.get("all") == "1":
        return _do_all(verb, why)
    ids = _ids(request.form.getlist("id"))
    if not ids:
        abort(400, "no firing is named: give id, or all=1 with a filter")
    found = control.act(verb, ids)
    here.note_change()
    count = sum(each.done for each in found)
    why_not = {"requeue": _why_not_requeued, "run_now": _why_not_made_due}.get(verb, _is)
    others = [why_not(each.state) for each in found if not each.done]
    flash(_told(verb, count, len(ids), others, told(verb, found)), _kind(count, len(ids)))
    return redirect(inputs.back(url_for("jobs.jobs")), 303)


def _do_all(verb: str, why: str) -> Response:
    here = source.current()
    wanted = _filter(request.form)
    wrong: dict[str, str] = {}
    began = filters.passed(request.form, _BEGAN, here.now(), wrong)
    _refuse(wrong)
    keep = searching.keeping(here.backend, wanted.text, redactor())
    control = here.control(why or None)
    bulk = Bulk(control, verb, wanted.query, keep=keep, keeps=searching.in_words(wanted.text), began=began)
    try:
        operation = operations.current().start(bulk, control.who, f"{ASKED[verb]} {wanted.line()}")
    except operations.TooManyOperationsError as error:
        flash(f"Nothing was begun: {error}.", "error")
        return redirect(inputs.back(url_for("operations.operations")), 303)
    here.note_change()
    return redirect(
        url_for("operations.operations", id=operation.id, next=inputs.back(url_for("jobs.jobs"))), 303
    )


def _told(verb: str, count: int, of: int, others: Sequence[str], running: int) -> str:
    """Return a sentence: how many were changed, of how many, and why not the others."""
    ended = count - running
    line = (
        f"{DONE[verb]} {plural(ended, 'firing')}"
        if count == of
        else f"{DONE[verb]} {ended:,} of {plural(of, 'firing')}"
    )
    # It has to stay true: the message may be looked at for longer than they run.
    if running:
        asked = f"told {plural(running, 'running firing')} to end"
        line = f"{line}, and {asked}" if ended or count < of else asked.capitalize()
    if others:
        told = ", ".join(f"{number:,} {what}" for what, number in Counter(others).most_common())
        line += f". Not changed: {told}"
    return f"{line}."


def _kind(count: int, of: int) -> str:
    return "done" if count == of else "partly" if count else "error"


def _is(state: State | None) -> str:
    """Return why a firing in this state is not changed."""
    if state is None:
        return "not known (any more)"
    if state is State.RUNNING:
        return "running"
    return "pending" if state is State.PENDING else f"{state.value} already"


def _why_not_requeued(state: State | None) -> str:
    return "whose idempotency key another one uses" if state is not None and state.final else _is(state)


def _why_not_made_due(state: State | None) -> str:
    return "due already" if state is State.PENDING else _is(state)


# --- what a request brings --------------------------------------------------------------------------


def _ids(given: Sequence[str]) -> list[str]:
    ids = list(dict.fromkeys(id_ for id_ in given[: MAX_IDS + 1] if id_))
    if len(ids) > MAX_IDS or len(given) > MAX_ROWS:
        abort(
            400, f"{len(given):,} firings are too many to be named: name up to {MAX_IDS:,}, or give a filter"
        )
    for id_ in ids:
        if len(id_) > MAX_ID:
            abort(400, f"id={id_[:40]!r}... is not the id of a firing: it has 24 hexadecimal digits")
    return ids


def _filter(given: Any) -> Filter:
    wanted = filters.read(given, source.current().now())
    _refuse(wanted.wrong)
    return wanted


def _refuse(wrong: dict[str, str]) -> None:
    for name, message in wrong.items():
        abort(400, f"{name}: {message}")
