"""What a job may raise to steer itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from skunkqueue import Retry, Snooze
from skunkqueue.errors import PolicyError


@pytest.mark.parametrize("kind", [Retry, Snooze])
@pytest.mark.parametrize(("after", "seconds"), [(5, 5.0), (timedelta(minutes=1), 60.0), (-3, 0.0)])
def test_seconds_and_timedeltas_say_how_long_to_wait(kind: Any, after: Any, seconds: float) -> None:
    assert kind(after).after == seconds


@pytest.mark.parametrize("kind", [Retry, Snooze])
@pytest.mark.parametrize("after", [float("nan"), float("inf"), 1e300, 10**400, "soon", True])
def test_what_is_no_time_is_refused_where_it_is_raised(kind: Any, after: Any) -> None:
    with pytest.raises(PolicyError, match=f"{kind.__name__}\\(after="):
        kind(after)


def test_a_retry_may_leave_the_time_to_the_backoff() -> None:
    assert Retry().after is None
