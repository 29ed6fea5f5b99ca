"""Routes, counters, workers, pools, schedules, plugins, the audit log and operations, to be read."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from flask import abort

from skunkqueue.counters import Counters, add_beside, buckets, percentile
from skunkqueue.errors import BackendError, BackendUnavailableError
from skunkqueue.persistence.asking import HOURS_KEPT, MINUTES_KEPT
from skunkqueue.persistence.backend import Backend
from skunkqueue.pools import Entry
from skunkqueue.web import fleet, operations, source, timetables
from skunkqueue.web.api import structs
from skunkqueue.web.api.bodies import AuditQuery, CountersQuery, QueueQuery, ScheduleQuery, SchedulesQuery
from skunkqueue.web.api.endpoints import endpoint, some
from skunkqueue.web.api.times import moment, seconds
from skunkqueue.web.api.values import text
from skunkqueue.web.operations import Operation
from skunkqueue.web.pages.plugins import known as known_plugins
from skunkqueue.web.rights import Right
from skunkqueue.web.routes import read as read_routes
from skunkqueue.web.rules import rules

_STEPS = {"minute": (60, MINUTES_KEPT, 3_600.0), "hour": (3_600, HOURS_KEPT, 86_400.0)}
"""Seconds of a step, for how long it is kept, and what is shown where nothing is asked for."""


# --- routes and counters ----------------------------------------------------------------------------


@endpoint("GET", "/routes", Right.VIEW, {200: structs.Routes}, query=QueueQuery)
def routes(asked: QueueQuery) -> structs.Routes:
    """List routes with their counts."""
    here = source.current()
    queue = some(asked.queue)
    return here.shared(("api routes", queue), lambda: _routes(here.backend, queue))


@endpoint("GET", "/counters", Right.VIEW, {200: structs.Steps}, query=CountersQuery)
def counters(asked: CountersQuery) -> structs.Steps:
    """Show what happened in each minute or hour."""
    here = source.current()
    length, kept, usual = _STEPS[asked.step]
    now = here.now()
    end, begin = some(asked.until), some(asked.since)
    until = now + length if end is None else min(seconds(end), now + length)
    since = now - usual if begin is None else seconds(begin)
    since = max(since, now - kept)
    return here.shared(
        ("api counters", asked), lambda: _steps(here.backend, asked, since, until, length=length)
    )


@endpoint("GET", "/totals", Right.VIEW, {200: structs.Totals}, query=QueueQuery)
def totals(asked: QueueQuery) -> structs.Totals:
    """Show what was counted by route and job since the store was made."""
    here = source.current()
    queue = some(asked.queue)

    def read() -> structs.Totals:
        found = [
            structs.Total(queue=each.queue, route=each.route, job=each.job or "", **point(each.values))
            for each in here.backend.totals(queue)
        ]
        return structs.Totals(now=moment(here.now()), totals=found)

    return here.shared(("api totals", queue), read)


def point(values: dict[str, float]) -> dict[str, Any]:
    """Tell counters by their names, with percentiles in place of histograms."""
    names = ("enqueued", "complete", "error", "killed", "expired", "retried", "snoozed", "released", "deaths")
    found: dict[str, Any] = {name: int(values.get(name, 0)) for name in names}
    for name in ("wait", "run"):
        found[name] = _times(values, name)
    return found


def _times(values: dict[str, float], name: str) -> structs.Times | None:
    count = sum(many for _, _, many in buckets(values, name))
    if not count:
        return None
    shares = [percentile(values, name, share) or 0.0 for share in (0.5, 0.95, 0.99)]
    return structs.Times(
        count=int(count), mean=values.get(name, 0.0) / count, p50=shares[0], p95=shares[1], p99=shares[2]
    )


def _routes(store: Backend, queue: str | None) -> structs.Routes:
    now = store.now()
    found, working = read_routes(store, queue)
    return structs.Routes(
        now=moment(now),
        routes=[
            structs.RouteAnswer(
                queue=info.queue,
                route=info.route,
                paused=info.paused,
                counts=info.counts,
                exact=info.exact,
                oldest_due=moment(info.oldest_due),
                oldest_wait=0.0 if info.oldest_due is None else max(now - info.oldest_due, 0.0),
                workers=working[info.queue, info.route],
            )
            for info in found
        ],
    )


def _steps(store: Backend, asked: CountersQuery, since: float, until: float, *, length: int) -> structs.Steps:
    queue, route, job = some(asked.queue), some(asked.route), some(asked.job)
    places = [
        (info.queue, info.route) for info in store.routes(queue) if route is None or info.route == route
    ]
    found: list[Counters] = []
    if places and since < until:
        found = store.counters(places, since, until, hours=asked.step == "hour", jobs=job is not None)
    steps: dict[float, dict[str, float]] = {}
    for each in found:
        if job is None or each.job == job:
            add_beside(steps.setdefault(each.begin, {}), each.values)
    return structs.Steps(
        now=moment(store.now()), seconds=length, steps=[_step(begin, steps[begin]) for begin in sorted(steps)]
    )


def _step(begin: float, values: dict[str, float]) -> structs.Step:
    pending, running = values.get("pending"), values.get("running")
    return structs.Step(
        begin=moment(begin),
        pending=None if pending is None else int(pending),
        running=None if running is None else int(running),
        oldest=values.get("oldest"),
        **point(values),
    )


# --- workers and pools ------------------------------------------------------------------------------


@endpoint("GET", "/workers", Right.VIEW, {200: structs.Workers}, query=QueueQuery)
def workers(asked: QueueQuery) -> structs.Workers:
    """List workers."""
    now, found = _fleet(some(asked.queue))
    return structs.Workers(now=moment(now), workers=[_worker(member) for member in found.members])


@endpoint("GET", "/workers/{id_}", Right.VIEW, {200: structs.WorkerAnswer})
def worker(id_: str) -> structs.WorkerAnswer:
    """Show one worker."""
    _, found = _fleet(None)
    member = next((member for member in found.members if member.id == id_), None)
    if member is None:
        abort(404, f"there is no live worker {id_[:200]!r}")
    return _worker(member)


@endpoint("GET", "/pools", Right.VIEW, {200: structs.Pools}, query=QueueQuery)
def pools(asked: QueueQuery) -> structs.Pools:
    """List pools with their workers."""
    now, found = _fleet(some(asked.queue))
    return structs.Pools(now=moment(now), pools=[_pool(group) for group in found.groups])


@endpoint("GET", "/pools/{id_}", Right.VIEW, {200: structs.PoolAnswer})
def pool(id_: str) -> structs.PoolAnswer:
    """Show one pool."""
    _, found = _fleet(None)
    group = next((group for group in found.groups if group.id == id_), None)
    if group is None:
        abort(404, f"there is no live pool {id_[:200]!r}")
    return _pool(group)


def _fleet(queue: str | None) -> tuple[float, fleet.Fleet]:
    here = source.current()
    return here.shared(("api fleet", queue), lambda: (here.now(), fleet.read(here.backend, queue)))


def _worker(member: fleet.Member) -> structs.WorkerAnswer:
    return structs.WorkerAnswer(
        id=member.id,
        queue=member.queue,
        route=member.route,
        pool=member.pool,
        host=member.host,
        pid=member.pid,
        state=member.state,
        late=member.late,
        started=moment(member.started),
        beat=moment(member.beat),
        done=member.done,
        rss=member.rss,
        cpu=member.cpu,
        version=member.version,
        running=[row.id for row in member.running],
    )


def _pool(group: fleet.Group) -> structs.PoolAnswer:
    listed = group.pool
    return structs.PoolAnswer(
        id=group.id,
        host=group.host,
        pid=listed.pid if listed else None,
        queue=listed.queue if listed else None,
        routes=list(listed.routes) if listed else sorted({member.route for member in group.members}),
        state=listed.state if listed else "not listed",
        late=group.late,
        started=moment(listed.started) if listed else None,
        version=listed.version if listed else "",
        workers=[_worker(member) for member in group.members],
    )


# --- schedules --------------------------------------------------------------------------------------


@endpoint("GET", "/schedules", Right.VIEW, {200: structs.SchedulePage}, query=SchedulesQuery)
def schedules(asked: SchedulesQuery) -> structs.SchedulePage:
    """List schedules."""
    here, known = source.current(), rules()
    queue = some(asked.queue)
    cursor = some(asked.cursor)
    begin = None if cursor is None else _read_cursor(cursor)
    page = here.shared(
        ("api schedules", queue, begin), lambda: timetables.page(here.backend, known, queue, begin)
    )
    return structs.SchedulePage(
        now=moment(here.now()),
        schedules=[_schedule(view) for view in page.views],
        next=None if page.next is None else _write_cursor(page.next),
    )


@endpoint("GET", "/schedule", Right.VIEW, {200: structs.ScheduleAnswer}, query=ScheduleQuery)
def schedule(asked: ScheduleQuery) -> structs.ScheduleAnswer:
    """Show one schedule."""
    here = source.current()
    found = timetables.detail(here.backend, rules(), asked.queue, asked.name)
    if found is None:
        abort(404, f"queue {asked.queue!r} has no schedule {asked.name!r}")
    return _schedule(found.view)


@endpoint("GET", "/history", Right.VIEW, {200: structs.History}, query=ScheduleQuery)
def history(asked: ScheduleQuery) -> structs.History:
    """Show the last runs of a schedule."""
    here = source.current()
    if here.backend.get_schedule(asked.queue, asked.name) is None:
        abort(404, f"queue {asked.queue!r} has no schedule {asked.name!r}")
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


def _schedule(view: timetables.View) -> structs.ScheduleAnswer:
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


def _write_cursor(place: tuple[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[str, str]:
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        queue, name = found
        # Half of a surrogate pair is a text to JSON, and to no store.
        f"{queue}{name}".encode()
    except (ValueError, TypeError, binascii.Error, RecursionError):
        queue = name = None
    if not isinstance(queue, str) or not isinstance(name, str):
        abort(404, f"cursor={cursor[:60]!r} is not one of this listing: begin at the first page")
    return queue, name


# --- plugins, audit, operations ---------------------------------------------------------------------


@endpoint("GET", "/plugins", Right.VIEW, {200: structs.Plugins})
def plugins() -> structs.Plugins:
    """List the plugins of the monitor's environment."""
    return structs.Plugins(
        plugins=[
            structs.PluginAnswer(
                group=each.group,
                name=each.name,
                object=each.value,
                distribution=each.distribution,
                version=each.version,
                problem=each.problem,
            )
            for each in known_plugins()
        ]
    )


@endpoint("GET", "/audit", Right.VIEW, {200: structs.EntryPage}, query=AuditQuery)
def audit(asked: AuditQuery) -> structs.EntryPage:
    """List who did what, newest first."""
    here = source.current()
    cursor = some(asked.cursor)
    try:
        found = here.backend.audit(
            asked.limit, cursor, who=some(asked.who), verb=some(asked.verb), id_=some(asked.id)
        )
    except BackendUnavailableError:
        raise
    except BackendError as error:
        if cursor is None:
            raise
        abort(404, f"no page begins there: {error}")
    return structs.EntryPage(
        now=moment(here.now()), entries=[_entry(each) for each in found.entries], next=found.next
    )


@endpoint("GET", "/operations", Right.VIEW, {200: structs.Operations})
def all_operations() -> structs.Operations:
    """List the operations of this process of the monitor, newest first."""
    return structs.Operations(operations=[operation_of(each) for each in operations.current().all()])


@endpoint("GET", "/operations/{id_}", Right.VIEW, {200: structs.OperationAnswer})
def operation(id_: str) -> structs.OperationAnswer:
    """Show how far an operation has come."""
    found = operations.current().get(id_)
    if found is None:
        abort(404, f"this process of the monitor does not know the operation {id_[:64]!r} (any more)")
    return operation_of(found)


def operation_of(found: Operation) -> structs.OperationAnswer:
    """Tell an operation."""
    progress = found.progress
    return structs.OperationAnswer(
        id=found.id,
        verb=found.verb,
        about=text(found.about),
        who=found.who,
        started=moment(found.started),
        seconds=found.seconds,
        state=found.state,
        matched=None
        if progress is None
        else structs.CountAnswer(number=progress.matched.number, exact=progress.matched.exact),
        seen=0 if progress is None else progress.seen,
        done=0 if progress is None else progress.done,
        error=found.error,
    )


def _entry(found: Entry) -> structs.EntryAnswer:
    return structs.EntryAnswer(
        id=found.id,
        at=moment(found.at),
        who=found.who,
        why=found.why,
        verb=found.verb,
        on=found.on,
        did=found.did,
        heard=moment(found.heard),
        done=moment(found.done),
    )
