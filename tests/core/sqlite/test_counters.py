"""Counters of spans of time that have no end."""

from __future__ import annotations

import math

import pytest

from skunkqueue.persistence.sqlite import SQLiteBackend
from tests.core.sqlite.makers import firing


@pytest.mark.parametrize("hours", [False, True])
@pytest.mark.parametrize("jobs", [False, True])
@pytest.mark.parametrize(("since", "until"), [(-math.inf, math.inf), (0.0, math.inf), (-math.inf, 1e12)])
def test_counters_of_an_endless_span_have_the_minute_that_runs(
    virtual: SQLiteBackend, since: float, until: float, *, hours: bool, jobs: bool
) -> None:
    virtual.enqueue([firing()])
    found = virtual.counters([("q", "r")], since, until, hours=hours, jobs=jobs)
    assert [one.values for one in found] == [{"enqueued": 1}]
