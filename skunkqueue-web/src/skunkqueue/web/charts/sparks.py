"""Sparklines: charts without axes, as small as a word. As in other charts, parts are one unit wide."""

from __future__ import annotations

import msgspec

from skunkqueue.web.charts.chart import Values, finite, text_of
from skunkqueue.web.charts.scale import COUNT, short

_EDGE = 1.5
"""Pixels above and below a line."""


class Spark(msgspec.Struct, frozen=True, kw_only=True):
    """A small chart without axes."""

    kind: str
    """``bar`` or ``line``."""
    path: str
    parts: int
    """How wide its box is."""
    width: float
    """On the page, in pixels."""
    height: float
    told: str
    """Its highest value in words; of a line, also the lowest."""


def spark(values: Values, *, width: float = 120.0, height: float = 24.0, unit: str = COUNT) -> Spark:
    """Draw values as a small row of bars."""
    clean = [finite(value) or 0.0 for value in values]
    top = max(clean, default=0.0)
    bars = [
        f"M{number} {text_of(height)}v-{text_of(max(value / top * height, 1.0))}"
        for number, value in enumerate(clean)
        if value > 0
    ]
    return Spark(
        kind="bar",
        path="".join(bars),
        parts=max(len(clean), 1),
        width=width,
        height=height,
        told=f"at most {short(top, unit)}",
    )


def trend(values: Values, *, width: float = 72.0, height: float = 18.0, unit: str = COUNT) -> Spark:
    """Draw values as a small line between the lowest and the highest of them."""
    known = [(number, value) for number, each in enumerate(values) if (value := finite(each)) is not None]
    least = min((value for _, value in known), default=0.0)
    most = max((value for _, value in known), default=0.0)
    # The line is not cut at its highest and lowest. One that is level is in the middle.
    room, low = height - 2 * _EDGE, height / 2
    points = [
        f"{number} {text_of(height - _EDGE - (value - least) / (most - least) * room if most > least else low)}"
        for number, value in known
    ]
    return Spark(
        kind="line",
        path="M" + " ".join(points) if points else "",
        parts=max(len(values), 1),
        width=width,
        height=height,
        told=f"{short(least, unit)} to {short(most, unit)}",
    )
