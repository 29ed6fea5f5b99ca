"""The store's clock: the versions of the cluster, which advance by a million a second, anchored to time.

Every process knows the anchor (a version and its time, in one key), and by the versions that it sees how far the cluster's
versions are ahead of its own monotonic clock. So it knows the time without asking the cluster, whatever its machine's
clock says. Versions seen are late by up to two seconds on an idle cluster and never early, so the greatest difference of
the last minutes counts.

A recovery of the cluster makes its versions jump (by 100 s), and while a cluster is stopped they stand still. A process that
sees them differ much from its own clocks sets the anchor anew, in a transaction that all others see; so time goes on evenly.
"""

from __future__ import annotations

import struct
import threading
import time
from typing import NamedTuple

from skunkqueue.clock import Clock, SystemClock, lease_clock, monotonic

RATE = 1e-6
"""Seconds that one version takes."""
TOLERANCE = 3.0
"""Seconds by which versions may pass otherwise than local time: idle ones are read up to 2 s late."""
WINDOW = 300.0
"""Seconds for which a difference that was seen counts, and once more as long."""
_ANCHOR = struct.Struct("<qd")
_boot = lease_clock()
_wall = time.time


class Anchor(NamedTuple):
    """A version and the time it stands for."""

    version: int
    time: float

    def pack(self) -> bytes:
        """Return what the key holds."""
        return _ANCHOR.pack(*self)

    @classmethod
    def unpack(cls, value: bytes) -> Anchor:
        """Read it."""
        return cls(*_ANCHOR.unpack(value))


class _Seen(NamedTuple):
    """The last version seen, and this machine's clocks then: none alone can be trusted over a suspend or a correction."""

    version: int
    mono: float
    boot: float
    wall: float

    def passed(self) -> float:
        """Return how many seconds have passed since, by the clock that says most, but for a wall clock that was set."""
        mono, boot = monotonic() - self.mono, _boot() - self.boot
        return max(mono, boot)

    def passed_by_wall(self) -> float:
        """Return how many seconds have passed since by the wall clock."""
        return _wall() - self.wall


class ServerTime:
    """What time the store has, as this process sees it. A virtual clock takes its place in tests."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.is_virtual = not isinstance(clock, SystemClock)
        self.anchor: Anchor | None = None
        self._lock = threading.Lock()
        self._seen: _Seen | None = None
        self._ahead = -1e300
        """By how many seconds versions are ahead of the monotonic clock: the greatest seen in this window."""
        self._before = -1e300
        """The same of the window before."""
        self._until = 0.0

    def now(self) -> float:
        """Return the store's time; the anchor must be known, and a version have been seen."""
        if self.is_virtual:
            return self._clock.now()
        anchor = self.anchor
        if anchor is None:
            return _wall()
        ahead = max(self._before, self._ahead)
        return anchor.time + (ahead + monotonic() - anchor.version * RATE)

    def time_of(self, version: int) -> float:
        """Return the time that a version stands for."""
        anchor = self.anchor
        return 0.0 if anchor is None else anchor.time + (version - anchor.version) * RATE

    def saw(self, version: int) -> bool:
        """Take note of a version that a commit or a read had just now; False: versions jumped, anchor anew."""
        if self.is_virtual:
            return True
        mono = monotonic()
        with self._lock:
            seen = self._seen
            if seen is not None:
                by_versions = (version - seen.version) * RATE
                passed = seen.passed()
                # Machines that were suspended see it by their wall clock, where no other clock counts that time.
                jumped = by_versions > max(passed, seen.passed_by_wall()) + TOLERANCE
                if jumped or by_versions < passed - TOLERANCE:
                    return False
            if seen is None or version > seen.version:
                self._seen = _Seen(version, mono, _boot(), _wall())
            self._take(version * RATE - mono, mono)
        return True

    def _take(self, ahead: float, mono: float) -> None:
        if mono > self._until:
            self._before, self._ahead, self._until = self._ahead, ahead, mono + WINDOW
        elif ahead > self._ahead:
            self._ahead = ahead

    def adopt(self, anchor: Anchor, version: int) -> None:
        """Go by this anchor from now on; ``version`` was seen just now."""
        with self._lock:
            self.anchor = anchor
            mono = monotonic()
            self._seen = _Seen(version, mono, _boot(), _wall())
            self._before, self._ahead, self._until = -1e300, version * RATE - mono, mono + WINDOW

    def expected(self) -> float:
        """Return what time it is by this machine's clocks alone, since the last version that could be believed."""
        seen = self._seen
        if seen is None or self.anchor is None:
            return _wall()
        return self.time_of(seen.version) + seen.passed()
