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
_QUICK = 0.01
"""Seconds within which an answer should come: the estimate is behind by as long as the answer was on its way."""
_ASKED = 3
"""How often the server is asked at most for a quick answer."""
_TICK = 0.001
"""The server tells its time in whole milliseconds."""


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
        self._offset = 0.0
        self._learnt, self._learnt_by_day = -math.inf, 0.0

    @property
    def moment(self) -> Moment:
        """Now, for use within updates and pipelines."""
        return Moment(self._clock.now() if self.is_virtual else None)

    def now(self) -> float:
        """Ask the server."""
        if self.is_virtual:
            return self._clock.now()
        return self._asked()[0]

    def _asked(self) -> tuple[float, float]:
        """Ask the server; return its time, and how long the answer took."""
        sent = monotonic()
        now = self._ask()
        took = monotonic() - sent
        self.learn(now, sent)
        return now, took

    def learn(self, now: float, sent: float) -> None:
        """Remember what the server's clock showed after ``sent``, a time of the monotonic clock, and before this moment."""
        came = monotonic()
        if self._is_known(came) and now - came <= self._offset <= now + _TICK - sent:
            # An answer that was quicker has said it more precisely.
            return
        self._learnt, self._learnt_by_day = came, time.time()
        self._offset = now - came

    def _is_known(self, passed: float) -> bool:
        """Return whether an answer of the server is recent enough to estimate its time."""
        since = passed - self._learnt
        # The monotonic clock does not count the time for which the machine slept; the other clock does.
        slept = abs(time.time() - self._learnt_by_day - since) > _DRIFT
        return since <= _REFRESH and not slept

    def about_now(self) -> float:
        """Estimate the server's time, right to some milliseconds; asks the server only every 30 s.

        The estimate is in whole milliseconds and not ahead of the server, as ``$$NOW`` is. So what is due now by this
        estimate is due by the next request's ``$$NOW`` as well.
        """
        if self.is_virtual:
            return self._clock.now()
        if not self._is_known(monotonic()):
            for _ in range(_ASKED):
                if self._asked()[1] <= _QUICK:
                    break
        return math.floor(1e3 * (monotonic() + self._offset)) / 1e3

    def past(self, field: str) -> dict[str, Any]:
        """Match documents in which the time in ``field`` has come, by the clock that decides."""
        now = self.moment.now
        return {field: {"$lte": now}} if self.is_virtual else {"$expr": {"$lte": [f"${field}", now]}}

    def date(self) -> datetime:
        """Estimate the server's time as a date, to compare with the dates of documents."""
        return datetime.fromtimestamp(self.about_now(), timezone.utc)

    def as_sent(self, when: float) -> Any:
        """Write a time as a document has it whose time ``$currentDate`` set."""
        return when if self.is_virtual else datetime.fromtimestamp(when, timezone.utc)
