"""How long to wait before a retry."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skunkqueue.backoff import BackoffRule, Exponential, check_backoff, delay_after
from skunkqueue.errors import MAX_DELAY, PolicyError

ERROR = ValueError("it failed")


def test_exponential_delays_double_up_to_the_cap() -> None:
    rule = Exponential(base=1, factor=2, cap=10, jitter=0)

    assert [delay_after(rule, n, ERROR) for n in range(1, 7)] == [1, 2, 4, 8, 10, 10]


def test_jitter_takes_away_up_to_its_share() -> None:
    rule = Exponential(base=8, jitter=0.5)

    assert delay_after(rule, 1, ERROR, lambda: 0.0) == 8
    assert delay_after(rule, 1, ERROR, lambda: 1.0) == 4


@given(
    failures=st.integers(1, 10**6),
    base=st.floats(0.001, 1e6),
    factor=st.floats(1, 1000),
    cap=st.floats(0.001, MAX_DELAY),
    jitter=st.floats(0, 1),
    drawn=st.floats(0, 1),
)
def test_exponential_is_always_between_nothing_and_the_cap(  # noqa: PLR0917 - hypothesis fills them by name
    failures: int, base: float, factor: float, cap: float, jitter: float, drawn: float
) -> None:
    rule = Exponential(base=base, factor=factor, cap=cap, jitter=jitter)

    assert 0 <= delay_after(rule, failures, ERROR, lambda: drawn) <= cap


def test_the_last_of_a_list_serves_for_all_later_failures() -> None:
    rule: list[float | timedelta] = [1, timedelta(minutes=1)]

    assert [delay_after(rule, n, ERROR) for n in (1, 2, 3, 50)] == [1, 60, 60, 60]


def test_a_function_is_given_the_count_and_the_error() -> None:
    def rule(failures: int, error: BaseException) -> float:
        return failures * len(str(error))

    assert delay_after(rule, 3, ERROR) == 27


@pytest.mark.parametrize("rule", [lambda _n, _e: -1, lambda _n, _e: "soon", lambda _n, _e: float("inf")])
def test_a_function_that_answers_no_delay_is_refused(rule: BackoffRule) -> None:
    with pytest.raises(PolicyError, match="backoff function's answer"):
        delay_after(rule, 1, ERROR)


@pytest.mark.parametrize("rule", [[], -1, "soon", [1, -1], float("nan"), MAX_DELAY + 1, True, 10**400])
def test_a_wrong_backoff_is_refused_when_declared(rule: object) -> None:
    with pytest.raises(PolicyError, match="backoff"):
        check_backoff(rule)


@pytest.mark.parametrize(
    "wrong",
    [
        {"base": 0},
        {"factor": 0.5},
        {"factor": 1e6},
        {"cap": 0},
        {"cap": float("inf")},
        {"jitter": 2},
        {"base": timedelta(0)},
        {"cap": timedelta.max},
        {"base": "1"},
    ],
)
def test_a_wrong_exponential_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(PolicyError, match="must be over 0"):
        Exponential(**wrong)


def test_base_and_cap_may_be_timedeltas() -> None:
    rule = Exponential(base=timedelta(minutes=1), cap=timedelta(hours=1), jitter=0)

    assert rule == Exponential(base=60.0, cap=3600.0, jitter=0)
    assert delay_after(rule, 2, ERROR) == 120.0
