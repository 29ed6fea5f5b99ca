"""Schedules as pages show them: what each does now, its rule in words, and how its runs went."""

from __future__ import annotations

import msgspec

from skunkqueue.cli.text import UNKNOWN
from skunkqueue.errors import SkunkQueueError
from skunkqueue.listings import Query
from skunkqueue.payload import decode_body, job_label
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Record, Run, Schedule, State, Verdict
from skunkqueue.web.charts import Chart, Spark
from skunkqueue.web.paging import part_after, part_of
from skunkqueue.web.redaction import Redactor
from skunkqueue.web.routes import paused_of
from skunkqueue.web.rules import Rules, Ticks
from skunkqueue.web.usage import pace, pace_spark, work

PAGE = 50
"""Schedules of a page."""
_ERRORS = 200
"""Runs whose errors are looked for at a time."""


class View(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule, and the state of its firing."""

    schedule: Schedule
    state: str
    """``waiting``, ``due``, ``running``, ``paused`` or ``idle``."""
    due: float | None
    """When its pending firing may begin, also a retry of a failed run; ``None``: none is pending."""
    began: float | None
    """When the present run began."""
    blocked: bool
    """Its route is paused, by itself or with its whole queue."""
    jobs: str
    words: str
    """The rule; empty: its strategy is not installed here, or fails."""
    runs: tuple[Run, ...]
    """The last ones, oldest first."""
    spark: Spark | None
    """Their intervals."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page of schedules."""

    views: tuple[View, ...]
    next: tuple[str, str] | None
    """The queue and name after which the next page begins."""
    previous: tuple[str, str] | None
    """The queue and name before which the page before ends."""


class Detail(msgspec.Struct, frozen=True, kw_only=True):
    """One schedule with everything that its page shows."""

    view: View
    ticks: Ticks
    problem: str | None
    """Why its strategy cannot be used here."""
    errors: dict[str, str]
    """Why runs failed, by their ids, as far as the store still has them and plugins let them be seen."""
    workers: int
    """How many listen on its route."""
    pace: Chart | None
    work: Chart | None


def page(
    store: Backend,
    rules: Rules,
    queue: str | None,
    after: tuple[str, str] | None = None,
    before: tuple[str, str] | None = None,
) -> Page:
    """Read one page of schedules. One ``before`` a schedule is chosen from all, since stores list onward only."""
    if before is None and "schedule pages" in store.capabilities:
        part = part_after(store.schedule_page(queue, PAGE + 1, after), _place, PAGE, after)
    else:
        part = part_of(sorted(store.schedules(queue), key=_place), _place, PAGE, after, before)
    return Page(views=tuple(_views(store, rules, list(part.items))), next=part.next, previous=part.previous)


def detail(store: Backend, rules: Rules, redactor: Redactor, queue: str, name: str) -> Detail | None:
    """Read one schedule; ``None`` where it does not exist."""
    schedule = store.get_schedule(queue, name)
    if schedule is None:
        return None
    (view,) = _views(store, rules, [schedule])
    errors = {}
    if "rows" in store.capabilities and any(run.verdict != Verdict.COMPLETE.value for run in view.runs):
        failed = Query(queue=queue, schedule=name, states=(State.ERROR, State.KILLED, State.EXPIRED))
        # Only of the runs that are shown: each error costs a call of the plugins that redact.
        wanted = {run.id for run in view.runs}
        rows = [row for row in store.rows(failed, _ERRORS).rows if row.id in wanted]
        errors = {row.id: row.error for row in redactor.rows(rows) if row.error}
    return Detail(
        view=view,
        ticks=Ticks() if schedule.paused else rules.ticks(schedule, view.due, view.began, store.now()),
        problem=rules.problem(schedule),
        errors=errors,
        workers=len(store.workers(queue, schedule.route)),
        pace=pace(view.runs),
        work=work(view.runs),
    )


def _place(schedule: Schedule) -> tuple[str, str]:
    return schedule.queue, schedule.name


def _views(store: Backend, rules: Rules, schedules: list[Schedule]) -> list[View]:
    if not schedules:
        return []
    names = [(each.queue, each.name) for each in schedules]
    if "schedule pages" in store.capabilities:
        histories = store.histories(names)
    else:
        histories = [store.history(*name) for name in names]
    armed = [each.firing for each in schedules if each.firing is not None]
    firings = {record.id: record for record in store.get(armed) if record is not None}
    paused = paused_of(store, {(each.queue, each.route) for each in schedules})
    now = store.now()
    return [
        _view(each, firings.get(each.firing or ""), tuple(runs), rules, now=now, paused=paused)
        for each, runs in zip(schedules, histories, strict=True)
    ]


def _view(
    schedule: Schedule,
    firing: Record | None,
    runs: tuple[Run, ...],
    rules: Rules,
    *,
    now: float,
    paused: set[tuple[str, str]],
) -> View:
    state, due, began = "idle", None, None
    if firing is not None and firing.state is State.PENDING:
        state, due = ("waiting" if firing.due > now else "due"), firing.due
    elif firing is not None and firing.state is State.RUNNING:
        state, began = "running", firing.began
    return View(
        schedule=schedule,
        # A run that has begun goes on during a pause.
        state="paused" if schedule.paused else state,
        due=due,
        began=began,
        blocked=(schedule.queue, schedule.route) in paused,
        jobs=_jobs(schedule),
        words=rules.words(schedule),
        runs=runs,
        spark=pace_spark(runs),
    )


def _jobs(schedule: Schedule) -> str:
    try:
        return job_label(decode_body(schedule.body).name) or UNKNOWN
    except SkunkQueueError:
        return "(damaged)"
