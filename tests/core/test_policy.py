"""Rules of jobs are checked where they are declared."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from skunkqueue.errors import NaiveDatetimeError, SkunkQueueError
from skunkqueue.policy import Policy, change_policy, check_routes, moment


@pytest.mark.parametrize(
    "wrong",
    [
        {"retries": -1},
        {"retries": 1.5},
        {"retries": True},
        {"retries": "3"},
        {"priority": 10},
        {"priority": -1},
        {"timeout": 0},
        {"timeout": -5},
        {"timeout": "soon"},
        {"timeout": float("nan")},
        {"result_ttl": 0},
        {"retry_on": "ValueError"},
        {"retry_on": [ValueError, 3]},
        {"give_up_on": int},
        {"expires": "tomorrow"},
        {"expires": -1},
        {"backoff": []},
        {"queue_type": "topic"},
        {"idempotency_key": ""},
        {"idempotency_key": 7},
        {"serializer": ""},
        {"routes": [""]},
        {"routes": 7},
        {"routes": ["ok", "a\nb"]},
        {"retry": 3},
    ],
)
def test_a_wrong_rule_is_refused_by_name(wrong: dict[str, Any]) -> None:
    name = next(iter(wrong)).rstrip("s")

    with pytest.raises(SkunkQueueError, match=name.split("_")[0]):
        change_policy(Policy(), wrong)


def test_durations_may_be_timedeltas() -> None:
    made = change_policy(Policy(), {"timeout": timedelta(minutes=2), "result_ttl": timedelta(days=1)})

    assert (made.timeout, made.result_ttl) == (120.0, 86_400.0)


def test_one_exception_may_stand_alone() -> None:
    assert change_policy(Policy(), {"retry_on": OSError}).retry_on == (OSError,)


def test_a_lone_route_and_doubles_are_put_right() -> None:
    assert check_routes("foo") == ("foo",)
    assert check_routes(["a", "b", "a"]) == ("a", "b")
    assert check_routes([]) == ("default",)


def test_a_moment_is_absolute_and_a_delay_is_relative() -> None:
    at = datetime(2030, 1, 1, tzinfo=timezone.utc)

    assert moment(at, "x") == (at.timestamp(), 0.0)
    assert moment(timedelta(seconds=60), "x") == (None, 60.0)
    assert moment(1.5, "x") == (None, 1.5)


def test_a_delay_in_the_past_means_now() -> None:
    assert moment(timedelta(seconds=-5), "x") == (None, 0.0)


def test_a_datetime_without_a_zone_is_refused_with_the_way_out() -> None:
    with pytest.raises(
        NaiveDatetimeError, match=r"fire_at of a:b got the datetime 2030-01-01T00:00:00 .*timezone\.utc"
    ):
        moment(datetime(2030, 1, 1), "fire_at of a:b")  # noqa: DTZ001 - wrong on purpose
