"""Checking what users give: lengths of time, bounds, moments. Turns all of it into seconds."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Annotated, TypeVar

import msgspec

from skunkqueue.errors import NaiveDatetimeError, ScheduleError
from skunkqueue.show import brief
from skunkqueue.times import MAX_MOMENT

Moment = Annotated[float, msgspec.Meta(ge=-1e11, le=1e11)]
"""Seconds since the epoch, as a store may bring them back."""
Interval = Annotated[float, msgspec.Meta(gt=0, le=1e11)]
Length = Annotated[float, msgspec.Meta(ge=0, le=1e11)]
Rate = Annotated[float, msgspec.Meta(gt=0, le=1e11)]
"""Runs per second."""

SHORTEST = 0.001
"""The shortest interval, in seconds."""
LONGEST = 100 * 366 * 86_400.0
"""The longest interval, in seconds."""

S = TypeVar("S")
Span = timedelta | float
"""A length of time: a timedelta, or seconds."""


def recalled(decoder: msgspec.json.Decoder[S], state: bytes, fresh: S) -> S:
    """Decode a strategy's state; one that cannot be read is forgotten, so that its schedule goes on."""
    try:
        return decoder.decode(state)
    except msgspec.MsgspecError:
        return fresh


def seconds(what: str, value: object, *, least: float = SHORTEST) -> float:
    """Return a length of time in seconds; ScheduleError, naming ``what``, below ``least`` or for what is not one."""
    given = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(given, bool) or not isinstance(given, (int, float)):
        msg = f"{what} must be a timedelta or a number of seconds, not {brief(value)}"
        raise ScheduleError(msg)
    if not least <= given <= LONGEST:
        msg = f"{what} must be at least {least:g} s and at most a hundred years, not {brief(value)}"
        raise ScheduleError(msg)
    return float(given)


def number(what: str, value: object, low: float, high: float) -> float:
    """Return a number strictly between two others; ScheduleError, naming ``what``, otherwise."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low < value < high:
        above = f"more than {low:g}" + (f" and less than {high:g}" if math.isfinite(high) else "")
        msg = f"{what} must be a number of {above}, not {brief(value)}"
        raise ScheduleError(msg)
    return float(value)


def in_order(low_name: str, low: float, high_name: str, high: float) -> None:
    """Raise ScheduleError for bounds that are the wrong way round."""
    if low > high:
        msg = f"{low_name} ({low:g} s) is above {high_name} ({high:g} s): exchange them"
        raise ScheduleError(msg)


def within(name: str, value: float, low: tuple[str, float], high: tuple[str, float]) -> None:
    """Raise ScheduleError for bounds the wrong way round, and for a value outside them."""
    in_order(*low, *high)
    in_order(*low, name, value)
    in_order(name, value, *high)


def instant(what: str, when: object) -> float:
    """Return a moment in seconds since the epoch; NaiveDatetimeError without a time zone."""
    if not isinstance(when, datetime):
        msg = f"{what} must be a datetime with a time zone, not {brief(when)}"
        raise ScheduleError(msg)
    if when.utcoffset() is None:
        msg = (
            f"{what} got the datetime {when.isoformat()} without a time zone: "
            f"write datetime(..., tzinfo=ZoneInfo('Europe/Berlin')), or .astimezone()"
        )
        raise NaiveDatetimeError(msg)
    try:
        seconds = when.timestamp()
    except OverflowError:
        seconds = math.inf
    if abs(seconds) > MAX_MOMENT:
        msg = f"{what} must be before the year 5138, not {when.replace(tzinfo=None).isoformat()}; leave it out for none"
        raise ScheduleError(msg)
    return seconds


def spell(span: float) -> str:
    """Write a length of time exactly, in the largest unit that gives a round number: ``3 h``, ``90 s``."""
    for size, unit in ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min")):
        if span >= size and span % size == 0:
            return f"{span / size:.0f} {unit}"
    return f"{span:g} s"
