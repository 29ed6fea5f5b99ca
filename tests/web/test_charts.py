"""Charts: shapes that are within their box, whatever the numbers are; round numbers at the axes."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable

import pytest
from flask import Flask, render_template_string
from hypothesis import given, settings
from hypothesis import strategies as st

from skunkqueue.web.charts import Chart, Series, Spark, Times, bands, bars, lines, spark, trend
from skunkqueue.web.charts.chart import HEIGHT
from skunkqueue.web.charts.scale import COUNT, SECONDS, UNITS, short, ticks, time_ticks

VALUES = st.lists(st.none() | st.floats(), max_size=30)
MANY = st.lists(VALUES, min_size=1, max_size=4)
TIMES = Times(begin=1_000_000.0, step=60.0)
KINDS: list[Callable[..., Chart]] = [bars, lines, bands]


def series(values: list[list[float | None]]) -> list[Series]:
    length = min(len(each) for each in values)
    return [
        Series(name=str(number), look="done", values=tuple(each[:length]))
        for number, each in enumerate(values)
    ]


def numbers_in(path: str) -> list[float]:
    return [float(text) for text in re.findall(r"-?[0-9.]+(?:e[+-]?\d+)?", path)]


def points(path: str) -> list[tuple[float, float]]:
    """Follow a path of M, V, v, h and z; pairs after that of an M are lines."""
    found = []
    x = y = 0.0
    for verb, words in re.findall(r"([MVvhz])([^MVvhz]*)", path):
        given = numbers_in(words)
        if verb == "M":
            pairs = list(zip(given[::2], given[1::2], strict=True))
            found += pairs[:-1]
            x, y = pairs[-1]
        elif verb == "V":
            (y,) = given
        elif verb == "v":
            y += given[0]
        elif verb == "h":
            x += given[0]
        found.append((x, y))
    return found


@pytest.mark.parametrize("draw", KINDS)
@settings(max_examples=40)
@given(values=MANY, unit=st.sampled_from(UNITS))
def test_every_shape_is_within_its_box(
    draw: Callable[..., Chart], values: list[list[float | None]], unit: str
) -> None:
    chart = draw(series(values), TIMES, unit=unit)

    for shape in chart.shapes:
        assert "nan" not in shape.path
        assert "inf" not in shape.path
        for x, y in points(shape.path):
            assert -0.5 <= x <= chart.parts - 0.5
            assert -0.1 <= y <= HEIGHT + 0.1
    for mark in chart.marks:
        assert 0 <= mark.at <= HEIGHT
    for mark in chart.times:
        assert 0 <= mark.at <= 100


@pytest.mark.parametrize("draw", [spark, trend])
@given(values=VALUES)
def test_a_sparkline_is_within_its_box(draw: Callable[..., Spark], values: list[float | None]) -> None:
    drawn = draw(values)

    for x, y in points(drawn.path):
        assert -0.5 <= x <= drawn.parts - 0.5
        assert -0.1 <= y <= drawn.height + 0.1


def test_a_trend_is_drawn_over_its_own_range_and_says_which() -> None:
    drawn = trend([40 * 2.0**20, 41 * 2.0**20, 42 * 2.0**20], unit="bytes")
    heights = [y for _, y in points(drawn.path)]

    assert max(heights) - min(heights) > drawn.height / 2
    assert drawn.told == "40 MiB to 42 MiB"


def test_a_level_trend_is_a_line_in_the_middle() -> None:
    drawn = trend([5.0, 5.0, 5.0])

    assert {y for _, y in points(drawn.path)} == {drawn.height / 2}


@given(top=st.floats(min_value=0, max_value=1e15), unit=st.sampled_from(UNITS))
def test_an_axis_has_few_marks_evenly_apart_that_reach_the_highest_value(top: float, unit: str) -> None:
    found = [tick.at for tick in ticks(top, unit)]
    steps = [after - before for before, after in itertools.pairwise(found)]

    assert 2 <= len(found) <= 7
    assert found[0] == 0
    assert math.isclose(min(steps), max(steps), rel_tol=1e-6)
    assert unit == "share" or found[-1] >= top * (1 - 1e-6)


@pytest.mark.parametrize(
    ("top", "unit", "texts"),
    [
        (0, COUNT, ["0", "1"]),
        (3, COUNT, ["0", "1", "2", "3"]),
        (97, COUNT, ["0", "50", "100"]),
        (1_530, COUNT, ["0", "500", "1k", "1.5k", "2k"]),
        (0.034, SECONDS, ["0 s", "10 ms", "20 ms", "30 ms", "40 ms"]),
        (200, SECONDS, ["0 s", "1 min", "2 min", "3 min", "4 min"]),
        (8_000, SECONDS, ["0 s", "1 h", "2 h", "3 h"]),
        (3 * 2**20, "bytes", ["0 B", "1 MiB", "2 MiB", "3 MiB"]),
    ],
)
def test_the_numbers_of_an_axis_are_round(top: float, unit: str, texts: list[str]) -> None:
    assert [tick.text for tick in ticks(top, unit)] == texts


@given(begin=st.floats(min_value=0, max_value=4e9), length=st.floats(min_value=60, max_value=4e8))
def test_the_moments_of_an_axis_are_few_and_within_it(begin: float, length: float) -> None:
    found = time_ticks(begin, begin + length)

    assert len(found) <= 8
    assert all(begin <= tick.at <= begin + length for tick in found)


def test_an_hour_is_marked_every_ten_minutes() -> None:
    assert [tick.text for tick in time_ticks(0, 3_600)] == ["00:10", "00:20", "00:30", "00:40", "00:50"]


def test_a_month_is_marked_by_days() -> None:
    assert [tick.text for tick in time_ticks(0, 30 * 86_400)] == [
        "6 Jan",
        "11 Jan",
        "16 Jan",
        "21 Jan",
        "26 Jan",
    ]


def test_a_line_has_a_gap_where_nothing_was_counted() -> None:
    (shape,) = lines(series([[1.0, 2.0, None, 3.0, 4.0]]), TIMES).shapes

    assert shape.path.count("M") == 2


def test_a_level_stretch_is_written_by_its_ends() -> None:
    (shape,) = lines(series([[1.0, 0.0, 0.0, 0.0, 0.0, 1.0]]), TIMES).shapes

    assert [x for x, _ in points(shape.path)] == [0, 1, 4, 5]


def test_a_value_between_gaps_is_a_dot() -> None:
    kinds = {shape.kind for shape in lines(series([[None, 2.0, None]]), TIMES).shapes}

    assert kinds == {"dot"}


def test_bars_stand_on_each_other() -> None:
    lower, upper = bars(series([[1.0], [1.0]]), TIMES).shapes

    assert min(y for _, y in points(lower.path)) == max(y for _, y in points(upper.path))


def test_a_chart_without_any_value_says_so() -> None:
    assert bars(series([[0.0, 0.0]]), TIMES).is_empty
    assert lines(series([[None, None]]), TIMES).is_empty


def test_runs_at_odd_moments_are_drawn_equally_far_apart() -> None:
    chart = lines(series([[1.0, 2.0, 3.0]]), Times(moments=(10.0, 20.0, 500.0)), unit=SECONDS)
    xs = [x for x, _ in points(chart.shapes[0].path)]

    assert xs[1] - xs[0] == xs[2] - xs[1]
    assert [line.moment for line in chart.lines] == [10.0, 20.0, 500.0]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0123, SECONDS, "12.3 ms"),
        (0.00002, SECONDS, "20 µs"),
        (90, SECONDS, "1.5 min"),
        (1_234_567, COUNT, "1.23M"),
        (12, COUNT, "12"),
        (0.25, "share", "25 %"),
        (1536, "bytes", "1.5 KiB"),
    ],
)
def test_a_value_is_written_in_few_characters(value: float, unit: str, text: str) -> None:
    assert short(value, unit) == text


def test_a_chart_has_a_table_of_its_values(app: Flask) -> None:
    chart = lines(series([[1.0, None]]), TIMES)
    template = (
        '{% import "charts/_chart.html" as charts %}{{ charts.chart(chart, "x", "Depth", "At most 1") }}'
    )

    with app.test_request_context():
        text = render_template_string(template, chart=chart)

    assert text.count("<th scope=row") == 2
    assert "style=" not in text


@pytest.mark.parametrize("draw", KINDS)
@pytest.mark.parametrize(("value", "marks"), [(None, 0), (3.0, 3)])
def test_an_empty_chart_has_no_marks_of_values(
    app: Flask, draw: Callable[..., Chart], value: float | None, marks: int
) -> None:
    chart = draw(series([[value] * 3]), TIMES, unit=COUNT)
    template = '{% import "charts/_chart.html" as charts %}{{ charts.chart(chart, "x", "Wait", "None") }}'

    with app.test_request_context():
        text = render_template_string(template, chart=chart)

    assert len(re.findall(r'class="mark mark-value"', text)) == marks
    assert len(re.findall(r'class="grid-line"', text)) == 1 + marks


def test_no_moment_of_an_axis_is_written_twice_in_a_row() -> None:
    moments = tuple(1_000_000.0 + 5.0 * number for number in range(24))
    chart = lines(series([[1.0] * 24]), Times(moments=moments), unit=SECONDS)

    written = [mark.text for mark in chart.times]

    assert written
    assert len(set(written)) == len(written)
