"""Waiting for a file that another process holds.

The wait is done here and not by SQLite, whose own pauses grow to 100 ms. Opens nothing.
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable
from typing import TypeVar

from skunkqueue.clock import monotonic
from skunkqueue.persistence.sqlite.errors import is_busy, locked
from skunkqueue.persistence.sqlite.location import Location

T = TypeVar("T")

_SHORTEST_PAUSE = 0.0002
_LONGEST_PAUSE = 0.003
_LONG = 0.005
"""Seconds after which others are asked to give way."""
_SHORT_PAUSES = 0.0001, 0.0004
"""Shortest and longest, from then on: shorter than what they give."""
_VERY_LONG = 0.05
_OTHER_PAUSES = 0.001, 0.002
"""After so many seconds some transaction takes very long, and trying again so often is of no use."""


def retry_while_busy(
    location: Location, attempt: Callable[[], T], ask: Callable[[], object] | None = None
) -> T:
    """Call ``attempt`` again until the file is not busy, for at most ``busy_timeout`` seconds.

    ``ask``: asks others to give way; called again and again once the file was busy for some milliseconds.
    """
    began, deadline = 0.0, None
    while True:
        try:
            return attempt()
        except sqlite3.OperationalError as error:
            if not is_busy(error):
                raise
            now = monotonic()
            if deadline is None:
                began, deadline = now, now + location.busy_timeout
            if now >= deadline:
                raise locked(location.path, location.busy_timeout) from error
        pauses = _SHORTEST_PAUSE, _LONGEST_PAUSE
        if ask is not None and now - began >= _LONG:
            ask()
            pauses = _SHORT_PAUSES if now - began < _VERY_LONG else _OTHER_PAUSES
        # Random, so that processes that wait for the same file do not return at the same moment.
        time.sleep(random.uniform(*pauses))  # noqa: S311 - not a secret
