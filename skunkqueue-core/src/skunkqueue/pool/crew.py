"""The workers that a pool has: those at work, and those that are being replaced but still end their job.

Knows how to tell them something; starts none, and looks after none that ends.
"""

from __future__ import annotations

from skunkqueue.clock import monotonic
from skunkqueue.pool.child_process import ChildProcess
from skunkqueue.pool.heartbeat import Seen
from skunkqueue.pool.slot import Slot
from skunkqueue.processes.control_pipe import BEGIN, GENTLE, HOLD
from skunkqueue.processes.settings import PoolSettings


class Crew:
    """For one pool; used by its main thread alone."""

    def __init__(self, settings: PoolSettings) -> None:
        self.slots = [Slot(routes) for routes in settings.route_groups for _ in range(settings.processes)]
        self.leaving: list[ChildProcess] = []
        """Workers whose place another has, or nobody."""
        self.successor: ChildProcess | None = None
        """A worker that gets a place once it is ready."""
        self.order = b""
        """How all of them are to end; empty: not at all."""
        self.is_quiet = False
        """They are to begin nothing more."""

    def children(self) -> list[ChildProcess]:
        """List every worker process."""
        found = [slot.child for slot in self.slots if slot.child is not None] + self.leaving
        return found if self.successor is None else [*found, self.successor]

    def find(self, worker: str) -> ChildProcess | None:
        """Find a worker by its id."""
        return next((child for child in self.children() if child.settings.id == worker), None)

    def slot_of(self, worker: str) -> Slot | None:
        """Find the place of a worker, also of one that has died and whose place is empty still."""
        for slot in self.slots:
            if slot.last == worker and (slot.child is None or slot.child.settings.id == worker):
                return slot
        return None

    def is_done(self) -> bool:
        """Return whether no worker is there, and none will be."""
        return not self.children() and (bool(self.order) or all(slot.closed for slot in self.slots))

    def wanted(self) -> int:
        """Tell how many workers there are to be."""
        return sum(not slot.closed for slot in self.slots)

    def tell_all(self, order: bytes) -> None:
        """Tell every worker to end in this way, and have no others."""
        self.order = order
        for child in self.children():
            child.order(order)

    def hold(self, *, quiet: bool) -> int:
        """Let all begin nothing more, or go on; return how many were told."""
        self.is_quiet = quiet
        told = self.children()
        for child in told:
            child.order(HOLD if quiet else BEGIN)
        return len(told)

    def give_place(self, slot: Slot) -> None:
        """Have a worker end after its job, and its place filled by another meanwhile."""
        if slot.child is not None:
            slot.child.order(GENTLE)
            self.leaving.append(slot.child)
            slot.child = None
        slot.fill_at_once()

    def overdue(self, now: float) -> list[ChildProcess]:
        """List the workers that were told to end at once, one by one, and had their grace."""
        return [child for child in self.children() if child.kill_at <= now]

    def seen(self) -> tuple[Seen, ...]:
        """Tell how each process is."""
        return tuple(
            Seen(child.settings.id, child.pid, child.settings.routes, _state_of(child), child.began)
            for child in self.children()
        )

    def next_kill(self) -> float:
        """Tell in how many seconds the first of those told one by one has had its grace."""
        return min((child.kill_at for child in self.children()), default=float("inf")) - monotonic()


def _state_of(child: ChildProcess) -> str:
    if child.is_stopped:
        return "stopped"
    if child.is_leaving:
        return "stopping"
    return "running" if child.scoreboard.is_ready else "starting"
