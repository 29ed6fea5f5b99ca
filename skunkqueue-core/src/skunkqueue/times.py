"""Lengths of time and moments as users give them, turned into seconds.

Every length may be a number of seconds or a timedelta, and every moment is a datetime with a time zone.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

from skunkqueue.errors import MAX_DELAY, NaiveDatetimeError, PolicyError, PolicyTypeError, WrongTypeError
from skunkqueue.show import brief

MAX_MOMENT = 1e11
"""Seconds since the epoch, some thousand years from now: no store keeps a later moment."""

Seconds = float | timedelta
"""A length of time."""
When = datetime | timedelta | float
"""A moment, or a length of time from now on."""


def as_delay(value: object, what: str) -> float:
    """Turn seconds or a timedelta into seconds; PolicyError where it is neither, negative or endless."""
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        msg = f"{what} must be seconds or a timedelta, not {type(value).__name__}: {brief(value)}"
        raise PolicyTypeError(msg)
    # NaN fails this too; an int that no float can hold is compared all the same.
    if not 0 <= seconds <= MAX_DELAY:
        msg = f"{what} must be between 0 and {MAX_DELAY:.0f} seconds (a year), not {brief(value)}"
        raise PolicyError(msg)
    return float(seconds)


def as_timeout(value: Any, what: str) -> float | None:
    """Turn the longest wait into seconds; ``None``, infinity and timedelta.max mean no limit.

    A negative one is 0. Raises WrongTypeError for what is not a length of time, NaN included.
    """
    if value is None:
        return None
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not number or (isinstance(seconds, float) and math.isnan(seconds)):
        msg = f"{what} must be seconds or a timedelta, or None for no limit, not {type(value).__name__}: {brief(value)}"
        raise WrongTypeError(msg)
    return None if seconds > MAX_MOMENT else float(max(0, seconds))


def as_moment(when: datetime, what: str) -> float:
    """Turn a datetime into seconds since the epoch.

    Raises NaiveDatetimeError without a time zone, and PolicyError for what no store can keep.
    """
    try:
        if when.utcoffset() is None:
            msg = (
                f"{what} got the datetime {when.isoformat()} without a time zone: "
                f"write datetime.now(timezone.utc) + ..., or .astimezone(), or give a timedelta"
            )
            raise NaiveDatetimeError(msg)
        seconds = when.timestamp()
    except OverflowError:
        # At either end of the calendar, a zone's offset may lead past it.
        seconds = float("inf")
    if abs(seconds) > MAX_MOMENT:
        msg = f"{what} got {when.replace(tzinfo=None).isoformat()}: give a moment before the year 5138, or leave it out"
        raise PolicyError(msg)
    return seconds


def moment(when: object, what: str) -> tuple[float | None, float]:
    """Turn a moment or delay into (absolute seconds or None, delay in seconds); a past moment is now.

    Raises NaiveDatetimeError for a datetime without a zone, and PolicyError for what is not a time.
    """
    if isinstance(when, datetime):
        return as_moment(when, what), 0.0
    if isinstance(when, timedelta):
        when = when.total_seconds()
    if isinstance(when, (int, float)) and not isinstance(when, bool):
        return None, as_delay(0.0 if when < 0 else when, what)
    msg = f"{what} must be a datetime with a time zone, a timedelta or seconds, not {type(when).__name__}: {brief(when)}"
    raise PolicyTypeError(msg)
