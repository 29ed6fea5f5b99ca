"""Now and later, as MongoDB's updates and pipelines want them: by the server's own clock.

Under a virtual clock the same expressions are plain numbers.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

Expression = Any
"""A number, or what the server computes one from."""

NOW: Expression = {"$divide": [{"$toLong": "$$NOW"}, 1000.0]}
"""Seconds since the epoch."""
_FURTHEST = 200_000_000_000.0
"""Seconds since the epoch that both a BSON date and Python's can tell (the year 8307)."""


class Moment:
    """One point in time; ``None`` means the moment at which the server comes to it."""

    __slots__ = ("_now",)

    def __init__(self, now: float | None) -> None:
        self._now = now

    @property
    def now(self) -> Expression:
        """Seconds since the epoch."""
        return NOW if self._now is None else self._now

    def after(self, seconds: float) -> Expression:
        """So many seconds later."""
        if self._now is not None:
            return self._now + seconds
        return {"$add": [NOW, float(seconds)]} if seconds else NOW

    def date_after(self, seconds: float) -> Expression:
        """Make a date of it, which is what the server's own removal of old documents goes by."""
        seconds = min(seconds, _FURTHEST / 2)
        if self._now is not None:
            return datetime.fromtimestamp(min(self._now + seconds, _FURTHEST), timezone.utc)
        return {"$add": ["$$NOW", int(1_000 * seconds)]}
