"""What strategies that adapt their pace have in common: when the next run is due, and what counts as trouble."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from skunkqueue.records import Verdict
from skunkqueue.schedule import Before, Observation, Plan
from skunkqueue.scheduler.settings import Interval, Span, seconds, within

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
        """Tell the seconds from one run to the next, exactly within the bounds."""
        return min(max(1 / rate, self.shortest), self.longest)


def rates(what: str, initial: Span | None, shortest: Span, longest: Span) -> Rates:
    """Check the first interval (by default a minute, or the bound nearest to it) and its bounds."""
    low = seconds(f"{what}'s shortest", shortest)
    high = seconds(f"{what}'s longest", longest)
    begin = min(max(60.0, low), high) if initial is None else seconds(f"{what}'s initial", initial)
    within(f"{what}'s initial", begin, ("shortest", low), ("longest", high))
    return Rates(initial=begin, shortest=low, longest=high)


def next_due(seen: Observation, interval: float) -> float:
    """Tell when a run is due that begins ``interval`` after the one seen began, and not before it ended."""
    if seen.began is None:
        return seen.now + interval
    # A clock that was set back must not put the run off by as much.
    return max(seen.now, min(seen.began, seen.now) + interval)


def judge(seen: Observation, interval: float, *, first: bool) -> str:
    """Tell how a run fared that was to begin ``interval`` seconds before the next.

    It overran if it was not done, counted from when it was due, within the interval: so a run that had to
    wait for a worker shows that there is more to do than the workers can. The first run does not wait by its
    own fault (workers may be started after the schedule is declared), so only its run time counts. One that
    people killed, that expired, that asked to be put off or whose worker died under it says nothing.
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
