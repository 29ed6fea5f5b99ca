"""What a job may raise to steer itself, and what errors know and carry along."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from skunkqueue import Retry, Snooze, errors
from skunkqueue.errors import FiringFailedError, PolicyError, SkunkQueueError
from skunkqueue.records import State


@pytest.mark.parametrize("kind", [Retry, Snooze])
@pytest.mark.parametrize(("after", "seconds"), [(5, 5.0), (timedelta(minutes=1), 60.0), (-3, 0.0)])
def test_seconds_and_timedeltas_say_how_long_to_wait(kind: Any, after: Any, seconds: float) -> None:
    assert kind(after).after == seconds


@pytest.mark.parametrize("kind", [Retry, Snooze])
@pytest.mark.parametrize("after", [float("nan"), float("inf"), 1e300, 10**400, "soon", True])
def test_what_is_no_time_is_refused_where_it_is_raised(kind: Any, after: Any) -> None:
    with pytest.raises(PolicyError, match=f"{kind.__name__}\\(after=") as caught:
        kind(after)
    assert isinstance(caught.value, TypeError) == (after in ("soon", True))


def test_a_retry_may_leave_the_time_to_the_backoff() -> None:
    assert Retry().after is None


def pickled(error: BaseException) -> BaseException:
    again: BaseException = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    return again


def every_error() -> list[BaseException]:
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, SkunkQueueError) and kind is not FiringFailedError
    ]
    failed = FiringFailedError(
        "firing 1 is error: ValueError: no",
        id="1",
        job="a:b",
        state=State.ERROR,
        kind="ValueError",
        message="no",
        traceback="Traceback",
        attempts=3,
    )
    return [
        *(kind("what happened, and the way out") for kind in kinds),
        failed,
        Retry(),
        Retry(timedelta(minutes=1)),
        Snooze(5),
        errors.Interrupted("kill"),
    ]


@pytest.mark.parametrize("again", [pickled, copy.copy, copy.deepcopy])
@pytest.mark.parametrize("error", every_error(), ids=repr)
def test_every_error_passes_between_processes_whole(
    error: BaseException, again: Callable[[BaseException], BaseException]
) -> None:
    twin = again(error)

    assert type(twin) is type(error)
    assert (str(twin), vars(twin)) == (str(error), vars(error))
