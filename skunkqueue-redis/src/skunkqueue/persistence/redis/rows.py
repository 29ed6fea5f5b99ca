"""Rows of firings, as ``scripts/lib/row.lua`` sends them and as listings show them. Asks nothing."""

from __future__ import annotations

import msgspec

from skunkqueue.listings import Row
from skunkqueue.persistence import listing
from skunkqueue.persistence.redis.labels import labels_of
from skunkqueue.records import State


class Extras(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What happened to a firing since it was put in."""

    due: float | None
    never_expires: bool
    deaths: int
    progress: bytes | None
    worker: str | None
    tries: int
    again: str
    error: str | None


class End(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """How a firing ended."""

    state: State
    began: float | None
    worker: str | None
    took: float | None
    error: str | None
    result_size: int
    finished: float


class Found(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One firing as ``row.lua`` sends it."""

    enqueued: float
    due: float
    expires: float | None
    id: str
    queue: str
    route: str
    priority: int
    target: str | None
    key: str | None
    body_size: int
    labels: str
    extras: Extras | None
    end: End | None
    lease: tuple[str, float] | None
    """Worker, and when it was claimed."""
    paused: bool


_NO_EXTRAS = Extras(
    None, never_expires=False, deaths=0, progress=None, worker=None, tries=0, again="", error=None
)


def row_of(found: Found, now: float) -> Row:
    """Make a row, as of the store's time ``now``."""
    labels, extras, end, lease = (
        labels_of(found.labels),
        found.extras or _NO_EXTRAS,
        found.end,
        found.lease,
    )
    due = found.due if extras.due is None else extras.due
    state, began, worker = State.PENDING, None, extras.worker
    waits = None
    if end is not None:
        state, began, worker = end.state, end.began, end.worker
    elif lease is not None:
        state = State.RUNNING
        worker, began = lease
    else:
        waits = listing.waits_for(due=due, now=now, paused=found.paused, again=_again(extras.again))
    tried = 1 if lease is not None or (end is not None and began is not None) else 0
    return Row(
        id=found.id,
        queue=found.queue,
        route=found.route,
        job=labels.job,
        tags=labels.tags,
        state=state,
        waits=waits,
        priority=found.priority,
        enqueued=found.enqueued,
        due=due,
        began=began,
        finished=None if end is None else end.finished,
        took=None if end is None else end.took,
        worker=worker,
        attempts=extras.tries + extras.deaths + tried,
        deaths=extras.deaths,
        key=found.key,
        schedule=labels.schedule,
        parent=labels.parent,
        progress=listing.numbers_of(extras.progress),
        error=extras.error if end is None or end.error is None else end.error,
        body_size=found.body_size,
        result_size=0 if end is None else end.result_size,
        expires=None if extras.never_expires else found.expires,
    )


def _again(verdict: str) -> str | None:
    return verdict if verdict in ("retry", "snooze") else None
