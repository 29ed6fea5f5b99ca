"""Rules of jobs are checked where they are declared."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from skunkqueue.errors import PolicyError, PolicyTypeError, SkunkQueueError
from skunkqueue.policy import Policy, change_policy, check_routes


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
        {"timeout": timedelta(0)},
        {"result_ttl": -1},
        {"result_ttl": timedelta(seconds=-1)},
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


@pytest.mark.parametrize("nothing", [0, 0.0, timedelta(0)])
def test_no_result_need_be_kept(nothing: Any) -> None:
    assert change_policy(Policy(), {"result_ttl": nothing}).result_ttl == 0


def test_one_exception_may_stand_alone() -> None:
    assert change_policy(Policy(), {"retry_on": OSError}).retry_on == (OSError,)


def test_a_lone_route_and_doubles_are_put_right() -> None:
    assert check_routes("foo") == ("foo",)
    assert check_routes(["a", "b", "a"]) == ("a", "b")
    assert check_routes([]) == ("default",)


@pytest.mark.parametrize("rule", ["timeout", "result_ttl", "expires", "backoff"])
def test_a_time_of_another_type_is_a_type_error_too(rule: str) -> None:
    with pytest.raises(PolicyTypeError, match=f"{rule} .*'soon'") as caught:
        change_policy(Policy(), {rule: "soon"})
    assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize("expires", [timedelta(seconds=-1), -1, float("nan"), float("inf"), timedelta.max])
def test_a_job_cannot_expire_before_it_is_fired_nor_after_a_year(expires: Any) -> None:
    with pytest.raises(PolicyError, match="expires must be between 0 and"):
        change_policy(Policy(), {"expires": expires})


@pytest.mark.parametrize(
    ("word", "policy"),
    [
        ("max_retries", "retries"),
        ("queue", "routes"),
        ("retry", "retries"),
        ("retry_delay", "backoff"),
        ("time_limit", "timeout"),
        ("unique", "idempotency_key"),
    ],
)
def test_a_word_of_another_job_queue_is_answered_with_ours(word: str, policy: str) -> None:
    with pytest.raises(PolicyError, match=f"unknown policy '{word}', did you mean '{policy}'"):
        change_policy(Policy(), {word: 1})


@pytest.mark.parametrize("word", ["countdown", "delay", "eta"])
def test_a_moment_among_the_policies_is_answered_with_fire_at(word: str) -> None:
    with pytest.raises(PolicyError, match=rf"unknown policy '{word}'; .* write fire_at\(timedelta"):
        change_policy(Policy(), {word: 60})


def test_a_policy_that_is_nearly_one_is_told_which() -> None:
    with pytest.raises(PolicyError, match="unknown policy 'route', did you mean 'routes'\\? known are: "):
        change_policy(Policy(), {"route": "mail"})
