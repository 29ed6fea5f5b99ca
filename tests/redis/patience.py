"""Callers that do what is asked of them: a call that failed in passing is made again, the very same."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from skunkqueue.errors import BackendFullError, BackendReadOnlyError, BackendUnavailableError
from tests.support.waiting import eventually

T = TypeVar("T")

PASSING = (BackendUnavailableError, BackendReadOnlyError, BackendFullError)
"""What may pass by itself; any other error of a store is a mistake."""


def persistently(call: Callable[[], T], timeout: float = 30.0) -> T:
    """Make a call until it is answered."""

    def attempt() -> tuple[T] | None:
        try:
            return (call(),)
        except PASSING as error:
            print(f"made again after {type(error).__name__}: {error}")
            return None

    answer = eventually(attempt, timeout, every=0.05, what="the store answers")
    assert answer is not None
    return answer[0]
