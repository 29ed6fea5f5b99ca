"""The workers that a pool has: those in its slots, and those that are replaced but still end their job.

Gives them orders. ``respawn`` starts them, and ``supervisor`` notices when they end.
"""

from __future__ import annotations

from skunkqueue.clock import monotonic
from skunkqueue.pool.child_process import ChildProcess
from skunkqueue.pool.heartbeat import Seen
from skunkqueue.pool.slot import Slot
from skunkqueue.processes.control_pipe import BEGIN, DISMISS, GENTLE, GIVE_BACK, HOLD
from skunkqueue.processes.settings import PoolSettings


class Crew:
    """For one pool; used by its main thread alone."""

    def __init__(self, settings: PoolSettings) -> None:
        self.slots = [Slot(routes) for routes in settings.route_groups for _ in range(settings.processes)]
        self.leaving: list[ChildProcess] = []
        """Workers that have left their slots, and have not ended yet."""
        self.successor: ChildProcess | None = None
        """A worker that gets a slot once it is ready."""
        self.order = b""
        """How all of them are to end; empty: not at all."""
        self.is_quiet = False
        """They are to begin nothing more."""
        self._stop_timeout = settings.stop_timeout
        self._grace = settings.grace

    def children(self) -> list[ChildProcess]:
        """List every worker process."""
        found = [slot.child for slot in self.slots if slot.child is not None] + self.leaving
        return found if self.successor is None else [*found, self.successor]

    def find(self, worker: str) -> ChildProcess | None:
        """Find a worker by its id."""
        return next((child for child in self.children() if child.settings.id == worker), None)

    def slot_of(self, worker: str) -> Slot | None:
        """Find the slot of a worker, also of one that has died and whose slot is still empty."""
        for slot in self.slots:
            if slot.last == worker and (slot.child is None or slot.child.settings.id == worker):
                return slot
        return None

    def is_done(self) -> bool:
        """Return whether no worker runs, and none will be started."""
        return not self.children() and (bool(self.order) or all(slot.closed for slot in self.slots))

    def wanted(self) -> int:
        """Return how many workers the pool should have."""
        return sum(not slot.closed for slot in self.slots)

    def tell_all(self, order: bytes) -> None:
        """Have every worker end in this way, and start no others."""
        self.order = order
        for child in self.children():
            child.order(order)
            self._limit_start(child)

    def tell_one(self, child: ChildProcess, order: bytes) -> None:
        """Have one worker end in this way, within the limits that hold for all; ``order``: not BEGIN nor HOLD."""
        child.order(order)
        self._limit_start(child)
        now = monotonic()
        if order in (GENTLE, DISMISS):
            if self._stop_timeout is not None:
                child.give_back_at = min(child.give_back_at, now + self._stop_timeout)
        else:
            # Its job may hold the GIL, so that the worker itself cannot interrupt it.
            child.kill_at = min(child.kill_at, now + self._grace)

    def give_back(self, now: float) -> list[ChildProcess]:
        """Have workers that were told alone to end give back what they run too long; return them."""
        late = [child for child in self.children() if child.give_back_at <= now]
        for child in late:
            self.tell_one(child, GIVE_BACK)
        return late

    def hold(self, *, quiet: bool) -> int:
        """Have all begin nothing more, or go on; return how many were told."""
        self.is_quiet = quiet
        told = self.children()
        for child in told:
            child.order(HOLD if quiet else BEGIN)
        return len(told)

    def vacate(self, slot: Slot) -> None:
        """Have a worker end after its job, and another take its slot at once, unless none is to have it."""
        if slot.is_closing:
            return
        if slot.child is not None:
            self.tell_one(slot.child, GENTLE)
            self.leaving.append(slot.child)
            slot.child = None
        slot.fill_at_once()

    def _limit_start(self, child: ChildProcess) -> None:
        """Give one that is told to end the grace to get ready: before, it hears nothing, and what it imports may hang."""
        if not child.scoreboard.is_ready:
            child.ready_by = min(child.ready_by, monotonic() + self._grace)

    def overdue(self, now: float) -> list[ChildProcess]:
        """List the workers that were told to end, and whose grace is over: for their jobs, or to get ready."""
        return [child for child in self.children() if _killed_at(child) <= now]

    def seen(self) -> tuple[Seen, ...]:
        """Return the state of each process."""
        return tuple(
            Seen(child.settings.id, child.pid, child.settings.routes, _state_of(child), child.began)
            for child in self.children()
        )

    def next_limit(self) -> float:
        """Return in how many seconds the first limit of a single worker is over."""
        limits = (min(_killed_at(child), child.give_back_at) for child in self.children())
        return min(limits, default=float("inf")) - monotonic()


def _killed_at(child: ChildProcess) -> float:
    return child.kill_at if child.scoreboard.is_ready else min(child.kill_at, child.ready_by)


def _state_of(child: ChildProcess) -> str:
    if child.is_stopped:
        return "stopped"
    if child.is_leaving:
        return "stopping"
    return "running" if child.scoreboard.is_ready else "starting"
