"""A job's rules for its firings: retries, time limits, order, life time. Checked when declared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from difflib import get_close_matches
from typing import Any, Literal, TypedDict

import msgspec

from skunkqueue.backoff import BackoffRule, Exponential, check_backoff
from skunkqueue.errors import NameInvalidError, PolicyError
from skunkqueue.names import check_name
from skunkqueue.records import (
    DEFAULT_PRIORITY,
    DEFAULT_ROUTE,
    MAX_PRIORITY,
    MAX_TAG,
    MAX_TAGS,
    MIN_PRIORITY,
)
from skunkqueue.serializers import DEFAULT_SERIALIZER
from skunkqueue.show import brief
from skunkqueue.times import When, as_delay, moment

MAX_RETRIES = 1_000_000
Errors = tuple[type[BaseException], ...]


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A job's rules. Durations are seconds or timedeltas where declared, seconds in here."""

    routes: tuple[str, ...] = (DEFAULT_ROUTE,)
    """It is fired once on each."""
    retries: int = 0
    """How many times a failed attempt is followed by another."""
    backoff: BackoffRule = Exponential()
    retry_on: Errors = (Exception,)
    give_up_on: Errors = ()
    """These end it at once, also where ``retry_on`` covers them."""
    timeout: float | None = None
    """Seconds one attempt may run; then it is interrupted, and that counts as a failure."""
    priority: int = DEFAULT_PRIORITY
    expires: When | None = None
    """Too late to begin: a moment, or a time after firing."""
    idempotency_key: str | Callable[..., str] | None = None
    """A key, or a function that makes one of the firing's arguments."""
    result_ttl: float | None = None
    """Seconds a finished firing is kept; ``None``: the backend's default (a day, failures a week).

    0: no result is kept. A complete firing is then kept for a minute, and a failure for the default time.
    """
    queue_type: Literal["default", "broadcast"] = "default"
    serializer: str = DEFAULT_SERIALIZER
    tags: tuple[str, ...] | Callable[..., str | Iterable[str]] = ()
    """Words by which people find its firings, or a function that makes them of the firing's arguments."""


class PolicyOptions(TypedDict, total=False):
    """The rules as users write them, for type checkers: ``queue.job(retries=3, timeout=timedelta(minutes=1))``."""

    routes: Iterable[str]
    retries: int
    backoff: BackoffRule
    retry_on: type[BaseException] | Sequence[type[BaseException]]
    give_up_on: type[BaseException] | Sequence[type[BaseException]]
    timeout: float | timedelta | None
    priority: int
    expires: When | None
    idempotency_key: str | Callable[..., str] | None
    result_ttl: float | timedelta | None
    queue_type: Literal["default", "broadcast"]
    serializer: str
    tags: str | Iterable[str] | Callable[..., str | Iterable[str]]


POLICY_FIELDS = frozenset(Policy.__struct_fields__)

_ELSEWHERE = {
    "autoretry_for": "retry_on",
    "default_retry_delay": "backoff",
    "job_id": "idempotency_key",
    "job_timeout": "timeout",
    "queue": "routes",
    "queues": "routes",
    "result_expires": "result_ttl",
    "retry": "retries",
    "retry_delay": "backoff",
    "task_id": "idempotency_key",
    "throws": "give_up_on",
    "time_limit": "timeout",
    "ttl": "expires",
    "unique": "idempotency_key",
}
"""What other job queues call a rule of ours, where the spelling alone would suggest another rule, or none."""
_MOMENTS = frozenset({"at", "countdown", "defer_by", "delay", "eta", "run_at", "schedule"})
"""What other job queues call the moment to run, which is no rule here."""


def change_policy(policy: Policy, changes: Mapping[str, Any]) -> Policy:
    """Return a copy with some rules changed, each of them checked; PolicyError names the wrong one."""
    unknown = changes.keys() - POLICY_FIELDS
    if unknown:
        name = min(unknown)
        msg = f"unknown policy {name!r}{_meant(name)} known are: {', '.join(sorted(POLICY_FIELDS))}"
        raise PolicyError(msg)
    checked = {name: _CHECKS[name](value) for name, value in changes.items()}
    return msgspec.structs.replace(policy, **checked)


def _meant(name: str) -> str:
    if name in _MOMENTS:
        return "; to fire for later, write fire_at(timedelta(minutes=5), ...);"
    near = [_ELSEWHERE[name]] if name in _ELSEWHERE else get_close_matches(name, POLICY_FIELDS, n=1)
    return f", did you mean {near[0]!r}?" if near else ";"


def check_own(what: str, changes: Iterable[str]) -> None:
    """Raise PolicyError for a rule that holds only where a job is declared, since it is not stored with a firing."""
    for name in ("backoff", "retry_on", "give_up_on"):
        if name in changes:
            msg = (
                f"{name} of {what} is read by the worker where the job is declared, so it cannot be changed "
                f"for some of its firings: give it to @queue.job(...) or set it in the class"
            )
            raise PolicyError(msg)


def check_routes(value: object) -> tuple[str, ...]:
    """Return the routes as a tuple without doubles; a lone string counts as one route."""
    if isinstance(value, str):
        value = (value,)
    if not isinstance(value, Iterable):
        msg = f"routes must be a list of names, not {type(value).__name__}: {brief(value)}"
        raise PolicyError(msg)
    routes = tuple(dict.fromkeys(check_name("route", one) for one in value))
    return routes or (DEFAULT_ROUTE,)


def check_tags(value: object) -> tuple[str, ...]:
    """Return the tags as a tuple without doubles; a lone string counts as one tag. PolicyError says what is wrong."""
    if isinstance(value, str):
        value = (value,)
    if not isinstance(value, Iterable) or isinstance(value, (bytes, bytearray, Mapping)):
        msg = f"tags must be a list of words, or a function that makes one, not {type(value).__name__}: {brief(value)}"
        raise PolicyError(msg)
    tags = tuple(dict.fromkeys(_check_tag(one) for one in value))
    if len(tags) > MAX_TAGS:
        msg = f"tags has {len(tags)} words, beginning {', '.join(map(repr, tags[:3]))}: at most {MAX_TAGS} are allowed"
        raise PolicyError(msg)
    return tags


def _check_tag(value: object) -> str:
    try:
        tag = check_name("tag", value)
    except NameInvalidError as error:
        msg = f"tags: {error}"
        raise PolicyError(msg) from error
    if len(tag) > MAX_TAG:
        msg = f"tags: {brief(tag)} has {len(tag)} characters: at most {MAX_TAG} are allowed"
        raise PolicyError(msg)
    if any(character.isspace() for character in tag):
        msg = f"tags: {tag!r} has a space: a tag is one word, such as {'-'.join(tag.split()) or 'urgent'!r}"
        raise PolicyError(msg)
    # A plain string: an object of a user's subclass may run any code.
    return str.__str__(tag)


def check_scheduled(name: str, policy: Policy) -> float | None:
    """Raise PolicyError for rules that a schedule cannot keep; return when its firings expire, after due, or ``None``.

    An idempotency key is left out: a schedule never has two firings at a time.
    """
    if len(policy.routes) > 1:
        msg = (
            f"schedule {name!r} would fire on {len(policy.routes)} routes ({', '.join(policy.routes)}): "
            f"a schedule has one. Declare one for each, with routes=[...] on the job and a name of its own"
        )
        raise PolicyError(msg)
    if policy.queue_type == "broadcast":
        msg = f"schedule {name!r} cannot broadcast: schedule a job that fires the broadcast"
        raise PolicyError(msg)
    if policy.expires is None:
        return None
    at, after = moment(policy.expires, "expires")
    if at is not None:
        msg = (
            f"schedule {name!r} has a job that expires at {policy.expires}, which cannot fit every run: "
            f"give expires= as a timedelta, counted from when each run is due"
        )
        raise PolicyError(msg)
    if after <= 0:
        msg = f"schedule {name!r} has a job with expires={brief(policy.expires)}, so that no run could ever begin"
        raise PolicyError(msg)
    return after


def _whole(name: str, low: int, high: int) -> Callable[[object], int]:
    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            msg = f"{name} must be a whole number from {low} to {high}, not {brief(value)}"
            raise PolicyError(msg)
        return value

    return check


def _check_timeout(value: object) -> float | None:
    if value is None:
        return None
    seconds = as_delay(value, "timeout")
    if seconds <= 0:
        msg = f"timeout must be more than 0 seconds, not {brief(value)}; leave it out for no limit"
        raise PolicyError(msg)
    return seconds


def _errors(name: str) -> Callable[[object], Errors]:
    def check(value: object) -> Errors:
        kinds = value if isinstance(value, (tuple, list)) else (value,)
        for kind in kinds:
            if not (isinstance(kind, type) and issubclass(kind, BaseException)):
                msg = f"{name} must be an exception class or a list of them, not {brief(kind)}"
                raise PolicyError(msg)
        return tuple(kinds)

    return check


def _choice(name: str, *choices: str) -> Callable[[object], str]:
    def check(value: object) -> str:
        if value not in choices:
            msg = f"{name} must be one of {', '.join(map(repr, choices))}, not {brief(value)}"
            raise PolicyError(msg)
        return str(value)

    return check


def _check_expires(value: object) -> Any:
    # Kept as it was given, since a length of time counts from when each firing is fired.
    if value is not None and moment(value, "expires")[0] is None:
        as_delay(value, "expires")
    return value


def _check_key(value: object) -> Any:
    return value if value is None or callable(value) else check_name("idempotency key", value)


def _check_tags_rule(value: object) -> Any:
    # A type is callable too, but makes no tags: `tags=str` is a mistake.
    return value if callable(value) and not isinstance(value, type) else check_tags(value)


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "routes": check_routes,
    "retries": _whole("retries", 0, MAX_RETRIES),
    "backoff": check_backoff,
    "retry_on": _errors("retry_on"),
    "give_up_on": _errors("give_up_on"),
    "timeout": _check_timeout,
    "priority": _whole("priority", MIN_PRIORITY, MAX_PRIORITY),
    "expires": _check_expires,
    "idempotency_key": _check_key,
    "result_ttl": lambda value: None if value is None else as_delay(value, "result_ttl"),
    "queue_type": _choice("queue_type", "default", "broadcast"),
    "serializer": lambda value: check_name("serializer", value),
    "tags": _check_tags_rule,
}
