"""Times in filters: in which time zone they are read, and that the page says which."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict

from skunkqueue.web import filters


@pytest.fixture
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The time zone of the monitor's machine."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


@pytest.mark.parametrize(
    ("zone", "told"),
    [
        ("UTC0", "UTC"),
        ("CET-1", "CET (now UTC+01:00)"),
        ("NST3:30", "NST (now UTC-03:30)"),
        ("<-03>3", "UTC-03:00"),
    ],
    indirect=["zone"],
)
def test_the_fields_for_times_name_the_time_zone_of_the_monitor(
    client: FlaskClient, zone: str, told: str
) -> None:
    text = client.get("/jobs").text

    assert f"the time zone of the monitor, {told}</span>" in text
    for name in filters.ENDS:
        assert re.search(rf'name="{name}"[^>]* data-moment[^>]* aria-describedby="times-hint"', text)
    del zone


@pytest.mark.parametrize("zone", ["CET-1"], indirect=True)
def test_a_time_with_a_zone_means_the_same_wherever_the_monitor_runs(zone: str) -> None:
    with_zone, without = (
        filters.read(MultiDict([("due_from", text)]), 1_795_000_000.0).query.due
        for text in ("2026-11-28T18:30+09:00", "2026-11-28T10:30")
    )

    assert with_zone == without == (1_795_858_200.0, None)
    del zone
