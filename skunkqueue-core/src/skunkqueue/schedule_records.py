"""Plain data of schedules: what is declared, and how it stands."""

from __future__ import annotations

import msgspec

from skunkqueue.states import DEFAULT_PRIORITY


class Schedule(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A named job that is fired again and again by a rule."""

    queue: str
    name: str
    route: str
    strategy: str
    """Name in the entry-point group ``skunkqueue.strategies``."""
    params: bytes
    """The strategy's parameters, encoded; no store looks inside."""
    state: bytes
    """The strategy's state after the last run, encoded."""
    body: bytes
    """Body of each firing it makes."""
    priority: int = DEFAULT_PRIORITY
    generation: int = 0
    """Given by the store. It grows each time the declaration changes, and no number is used again after a removal."""
    paused: bool = False
    firing: str | None = None
    """Id of the firing that is armed or running; only its outcome may refire the schedule."""
    declared: float = 0.0
    runs: int = 0
    last_run: float | None = None
    took: float | None = None
    """Run time of the last run."""
    verdict: str | None = None
    """The final state that the last run reached."""
    next_run: float | None = None
    interval: float | None = None
    """What the strategy last chose, in seconds."""

    def declares_the_same_as(self, other: Schedule) -> bool:
        """Return whether declaring the one over the other changes nothing."""
        return all(getattr(self, field) == getattr(other, field) for field in DECLARED)


DECLARED = ("route", "strategy", "params", "body", "priority")
"""Two declarations of a name are the same where these fields are equal."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a schedule stood when the declaration that replaces it was planned."""

    generation: int
    firing: str | None
    runs: int
    running: bool
    """Its firing had begun."""

    @classmethod
    def of(cls, schedule: Schedule, *, running: bool) -> Standing:
        """Return how a schedule stands now."""
        return cls(
            generation=schedule.generation, firing=schedule.firing, runs=schedule.runs, running=running
        )

    def is_that_of(self, schedule: Schedule | None) -> bool:
        """Return whether a schedule stands as it did; whether its firing runs is not compared."""
        if schedule is None:
            return False
        return (schedule.generation, schedule.firing, schedule.runs) == (
            self.generation,
            self.firing,
            self.runs,
        )
