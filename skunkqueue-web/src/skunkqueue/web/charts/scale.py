"""Scales: round numbers for the axes, and short texts for them."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from typing import NamedTuple

MOST_TICKS = 4
"""Lines of a value axis, besides that of 0."""
LARGEST = 1e15
"""Larger values are drawn as this one."""
_SMALLEST = 1e-6
_MINUTE, _HOUR, _DAY = 60.0, 3_600.0, 86_400.0
_SPANS = (
    *(_MINUTE * each for each in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * each for each in (1, 2, 3, 6, 12)),
    *(_DAY * each for each in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)),
)
_TIMES = (*_SPANS[1:11], *(_DAY * each for each in (1, 2, 5, 7, 14, 30, 90, 180, 365, 1_825, 3_650)))
"""How far apart the marks of a time axis may be."""
COUNT, SECONDS, BYTES, SHARE = "count", "seconds", "bytes", "share"
UNITS = (COUNT, SECONDS, BYTES, SHARE)


class Tick(NamedTuple):
    """A mark of an axis."""

    at: float
    text: str


def ticks(top: float, unit: str = COUNT, most: int = MOST_TICKS) -> list[Tick]:
    """Return round values from 0 to at least ``top``, few and evenly apart; the last one is the axis' end."""
    if unit == SHARE:
        top = min(max(top, 0.01), 1.0)
    top = min(max(top, _SMALLEST), LARGEST)
    step = _step(top / most, unit)
    count = max(math.ceil(top / step - 1e-9), 1)
    return [Tick(number * step, short(number * step, unit)) for number in range(count + 1)]


def _step(least: float, unit: str) -> float:
    """Return the smallest round step that is not below ``least``."""
    if unit == COUNT:
        return max(_decimal(least), 1.0)
    if unit == SECONDS and least > 20:
        for step in _SPANS:
            if step >= least:
                return step
    if unit == BYTES:
        return max(2.0 ** math.ceil(math.log2(least) - 1e-9), 1.0)
    return _decimal(least)


def _decimal(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    for factor in (1.0, 2.0, 5.0, 10.0):
        if power * factor >= least * (1 - 1e-9):
            return power * factor
    return power * 10.0


def short(value: float, unit: str = COUNT) -> str:
    """Write a value in few characters."""
    if unit == SECONDS:
        return _short_span(value)
    if unit == SHARE:
        return f"{_digits(100 * value)} %"
    if unit == BYTES:
        for name in ("B", "KiB", "MiB", "GiB"):
            if value < 1_024:
                return f"{_digits(value)} {name}"
            value /= 1_024
        return f"{_digits(value)} TiB"
    for name in ("", "k", "M", "G"):
        if value < 1_000:
            return f"{_digits(value)}{name}"
        value /= 1_000
    return f"{_digits(value)}T"


def _short_span(value: float) -> str:
    if value == 0:
        return "0 s"
    for below, factor, name in ((1e-3, 1e6, "µs"), (1.0, 1e3, "ms"), (_MINUTE, 1.0, "s")):
        if value < below:
            return f"{_digits(value * factor)} {name}"
    for below, unit, name in ((_HOUR, _MINUTE, "min"), (_DAY, _HOUR, "h")):
        if value < below:
            return f"{_digits(value / unit)} {name}"
    return f"{_digits(value / _DAY)} d"


def _digits(value: float) -> str:
    """Write at most three digits, without zeros that say nothing."""
    if value >= 100 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.3g}"


def time_ticks(begin: float, end: float, most: int = 7) -> list[Tick]:
    """Return moments on round times (UTC), few and evenly apart; none too near to an end to have its text shown."""
    length = end - begin
    if not length > 0:
        return []
    step = next((each for each in _TIMES if length / each <= most), _TIMES[-1])
    margin = length * 0.03
    first = math.ceil((begin + margin) / step)
    last = min(math.floor((end - margin) / step), first + most)
    return [Tick(number * step, time_text(number * step, step)) for number in range(first, last + 1)]


def time_text(at: float, step: float) -> str:
    """Write a moment (UTC) of an axis with such steps: a time of the day, or a day."""
    when = datetime.fromtimestamp(min(max(at, 0.0), 4e9), timezone.utc)
    if step < _DAY:
        return f"{when:%H:%M}"
    return f"{when.day} {when:%b}"
