"""How long ago the store last answered, and how long to wait before asking again."""

from __future__ import annotations

import random

from skunkqueue.clock import Clock

FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0
DEAF_AFTER = 2.0
"""Leases without an answer after which a worker says that it is deaf."""
GONE_AFTER = 4.0
"""Leases without an answer after which it ends: what it held was given to others long ago."""


class Contact:
    """Shared by all threads of a worker that talk to the store."""

    __slots__ = ("_clock", "_lease", "good")

    def __init__(self, clock: Clock, lease: float) -> None:
        self._clock = clock
        self._lease = lease
        self.good = clock.monotonic()
        """When the store last answered."""

    def answered(self) -> None:
        """Note that the store answered now."""
        self.good = self._clock.monotonic()

    def forgive(self, seconds: float) -> None:
        """Leave out a time in which this process did not run, and so could not ask."""
        self.good += seconds

    @property
    def silence(self) -> float:
        """Seconds since it last answered."""
        return self._clock.monotonic() - self.good

    @property
    def is_deaf(self) -> bool:
        """Say whether that is too long."""
        return self.silence > DEAF_AFTER * self._lease

    @property
    def is_gone(self) -> bool:
        """Say whether there is no point in going on."""
        return self.silence > GONE_AFTER * self._lease


class Backoff:
    """Growing waits between calls that fail, with jitter, so that a store that comes back is not flooded."""

    __slots__ = ("_wait", "waited")

    def __init__(self) -> None:
        self._wait = 0.0
        self.waited = 0.0
        """Seconds told to wait since the last success."""

    def next(self) -> float:
        """Tell how long to wait before trying once more."""
        self._wait = min(max(2 * self._wait, FIRST_WAIT), LONGEST_WAIT)
        wait = self._wait * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
        self.waited += wait
        return wait

    def reset(self) -> None:
        """Begin again: it worked."""
        self._wait = self.waited = 0.0
