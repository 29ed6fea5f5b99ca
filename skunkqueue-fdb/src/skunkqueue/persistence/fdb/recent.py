"""Recently committed versions of the cluster, and when each was, by this machine's clocks.

What was made after such a version, and came into the store, came in after that version. So a firing whose id is younger needs no
look whether it is known: its transaction reads that version, and conflicts where the firing came in since.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from skunkqueue.clock import monotonic

KEPT = 3.0
"""Seconds after which a version is not given out any more: after 5 the cluster refuses it."""
APART = 0.001
"""Seconds between two that are kept: ids tell milliseconds."""
SET = 0.01
"""Seconds by which the wall clock may be corrected meanwhile. After more it was set, and says nothing of what was made when."""
_wall = time.time


class _Seen(NamedTuple):
    version: int = 0
    wall: float = 0.0
    ahead: float = 0.0
    """Of the wall clock, before the monotonic one."""


class RecentVersions:
    """Two versions, so that one of them is older than what was made within the same millisecond as the other."""

    def __init__(self) -> None:
        self._kept = (_Seen(), _Seen())
        self._twice = 0.0
        """The latest moment that the wall clock may have shown before it was set back, and so shows twice."""

    def note(self, version: int) -> None:
        """Take note of a version that was just committed."""
        wall, last = _wall(), self._kept[1]
        if abs(wall - last.wall) >= APART:
            mono = monotonic()
            if last.version and wall - mono < last.ahead - SET:
                self._twice = max(self._twice, last.ahead + mono)
            self._kept = (last, _Seen(version, wall, wall - mono))

    def before(self, born: float) -> int | None:
        """Return a version that was committed before that moment by the wall clock; ``None``: none is known.

        ``None`` as well where the clock was set since, or set back past that moment: what was made then may be older.
        """
        if born <= self._twice:
            return None
        ahead = _wall() - monotonic()
        for seen in reversed(self._kept):
            if seen.wall < born:
                good = born - seen.wall < KEPT and abs(ahead - seen.ahead) < SET
                return seen.version if good else None
        return None
