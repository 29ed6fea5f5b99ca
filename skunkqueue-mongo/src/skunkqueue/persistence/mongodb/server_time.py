"""The server's time: asked for, estimated in between, and as an expression for updates and pipelines.

Under a virtual clock the same expressions are plain numbers, and the server is not asked.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from skunkqueue.clock import Clock, SystemClock, monotonic

Expression = Any
"""A number, or what the server computes one from."""
NOW: Expression = {"$divide": [{"$toLong": "$$NOW"}, 1000.0]}
"""Seconds since the epoch."""
_FURTHEST = 200_000_000_000.0
"""The latest time that both a BSON date and a Python date can hold, in seconds since the epoch (the year 8307)."""
_DRIFT = 0.1
"""Seconds by which this machine's two clocks may disagree about the time that has passed before the server is asked again."""
_REFRESH = 30.0
"""Seconds for which an answer of the server is used to estimate its time."""


class Moment:
    """One point in time; ``None`` means the time at which the server executes the update."""

    __slots__ = ("_now",)

    def __init__(self, now: float | None) -> None:
        self._now = now

    @property
    def now(self) -> Expression:
        """Seconds since the epoch."""
        return NOW if self._now is None else self._now

    def after(self, seconds: float) -> Expression:
        """Return the same, so many seconds later."""
        if self._now is not None:
            return self._now + seconds
        return {"$add": [NOW, float(seconds)]} if seconds else NOW

    def date_after(self, seconds: float) -> Expression:
        """Return the same as a date, which is what the server compares when it removes old documents by itself."""
        seconds = min(seconds, _FURTHEST / 2)
        if self._now is not None:
            return datetime.fromtimestamp(min(self._now + seconds, _FURTHEST), timezone.utc)
        return {"$add": ["$$NOW", int(1_000 * seconds)]}


class ServerTime:
    """The clock that decides about due times and leases: the server's, or a virtual one."""

    def __init__(self, clock: Clock, ask: Callable[[], float]) -> None:
        self._clock = clock
        self._ask = ask
        self.is_virtual = not isinstance(clock, SystemClock)
        self._offset: float | None = None
        self._learnt = self._learnt_by_day = 0.0

    @property
    def moment(self) -> Moment:
        """Now, for use within updates and pipelines."""
        return Moment(self._clock.now() if self.is_virtual else None)

    def now(self) -> float:
        """Ask the server."""
        if self.is_virtual:
            return self._clock.now()
        now = self._ask()
        self.learn(now)
        return now

    def learn(self, now: float) -> None:
        """Remember what the server's clock showed a moment ago."""
        self._learnt, self._learnt_by_day = monotonic(), time.time()
        self._offset = now - self._learnt

    def about_now(self) -> float:
        """Estimate the server's time, right to some milliseconds; asks the server only after 30 s without an answer.

        The estimate is in whole milliseconds and not ahead of the server, as ``$$NOW`` is. So what is due now by this
        estimate is due by the next request's ``$$NOW`` as well.
        """
        if self.is_virtual:
            return self._clock.now()
        passed = monotonic()
        since = passed - self._learnt
        # The monotonic clock does not count the time for which the machine slept; the other clock does.
        slept = abs(time.time() - self._learnt_by_day - since) > _DRIFT
        if self._offset is None or since > _REFRESH or slept:
            return self.now()
        return math.floor(1e3 * (passed + self._offset)) / 1e3

    def date(self) -> datetime:
        """Estimate the server's time as a date, to compare with the dates of documents."""
        return datetime.fromtimestamp(self.about_now(), timezone.utc)

    def as_sent(self, when: float) -> Any:
        """Write a time as a document has it whose time ``$currentDate`` set."""
        return when if self.is_virtual else datetime.fromtimestamp(when, timezone.utc)
