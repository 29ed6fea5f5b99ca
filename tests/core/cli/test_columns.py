"""Which columns a narrow terminal shows, and how wide."""

from __future__ import annotations

import pytest

from skunkqueue.cli.columns import fit

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
