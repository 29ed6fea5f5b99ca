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


def retry_while_busy(location: Location, attempt: Callable[[], T]) -> T:
    """Call ``attempt`` again until the file is not busy, for at most ``busy_timeout`` seconds."""
    deadline = None
    while True:
        try:
            return attempt()
        except sqlite3.OperationalError as error:
            if not is_busy(error):
                raise
            now = monotonic()
            if deadline is None:
                deadline = now + location.busy_timeout
            if now >= deadline:
                raise locked(location.path, location.busy_timeout) from error
        # Random, so that processes that wait for the same file do not return at the same moment.
        time.sleep(random.uniform(_SHORTEST_PAUSE, _LONGEST_PAUSE))  # noqa: S311 - not a secret
