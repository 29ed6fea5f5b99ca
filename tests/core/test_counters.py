"""Adding a batch up at once gives what adding up one by one gives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skunkqueue.counters import BOUNDS, tally, tally_batch
from skunkqueue.records import Verdict

seconds = st.one_of(st.sampled_from([0.0, *BOUNDS]), st.floats(0, 10_000))
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
    assert (values["wait<0.001"], values["wait<0.005"], values["run<1"]) == (1, 1, 2)
