"""What the API answers, field by field. The OpenAPI document is made of these."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from skunkqueue.records import State


class Base(msgspec.Struct, frozen=True, kw_only=True):
    """Common to all answers."""


class CountAnswer(Base, frozen=True, kw_only=True):
    """How many firings match."""

    number: int
    exact: bool
    """False: at least so many."""


class RouteAnswer(Base, frozen=True, kw_only=True):
    """One route of one queue."""

    queue: str
    route: str
    paused: bool
    """By itself, or with its whole queue."""
    counts: dict[State, int]
    """Firings by state."""
    exact: bool
    """False: the counts may be a little off."""
    oldest_due: datetime | None
    """When the first in line was or will be due."""
    oldest_wait: float
    """Seconds for which the first in line has been due; 0: nothing is."""
    workers: int
    """Live workers that listen on it."""


class Routes(Base, frozen=True, kw_only=True):
    """All routes."""

    now: datetime
    """The store's time."""
    routes: list[RouteAnswer]


class Times(Base, frozen=True, kw_only=True):
    """How long some waits or runs were, in seconds."""

    count: int
    mean: float
    p50: float
    """At most 9 % off, as all percentiles."""
    p95: float
    p99: float


class Point(Base, frozen=True, kw_only=True):
    """What was counted in one minute or hour, or ever."""

    enqueued: int
    complete: int
    error: int
    killed: int
    expired: int
    retried: int
    snoozed: int
    released: int
    deaths: int
    """Leases that ended and workers that died while the job had begun."""
    wait: Times | None
    """From the due time to the beginning, of attempts that ended; null: there were none."""
    run: Times | None


class Step(Point, frozen=True, kw_only=True):
    """One minute or hour."""

    begin: datetime
    pending: int | None
    """The largest sample; null: none was taken."""
    running: int | None
    oldest: float | None
    """Seconds for which the first in line had been due, at the worst."""


class Steps(Base, frozen=True, kw_only=True):
    """Counters over time; steps without any are left out."""

    now: datetime
    seconds: int
    """Length of a step."""
    steps: list[Step]


class Total(Point, frozen=True, kw_only=True):
    """What was counted of one job on one route since the store was made."""

    queue: str
    route: str
    job: str
    """`(other jobs)` stands for all that are not told apart."""


class Totals(Base, frozen=True, kw_only=True):
    """Counters that never fall."""

    now: datetime
    totals: list[Total]


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
    """How far a job says that it is."""

    done: float
    total: float | None
    note: str = ""


class JobRow(Base, frozen=True, kw_only=True):
    """One firing, without what may be large."""

    id: str
    job: str | None
    queue: str
    route: str
    tags: list[str]
    state: State
    waits: str | None
    """What a pending one waits for: `pause`, `retry`, `snooze`, `time` or its `turn`."""
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
    attempts: int
    deaths: int
    schedule: str | None
    parent: str | None
    progress: ProgressAnswer | None
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
    """A plugin has put another text in its place."""
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
    """A plugin has hidden the traceback."""


class TryAnswer(Base, frozen=True, kw_only=True):
    """One attempt that ended, or a worker that died."""

    number: int | None
    """null: a death."""
    began: datetime
    took: float
    verdict: str
    note: str
    worker: str
    waited: float
    """Seconds since the one before ended."""


class JobAnswer(Base, frozen=True, kw_only=True):
    """Everything about one firing."""

    now: datetime
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
    expires: datetime | None
    key: str | None
    target: str | None
    worker: str | None
    deaths: int
    schedule: str | None
    parent: str | None
    kill_requested: bool
    damaged: bool
    """Nobody can read what it is to do."""
    calls: list[CallAnswer]
    result: ValueAnswer | None
    result_problem: str | None
    failure: FailureAnswer | None
    tries: list[TryAnswer]
    progress: ProgressAnswer | None


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


class ErrorGroups(Base, frozen=True, kw_only=True):
    """Failures, grouped; the largest group first."""

    now: datetime
    errors: list[ErrorGroup]
    looked: int
    complete: bool
    """False: only the newest failures were looked at."""


class WorkerAnswer(Base, frozen=True, kw_only=True):
    """One worker process."""

    id: str
    queue: str
    route: str
    pool: str
    host: str
    pid: int
    state: str
    late: bool
    """Its last sign of life is too long ago."""
    started: datetime
    beat: datetime | None
    done: int | None
    """Firings settled since it started."""
    rss: int
    """Bytes of memory; 0: not known."""
    cpu: float | None
    """Share of one CPU."""
    version: str
    running: list[str]
    """Firings it runs now."""


class Workers(Base, frozen=True, kw_only=True):
    """Workers."""

    now: datetime
    workers: list[WorkerAnswer]


class PoolAnswer(Base, frozen=True, kw_only=True):
    """One pool with its workers."""

    id: str
    host: str
    pid: int | None
    """null: it is not listed, only named by workers."""
    queue: str | None
    routes: list[str]
    state: str
    late: bool
    started: datetime | None
    version: str
    workers: list[WorkerAnswer]


class Pools(Base, frozen=True, kw_only=True):
    """Pools."""

    now: datetime
    pools: list[PoolAnswer]


class ScheduleAnswer(Base, frozen=True, kw_only=True):
    """One schedule."""

    queue: str
    name: str
    route: str
    jobs: str
    strategy: str
    rule: str
    """In words; empty: nobody here can say it."""
    state: str
    """`waiting`, `due`, `running`, `paused` or `idle`."""
    blocked: bool
    """Its route is paused."""
    paused: bool
    firing: str | None
    """Id of the firing that is armed or running."""
    runs: int
    last_run: datetime | None
    took: float | None
    verdict: str | None
    next_run: datetime | None
    interval: float | None
    """Seconds that its strategy last chose."""


class SchedulePage(Base, frozen=True, kw_only=True):
    """A page of schedules, by queue and name."""

    now: datetime
    schedules: list[ScheduleAnswer]
    next: str | None
    """`cursor` of what comes after."""


class RunAnswer(Base, frozen=True, kw_only=True):
    """One run of a schedule."""

    id: str
    began: datetime
    took: float
    verdict: str
    interval: float | None
    """Seconds that were chosen until the next."""
    late: float
    """Seconds from its due time to its beginning."""


class History(Base, frozen=True, kw_only=True):
    """The last runs of a schedule, oldest first."""

    now: datetime
    runs: list[RunAnswer]


class PluginAnswer(Base, frozen=True, kw_only=True):
    """One plugin of the monitor's own environment."""

    group: str
    name: str
    object: str
    distribution: str
    version: str
    problem: str | None
    """Why it cannot be used."""


class Plugins(Base, frozen=True, kw_only=True):
    """Plugins."""

    plugins: list[PluginAnswer]


class EntryAnswer(Base, frozen=True, kw_only=True):
    """One entry of the audit log."""

    id: str
    at: datetime
    who: str
    why: str | None
    verb: str
    on: str
    did: str | None
    heard: datetime | None
    """When the worker or pool took the command."""
    done: datetime | None


class EntryPage(Base, frozen=True, kw_only=True):
    """A page of the audit log, newest first."""

    now: datetime
    entries: list[EntryAnswer]
    next: str | None
    """`cursor` of what comes after."""


class OperationAnswer(Base, frozen=True, kw_only=True):
    """One verb that is being done to all firings that a filter matches."""

    id: str
    verb: str
    about: str
    who: str
    started: datetime
    seconds: float
    state: str
    """`running`, `stopping`, `done`, `stopped` or `failed`."""
    matched: CountAnswer | None
    """null: it has not counted yet."""
    seen: int
    done: int
    """Firings that it changed."""
    error: str | None


class Operations(Base, frozen=True, kw_only=True):
    """Operations of this process of the monitor, newest first."""

    operations: list[OperationAnswer]


class OutcomeAnswer(Base, frozen=True, kw_only=True):
    """What became of one firing that was named."""

    id: str
    done: bool
    state: State | None
    """The state it had before; of one that was to be requeued and was not, the state it has. null: it is not known (any more),
    or was requeued."""


class Outcomes(Base, frozen=True, kw_only=True):
    """What became of each, in the order of the ids."""

    done: int
    outcomes: list[OutcomeAnswer]


class Begun(Base, frozen=True, kw_only=True):
    """An operation that has begun; follow it at `/api/v1/operations/{id}`."""

    operation: str
    matched: CountAnswer


class Sent(Base, frozen=True, kw_only=True):
    """A command that is under way; follow it by `/api/v1/audit?id=...`."""

    entry: str
    """Id of its entry in the audit log."""


class Changed(Base, frozen=True, kw_only=True):
    """What was changed."""

    changed: bool
    """False: it was so already."""


class Removed(Base, frozen=True, kw_only=True):
    """What was removed."""

    removed: int
