"""How many firings to claim at a time. Arithmetic only: knows no store and no clock.

A batch is to hold about 20 ms of work, so that short jobs travel in hundreds per round trip and a long
one alone. The size doubles from 1 (as in TCP's slow start, RFC 5681), because the first jobs of a
route may be of any length, and falls to 1 at once when they turn out long.
"""

from __future__ import annotations

TARGET = 0.020
"""Seconds of work in a batch."""
MAX_BATCH = 500
_WEIGHT = 0.25
# A job of an hour says no more than one of 0.2 s: the next batch has one firing. Without a bound it
# would take very many short ones to forget it.
_LONGEST = 10 * TARGET


class BatchSize:
    """The running estimate of one worker."""

    __slots__ = ("_estimate", "_size")

    def __init__(self) -> None:
        self._estimate = 0.0
        self._size = 1

    @property
    def size(self) -> int:
        """How many to claim next."""
        return self._size

    def ran(self, count: int, seconds: float) -> None:
        """Learn how long a batch ran."""
        if count <= 0:
            return
        each = seconds / count
        estimate = self._estimate
        if each > TARGET:
            estimate = min(each, _LONGEST)
        else:
            estimate += _WEIGHT * (each - estimate)
        self._estimate = estimate
        fitting = int(TARGET / estimate) if estimate > 0 else MAX_BATCH
        self._size = max(1, min(fitting, 2 * self._size, MAX_BATCH))
