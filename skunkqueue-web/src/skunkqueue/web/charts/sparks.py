"""Sparklines: charts without axes, as small as a word. As in other charts, parts are one unit wide."""

from __future__ import annotations

import msgspec

from skunkqueue.web.charts.chart import Values, finite, text_of
from skunkqueue.web.charts.scale import COUNT, short


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
