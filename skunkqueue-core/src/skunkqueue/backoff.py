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
from skunkqueue.show import brief
from skunkqueue.times import Seconds, as_delay

_MAX_FACTOR = 1_000.0
# 1,000 ** 64 is still a float; without a bound, the hundredth failure could overflow.
_MAX_EXPONENT = 64


class Exponential(msgspec.Struct, frozen=True):
    """``base * factor ** (failures - 1)`` seconds, at most ``cap``, less a random part of up to ``jitter``.

    ``base`` and ``cap`` are seconds or timedeltas, and seconds once it is made.
    """

    base: Seconds = 1.0
    factor: float = 2.0
    cap: Seconds = 3600.0
    jitter: float = 0.5
    """0: none; 0.5: between half and the whole delay; 1: between nothing and the whole."""

    def __post_init__(self) -> None:
        base, cap = _plain(self.base), _plain(self.cap)
        numbers = (base, self.factor, cap, self.jitter)
        if not (
            all(isinstance(number, (int, float)) for number in numbers)
            and 0 < base <= MAX_DELAY
            and 1 <= self.factor <= _MAX_FACTOR
            and 0 < cap <= MAX_DELAY
            and 0 <= self.jitter <= 1
        ):
            msg = (
                f"{brief(self)}: base and cap must be over 0 and at most {MAX_DELAY:.0f} seconds (a year), "
                f"factor between 1 and 1,000, jitter between 0 and 1"
            )
            raise PolicyError(msg)
        msgspec.structs.force_setattr(self, "base", base)
        msgspec.structs.force_setattr(self, "cap", cap)


def _plain(length: Seconds) -> float:
    return length.total_seconds() if isinstance(length, timedelta) else length


BackoffRule = Exponential | Seconds | Sequence[Seconds] | Callable[[int, BaseException], Seconds]


def delay_after(
    backoff: BackoffRule,
    failures: int,
    error: BaseException,
    uniform: Callable[[], float] = random.random,
) -> float:
    """Return the seconds to wait after the given number of failures (1 at the first).

    A list's last delay serves for all failures past its end. Raises PolicyError where a
    callable returns something that is not a delay; what the callable itself raises passes through.
    """
    if isinstance(backoff, Exponential):
        whole = min(
            _plain(backoff.cap), _plain(backoff.base) * backoff.factor ** min(failures - 1, _MAX_EXPONENT)
        )
        return whole * (1 - backoff.jitter * uniform())
    if callable(backoff):
        return as_delay(backoff(failures, error), "the backoff function's answer")
    if isinstance(backoff, (int, float, timedelta)):
        return as_delay(backoff, "backoff")
    return as_delay(backoff[min(failures, len(backoff)) - 1], "backoff")


def check_backoff(backoff: object) -> BackoffRule:
    """Return ``backoff`` if it is one; PolicyError otherwise."""
    if isinstance(backoff, Exponential) or callable(backoff):
        return backoff
    if isinstance(backoff, (list, tuple)):
        if not backoff:
            raise PolicyError("backoff is an empty list: give at least one delay in seconds")
        return tuple(as_delay(one, "backoff") for one in backoff)
    return as_delay(backoff, "backoff")
