"""Firings and workers as JSON and as rows of a table; their bytes are decoded without importing anything.

Damaged bytes are shown as damaged, and the rest of a listing is still shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from skunkqueue.cli.columns import Shape
from skunkqueue.cli.text import UNKNOWN, cut, from_now, iso, plural, size, span
from skunkqueue.errors import JobNotFoundError, SkunkQueueError
from skunkqueue.listings import Row
from skunkqueue.payload import Body, Step, decode_body, decode_failure, decode_progress
from skunkqueue.policy import POLICY_FIELDS
from skunkqueue.pools import PoolRecord, Sample
from skunkqueue.records import Record, State, WorkerRecord
from skunkqueue.serializers import get_serializer
from skunkqueue.show import shown

DAMAGED = "(damaged)"
NOTE_WIDTH = 60
WAITS = {
    "pause": "its route is paused",
    "retry": "waits for its retry",
    "snooze": "snoozes",
    "time": "waits for its time",
    "turn": "waits for its turn",
}
"""What a pending firing waits for, for people."""

FIRINGS = Shape(
    ("ID", "JOB", "TAGS", "QUEUE", "ROUTE", "STATE", ">PRIORITY", "WHEN", "NOTE"),
    spare=(">PRIORITY", "TAGS", "QUEUE", "ROUTE", "NOTE", "WHEN"),
    least={"NOTE": 12, "QUEUE": 8, "ROUTE": 8, "JOB": 10, "TAGS": 8},
    ends=frozenset({"JOB"}),
)
WORKERS = Shape(
    ("ID", "QUEUE", "ROUTE", "STATE", "CURRENT", ">DONE", ">MEMORY", "HOST", ">PID", "UP", "BEAT"),
    spare=("UP", ">MEMORY", "QUEUE", "BEAT", "HOST", ">PID", ">DONE", "CURRENT", "ROUTE"),
    least={"HOST": 8, "QUEUE": 8, "ROUTE": 12},
)


def body_of(record: Record) -> Body | None:
    """Decode the body of a firing; ``None`` where it is damaged."""
    try:
        return decode_body(record.body)
    except SkunkQueueError:
        return None


def name_of(record: Record) -> str:
    """Name the firing's job; a chain's jobs are joined."""
    body = body_of(record)
    return DAMAGED if body is None else body.name


def firing_json(record: Record) -> dict[str, Any]:
    """Return a firing as a dict with stable keys."""
    body = body_of(record)
    return {
        "id": record.id,
        "job": None if body is None else body.name,
        "queue": record.queue,
        "route": record.route,
        "state": record.state.value,
        "priority": record.priority,
        "enqueued": iso(record.enqueued),
        "due": iso(record.due),
        "began": iso(record.began),
        "finished": iso(record.finished),
        "expires": iso(record.expires),
        "key": record.key,
        "target": record.target,
        "worker": record.worker,
        "deaths": record.deaths,
        "kill_requested": record.kill_requested,
        "progress": progress_json(record),
        "error": record.error if record.state is State.PENDING else failure_line(record),
    }


def row_json(row: Row) -> dict[str, Any]:
    """Return a firing of a listing as a dict with stable keys."""
    return {
        "id": row.id,
        "job": row.job or None,
        "tags": list(row.tags),
        "queue": row.queue,
        "route": row.route,
        "state": row.state.value,
        "waits": row.waits,
        "priority": row.priority,
        "enqueued": iso(row.enqueued),
        "due": iso(row.due),
        "began": iso(row.began),
        "finished": iso(row.finished),
        "took": row.took,
        "expires": iso(row.expires),
        "key": row.key,
        "worker": row.worker,
        "attempts": row.attempts,
        "deaths": row.deaths,
        "schedule": row.schedule,
        "parent": row.parent,
        "progress": None if row.progress is None else {"done": row.progress[0], "total": row.progress[1]},
        "error": row.error,
        "body_size": row.body_size,
        "result_size": row.result_size,
    }


def row_cells(row: Row, now: float) -> tuple[str, ...]:
    """Return the cells of a firing of a listing, in the columns of FIRINGS."""
    return (
        row.id,
        row.job or UNKNOWN,
        " ".join(row.tags),
        row.queue,
        row.route,
        row.state.value,
        str(row.priority),
        when(row, now),
        cut(remark(row), NOTE_WIDTH),
    )


def when(row: Row, now: float) -> str:
    """Return the time that matters in the state a firing is in."""
    if row.state is State.PENDING:
        return f"due {from_now(row.due, now)}"
    if row.state is State.RUNNING:
        return f"for {span(max(now - row.began, 0.0))}" if row.began is not None else ""
    return from_now(row.finished, now) if row.finished is not None else ""


def remark(row: Row) -> str:
    """Return the most important note: progress, what it waits for, or why it failed."""
    if row.state is State.RUNNING:
        return "" if row.progress is None else share_of(*row.progress)
    if row.state is State.PENDING:
        waits = waits_line(row.waits, row.error)
        return f"{waits}; {plural(row.deaths, 'death')}" if row.deaths else waits
    return row.error or ""


def waits_line(waits: str | None, error: str | None) -> str:
    """Return what a pending firing waits for; where a worker gave it back since it does not know the job, the reason."""
    reason = unknown_job(error) if waits in ("time", "turn") else None
    return WAITS.get(waits or "", "") if reason is None else f"job not known: {reason}"


def unknown_job(error: str | None) -> str | None:
    """Return why a worker did not find the job, from the error line of a pending firing; ``None``: it has another, or none."""
    kind, _, reason = (error or "").partition(": ")
    return reason if kind == JobNotFoundError.__name__ else None


def progress_json(record: Record) -> dict[str, Any] | None:
    """Return the progress that the job last reported, as a dict."""
    if record.progress is None:
        return None
    try:
        told = decode_progress(record.progress)
    except SkunkQueueError:
        return None
    return {"done": told.done, "total": told.total, "note": told.note, "at": iso(told.at)}


def progress_line(record: Record) -> str:
    """Return progress in a few words: ``30% (3/10) sorting``."""
    told = progress_json(record)
    if told is None:
        return ""
    return f"{share_of(told['done'], told['total'])} {told['note']}".rstrip()


def share_of(done: float, total: float | None) -> str:
    """Return how much is done: ``30% (3/10)``."""
    return f"{100 * done / total:.0f}% ({done:g}/{total:g})" if total else f"{done:g}"


def failure_line(record: Record) -> str | None:
    """Return one line on why a firing ended without a result; ``None`` where it has one, or has not ended."""
    if record.result is None or record.state in (State.PENDING, State.RUNNING, State.COMPLETE):
        return None
    try:
        return " ".join(str(decode_failure(record.result)).split())
    except SkunkQueueError:
        return DAMAGED


def arguments(step: Step) -> tuple[list[Any], dict[str, Any], dict[str, Any]] | str:
    """Decode a step's arguments and its instance's attributes; a string is the reason where that fails."""
    try:
        found = get_serializer(step.serializer).loads(step.args, None)
    except SkunkQueueError as error:
        return f"({' '.join(str(error).split())})"
    match found:
        case [list() | tuple() as args, dict() as kwargs, (dict() | None) as attrs]:
            return list(args), kwargs, attrs or {}
    return shown(found)


def call_line(step: Step) -> str:
    """Write a step as it might have been called: ``demo:add(4, second=5)``.

    Attributes of an object that are its rules are left out: they are shown elsewhere.
    """
    found = arguments(step)
    if isinstance(found, str):
        return f"{step.job}{found if found.startswith('(') else f'({found})'}"
    args, kwargs, attrs = found
    given = [shown(value) for value in args] + [f"{key}={shown(value)}" for key, value in kwargs.items()]
    line = f"{step.job}({', '.join(given)}){'.with_previous()' if step.previous else ''}"
    own = {key: value for key, value in attrs.items() if key not in POLICY_FIELDS}
    return f"{line} with {shown(own)}" if own else line


def samples_of(pools: Iterable[PoolRecord]) -> dict[str, Sample]:
    """Return what pools measured last of each worker, by its id."""
    return {
        process.worker: process.samples[-1] for pool in pools for process in pool.processes if process.samples
    }


def rss_of(worker: WorkerRecord, measured: Sample | None) -> int:
    """Return a worker's memory in bytes, as it said itself or as its pool measured it, whichever is newer; 0: not known."""
    if measured is None:
        return worker.rss
    # A beat by its pool may say nothing of it.
    return worker.rss if worker.rss and measured.at < worker.beat else measured.rss


def current_line(current: str | None, running: Iterable[str], more: int) -> str:
    """Return which firing a worker runs, and how many others: ``ID +3``."""
    if current is None:
        return ""
    others = len({*running} - {current}) + more
    return f"{current} +{others}" if others else current


def worker_json(worker: WorkerRecord, now: float, measured: Sample | None = None) -> dict[str, Any]:
    """Return a worker as a dict with stable keys; ``measured``: what its pool measured last."""
    return {
        "id": worker.id,
        "queue": worker.queue,
        "route": worker.route,
        "routes": list(worker.routes),
        "pool": worker.pool,
        "host": worker.host,
        "pid": worker.pid,
        "state": worker.state,
        "current": worker.current,
        "running": list(worker.running),
        "more": worker.more,
        "done": worker.done,
        "rss": rss_of(worker, measured),
        "started": iso(worker.started),
        "beat": iso(worker.beat),
        "beat_age": round(max(now - worker.beat, 0.0), 3),
    }


def worker_row(worker: WorkerRecord, now: float, measured: Sample | None = None) -> tuple[str, ...]:
    """Return the cells of a worker, in the columns of WORKERS."""
    rss = rss_of(worker, measured)
    return (
        worker.id,
        worker.queue,
        ", ".join(worker.routes),
        worker.state,
        current_line(worker.current, worker.running, worker.more),
        str(worker.done),
        size(rss) if rss else "",
        worker.host,
        str(worker.pid),
        span(max(now - worker.started, 0.0)),
        f"{span(max(now - worker.beat, 0.0))} ago",
    )
