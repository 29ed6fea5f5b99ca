"""What the API answers of workers and pools."""

from __future__ import annotations

from datetime import datetime

from skunkqueue.web.api.structs.base import Base


class WorkerAnswer(Base, frozen=True, kw_only=True):
    """One worker process."""

    id: str
    queue: str
    route: str
    """The first of ``routes``."""
    routes: list[str]
    """All that it listens on."""
    pool: str
    host: str
    pid: int
    state: str
    late: bool
    """Whether its last sign of life is too long ago."""
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
    """A page of workers, by id."""

    now: datetime
    workers: list[WorkerAnswer]
    next: str | None
    """`cursor` of what comes after."""
    previous: str | None
    """`cursor` of what comes before."""


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
    """A page of pools, by id."""

    now: datetime
    pools: list[PoolAnswer]
    next: str | None
    """`cursor` of what comes after."""
    previous: str | None
    """`cursor` of what comes before."""
