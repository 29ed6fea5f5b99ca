"""How long to wait before a failed job runs again. Knows numbers, not jobs.

Exponential growth with jitter follows M. Brooker, "Exponential Backoff And Jitter" (AWS Architecture
Blog, 2015): the random part keeps retries of many firings that failed together from coming back together.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import timedelta

import msgspec

from skunkqueue.errors import MAX_DELAY, PolicyError

_MAX_FACTOR = 1_000.0
# 1,000 ** 64 is still a float; without a bound, the hundredth failure could overflow.
_MAX_EXPONENT = 64


class Exponential(msgspec.Struct, frozen=True):
    """``base * factor ** (failures - 1)`` seconds, at most ``cap``, less a random part of up to ``jitter``."""

    base: float = 1.0
    factor: float = 2.0
    cap: float = 3600.0
    jitter: float = 0.5
    """0: none; 0.5: between half and the whole delay; 1: between nothing and the whole."""

    def __post_init__(self) -> None:
        numbers = (self.base, self.factor, self.cap, self.jitter)
        if not (
            all(isinstance(number, (int, float)) for number in numbers)
            and 0 < self.base <= MAX_DELAY
            and 1 <= self.factor <= _MAX_FACTOR
            and 0 < self.cap <= MAX_DELAY
            and 0 <= self.jitter <= 1
        ):
            msg = (
                f"{self!r}: base and cap must be over 0 and at most {MAX_DELAY:.0f} seconds (a year), "
                f"factor between 1 and 1,000, jitter between 0 and 1"
            )
            raise PolicyError(msg)


Seconds = float | timedelta
Backoff = Exponential | Seconds | Sequence[Seconds] | Callable[[int, BaseException], Seconds]


def delay_after(
    backoff: Backoff,
    failures: int,
    error: BaseException,
    uniform: Callable[[], float] = random.random,
) -> float:
    """Tell the seconds to wait after the given number of failures (1 at the first).

    A list's last delay serves for all failures past its end. Raises PolicyError for a callable's
    answer that is no delay; what the callable itself raises passes through.
    """
    if isinstance(backoff, Exponential):
        whole = min(backoff.cap, backoff.base * backoff.factor ** min(failures - 1, _MAX_EXPONENT))
        return whole * (1 - backoff.jitter * uniform())
    if callable(backoff):
        return as_delay(backoff(failures, error), "the backoff function's answer")
    if isinstance(backoff, (int, float, timedelta)):
        return as_delay(backoff, "backoff")
    return as_delay(backoff[min(failures, len(backoff)) - 1], "backoff")


def as_delay(value: object, what: str) -> float:
    """Turn seconds or a timedelta into seconds; PolicyError where it is neither, negative or endless."""
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        msg = f"{what} must be seconds or a timedelta, not {type(value).__name__}: {value!r}"
        raise PolicyError(msg)
    # Not NaN either; and an int that no float can hold is compared all the same.
    if not 0 <= seconds <= MAX_DELAY:
        msg = f"{what} must be between 0 and {MAX_DELAY:.0f} seconds (a year), not {value!r}"
        raise PolicyError(msg)
    return float(seconds)


def check_backoff(backoff: object) -> Backoff:
    """Return ``backoff`` if it is one; PolicyError otherwise."""
    if isinstance(backoff, Exponential) or callable(backoff):
        return backoff
    if isinstance(backoff, (list, tuple)):
        if not backoff:
            raise PolicyError("backoff is an empty list: give at least one delay in seconds")
        return tuple(as_delay(one, "backoff") for one in backoff)
    return as_delay(backoff, "backoff")
