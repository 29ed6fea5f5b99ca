"""What a strategy is, and the next run it leads to. Knows no store and runs no job.

A schedule is a firing that is refired when it settles, at the time its strategy gives. A strategy is a
pure rule: the same parameters, state and observation always give the same plan.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from skunkqueue.errors import PluginError
from skunkqueue.ids import new_id
from skunkqueue.plugins import STRATEGIES, registry
from skunkqueue.records import Firing, Refire, Run, Schedule


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """What a strategy learns of the run that has just ended; times by the store's clock."""

    now: float
    due: float
    """When the run was due."""
    began: float | None
    """``None``: it never began (killed or expired while pending, or purged)."""
    took: float
    """Seconds the job's code ran in its last attempt."""
    verdict: str
    """complete, error, killed or expired."""
    attempts: int
    """Tries this run took; over 1, its run time belongs to a retry."""
    interval: float | None
    """What the strategy chose before this run."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a strategy decides."""

    due: float | None
    """When the next run is due; ``None``: there is none, the schedule ends."""
    state: bytes
    """The strategy's own memory, encoded; at most a few hundred bytes."""
    interval: float | None = None
    """Seconds between runs it now holds right, for listings."""


class Strategy(Protocol):
    """The rule of a schedule, found by name in the entry-point group ``skunkqueue.strategies``."""

    def first(self, params: bytes, now: float) -> Plan:
        """Plan the first run of a schedule declared now."""

    def after(self, params: bytes, state: bytes, seen: Observation) -> Plan:
        """Plan the run that follows the one seen."""


def find_strategy(name: str) -> Strategy:
    """Load a strategy by name; PluginError where it is not installed or broken."""
    # A schedule in the store names its strategy, so only registered names count, never an import path.
    if ":" in name:
        msg = f"{name!r} is not the name of an installed strategy"
        raise PluginError(msg)
    found = registry.find(STRATEGIES, name)
    strategy: Strategy = found() if isinstance(found, type) else found  # type: ignore[assignment]
    return strategy


def firing_for(schedule: Schedule, plan: Plan) -> Firing | None:
    """Make the firing that a plan asks for; ``None`` where the schedule ends."""
    if plan.due is None:
        return None
    return Firing(
        id=new_id(),
        queue=schedule.queue,
        route=schedule.route,
        body=schedule.body,
        priority=schedule.priority,
        due=plan.due,
    )


def refire(schedule: Schedule, firing_id: str, strategy: Strategy, seen: Observation) -> Refire:
    """Work out what follows a run of a schedule, to be settled together with it."""
    plan = strategy.after(schedule.params, schedule.state, seen)
    return Refire(
        queue=schedule.queue,
        name=schedule.name,
        generation=schedule.generation,
        firing=firing_for(schedule, plan),
        state=plan.state,
        run=Run(
            id=firing_id,
            began=seen.began if seen.began is not None else seen.now,
            took=seen.took,
            verdict=seen.verdict,
            interval=plan.interval,
        ),
    )
