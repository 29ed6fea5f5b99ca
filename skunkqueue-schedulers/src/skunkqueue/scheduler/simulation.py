"""Schedules in virtual time: what a strategy does, run by run, with simulated workers.

For tests, for pictures, and for trying a new strategy before it runs on a store. A thousand runs take
some milliseconds.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence

import msgspec

from skunkqueue.records import Verdict
from skunkqueue.schedule import Observation, Plan, Strategy


class Simulated(msgspec.Struct, frozen=True, kw_only=True):
    """One schedule to simulate."""

    strategy: Strategy
    params: bytes
    takes: Callable[[float], float]
    """Seconds that a run takes that begins at this time."""
    fails: Callable[[float], bool] = lambda _began: False
    """Whether a run fails that begins at this time."""
    declared: float = 0.0


class SimulatedRun(msgspec.Struct, frozen=True, kw_only=True):
    """One run as it went; times in seconds from the beginning of the simulation."""

    due: float
    began: float
    took: float
    verdict: str
    interval: float | None
    """What the strategy chose after it."""

    @property
    def ended(self) -> float:
        """When it ended."""
        return self.began + self.took


def simulate(schedules: Sequence[Simulated], until: float, *, workers: int = 1) -> list[list[SimulatedRun]]:
    """Run schedules on so many workers until a time, each run first come, first served; return the runs of each.

    A run that could not begin before it expired has the length 0 and the verdict ``expired``. A schedule
    whose strategy plans no run ends, as a real one does.
    """
    play = _Play(schedules, workers)
    while play.step(until):
        pass
    return play.runs


class _Play:
    """The state of a simulation."""

    def __init__(self, schedules: Sequence[Simulated], workers: int) -> None:
        self.schedules = schedules
        self.runs: list[list[SimulatedRun]] = [[] for _ in schedules]
        # Planned runs: due time and number of the schedule.
        self.waiting: list[tuple[float, int]] = []
        # Present runs, by their end: only then is the next due time of their schedule known.
        self.ending: list[tuple[float, int, SimulatedRun]] = []
        self.free = workers
        self.now = 0.0
        self.plans: list[Plan] = []
        for number, one in enumerate(schedules):
            plan = one.strategy.first(one.params, one.declared)
            self.plans.append(plan)
            self._wait(number, plan)

    def step(self, until: float) -> bool:
        """End or begin one run, whichever comes first; False: nothing more begins before ``until``."""
        begins = max(self.now, self.waiting[0][0]) if self.waiting and self.free else math.inf
        if self.ending and self.ending[0][0] <= begins:
            self.now, number, run = heapq.heappop(self.ending)
            self.free += 1
            self._conclude(number, run)
            return True
        if begins >= until:
            return False
        self.now = begins
        self._begin(begins)
        return True

    def _begin(self, now: float) -> None:
        due, number = heapq.heappop(self.waiting)
        one, expires = self.schedules[number], self.plans[number].expires
        if expires is not None and expires < now:
            verdict = Verdict.EXPIRED.value
            self._conclude(number, SimulatedRun(due=due, began=now, took=0.0, verdict=verdict, interval=None))
            return
        self.free -= 1
        verdict = (Verdict.ERROR if one.fails(now) else Verdict.COMPLETE).value
        run = SimulatedRun(due=due, began=now, took=one.takes(now), verdict=verdict, interval=None)
        heapq.heappush(self.ending, (run.ended, number, run))

    def _conclude(self, number: int, run: SimulatedRun) -> None:
        one, plan = self.schedules[number], self.plans[number]
        expired = run.verdict == Verdict.EXPIRED.value
        seen = Observation(
            now=run.ended,
            due=run.due,
            began=None if expired else run.began,
            took=run.took,
            verdict=run.verdict,
            attempts=1,
            interval=plan.interval,
        )
        following = one.strategy.after(one.params, plan.state, seen)
        self.plans[number] = following
        self.runs[number].append(msgspec.structs.replace(run, interval=following.interval))
        self._wait(number, following)

    def _wait(self, number: int, plan: Plan) -> None:
        if plan.due is not None:
            heapq.heappush(self.waiting, (plan.due, number))
