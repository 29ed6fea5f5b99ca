"""How long to wait before asking a store again that did not answer."""

from __future__ import annotations

import random

FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0


class StoreBackoff:
    """Growing waits between calls that fail, with jitter, so that a store that comes back is not flooded."""

    __slots__ = ("_wait", "waited")

    def __init__(self) -> None:
        self._wait = 0.0
        self.waited = 0.0
        """Seconds that ``next`` has returned since the last success."""

    def next(self) -> float:
        """Return how long to wait before the next try."""
        self._wait = min(max(2 * self._wait, FIRST_WAIT), LONGEST_WAIT)
        wait = self._wait * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
        self.waited += wait
        return wait

    def reset(self) -> None:
        """Start with short waits again: a call has succeeded."""
        self._wait = self.waited = 0.0
