"""RTO: the next run begins when the last can be expected to be over, as TCP expects an answer.

The interval is the retransmission timeout of RFC 6298, with a run's time R in the place of a round trip's:

- before the first run it is ``initial`` (2.1);
- after the first: SRTT = R, RTTVAR = R/2 (2.2);
- after each other: RTTVAR = 3/4 RTTVAR + 1/4 |SRTT - R|, then SRTT = 7/8 SRTT + 1/8 R (2.3);
- interval = SRTT + max(G, 4 RTTVAR), not below ``lower`` (2.4), not above ``upper`` (2.5);
- a failed attempt doubles it, up to ``upper`` (5.5), until a run gives a new sample (end of section 5);
- a run that was retried or put off gives no sample, since its time is not that of one run (section 3, Karn's
  rule: Karn and Partridge, Improving Round-Trip Time Estimates in Reliable Transport Protocols, 1987).
"""

from __future__ import annotations

import msgspec

from skunkqueue.queue import SkunkQueue
from skunkqueue.records import Verdict
from skunkqueue.schedule import Before, Observation, Plan
from skunkqueue.scheduler.base import Scheduler
from skunkqueue.scheduler.pace import DAY, go_on, next_due
from skunkqueue.scheduler.settings import Interval, Length, Span, recalled, seconds, spell, within

ALPHA = 1 / 8
BETA = 1 / 4
K = 4
_MOST_DOUBLINGS = 60


class Params(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a schedule of this kind, in seconds."""

    initial: Interval
    lower: Interval
    upper: Interval
    granularity: Interval


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What it remembers, in seconds."""

    srtt: Length | None
    """``None``: no run was measured yet."""
    rttvar: Length
    rto: Interval


_params = msgspec.json.Decoder(Params)
_state = msgspec.json.Decoder(State)


class RTOStrategy:
    """The strategy; its rule is described at the top of the module."""

    def first(self, params: bytes, now: float) -> Plan:
        """Plan a run at once."""
        fresh = _fresh(_params.decode(params))
        return Plan(due=now, state=msgspec.json.encode(fresh), interval=fresh.rto)

    def after(self, params: bytes, state: bytes, seen: Observation) -> Plan:
        """Plan the run that follows the one seen."""
        rule = _params.decode(params)
        known = learned(rule, _recalled(rule, state), seen)
        return Plan(due=next_due(seen, known.rto), state=msgspec.json.encode(known), interval=known.rto)

    def again(self, params: bytes, before: Before, now: float) -> Plan:
        """Go on with what was learned, within new bounds."""
        rule = _params.decode(params)
        known = _recalled(rule, before.state)
        return go_on(before, msgspec.json.encode(known), known.rto, now)

    def describe(self, params: bytes) -> str:
        """Return the rule in a few words."""
        rule = _params.decode(params)
        return (
            f"every {spell(rule.lower)} to {spell(rule.upper)}: as long as a run takes, with a margin; twice that after a "
            "failure"
        )


def learned(rule: Params, known: State, seen: Observation) -> State:
    """Update the estimate by a run."""
    failed = max(seen.attempts, 1) if seen.verdict == Verdict.ERROR.value else seen.attempts - 1
    if failed > 0:
        doubled = known.rto * 2.0 ** min(failed, _MOST_DOUBLINGS)
        return msgspec.structs.replace(known, rto=_bounded(rule, doubled))
    if seen.began is None or seen.verdict != Verdict.COMPLETE.value or not seen.whole:
        return known
    took = seen.took
    if known.srtt is None:
        srtt, rttvar = took, took / 2
    else:
        rttvar = (1 - BETA) * known.rttvar + BETA * abs(known.srtt - took)
        srtt = (1 - ALPHA) * known.srtt + ALPHA * took
    rto = _bounded(rule, srtt + max(rule.granularity, K * rttvar))
    return State(srtt=srtt, rttvar=rttvar, rto=rto)


def _fresh(rule: Params) -> State:
    return State(srtt=None, rttvar=0.0, rto=_bounded(rule, rule.initial))


def _recalled(rule: Params, state: bytes) -> State:
    known = recalled(_state, state, _fresh(rule))
    return msgspec.structs.replace(known, rto=_bounded(rule, known.rto))


def _bounded(rule: Params, rto: float) -> float:
    return min(max(rto, rule.lower), rule.upper)


class RTOScheduler(Scheduler):
    """Runs jobs again as soon as the last run can be expected to be over; see ``skunkqueue.scheduler.rto``.

    All are timedeltas or seconds: ``initial``, the interval before anything is known (1 s); ``lower`` and
    ``upper``, the bounds of the interval (1 s and a day); ``granularity``, G, the least that is left between
    two runs (0.1 s). ScheduleError for what makes no sense.
    """

    def __init__(
        self,
        queue: SkunkQueue,
        *,
        initial: Span | None = None,
        lower: Span = 1.0,
        upper: Span = DAY,
        granularity: Span = 0.1,
        name: str | None = None,
    ) -> None:
        low = seconds("RTOScheduler's lower", lower)
        high = seconds("RTOScheduler's upper", upper)
        begin = min(max(1.0, low), high) if initial is None else seconds("RTOScheduler's initial", initial)
        within("RTOScheduler's initial", begin, ("lower", low), ("upper", high))
        grain = seconds("RTOScheduler's granularity", granularity)
        params = Params(initial=begin, lower=low, upper=high, granularity=grain)
        super().__init__(queue, "rto", msgspec.json.encode(params), name=name)
