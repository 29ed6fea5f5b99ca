"""What the API answers of firings, results and failures."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import UNSET, UnsetType

from skunkqueue.records import State
from skunkqueue.web.api.structs.base import Base


class JobCountAnswer(Base, frozen=True, kw_only=True):
    """Firings of one job on one route, by state."""

    queue: str
    route: str
    job: str
    counts: dict[State, int]
    exact: bool


class JobCounts(Base, frozen=True, kw_only=True):
    """Firings by route, job and state."""

    now: datetime
    counts: list[JobCountAnswer]


class ProgressAnswer(Base, frozen=True, kw_only=True):
    """The progress that a job reports."""

    done: float
    total: float | None
    note: str = ""


class Head(Base, frozen=True, kw_only=True):
    """What rows and whole firings both have."""

    id: str
    job: str | None
    queue: str
    route: str
    tags: list[str]
    state: State
    priority: int
    enqueued: datetime
    due: datetime
    began: datetime | None
    finished: datetime | None
    took: float | None
    """Seconds."""
    expires: datetime | None
    key: str | None
    worker: str | None
    """The worker that holds it, or held it last."""
    deaths: int
    schedule: str | None
    parent: str | None
    progress: ProgressAnswer | None


class JobRow(Head, frozen=True, kw_only=True):
    """One firing, without what may be large."""

    waits: str | None
    """What a pending one waits for: `pause`, `retry`, `snooze`, `time` or its `turn`."""
    attempts: int
    error: str | None
    body_size: int
    """Bytes."""
    result_size: int


class JobPage(Base, frozen=True, kw_only=True):
    """A page of firings."""

    now: datetime
    jobs: list[JobRow]
    next: str | None
    """`cursor` of what comes after; null: nothing does."""
    previous: str | None
    """`cursor` of what comes before."""
    looked: int
    """Firings that were looked at."""
    complete: bool
    """False: the look came to its bound, and `next` goes on."""


class ValueAnswer(Base, frozen=True, kw_only=True, omit_defaults=True):
    """A value of a job."""

    text: str
    """As Python would write it; bytes in hexadecimal."""
    left: int = 0
    """Characters that are not shown; `whole` shows up to a million."""
    hidden: bool = False
    """Whether a plugin has replaced it by another text."""
    value: Any | UnsetType = UNSET
    """As JSON, where it is shown in full. Integers beyond 2^53, and what JSON cannot carry, are texts."""


class ArgumentAnswer(Base, frozen=True, kw_only=True):
    """One argument."""

    name: str | None
    """null: given by its position."""
    value: ValueAnswer


class CallAnswer(Base, frozen=True, kw_only=True):
    """One step of a firing: what is called, and its rules."""

    job: str
    line: str
    """As one would write it in Python."""
    arguments: list[ArgumentAnswer]
    attributes: list[ArgumentAnswer]
    """Of a class job's object."""
    problem: str | None
    """Why its arguments cannot be shown."""
    retries: int
    timeout: float | None
    serializer: str


class FailureAnswer(Base, frozen=True, kw_only=True):
    """Why a firing has no result."""

    kind: str
    message: ValueAnswer
    traceback: str | None
    hidden: bool
    """Whether a plugin has hidden the traceback."""


class TryAnswer(Base, frozen=True, kw_only=True):
    """One attempt that ended, or a worker that died."""

    number: int | None
    """null: a death."""
    began: datetime | None
    """null: it is not known when the worker that died had begun; `took` and `pause` are null then, too."""
    took: float | None
    ended: datetime
    verdict: str
    note: str
    worker: str
    pause: float | None
    """Seconds from when the one before ended, or the firing was enqueued, until it began. A planned delay is part of it."""


class KilledBy(Base, frozen=True, kw_only=True):
    """Who killed a firing, as the audit log has it."""

    who: str
    why: str | None
    at: datetime
    entry: str
    """Id of the entry in the audit log."""


class JobAnswer(Head, frozen=True, kw_only=True):
    """Everything about one firing."""

    now: datetime
    target: str | None
    kill_requested: bool
    killed_by: KilledBy | None
    """null: it was not killed by request, or none of the newest 200 kills in the audit log names it."""
    damaged: bool
    """Whether its body cannot be read."""
    calls: list[CallAnswer]
    result: ValueAnswer | None
    result_problem: str | None
    failure: FailureAnswer | None
    waited: float | None
    """Seconds from when it was due, or if it ran before without becoming due again, from the end of that run, until its last
    attempt began. null: it did not begin."""
    tries: list[TryAnswer]


class ResultAnswer(Base, frozen=True, kw_only=True):
    """How one firing ended."""

    id: str
    state: State | None
    """null: it is not known (any more)."""
    result: ValueAnswer | None
    """null: it has none (yet)."""
    error: str | None


class Results(Base, frozen=True, kw_only=True):
    """How firings ended, in the order of the ids."""

    results: list[ResultAnswer]


class RouteName(Base, frozen=True, kw_only=True):
    """A route."""

    queue: str
    route: str


class ErrorGroup(Base, frozen=True, kw_only=True):
    """Failures that are alike."""

    count: int
    complete: bool
    """False: there are at least so many, and the first may be earlier."""
    job: str | None
    error: str | None
    """Type of the error."""
    message: str
    """Of the newest."""
    first: datetime | None
    last: datetime | None
    newest: str
    """Id of the newest."""
    routes: list[RouteName]


class JobLeft(Base, frozen=True, kw_only=True):
    """A job of whose failures none was looked at."""

    job: str | None
    count: int
    """How many it has, as far as is known."""


class ErrorGroups(Base, frozen=True, kw_only=True):
    """Failures, grouped; the largest group first."""

    now: datetime
    errors: list[ErrorGroup]
    looked: int
    complete: bool
    """False: only the newest failures were looked at, and some of each job that has few or none among these."""
    left: list[JobLeft]
    """Jobs whose failures are all older, and were not looked at; those with most failures first."""
