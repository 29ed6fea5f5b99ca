"""Decides whether and when a failed attempt runs again: ``Retry``, ``Snooze``, ``retry_on``, ``give_up_on`` and backoff.

A group of exceptions, as a ``TaskGroup`` raises it, is judged by its parts: it runs again if each of them may.
Everything here may run the user's code, and so may raise anything.
"""

from __future__ import annotations

from collections.abc import Callable

from skunkqueue.backoff import delay_after
from skunkqueue.errors import Retry, Snooze, seconds_asked
from skunkqueue.policy import Policy
from skunkqueue.worker.judge.failures import is_group, parts_of

# What ends a process elsewhere is a failure like any other here, so `retry_on=Exception` means it too.
_EXITS = (SystemExit, KeyboardInterrupt, GeneratorExit)


def snoozes(error: BaseException) -> float | None:
    """Return for how many seconds the job asks to be snoozed; ``None``: it does not.

    A group does where nothing but ``Snooze`` is in it; the longest counts.
    """
    parts = parts_of(error)
    if not all(_is(part, (Snooze,)) for part in parts):
        return None
    return max(seconds_asked("Snooze", getattr(part, "after", None)) for part in parts)


def may_retry(policy: Policy, error: BaseException) -> bool:
    """Return whether a job's rules let it run again after this error."""
    if not is_group(error):
        return _may_retry(policy, error)
    parts = parts_of(error)
    if any(_is(one, policy.give_up_on) for one in (error, *parts)):
        return False
    # ``retry_on=ExceptionGroup`` means the group as it is; any other rule means what is in it.
    named = any(_is_group_type(kind) for kind in policy.retry_on)
    return (named and _is(error, policy.retry_on)) or all(_may_retry(policy, part) for part in parts)


def asks_again(error: BaseException) -> bool:
    """Return whether the job itself asks for another attempt."""
    return any(_is(part, (Retry,)) for part in parts_of(error))


def delay_of(policy: Policy, failures: int, error: BaseException, uniform: Callable[[], float]) -> float:
    """Return the seconds until the next attempt: as ``Retry`` asks, the longest of several, or by the backoff."""
    asked = [getattr(part, "after", None) for part in parts_of(error) if _is(part, (Retry,))]
    seconds = [seconds_asked("Retry", after) for after in asked if after is not None]
    return max(seconds) if seconds else delay_after(policy.backoff, failures, error, uniform)


def _is(error: BaseException, kinds: tuple[type[BaseException], ...]) -> bool:
    # As an except clause decides: by the type, whatever its ``__class__`` says.
    return issubclass(type(error), kinds)


def _is_group_type(kind: type[BaseException]) -> bool:
    return hasattr(kind, "derive") and hasattr(kind, "subgroup")


def _may_retry(policy: Policy, error: BaseException) -> bool:
    # A Snooze in a group with others cannot be granted: it is one of its failures then.
    if _is(error, (Retry, Snooze)):
        return True
    if _is(error, policy.give_up_on):
        return False
    return _is(error, policy.retry_on) or (
        _is(error, _EXITS) and any(kind is Exception for kind in policy.retry_on)
    )
