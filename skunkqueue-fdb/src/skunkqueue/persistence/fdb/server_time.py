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
import time
from typing import NamedTuple

from skunkqueue.clock import Clock, SystemClock, lease_clock, monotonic

RATE = 1e-6
"""Seconds that one version takes."""
TOLERANCE = 3.0
"""Seconds by which versions may pass otherwise than local time: idle ones are read up to 2 s late."""
STOOD_STILL = 10.0
"""Seconds by which another process's anchor may be behind this one's clocks: each that was set anew may be late by 2 s."""
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

    def time_of(self, version: int) -> float:
        """Return the time that a version stands for."""
        return self.time + (version - self.version) * RATE


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


class _Anchored:
    """What was seen since an anchor was adopted.

    Without a lock, since a signal handler that fires may have interrupted its own thread here. Each attribute is replaced
    as a whole. Of two threads that saw a version at the same time, one may not be counted, and the clock is as late as that
    one was; what is seen too late belongs to an anchor that nobody goes by.
    """

    __slots__ = ("anchor", "seen", "window")

    def __init__(self, anchor: Anchor, seen: _Seen, ahead: float) -> None:
        self.anchor = anchor
        self.seen = seen
        self.window = seen.mono + WINDOW, -1e300, ahead
        """Its end, and by how many seconds versions were ahead of the monotonic clock: the greatest seen before and in it."""

    def take(self, ahead: float, mono: float) -> None:
        """Take note of how far versions are ahead."""
        until, before, greatest = self.window
        if mono > until:
            self.window = mono + WINDOW, greatest, ahead
        elif ahead > greatest:
            self.window = until, before, ahead


class ServerTime:
    """What time the store has, as this process sees it. A virtual clock takes its place in tests."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.is_virtual = not isinstance(clock, SystemClock)
        self._by: _Anchored | None = None

    @property
    def anchor(self) -> Anchor | None:
        """The anchor that it goes by."""
        by = self._by
        return None if by is None else by.anchor

    def now(self) -> float:
        """Return the store's time; the anchor must be known, and a version have been seen."""
        if self.is_virtual:
            return self._clock.now()
        by = self._by
        if by is None:
            return _wall()
        _, before, ahead = by.window
        return by.anchor.time + (max(before, ahead) + monotonic() - by.anchor.version * RATE)

    def saw(self, version: int) -> bool:
        """Take note of a version that a commit or a read had just now; False: versions jumped, anchor anew."""
        if self.is_virtual:
            return True
        by = self._by
        if by is None:
            return True
        mono = monotonic()
        seen = by.seen
        by_versions = (version - seen.version) * RATE
        passed = seen.passed()
        # Machines that were suspended see it by their wall clock, where no other clock counts that time.
        jumped = by_versions > max(passed, seen.passed_by_wall()) + TOLERANCE
        if jumped or by_versions < passed - TOLERANCE:
            return False
        if version > seen.version:
            by.seen = _Seen(version, mono, _boot(), _wall())
        by.take(version * RATE - mono, mono)
        return True

    def adopt(self, anchor: Anchor, version: int) -> None:
        """Go by this anchor from now on; ``version`` was seen just now."""
        mono = monotonic()
        self._by = _Anchored(anchor, _Seen(version, mono, _boot(), _wall()), version * RATE - mono)

    def fits(self, anchor: Anchor, version: int) -> bool:
        """Return whether an anchor of another process is right, as far as can be told here: not where versions stood still since.

        ``version`` was seen just now.
        """
        by = self._by
        return by is None or anchor == by.anchor or self.expected() - anchor.time_of(version) <= STOOD_STILL

    def expected(self) -> float:
        """Return what time it is by this machine's clocks alone, since the last version that could be believed."""
        by = self._by
        if by is None:
            return _wall()
        seen = by.seen
        return by.anchor.time_of(seen.version) + seen.passed()
