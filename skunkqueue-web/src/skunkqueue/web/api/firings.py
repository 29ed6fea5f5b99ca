"""Firings, results and failures, to be read."""

from __future__ import annotations

from typing import Any

from flask import abort
from msgspec import UNSET

from skunkqueue.cli.text import cut
from skunkqueue.errors import BackendError, BackendUnavailableError
from skunkqueue.failure_groups import grouped, parts_of
from skunkqueue.failures import ByJob
from skunkqueue.listings import Query, Row
from skunkqueue.records import Record, State
from skunkqueue.web import searching, source
from skunkqueue.web.api.bodies import ErrorsQuery, JobQuery, JobsQuery, Matching, PlaceQuery, ResultsQuery
from skunkqueue.web.api.cursors import backward, directions, onward
from skunkqueue.web.api.endpoints import BASE, endpoint, given, some
from skunkqueue.web.api.structs import firings as structs
from skunkqueue.web.api.times import moment, seconds
from skunkqueue.web.api.values import as_json, text
from skunkqueue.web.failures import read_failures
from skunkqueue.web.filters import Filter
from skunkqueue.web.firing import Argument, Call, FiringView, Returned, returned_by, view_of
from skunkqueue.web.kills import kill_of
from skunkqueue.web.redaction import Redactor, redactor
from skunkqueue.web.rights import Right
from skunkqueue.web.values import Shown

_LONGEST_ID = 64


@endpoint("GET", "/jobs", Right.VIEW, {200: structs.JobPage}, query=JobsQuery)
def jobs(asked: JobsQuery) -> structs.JobPage:
    """List firings."""
    here = source.current()
    order = "" if asked.order == "line" else asked.order
    wanted = filter_of(asked, here.now(), order=order, limit=asked.limit)
    after, before = directions(some(asked.cursor))
    try:
        page = searching.page(here.backend, wanted, redactor(), after, before, passes=False)
    except BackendUnavailableError:
        raise
    except (searching.CursorError, BackendError) as error:
        if after is None and before is None:
            raise
        abort(
            404,
            f"{cut(some(asked.cursor) or '', 60)!r} is not a cursor of this list: leave it out to begin anew ({error})",
        )
    return structs.JobPage(
        now=moment(here.now()),
        jobs=rows_of(page.rows),
        next=onward(page.next),
        previous=backward(page.previous),
        looked=page.looked,
        complete=not page.is_cut,
    )


@endpoint("GET", "/jobs/{id_}", Right.VIEW, {200: structs.JobAnswer}, query=JobQuery)
def job(asked: JobQuery, id_: str) -> structs.JobAnswer:
    """Show everything about one firing, by its whole id."""
    here = source.current()
    record = here.backend.get([id_])[0] if len(id_) <= _LONGEST_ID else None
    if record is None:
        abort(
            404,
            f"the store does not know the firing {id_[:_LONGEST_ID]!r} (any more): {BASE}/jobs lists those it has",
        )
    view = view_of(record, redactor(), whole=asked.whole)
    return structs.JobAnswer(
        **_head(record),
        now=moment(here.now()),
        target=record.target,
        kill_requested=record.kill_requested,
        killed_by=_killed_by(record),
        damaged=view.damaged,
        calls=[_call(call) for call in view.calls],
        result=_result(view.result),
        result_problem=view.result.problem,
        failure=_failure(view),
        waited=view.waited,
        tries=[
            structs.TryAnswer(
                number=each.number,
                began=moment(each.began),
                took=each.took,
                ended=moment(each.ended),
                verdict=each.verdict,
                note=text(each.note),
                worker=each.worker,
                pause=each.pause,
            )
            for each in view.tries
        ],
        progress=_progress(view),
    )


@endpoint("GET", "/results", Right.VIEW, {200: structs.Results}, query=ResultsQuery)
def results(asked: ResultsQuery) -> structs.Results:
    """Show how some firings ended."""
    found = zip(asked.id, source.current().backend.get(asked.id), strict=True)
    hides = redactor()
    return structs.Results(results=[_outcome(id_, one, hides, whole=asked.whole) for id_, one in found])


@endpoint("GET", "/counts", Right.VIEW, {200: structs.JobCounts}, query=PlaceQuery)
def counts(asked: PlaceQuery) -> structs.JobCounts:
    """Count firings by route, job and state."""
    here = source.current()
    queue, route = some(asked.queue), some(asked.route)
    found = here.shared(("api counts", queue, route), lambda: here.backend.job_counts(queue, route))
    return structs.JobCounts(
        now=moment(here.now()),
        counts=[
            structs.JobCountAnswer(
                queue=each.queue, route=each.route, job=each.job, counts=each.counts, exact=each.exact
            )
            for each in found
        ],
    )


@endpoint("GET", "/errors", Right.VIEW, {200: structs.ErrorGroups}, query=ErrorsQuery)
def errors(asked: ErrorsQuery) -> structs.ErrorGroups:
    """Group the newest failures by job, type and beginning of the message."""
    here = source.current()
    finished = _span(asked.since, asked.until)
    query = Query(
        states=(State.ERROR,),
        finished=finished,
        **given(queue=asked.queue, route=asked.route, job=asked.job),
    )
    look = asked.look
    # Remembered are the groups and not the failures: there is an answer for each time that somebody gives.
    groups, read = here.shared(("api errors", query, look), lambda: _failed(query, look), _size)
    return structs.ErrorGroups(
        now=moment(here.now()),
        errors=groups,
        looked=read.looked,
        complete=not read.more,
        left=[structs.JobLeft(job=job or None, count=count) for job, count in read.left.items()],
    )


def _failed(query: Query, look: int) -> tuple[list[structs.ErrorGroup], ByJob]:
    """Group failures; what was read comes without them."""
    read = read_failures(query, look)
    found = grouped(read.rows)
    groups = []
    for group, line in zip(found, redactor().errors([group[0] for group in found]), strict=True):
        newest = group[0]
        kind, _ = parts_of(newest)
        places = sorted({(row.queue, row.route) for row in group})
        groups.append(
            structs.ErrorGroup(
                count=len(group),
                complete=read.has_all(newest.job),
                job=newest.job or None,
                error=kind or None,
                message=text((line or "").removeprefix(f"{kind}:").strip()),
                first=moment(group[-1].finished),
                last=moment(newest.finished),
                newest=newest.id,
                routes=[structs.RouteName(queue=queue, route=route) for queue, route in places],
            )
        )
    return groups, read._replace(rows=[])


def _size(failed: tuple[list[structs.ErrorGroup], ByJob]) -> int:
    """Count what takes memory: each failure may be a group of its own, and each group has all its routes."""
    return sum(len(group.routes) for group in failed[0])


# --- what is asked for ------------------------------------------------------------------------------


def query_of(asked: Matching) -> Query:
    """Make the query of a filter, without its text."""
    words = given(
        queue=asked.queue,
        route=asked.route,
        job=asked.job,
        tag=asked.tag,
        key=asked.key,
        error=asked.error,
        schedule=asked.schedule,
        parent=asked.parent,
        worker=asked.worker,
    )
    return Query(
        states=tuple(dict.fromkeys(some(asked.state) or ())),
        enqueued=_span(asked.enqueued_from, asked.enqueued_to),
        due=_span(asked.due_from, asked.due_to),
        finished=_span(asked.finished_from, asked.finished_to),
        **words,
    )


def filter_of(asked: Matching, at: float, *, order: str = "", limit: int = 1) -> Filter:
    """Make the filter that pages have as well."""
    query = query_of(asked)
    return Filter(
        typed={},
        states=query.states,
        order=order,
        limit=limit,
        at=at,
        query=query,
        text=some(asked.text),
        wrong={},
    )


def _span(begin: Any, end: Any) -> tuple[float | None, float | None] | None:
    if begin is UNSET and end is UNSET:
        return None
    return (
        None if begin is UNSET else seconds(begin),
        None if end is UNSET else seconds(end),
    )


# --- what is answered -------------------------------------------------------------------------------


def rows_of(rows: tuple[Row, ...]) -> list[structs.JobRow]:
    """Return rows; error lines are shown as plugins redact them."""
    return [_row(row, error) for row, error in zip(rows, redactor().errors(rows), strict=True)]


def _killed_by(record: Record) -> structs.KilledBy | None:
    kill = kill_of(record)
    if kill is None or kill.entry is None:
        return None
    return structs.KilledBy(
        who=kill.entry.who, why=kill.entry.why, at=moment(kill.entry.at), entry=kill.entry.id
    )


def _head(firing: Row | Record) -> dict[str, Any]:
    """Return what rows and whole firings both have, but the progress."""
    return {
        "id": firing.id,
        "job": firing.job or None,
        "queue": firing.queue,
        "route": firing.route,
        "tags": list(firing.tags),
        "state": firing.state,
        "priority": firing.priority,
        "enqueued": moment(firing.enqueued),
        "due": moment(firing.due),
        "began": moment(firing.began),
        "finished": moment(firing.finished),
        "took": firing.took,
        "expires": moment(firing.expires),
        "key": firing.key,
        "worker": firing.worker,
        "deaths": firing.deaths,
        "schedule": firing.schedule,
        "parent": firing.parent,
    }


def _row(row: Row, error: str | None) -> structs.JobRow:
    progress = None
    if row.progress is not None:
        progress = structs.ProgressAnswer(done=row.progress[0], total=row.progress[1])
    return structs.JobRow(
        **_head(row),
        waits=row.waits,
        attempts=row.attempts,
        progress=progress,
        error=None if error is None else text(error),
        body_size=row.body_size,
        result_size=row.result_size,
    )


def _value(shown: Shown, value: object) -> structs.ValueAnswer:
    told = text(shown.text)
    if shown.hidden or shown.left:
        return structs.ValueAnswer(text=told, left=shown.left, hidden=shown.hidden)
    return structs.ValueAnswer(text=told, value=as_json(value))


def _call(call: Call) -> structs.CallAnswer:
    return structs.CallAnswer(
        job=call.job,
        line=text(call.line),
        arguments=_arguments(call.arguments),
        attributes=_arguments(call.attributes),
        problem=call.problem,
        retries=call.retries,
        timeout=call.timeout,
        serializer=call.serializer,
    )


def _arguments(shown: tuple[Argument, ...]) -> list[structs.ArgumentAnswer]:
    return [
        structs.ArgumentAnswer(name=text(one.name) or None, value=_value(one.value, one.raw)) for one in shown
    ]


def _result(returned: Returned) -> structs.ValueAnswer | None:
    return None if returned.value is None else _value(returned.value, returned.raw)


def _failure(view: FiringView) -> structs.FailureAnswer | None:
    failed = view.failure
    if failed is None:
        return None
    return structs.FailureAnswer(
        kind=text(failed.kind),
        message=structs.ValueAnswer(
            text=text(failed.message.text), left=failed.message.left, hidden=failed.message.hidden
        ),
        traceback="\n".join(text(line.text) for line in failed.traceback) or None,
        hidden=failed.hidden,
    )


def _progress(view: FiringView) -> structs.ProgressAnswer | None:
    told = view.progress
    if told is None:
        return None
    return structs.ProgressAnswer(
        done=told.done, total=told.total, note=text(view.note.text) if view.note else ""
    )


def _outcome(id_: str, record: Record | None, hides: Redactor, *, whole: bool) -> structs.ResultAnswer:
    if record is None:
        return structs.ResultAnswer(id=id_, state=None, result=None, error=None)
    returned = returned_by(record, hides, whole=whole)
    (error,) = hides.errors([record])
    return structs.ResultAnswer(
        id=id_,
        state=record.state,
        result=_result(returned),
        error=returned.problem if error is None else text(error),
    )
