"""Words of pages."""

from __future__ import annotations

import pytest

from skunkqueue.cli.text import plural
from skunkqueue.web.show import number, rate, relative, sentence


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no worker listens", "No worker listens"),
        ("it's late", "It's late"),
        ("gone", "Gone"),
        ("redis://db:6379/0 does not answer", "redis://db:6379/0 does not answer"),
        ("shop:send failed", "shop:send failed"),
        ("'x' is not a name", "'x' is not a name"),
        ("", ""),
    ],
)
def test_a_sentence_begins_with_a_capital_and_a_name_as_it_is(text: str, shown: str) -> None:
    assert sentence(text) == shown


@pytest.mark.parametrize("value", [7, 999, 12_000, 1_234_567])
def test_a_number_is_written_as_in_texts_of_commands(value: int) -> None:
    assert plural(value, "firing") == f"{number(value)} firings"


@pytest.mark.parametrize(
    ("passed", "shown"),
    [
        (0.4, "now"),
        (9, "9 s ago"),
        (-70, "in 1 m 10 s"),
        (69, "1 m 09 s ago"),
        (3_660, "1 h 1 m ago"),
        (90_000, "1 d 1 h ago"),
    ],
)
def test_a_time_that_ticks_is_as_wide_at_each_tick(passed: float, shown: str) -> None:
    assert relative(passed) == shown


@pytest.mark.parametrize(
    ("count", "seconds", "shown"),
    [
        (0, 300, "0/min"),
        (3_600, 300, "12/s"),
        (450, 300, "1.5/s"),
        (30, 300, "6/min"),
        (1, 300, "1 in 5 min"),
        (4, 300, "4 in 5 min"),
        (5, 20, "5 in 20.0 s"),
    ],
)
def test_a_rate_is_not_extrapolated(count: int, seconds: float, shown: str) -> None:
    assert rate(count, seconds) == shown
