"""Whole firings, as ``scripts/lib/records.lua`` sends them, and how they become records. Asks nothing."""

from __future__ import annotations

import msgspec

from skunkqueue.persistence.redis.labels import labels_of
from skunkqueue.persistence.redis.wire import encode, reader
from skunkqueue.records import Outcome, Record, State


class Stored(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What ``put.lua`` stores of a firing: three times from the server, then ``groups.fragment``."""

    enqueued: float
    due: float
    expires: float | None
    id: str
    queue: str
    route: str
    priority: int
    target: str | None
    key: str | None
    body: bytes
    attempt_state: None
    deaths: int
    labels: str
    """Stands where a claim has its evidence, of which a new firing has none: see ``labels``."""
    kill: bool


class Extras(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What happened to a firing since it was put in."""

    due: float | None
    token: int | None
    attempt_state: bytes | None
    deaths: int
    evidence: str
    kill: bool
    progress: bytes | None
    worker: str | None
    never_expires: bool
    error: str | None = None


class Running(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The lease a firing is under."""

    token: int
    claimed: float
    worker: str
    left: float


class End(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """How a firing ended."""

    chunk: str
    state: State
    token: int
    began: float | None
    worker: str | None
    attempt_state: bytes | None
    result: bytes | None
    took: float | None = None
    error: str | None = None


class Found(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One firing as ``records.lua`` sends it."""

    stored: Stored
    extras: Extras | None
    running: Running | None
    end: End | None
    finished: float | None
    worker: str | None


as_found = reader(list[Found | None])


def end_of(outcome: Outcome, chunk: str, state: str) -> bytes:
    """Encode how a firing ended, as ``End`` reads it. ``chunk``: the name of its chunk."""
    return encode(
        (
            chunk,
            state,
            outcome.token,
            outcome.began,
            None,
            outcome.attempt_state,
            outcome.result,
            None if outcome.began is None else outcome.took,
            outcome.error,
        )
    )


def record_of(found: Found) -> Record:
    """Make the record that callers read."""
    stored, extras, running, end = found.stored, found.extras, found.running, found.end
    state, token, began, worker, lease_left = State.PENDING, 0, None, None, None
    attempt_state, due, expires = None, stored.due, stored.expires
    labels = labels_of(stored.labels)
    error = None if extras is None else extras.error
    if extras is not None:
        token, worker, attempt_state = extras.token or 0, extras.worker, extras.attempt_state
        due = stored.due if extras.due is None else extras.due
        expires = None if extras.never_expires else stored.expires
    if running is not None:
        state, token, began = State.RUNNING, running.token, running.claimed
        worker, lease_left = running.worker, running.left
    elif end is not None:
        state, token, began = end.state, end.token, end.began
        worker = found.worker or end.worker
        attempt_state = attempt_state if end.attempt_state is None else end.attempt_state
        error = error if end.error is None else end.error
    return Record(
        id=stored.id,
        queue=stored.queue,
        route=stored.route,
        state=state,
        body=stored.body,
        priority=stored.priority,
        enqueued=stored.enqueued,
        due=due,
        token=token,
        began=began,
        finished=found.finished,
        expires=expires,
        key=stored.key,
        target=stored.target,
        worker=worker,
        lease_left=lease_left,
        deaths=0 if extras is None else extras.deaths,
        evidence="" if extras is None else extras.evidence,
        attempt_state=attempt_state,
        result=None if end is None else end.result,
        progress=None if extras is None else extras.progress,
        kill_requested=extras is not None and extras.kill,
        job=labels.job,
        tags=labels.tags,
        schedule=labels.schedule,
        parent=labels.parent,
        error=error,
        took=None if end is None else end.took,
    )
