"""Schedules and their histories, to be read."""

from __future__ import annotations

from flask import abort

from skunkqueue.web import schedule_views, source
from skunkqueue.web.api.bodies import ScheduleQuery, SchedulesQuery
from skunkqueue.web.api.cursors import backward, directions, onward, read_pair, write_names
from skunkqueue.web.api.endpoints import BASE, endpoint, some
from skunkqueue.web.api.structs import schedules as structs
from skunkqueue.web.api.times import moment
from skunkqueue.web.redaction import redactor
from skunkqueue.web.rights import Right
from skunkqueue.web.rules import rules


@endpoint("GET", "/schedules", Right.VIEW, {200: structs.SchedulePage}, query=SchedulesQuery)
def schedules(asked: SchedulesQuery) -> structs.SchedulePage:
    """List schedules."""
    here, known = source.current(), rules()
    queue = some(asked.queue)
    after, before = map(read_pair, directions(some(asked.cursor)))
    page = here.shared(
        ("api schedules", queue, after, before),
        lambda: schedule_views.page(here.backend, known, queue, after, before),
    )
    return structs.SchedulePage(
        now=moment(here.now()),
        schedules=[_schedule(view) for view in page.views],
        next=onward(page.next and write_names(*page.next)),
        previous=backward(page.previous and write_names(*page.previous)),
    )


@endpoint("GET", "/schedule", Right.VIEW, {200: structs.ScheduleAnswer}, query=ScheduleQuery)
def schedule(asked: ScheduleQuery) -> structs.ScheduleAnswer:
    """Show one schedule."""
    here = source.current()
    found = schedule_views.detail(here.backend, rules(), redactor(), asked.queue, asked.name)
    if found is None:
        abort(404, f"queue {asked.queue!r} has no schedule {asked.name!r}: {BASE}/schedules lists all")
    return _schedule(found.view)


@endpoint("GET", "/history", Right.VIEW, {200: structs.History}, query=ScheduleQuery)
def history(asked: ScheduleQuery) -> structs.History:
    """Show the last runs of a schedule."""
    here = source.current()
    if here.backend.get_schedule(asked.queue, asked.name) is None:
        abort(404, f"queue {asked.queue!r} has no schedule {asked.name!r}: {BASE}/schedules lists all")
    return structs.History(
        now=moment(here.now()),
        runs=[
            structs.RunAnswer(
                id=run.id,
                began=moment(run.began),
                took=run.took,
                verdict=run.verdict,
                interval=run.interval,
                late=run.late,
            )
            for run in here.backend.history(asked.queue, asked.name)
        ],
    )


def _schedule(view: schedule_views.View) -> structs.ScheduleAnswer:
    found = view.schedule
    return structs.ScheduleAnswer(
        queue=found.queue,
        name=found.name,
        route=found.route,
        jobs=view.jobs,
        strategy=found.strategy,
        rule=view.words,
        state=view.state,
        blocked=view.blocked,
        paused=found.paused,
        firing=found.firing,
        runs=found.runs,
        last_run=moment(found.last_run),
        took=found.took,
        verdict=found.verdict,
        next_run=moment(view.due),
        interval=found.interval,
    )
