"""Words of pages."""

from __future__ import annotations

import pytest

from skunkqueue.web.show import relative, sentence


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


@pytest.mark.parametrize(
    ("passed", "shown"),
    [
        (0.4, "now"),
        (9, "9 s ago"),
        (-70, "in 1 m 10 s"),
        (69, "1 m \u20079 s ago"),
        (3_660, "1 h \u20071 m ago"),
        (90_000, "1 d \u20071 h ago"),
    ],
)
def test_a_time_that_ticks_is_as_wide_at_each_tick(passed: float, shown: str) -> None:
    assert relative(passed) == shown
