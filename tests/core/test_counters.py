"""Adding a batch up at once gives what adding up one by one gives."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skunkqueue.counters import (
    GROWTH,
    LONGEST,
    SHORTEST,
    add,
    add_beside,
    buckets,
    percentile,
    percentile_of,
    percentiles_of,
    tally,
    tally_batch,
)
from skunkqueue.records import Verdict

seconds = st.one_of(st.sampled_from([0.0, SHORTEST, 1.0, GROWTH, LONGEST, 2 * LONGEST]), st.floats(0, 10_000))
verdicts = st.sampled_from(list(Verdict))


@given(verdicts, st.lists(st.tuples(seconds, seconds)), st.integers(0, 3))
def test_a_batch_counts_like_its_outcomes(
    verdict: Verdict, times: list[tuple[float, float]], never_began: int
) -> None:
    one_by_one: dict[str, float] = {}
    for wait, took in times:
        tally(one_by_one, verdict, 0.0, wait, took)
    for _ in range(never_began):
        tally(one_by_one, verdict, 0.0, None, 0.0)

    at_once: dict[str, float] = {}
    count = len(times) + never_began
    if count:
        tally_batch(at_once, verdict, count, [wait for wait, _ in times], [took for _, took in times])

    assert at_once == pytest.approx(one_by_one)


def test_batches_add_up() -> None:
    values: dict[str, float] = {}

    tally_batch(values, Verdict.COMPLETE, 2, [0.0, 0.003], [0.5, 0.5])
    tally_batch(values, Verdict.COMPLETE, 1, [], [])

    assert values["complete"] == 3
    (bucket,) = buckets(values, "run")
    assert bucket == pytest.approx((2**-1.25, 0.5, 2))
    assert [count for _, _, count in buckets(values, "wait")] == [1, 1]


@given(st.lists(st.floats(1e-4, 1e6), min_size=1, max_size=200), st.sampled_from([0.5, 0.95, 0.99]))
def test_percentile_is_less_than_a_tenth_off(times: list[float], share: float) -> None:
    values: dict[str, float] = {}
    tally_batch(values, Verdict.COMPLETE, len(times), times, times)

    exact = sorted(times)[max(math.ceil(share * len(times) - 1e-9), 1) - 1]
    for of in ("wait", "run"):
        assert percentile(values, of, share) == pytest.approx(exact, rel=0.1)


def test_what_waits_on_several_routes_at_once_is_added_and_the_oldest_is_the_oldest_of_all() -> None:
    values = {"complete": 1.0, "pending": 3.0, "running": 1.0, "oldest": 9.0}

    add_beside(values, {"complete": 2.0, "pending": 4.0, "oldest": 5.0})

    assert values == {"complete": 3.0, "pending": 7.0, "running": 1.0, "oldest": 9.0}


def test_percentile_of_nothing_is_none() -> None:
    assert percentile({"complete": 3}, "run", 0.5) is None


def test_percentile_reads_the_histograms_of_older_stores() -> None:
    values = {"wait<0.5": 8.0, "wait<inf": 2.0}

    assert percentile(values, "wait", 0.5) == pytest.approx(2 * 0.2 * 0.5 / 0.7)
    assert percentile(values, "wait", 0.99) == 3600.0


def test_counts_are_added_and_the_largest_sample_stays() -> None:
    values = {"complete": 1.0, "pending": 5.0}

    add(values, {"complete": 2.0, "pending": 3.0, "oldest": 1.0})

    assert values == {"complete": 3.0, "pending": 5.0, "oldest": 1.0}


def test_percentiles_of_one_histogram_are_those_that_are_asked_for_one_by_one() -> None:
    histogram = [(0.0, 0.1, 3.0), (0.1, 0.2, 0.1), (0.2, 0.4, 6.0), (0.4, 0.8, 0.7)]
    shares = (0.1, 0.3, 0.5, 0.95, 1.0)

    assert percentiles_of(histogram, shares) == [percentile_of(histogram, share) for share in shares]
    assert percentiles_of([], shares) is None
