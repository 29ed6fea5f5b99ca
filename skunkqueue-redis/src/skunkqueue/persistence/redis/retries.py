"""Trying a failed call again, where that makes sense, until it succeeds or the time for it is over."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeVar

from redis.exceptions import MovedError, RedisError
from skunkqueue.clock import monotonic
from skunkqueue.errors import BackendError
from skunkqueue.persistence.redis.errors import is_passing, may_be_done, translate
from skunkqueue.persistence.redis.idle import IdleConnections
from skunkqueue.persistence.redis.settings import Settings

T = TypeVar("T")
_FIRST_WAIT, _LONGEST_WAIT = 0.02, 0.5
_MOVES_AT_ONCE = 3
"""Redirections that are followed without a pause; two nodes may each name the other for ever."""


def try_again(
    error: RedisError, attempt: Callable[[], T], connections: IdleConnections, settings: Settings
) -> T:
    """Try a call again that failed with this error. Raises BackendError."""
    deadline = monotonic() + settings.retry_for
    pause = _FIRST_WAIT
    doubtful = False
    moves = 0
    while True:
        doubtful = doubtful or may_be_done(error)
        connections.lost(error)
        if not isinstance(error, MovedError):
            if not is_passing(error) or monotonic() + pause > deadline:
                raise _final(error, settings, doubtful=doubtful) from error
            connections.closed.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
            pause = min(2 * pause, _LONGEST_WAIT)
        elif monotonic() > deadline:
            raise _final(error, settings, doubtful=doubtful) from error
        else:
            moves += 1
            connections.closed.wait(0.0 if moves < _MOVES_AT_ONCE else _FIRST_WAIT)
        try:
            return attempt()
        except RedisError as another:
            error = another


def _final(error: RedisError, settings: Settings, *, doubtful: bool) -> BackendError:
    ours = translate(error, settings.url)
    if not doubtful:
        return ours
    return type(ours)(f"{ours}. It may have been done all the same")
