"""Whether and when an attempt runs again, by what was raised."""

from __future__ import annotations

import sys

import pytest

from skunkqueue.errors import PolicyError, Retry, Snooze
from skunkqueue.policy import Policy
from skunkqueue.worker.judge.retrying import asks_again, delay_of, may_retry, snoozes

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup, ExceptionGroup  # type: ignore[import-not-found, unused-ignore]  # pytest brings it to Python 3.10

POLICY = Policy(retry_on=(OSError,), give_up_on=(FileNotFoundError,), backoff=10.0)


def group(*errors: BaseException) -> BaseExceptionGroup[BaseException]:
    """Make what a TaskGroup raises, with another of its kind around it."""
    return BaseExceptionGroup("outer", [BaseExceptionGroup("unhandled errors in a TaskGroup", errors)])


def middle() -> float:
    return 0.5


@pytest.mark.parametrize(
    ("errors", "again"),
    [
        ((OSError(),), True),
        ((OSError(), ConnectionError()), True),
        ((OSError(), ValueError()), False),
        ((ValueError(),), False),
        ((OSError(), FileNotFoundError()), False),
        ((Retry(),), True),
        ((Retry(), OSError(), Snooze(1)), True),
        ((Retry(), ValueError()), False),
    ],
)
def test_a_group_runs_again_if_each_of_its_parts_may(
    errors: tuple[BaseException, ...], *, again: bool
) -> None:
    assert may_retry(POLICY, group(*errors)) is again


def test_a_rule_that_names_groups_means_the_group() -> None:
    policy = Policy(retry_on=(ExceptionGroup,))

    assert may_retry(policy, ExceptionGroup("", [ValueError()]))
    assert not may_retry(policy, ValueError())


def test_a_group_without_a_rule_runs_again_as_any_exception_does() -> None:
    assert may_retry(Policy(), group(ValueError(), SystemExit()))
    assert not may_retry(Policy(), group(ValueError(), BaseException()))


def test_the_longest_snooze_of_a_group_counts() -> None:
    assert snoozes(group(Snooze(1), Snooze(3), Snooze(2))) == 3.0


def test_a_snooze_beside_a_failure_is_not_granted() -> None:
    assert snoozes(group(Snooze(1), ValueError())) is None


def test_a_retry_in_a_group_says_when() -> None:
    asked = group(Retry(), Retry(after=3), Retry(after=2), OSError())

    assert asks_again(asked)
    assert delay_of(POLICY, 1, asked, middle) == 3.0


def test_a_group_without_a_moment_waits_as_the_backoff_says() -> None:
    assert delay_of(POLICY, 1, group(Retry(), OSError()), middle) == 10.0


@pytest.mark.parametrize("after", ["soon", float("nan"), 1e300, True])
def test_a_delay_that_was_changed_to_no_delay_is_refused(after: object) -> None:
    retry, snooze = Retry(), Snooze(1)
    retry.after = snooze.after = after  # type: ignore[assignment]  # that is the point

    with pytest.raises(PolicyError):
        delay_of(POLICY, 1, retry, middle)
    with pytest.raises(PolicyError):
        snoozes(snooze)


def test_an_error_is_what_its_type_says() -> None:
    class LyingError(ValueError):
        @property
        def __class__(self) -> type:
            return OSError

        @__class__.setter
        def __class__(self, _: type) -> None:
            raise NotImplementedError

    assert not may_retry(POLICY, LyingError())
