"""Charts of values over time: bars that add up, lines, bands of percentiles.

A shape is the text of an SVG path in a box that is stretched to whatever room there is. Parts are one unit wide, and the middle of
the first one is at 0: numbers are short, as pages have hundreds of them. Heights are pixels from above.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from functools import lru_cache

import msgspec

from skunkqueue.cli.text import iso
from skunkqueue.web.charts.scale import COUNT, LARGEST, Tick, short, ticks, time_text, time_ticks

HEIGHT = 150.0
_HALF = 0.4
"""Half of how wide a single part of a band is."""
_TOP = 6.0
"""Room above the highest value, so that its line is not cut."""

Values = Sequence["float | None"]


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is shown: a value for each part of the time, ``None`` where nothing was counted."""

    name: str
    values: tuple[float | None, ...]
    look: str
    """The end of a class name, which the style sheet gives a colour."""
    filled: bool = False
    """As a line: with a tint below."""
    pace: float | None = None
    """As a line whose last part is not over: what is drawn for that part in place of what was counted so far."""

    @property
    def drawn(self) -> Values:
        """The values as they are drawn."""
        return self.values if self.pace is None else (*self.values[:-1], self.pace)


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """One path."""

    look: str
    kind: str
    """``area``, ``tint``, ``bar``, ``line`` or ``dot``."""
    path: str
    is_open: bool = False
    """Whether it is of a part that is not over."""


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A mark of an axis."""

    at: float
    """In pixels from above; of a time axis, in hundredths of the width."""
    text: str
    moment: float | None = None


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table that says the same."""

    moment: float
    text: str
    values: tuple[str, ...]
    is_open: bool = False
    """Whether this is what was counted so far."""


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """A chart that is ready to be drawn."""

    series: tuple[Series, ...]
    shapes: tuple[Shape, ...]
    marks: tuple[Mark, ...]
    times: tuple[Mark, ...]
    lines: tuple[Line, ...]
    parts: int
    """How wide the box is."""
    step: float
    """Seconds from one line of the table to the next; 0: they are at odd moments."""
    height: float
    is_daily: bool
    """Whether the times are days, and not times of a day."""

    @property
    def is_empty(self) -> bool:
        """Whether it has nothing to show."""
        return not any(shape.path for shape in self.shapes)


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """When each value was: parts of equal length one after another, or moments in order, which are drawn equally far apart."""

    begin: float = 0.0
    step: float = 60.0
    """Seconds."""
    moments: tuple[float, ...] = ()
    """These moments are used where they are given."""
    is_open: bool = False
    """Whether the last part is not over."""

    def of(self, number: int) -> float:
        """Return when a part begins."""
        return self.moments[number] if self.moments else self.begin + self.step * number

    def marks(self, count: int) -> list[Tick]:
        """Return what is written below: places from 0 to 1, and the moments at them."""
        if not self.moments:
            length = self.step * count
            return [
                Tick((tick.at - self.begin) / length, tick.text)
                for tick in time_ticks(self.begin, self.begin + length)
            ]
        apart = max(math.ceil(count / 5), 1)
        length = (self.moments[-1] - self.moments[0]) / max(count - 1, 1) * apart
        found = [
            Tick((number + 0.5) / count, time_text(self.moments[number], length))
            for number in range(apart // 2, count, apart)
        ]
        # Moments of the same minute, or day, are written alike.
        return [
            tick
            for tick, before in zip(found, (None, *found), strict=False)
            if not before or tick.text != before.text
        ]


class Axis:
    """The axis of values."""

    def __init__(self, top: float, unit: str) -> None:
        self.ticks = ticks(top, unit)
        self.end = self.ticks[-1].at
        self._unit = unit

    def text(self, value: float) -> str:
        """Write one of the values."""
        return short(value, self._unit)


class Place:
    """Turns numbers of parts and values into coordinates."""

    def __init__(self, count: int, top: float, height: float) -> None:
        self.count = max(count, 1)
        self.top = top
        self.height = height

    def at(self, number: int, value: float) -> str:
        """Write where a value of a part is."""
        return f"{number} {self.at_height(value)}"

    def at_height(self, value: float) -> str:
        """Write how high a value is."""
        return text_of(self.y(value))

    def y(self, value: float) -> float:
        """Return the height of a value, from above."""
        share = min(max(value / self.top, 0.0), 1.0) if self.top > 0 else 0.0
        return self.height - share * (self.height - _TOP)


def bars(series: Sequence[Series], times: Times, *, unit: str = COUNT, height: float = HEIGHT) -> Chart:
    """Draw values as bars, one series on top of the other."""
    clean = [_clean(each) for each in series]
    sums = [
        sum(value or 0.0 for value in part) for part in zip(*(each.values for each in clean), strict=True)
    ]
    axis = Axis(max(sums, default=0.0), unit)
    place = Place(len(sums), axis.end, height)
    below = [0.0] * len(sums)
    shapes = []
    for each in clean:
        upper = [low + (value or 0.0) for low, value in zip(below, each.values, strict=True)]
        parts = [
            f"M{place.at(number, low)}V{place.at_height(high)}" if high > low else ""
            for number, (low, high) in enumerate(zip(below, upper, strict=True))
        ]
        whole = len(parts) - times.is_open
        shapes.append(Shape(look=each.look, kind="bar", path="".join(parts[:whole])))
        shapes.append(Shape(look=each.look, kind="bar", path="".join(parts[whole:]), is_open=True))
        below = upper
    return _chart(clean, shapes, place, times, axis)


def lines(series: Sequence[Series], times: Times, *, unit: str = COUNT, height: float = HEIGHT) -> Chart:
    """Draw values as lines, with gaps where nothing was counted."""
    clean = [_clean(each) for each in series]
    axis = Axis(_largest(clean), unit)
    place = Place(_count(clean), axis.end, height)
    shapes = [
        Shape(look=each.look, kind="tint", path="".join(_band(place, [0.0] * len(each.values), each.drawn)))
        for each in clean
        if each.filled
    ]
    for each in clean:
        if each.pace is None:
            shapes += _line(place, each.look, each.values)
        else:
            shapes += _line(place, each.look, (*each.values[:-1], None))
            shapes += _line(
                place, each.look, [None] * (len(each.values) - 2) + list(each.drawn[-2:]), is_open=True
            )
    return _chart(clean, shapes, place, times, axis)


def bands(series: Sequence[Series], times: Times, *, unit: str = COUNT, height: float = HEIGHT) -> Chart:
    """Draw percentiles, lowest first: the lowest as a line, and up to each other one a band."""
    clean = [_clean(each) for each in series]
    axis = Axis(_largest(clean), unit)
    place = Place(_count(clean), axis.end, height)
    shapes = []
    for lower, upper in reversed(list(itertools.pairwise(clean))):
        shapes.append(
            Shape(look=upper.look, kind="area", path="".join(_band(place, lower.values, upper.values)))
        )
    for each in clean:
        shapes += _line(place, each.look, each.values)
    return _chart(clean, shapes, place, times, axis)


def _chart(
    series: Sequence[Series], shapes: Sequence[Shape], place: Place, times: Times, axis: Axis
) -> Chart:
    count = _count(series)
    marks = times.marks(count)
    return Chart(
        series=tuple(series),
        shapes=tuple(shape for shape in shapes if shape.path),
        marks=tuple(Mark(at=round(place.y(tick.at), 2), text=tick.text) for tick in axis.ticks),
        times=tuple(
            Mark(
                at=round(100 * tick.at, 3),
                text=tick.text,
                moment=times.of(min(int(tick.at * count), count - 1)),
            )
            for tick in marks
        ),
        lines=tuple(
            Line(
                moment=times.of(number),
                text=_written(times.of(number)),
                values=tuple(
                    "" if (value := each.values[number]) is None else axis.text(value) for each in series
                ),
                is_open=times.is_open and number == count - 1,
            )
            for number in range(count)
        ),
        parts=place.count,
        step=0.0 if times.moments else times.step,
        height=place.height,
        is_daily=bool(marks) and not any(":" in tick.text for tick in marks),
    )


@lru_cache(maxsize=4_096)
def _written(moment: float) -> str:
    """Write a moment in a table. The charts of a page have the same ones, and most of those of the page before."""
    return (iso(moment) or "")[5:16].replace("T", " ")


def _line(place: Place, look: str, values: Values, *, is_open: bool = False) -> Iterator[Shape]:
    """Draw the runs of what is known; a value on its own is a dot."""
    path, dots = "", ""
    for run in _runs(values):
        if len(run) == 1:
            dots += f"M{place.at(*run[0])}h0"
        else:
            path += "M" + " ".join(_corners(place, run))
    yield Shape(look=look, kind="line", path=path, is_open=is_open)
    yield Shape(look=look, kind="dot", path=dots)


def _band(place: Place, lower: Values, upper: Values) -> Iterator[str]:
    both = [None if one is None or other is None else 0.0 for one, other in zip(lower, upper, strict=True)]
    for run in _runs(both):
        numbers = [number for number, _ in run]
        if len(numbers) == 1:
            (number,) = numbers
            low, high = (place.at_height(values[number] or 0.0) for values in (lower, upper))
            yield f"M{number - _HALF} {low}V{high}h{2 * _HALF}V{low}z"
            continue
        there = _corners(place, [(number, upper[number] or 0.0) for number in numbers])
        back = _corners(place, [(number, lower[number] or 0.0) for number in reversed(numbers)])
        yield "M" + " ".join([*there, *back]) + "z"


def _corners(place: Place, run: Sequence[tuple[int, float]]) -> list[str]:
    """Write where a line bends: what lies on a level stretch of it is left out."""
    heights = [place.at_height(value) for _, value in run]
    last = len(run) - 1
    return [
        f"{number} {height}"
        for index, ((number, _), height) in enumerate(zip(run, heights, strict=True))
        if index in (0, last) or not heights[index - 1] == height == heights[index + 1]
    ]


def _runs(values: Values) -> Iterator[list[tuple[int, float]]]:
    """Split values where nothing was counted."""
    run: list[tuple[int, float]] = []
    for number, value in enumerate(values):
        if value is not None:
            run.append((number, value))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _clean(series: Series) -> Series:
    """Leave out what cannot be drawn."""
    return msgspec.structs.replace(
        series, values=tuple(finite(value) for value in series.values), pace=finite(series.pace)
    )


def finite(value: float | None) -> float | None:
    """Return what can be drawn of a value."""
    if value is None or not math.isfinite(value):
        return None
    return min(max(value, 0.0), LARGEST)


def _largest(series: Sequence[Series]) -> float:
    return max((value for each in series for value in each.drawn if value is not None), default=0.0)


def _count(series: Sequence[Series]) -> int:
    return len(series[0].values) if series else 0


def text_of(value: float) -> str:
    """Write a coordinate."""
    return f"{value:.1f}".removesuffix(".0")
