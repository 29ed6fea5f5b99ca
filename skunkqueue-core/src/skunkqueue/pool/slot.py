"""A place for one worker in the pool, and when to fill it again."""

from __future__ import annotations

from skunkqueue.clock import monotonic
from skunkqueue.pool.child_process import ChildProcess

FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0


class Slot:
    """One slot: it has a worker, waits for one, or is closed."""

    def __init__(self, routes: tuple[str, ...]) -> None:
        self.routes = routes
        self.child: ChildProcess | None = None
        self.last = ""
        """Id of the worker that has it, or had it last."""
        self.due = 0.0
        """When to fill it (monotonic)."""
        self.closed = False
        """Not to be filled again."""
        self.refused = False
        """Closed because its worker could not start."""
        self.futile = 0
        """Workers in a row that died without having settled anything."""
        self.why = ""
        """Why the last one ended, or could not be started; empty: not known, or asked for anew."""

    def take(self, child: ChildProcess) -> None:
        """Put a worker in it."""
        self.child, self.last = child, child.settings.id

    @property
    def is_closing(self) -> bool:
        """Return whether no other worker is to have it: it is closed, or will be once its worker has ended."""
        return self.closed or (self.child is not None and self.child.is_dismissed)

    def is_due(self, now: float) -> bool:
        """Return whether to fill it now."""
        return self.child is None and not self.closed and self.due <= now

    def fill_at_once(self) -> None:
        """Fill it as soon as may be: there is nothing wrong with its workers."""
        self.due, self.futile, self.why = 0.0, 0, ""

    def close(self) -> None:
        """Have nobody fill it again, since no worker is wanted there any more."""
        self.closed, self.why = True, ""

    def back_off(self) -> float:
        """Fill it at once the first time, then after growing waits; return the seconds."""
        wait = 0.0
        if self.futile:
            wait = min(FIRST_WAIT * 2.0 ** min(self.futile - 1, 10), LONGEST_WAIT)
        self.futile += 1
        self.due = monotonic() + wait
        return wait
