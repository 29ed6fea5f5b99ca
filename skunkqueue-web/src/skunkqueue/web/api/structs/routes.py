"""What the API answers of routes and counters."""

from __future__ import annotations

from datetime import datetime

from skunkqueue.records import State
from skunkqueue.web.api.structs.base import Base


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
    """A page of routes."""

    now: datetime
    """The store's time."""
    routes: list[RouteAnswer]
    next: str | None
    """Cursor of the page after; `null`: this one is the last."""
    previous: str | None
    """Cursor of the page before; `null`: this one is the first."""


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
    """`(other jobs)` stands for all that are not counted by name."""


class Totals(Base, frozen=True, kw_only=True):
    """Counters that never fall."""

    now: datetime
    totals: list[Total]
    next: str | None
    """Cursor of the page after; `null`: this one is the last."""
    previous: str | None
    """Cursor of the page before; `null`: this one is the first."""
