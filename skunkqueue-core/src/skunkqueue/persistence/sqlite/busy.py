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
"""Seconds after which some transaction must be taking very long, so that trying again so often is of no use."""
_LATE_PAUSES = 0.001, 0.002
"""Shortest and longest, from then on."""


def retry_while_busy(
    location: Location, attempt: Callable[[], T], ask: Callable[[], object] | None = None
) -> T:
    """Call ``attempt`` again until the file is not busy, for at most ``busy_timeout`` seconds.

    ``ask``: asks others to give way; called again and again once the file was busy for some milliseconds.
    """
    began = None
    while True:
        try:
            return attempt()
        except sqlite3.OperationalError as error:
            if not is_busy(error):
                raise
            now = monotonic()
            if began is None:
                began = now
            waited = now - began
            if waited >= location.busy_timeout:
                raise locked(location.path, location.busy_timeout) from error
        pauses = _SHORTEST_PAUSE, _LONGEST_PAUSE
        if ask is not None and waited >= _LONG:
            ask()
            pauses = _SHORT_PAUSES if waited < _VERY_LONG else _LATE_PAUSES
        # Random, so that processes that wait for the same file do not return at the same moment.
        time.sleep(random.uniform(*pauses))  # noqa: S311 - not a secret
