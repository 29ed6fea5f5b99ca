"""A firing and a schedule of the plain model: what changes as verbs are called."""

from __future__ import annotations

from dataclasses import dataclass, field

from skunkqueue.persistence.backend import COMPLETE_TTL, FAILED_TTL
from skunkqueue.records import Firing, State


@dataclass
class Lot:
    """One firing and what has happened to it."""

    firing: Firing
    due: float
    state: State = State.PENDING
    token: int = 0
    worker: str = ""
    lease_end: float = 0.0
    begun: bool = False
    """``extend`` reported so for this claim."""
    deaths: int = 0
    known: int = 0
    """How many of these had certainly begun."""
    attempt_state: bytes | None = None
    result: bytes | None = None
    kill_requested: bool = False
    finished: float = 0.0
    ttl: float = 0.0
    attempts: int = 0
    """Attempts that began and were settled."""
    again: str | None = None
    """The verdict that made it pending again, if that is a reason to wait."""
    error: str | None = None

    @property
    def place_in_line(self) -> tuple[float | str, ...]:
        """Sort key of rows."""
        if self.state.final:
            return 0, self.finished, self.firing.id
        return (1 if self.state is State.RUNNING else 2), *self.order

    @property
    def order(self) -> tuple[int, float, str]:
        """Sort key of the claim order."""
        return -self.firing.priority, self.due, self.firing.id

    def overdue(self, now: float) -> bool:
        """Return whether its lease is over."""
        return self.state is State.RUNNING and self.lease_end <= now

    def finish(self, state: State, now: float, ttl: float | None = None) -> None:
        """Reach a final state."""
        self.state, self.finished = state, now
        default = COMPLETE_TTL if state is State.COMPLETE else FAILED_TTL
        self.ttl = default if ttl is None else ttl

    def past_ttl(self, now: float) -> bool:
        """Return whether it may be pruned."""
        return self.state.final and self.finished + self.ttl <= now


@dataclass
class Plan:
    """One schedule."""

    route: str
    params: bytes
    state: bytes
    generation: int
    firing: str
    paused: bool = False
    runs: int = 0
    history: list[str] = field(default_factory=list)
