"""AIMD: the rate of runs grows by a constant after a good run, and is cut by a factor after trouble.

With the rate r in runs per second, the interval 1/r, and a and b as ``increase`` and ``decrease``:

- a good run: r = r + a; one that failed, was retried or overran: r = b r; always 1/``longest`` <= r <= 1/``shortest``.

Several schedules with the same a and b that share workers so come to equal rates, whatever they begin with:
additive increase with multiplicative decrease is what leads there (Chiu and Jain, Analysis of the Increase and
Decrease Algorithms for Congestion Avoidance in Computer Networks, 1989); TCP's congestion avoidance is the same (RFC
5681, section 3.1). Theirs add at equal times and ours with each run, so that one that runs more often also grows
faster; but it is also the first to overrun, and is cut more often.
"""

from __future__ import annotations

import msgspec

from skunkqueue.queue import SkunkQueue
from skunkqueue.schedule import Observation
from skunkqueue.scheduler.base import Scheduler
from skunkqueue.scheduler.pace import DAY, GOOD, NOTHING, Rates, RateState, RateStrategy, growth, judge, rates
from skunkqueue.scheduler.settings import Rate, Span, number, spell
from skunkqueue.scheduler.words import runs


class Params(Rates, frozen=True, kw_only=True):
    """The parameters of a schedule of this kind."""

    increase: Rate
    """Runs per second."""
    decrease: float


State = RateState
"""What it remembers."""


class AIMDStrategy(RateStrategy[Params, State]):
    """The strategy; its rule is described at the top of the module."""

    params = msgspec.json.Decoder(Params)
    state = msgspec.json.Decoder(State)

    def fresh(self, rule: Params) -> State:
        """Begin at the first rate."""
        return State(rate=1 / rule.initial)

    def adapted(self, rule: Params, known: State, seen: Observation) -> State:
        """Grow or cut the rate by how a run fared."""
        how = judge(seen, rule.interval(known.rate), first=known.runs == 0)
        if how == NOTHING:
            return known
        rate = known.rate + rule.increase if how == GOOD else known.rate * rule.decrease
        return State(rate=rule.bounded(rate), runs=known.runs + 1)

    def described(self, rule: Params) -> str:
        """Describe a rule in a few words."""
        less = "half" if rule.decrease == 0.5 else f"{rule.decrease:g} times"
        return (
            f"every {spell(rule.shortest)} to {spell(rule.longest)}: {runs(rule.increase)} more after a good run, "
            f"{less} as often after trouble"
        )


class AIMDScheduler(Scheduler):
    """Runs jobs more and more often while all goes well, and less often after trouble; see ``skunkqueue.scheduler.aimd``.

    ``initial``, ``shortest`` and ``longest``: the interval at first (a minute) and its bounds (a second and a
    day), as timedeltas or seconds. ``increase``: runs per second by which a good run lets the rate grow (a
    tenth of the first rate). ``decrease``: the factor that cuts it, between 0 and 1 (0.5). ScheduleError for
    what makes no sense.
    """

    def __init__(
        self,
        queue: SkunkQueue,
        *,
        initial: Span | None = None,
        shortest: Span = 1.0,
        longest: Span = DAY,
        increase: float | None = None,
        decrease: float = 0.5,
        name: str | None = None,
    ) -> None:
        pace = rates("AIMDScheduler", initial, shortest, longest)
        params = Params(
            **msgspec.structs.asdict(pace),
            increase=growth("AIMDScheduler", increase, pace),
            decrease=number("AIMDScheduler's decrease", decrease, 0, 1),
        )
        super().__init__(queue, "aimd", msgspec.json.encode(params), name=name)
