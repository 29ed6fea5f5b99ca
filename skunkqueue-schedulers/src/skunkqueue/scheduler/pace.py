"""What strategies that adapt their pace share: when the next run is due, what counts as trouble, and rates of runs.

How a strategy moves its rate is its own rule, in a module of its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import timedelta
from typing import Generic, TypeVar

import msgspec

from skunkqueue.records import Verdict
from skunkqueue.schedule import Before, Observation, Plan
from skunkqueue.scheduler.settings import Interval, Rate, Span, number, recalled, seconds, within

DAY = timedelta(days=1)
GOOD, OVERRAN, FAILED, NOTHING = "good", "overran", "failed", "nothing"


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """The first interval and its bounds, in seconds; a rate is runs per second, one through an interval."""

    initial: Interval
    shortest: Interval
    longest: Interval

    def bounded(self, rate: float) -> float:
        """Return the nearest rate within the bounds."""
        return min(max(rate, 1 / self.longest), 1 / self.shortest)

    def interval(self, rate: float) -> float:
        """Return the seconds from one run to the next, exactly within the bounds."""
        return min(max(1 / rate, self.shortest), self.longest)


class RateState(msgspec.Struct, frozen=True, kw_only=True):
    """What a strategy that goes by a rate remembers."""

    rate: Rate
    """Runs per second."""
    runs: int = 0


P = TypeVar("P", bound=Rates)
S = TypeVar("S", bound=RateState)


class RateStrategy(ABC, Generic[P, S]):
    """A strategy that moves a rate of runs by how each run fared. A subclass has the rule for that."""

    params: msgspec.json.Decoder[P]
    state: msgspec.json.Decoder[S]

    @abstractmethod
    def fresh(self, rule: P) -> S:
        """Return the state before the first run."""

    @abstractmethod
    def adapted(self, rule: P, known: S, seen: Observation) -> S:
        """Return the state after a run."""

    def carried_over(self, rule: P, known: S, before: bytes) -> S:  # noqa: ARG002 - for a rule that compares
        """Return the state for a rule that takes the place of the one encoded in ``before``."""
        return msgspec.structs.replace(known, rate=rule.bounded(known.rate))

    @abstractmethod
    def described(self, rule: P) -> str:
        """Describe a rule in a few words."""

    def first(self, params: bytes, now: float) -> Plan:
        """Plan a run at once."""
        rule = self.params.decode(params)
        return _plan(rule, self.fresh(rule), now)

    def after(self, params: bytes, state: bytes, seen: Observation) -> Plan:
        """Plan the run that follows the one seen."""
        rule = self.params.decode(params)
        known = self.adapted(rule, recalled(self.state, state, self.fresh(rule)), seen)
        return _plan(rule, known, next_due(seen, rule.interval(known.rate)))

    def again(self, params: bytes, before: Before, now: float) -> Plan:
        """Go on at the pace reached, within new bounds."""
        rule = self.params.decode(params)
        old = recalled(self.state, before.state, self.fresh(rule))
        known = self.carried_over(rule, old, before.params)
        return go_on(before, msgspec.json.encode(known), rule.interval(known.rate), now)

    def describe(self, params: bytes) -> str:
        """Describe the rule in a few words."""
        return self.described(self.params.decode(params))


def _plan(rule: Rates, known: RateState, due: float) -> Plan:
    return Plan(due=due, state=msgspec.json.encode(known), interval=rule.interval(known.rate))


def growth(what: str, increase: float | None, pace: Rates) -> float:
    """Check by how much a good run lets the rate grow; by default a tenth of the first rate."""
    return 0.1 / pace.initial if increase is None else number(f"{what}'s increase", increase, 0, 1e6)


def rates(what: str, initial: Span | None, shortest: Span, longest: Span) -> Rates:
    """Check the first interval (by default a minute, or the bound nearest to it) and its bounds."""
    low = seconds(f"{what}'s shortest", shortest)
    high = seconds(f"{what}'s longest", longest)
    begin = min(max(60.0, low), high) if initial is None else seconds(f"{what}'s initial", initial)
    within(f"{what}'s initial", begin, ("shortest", low), ("longest", high))
    return Rates(initial=begin, shortest=low, longest=high)


def next_due(seen: Observation, interval: float) -> float:
    """Return when a run is due that begins ``interval`` after the one seen began, and not before it ended."""
    if seen.began is None:
        return seen.now + interval
    # A clock that was set back must not put the run off by as much.
    return max(seen.now, min(seen.began, seen.now) + interval)


def judge(seen: Observation, interval: float, *, first: bool) -> str:
    """Return whether a run was good, overran, failed or says nothing; the next was to begin ``interval`` seconds after it.

    It overran if it was not done, counted from when it was due, within the interval: so a run that had to
    wait for a worker shows that there is more to do than the workers can. Only the run time of the first run
    counts, since workers may be started after the schedule is declared. A run that was killed, that expired, that
    snoozed, or whose worker died under it says nothing.
    """
    if seen.verdict == Verdict.ERROR.value or seen.attempts > 1:
        return FAILED
    if seen.began is None or seen.verdict != Verdict.COMPLETE.value or not seen.whole:
        return NOTHING
    since = seen.began if first else min(seen.due, seen.began)
    return OVERRAN if seen.began + seen.took - since > interval else GOOD


def go_on(before: Before, state: bytes, interval: float, now: float) -> Plan:
    """Plan the next run of a schedule whose rule is changed: at once at the new pace."""
    due = now + interval
    if before.due is not None and not before.running:
        due = min(due, before.due)
    return Plan(due=due, state=state, interval=interval)
