"""Words of pages."""

from __future__ import annotations

import pytest

from skunkqueue.web.show import sentence


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
