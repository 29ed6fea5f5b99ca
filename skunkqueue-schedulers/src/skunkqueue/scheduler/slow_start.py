"""SlowStart: the rate of runs doubles until a threshold or the first trouble, then grows by a constant.

With the rate r in runs per second and the interval 1/r, as RFC 5681 does with a congestion window:

- a good run: below the threshold r = min(2 r, threshold), else r = r + ``increase`` (3.1);
- one that overran: threshold = r/2 and r = threshold (3.1, equation 4; 3.2, step 6);
- one that failed or was retried: threshold = r/2, and r is the first rate again (3.1, a time-out's loss window);
- always 1/``longest`` <= r <= 1/``shortest``.
"""

from __future__ import annotations

import msgspec

from skunkqueue.queue import SkunkQueue
from skunkqueue.schedule import Observation
from skunkqueue.scheduler.base import Scheduler
from skunkqueue.scheduler.pace import (
    DAY,
    GOOD,
    NOTHING,
    OVERRAN,
    Rates,
    RateState,
    RateStrategy,
    growth,
    judge,
    rates,
)
from skunkqueue.scheduler.settings import Interval, Rate, Span, seconds, spell, within
from skunkqueue.scheduler.words import runs


class Params(Rates, frozen=True, kw_only=True):
    """The parameters of a schedule of this kind."""

    threshold: Interval
    """The interval at which doubling ends at first."""
    increase: Rate
    """Runs per second."""


class State(RateState, frozen=True, kw_only=True):
    """What it remembers."""

    threshold: Rate
    """Runs per second."""


class SlowStartStrategy(RateStrategy[Params, State]):
    """The strategy; its rule is described at the top of the module."""

    params = msgspec.json.Decoder(Params)
    state = msgspec.json.Decoder(State)

    def fresh(self, rule: Params) -> State:
        """Begin at the first rate, and with the threshold that was given."""
        return State(rate=1 / rule.initial, threshold=1 / rule.threshold)

    def adapted(self, rule: Params, known: State, seen: Observation) -> State:
        """Move the rate, and at trouble the threshold, by how a run fared."""
        how = judge(seen, rule.interval(known.rate), first=known.runs == 0)
        if how == NOTHING:
            return known
        rate, threshold = known.rate, known.threshold
        if how == GOOD:
            rate = min(2 * rate, threshold) if rate < threshold else rate + rule.increase
        else:
            threshold = rule.bounded(rate / 2)
            rate = threshold if how == OVERRAN else min(1 / rule.initial, threshold)
        return State(rate=rule.bounded(rate), threshold=threshold, runs=known.runs + 1)

    def carried_over(self, rule: Params, known: State, before: bytes) -> State:
        """Keep the rate and the threshold within new bounds; a new threshold replaces the one that was found."""
        same = self.params.decode(before).threshold == rule.threshold
        threshold = rule.bounded(known.threshold) if same else 1 / rule.threshold
        return State(rate=rule.bounded(known.rate), threshold=threshold, runs=known.runs)

    def described(self, rule: Params) -> str:
        """Describe a rule in a few words."""
        return (
            f"every {spell(rule.shortest)} to {spell(rule.longest)}: a good run doubles the rate up to every "
            f"{spell(rule.threshold)}, then adds {runs(rule.increase)}; a run that does not end within its interval halves it; "
            f"a failure sets it back to every {spell(rule.initial)} or less often"
        )


class SlowStartScheduler(Scheduler):
    """Runs jobs twice as often after each good run, until there is trouble; see ``skunkqueue.scheduler.slow_start``.

    ``initial``, ``shortest`` and ``longest``: the interval at first (a minute) and its bounds (a second and a
    day); ``threshold``: the interval at which doubling ends (``shortest``); all as timedeltas or seconds.
    ``increase``: runs per second by which a good run lets the rate grow from then on (a tenth of the first
    rate). ScheduleError for what makes no sense.
    """

    def __init__(
        self,
        queue: SkunkQueue,
        *,
        initial: Span | None = None,
        shortest: Span = 1.0,
        longest: Span = DAY,
        threshold: Span | None = None,
        increase: float | None = None,
        name: str | None = None,
    ) -> None:
        pace = rates("SlowStartScheduler", initial, shortest, longest)
        knee = pace.shortest if threshold is None else seconds("SlowStartScheduler's threshold", threshold)
        within("SlowStartScheduler's threshold", knee, ("shortest", pace.shortest), ("initial", pace.initial))
        params = Params(
            **msgspec.structs.asdict(pace),
            threshold=knee,
            increase=growth("SlowStartScheduler", increase, pace),
        )
        super().__init__(queue, "slow_start", msgspec.json.encode(params), name=name)
