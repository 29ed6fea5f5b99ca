"""How long ago the store last answered this worker, and whether that makes it disconnected."""

from __future__ import annotations

from skunkqueue.clock import Clock

DISCONNECTED_AFTER = 2.0
"""Leases without an answer after which a worker calls itself disconnected."""
GONE_AFTER = 4.0
"""Leases without an answer after which it ends: other workers have its claims by then."""


class Liveness:
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
        """Leave out a time in which this process did not run, and so could not ask; but for what the store has answered since."""
        self.good = min(self.good + seconds, self._clock.monotonic())

    @property
    def silence(self) -> float:
        """Seconds since it last answered."""
        return self._clock.monotonic() - self.good

    @property
    def is_disconnected(self) -> bool:
        """Return whether that is too long."""
        return self.silence > DISCONNECTED_AFTER * self._lease

    @property
    def is_gone(self) -> bool:
        """Return whether the worker should end."""
        return self.silence > GONE_AFTER * self._lease
