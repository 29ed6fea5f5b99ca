"""Which columns a narrow terminal shows, and how wide."""

from __future__ import annotations

import pytest

from skunkqueue.cli.columns import Shape, fit, fitted, squeeze
from skunkqueue.cli.text import shortened, width_of

TITLES = ("NAME", "RULE", ">RUNS", "STATE")
ROWS = [["report of the day", "every 10 m", "12", "waiting"]]
SPARE = (">RUNS", "RULE")
LEAST = {"RULE": 5, "NAME": 8}


@pytest.mark.parametrize(
    ("room", "chosen"),
    [
        (44, {"NAME": 17, "RULE": 10, ">RUNS": 4, "STATE": 7}),
        (43, {"NAME": 17, "RULE": 10, "STATE": 7}),
        (37, {"NAME": 17, "RULE": 9, "STATE": 7}),
        (33, {"NAME": 17, "RULE": 5, "STATE": 7}),
        (32, {"NAME": 17, "STATE": 7}),
        # Where the name must fold anyway, the rule need not go for its sake.
        (25, {"NAME": 9, "RULE": 5, "STATE": 7}),
        (23, {"NAME": 14, "STATE": 7}),
        # Words are broken where nothing else is left.
        (16, {"NAME": 7, "STATE": 7}),
    ],
)
def test_columns_go_or_fold_one_by_one(room: int, chosen: dict[str, int]) -> None:
    assert fit(TITLES, ROWS, room, SPARE, LEAST) == chosen


FIRINGS = Shape(
    ("ID", "JOB", ">AGE", "NOTE"),
    spare=(">AGE", "NOTE"),
    least={"NOTE": 6, "JOB": 6},
    ends=frozenset({"JOB"}),
)
CELLS = [["0123456789", "module:function", "12", "ValueError: no"], ["9876543210", "module:f", "7", ""]]


@pytest.mark.parametrize(
    ("room", "chosen"),
    [
        (48, {"ID": 10, "JOB": 15, ">AGE": 3, "NOTE": 14}),
        # Cells are cut before a column goes, each as much as the others.
        (40, {"ID": 10, "JOB": 11, ">AGE": 3, "NOTE": 10}),
        (31, {"ID": 10, "JOB": 6, ">AGE": 3, "NOTE": 6}),
        (30, {"ID": 10, "JOB": 8, "NOTE": 8}),
        (26, {"ID": 10, "JOB": 6, "NOTE": 6}),
        (25, {"ID": 10, "JOB": 13}),
        (18, {"ID": 10, "JOB": 6}),
        # Where nothing else is left, all is cut.
        (16, {"ID": 10, "JOB": 4}),
        (12, {"ID": 6, "JOB": 4}),
    ],
)
def test_columns_are_cut_and_left_out_one_by_one(room: int, chosen: dict[str, int]) -> None:
    assert squeeze(FIRINGS, CELLS, room) == chosen


def test_columns_that_say_nothing_go_first() -> None:
    silent = [[*row[:3], ""] for row in CELLS]

    assert squeeze(FIRINGS, silent, 32) == {"ID": 10, "JOB": 15, ">AGE": 3}


@pytest.mark.parametrize("room", [12, 20, 30, 40, 60])
def test_no_row_is_wider_than_its_terminal(room: int) -> None:
    found = fitted(FIRINGS, [*CELLS, ["日本日本日", "日本:日本日本日本", "1", "日本日本日本"]], room)

    for row in [[title.lstrip(">") for title in found.titles], *found.cells]:
        assert all(width_of(cell) <= width for cell, width in zip(row, found.widths, strict=True))
    assert sum(found.widths) + 2 * (len(found.widths) - 1) <= room


@pytest.mark.parametrize(
    ("text", "width", "keep_end", "shown"),
    [
        ("whole", 5, False, "whole"),
        ("too long", 5, False, "too …"),
        ("shop:sell_it", 8, True, "…sell_it"),
        ("日本日本", 5, False, "日本…"),
        ("日本日本", 4, True, "…本"),
        ("ab", 1, False, "…"),
    ],
)
def test_what_is_cut_says_so_and_counts_columns(text: str, width: int, keep_end: bool, shown: str) -> None:  # noqa: FBT001 - a parameter of the test
    assert shortened(text, width, keep_end=keep_end) == shown
