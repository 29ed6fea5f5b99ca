"""What the API answers of schedules."""

from __future__ import annotations

from datetime import datetime

from skunkqueue.web.api.structs.base import Base


class ScheduleAnswer(Base, frozen=True, kw_only=True):
    """One schedule."""

    queue: str
    name: str
    route: str
    jobs: str
    strategy: str
    rule: str
    """In words; empty: its strategy is not installed here, or fails."""
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
    previous: str | None
    """`cursor` of what comes before."""


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
