"""The moments that a rule of time names, its ticks, and when a tick's run is due. Knows nothing of past runs."""

from __future__ import annotations

import math
import random
from typing import Annotated, Literal, cast

import msgspec

from skunkqueue.schedule import Plan
from skunkqueue.scheduler.cron import cron_line
from skunkqueue.scheduler.settings import LONGEST, SHORTEST, Length, Moment

CatchUp = Literal["one", "all", "none"]
GRACE = 60.0
"""Seconds by which a run may begin late under ``catch_up='none'``."""
CLOSE = 0.002
"""Seconds by which a store may round a due time."""


class Params(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a schedule of this kind; moments and lengths in seconds."""

    every: Annotated[float, msgspec.Meta(ge=SHORTEST, le=LONGEST)] | None = None
    cron: str | None = None
    """Instead of ``every``."""
    tz: str = "UTC"
    catch_up: CatchUp = "one"
    jitter: Length = 0.0
    salt: str = ""
    """Makes this schedule's jitter differ from that of others."""
    start: Moment | None = None
    start_in: Length | None = None
    until: Moment | None = None
    times: int | None = None


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What it remembers."""

    anchor: Moment
    """Ticks are a whole number of intervals from here."""
    tick: Moment
    """The tick that is armed."""
    due: Moment
    """When its run is due, jitter included."""
    last: Moment | None = None
    """The tick of the run before."""
    runs: int = 0


_encode = msgspec.json.Encoder().encode


def rhythm(rule: Params) -> tuple[object, ...]:
    """Return what decides when the ticks are. A change of anything else in a rule moves no tick."""
    zone = None if rule.cron is None else rule.tz
    return rule.every, rule.cron, zone, rule.start, rule.start_in


def beginning(rule: Params, now: float) -> tuple[float, float | None]:
    """Return what ticks count from, and the first of them."""
    start = now + rule.start_in if rule.start_in is not None else rule.start
    if rule.cron is not None:
        # Ticks are whole seconds; one at the very start counts.
        return 0.0, next_tick(rule, 0.0, now if start is None else max(now, math.ceil(start) - 0.5))
    anchor = now if start is None else start
    return anchor, anchor if anchor >= now else next_tick(rule, anchor, now - CLOSE)


def next_tick(rule: Params, anchor: float, moment: float) -> float | None:
    """Return the first tick after a moment."""
    if rule.every is None:
        return cron_line(cast("str", rule.cron), rule.tz).after(moment)
    count = max(0, int((moment - anchor) // rule.every))
    least = moment + min(1e-6, rule.every / 2)
    tick = anchor + count * rule.every
    if tick <= least:
        tick = anchor + (count + 1) * rule.every
    if tick <= least:
        # By rounding, the present tick seemed to be in the future by a fraction.
        tick = anchor + (count + 2) * rule.every
    return tick


def open_tick(rule: Params, anchor: float, tick: float, passed: float, grace: float) -> float | None:
    """Return the first tick after another whose run may begin after a moment that has passed."""
    recent = passed - (grace if rule.every is None else min(grace, rule.every))
    # Jitter ends before the next tick, so all runs before a tick that has passed are due: looking back to the
    # last tick is enough.
    back = 1.0
    while back < rule.jitter and recent - back > tick and _none_within(rule, anchor, recent - back, recent):
        back *= 2
    found = next_tick(rule, anchor, max(tick, recent - min(back, rule.jitter)))
    while found is not None and latest(rule, anchor, found, grace) <= passed:
        found = next_tick(rule, anchor, found)
    return found


def _none_within(rule: Params, anchor: float, begin: float, end: float) -> bool:
    found = next_tick(rule, anchor, begin)
    return found is None or found > end


def _due(rule: Params, anchor: float, tick: float) -> tuple[float, float]:
    """Return when a tick's run is due, and the seconds until the next tick."""
    following = next_tick(rule, anchor, tick)
    gap = math.inf if following is None else following - tick
    if not rule.jitter:
        return tick, gap
    # Pure, yet different for each schedule and tick; and never so late that a store's rounding meets the next.
    room = max(0.0, min(rule.jitter, gap - 2 * CLOSE))
    return tick + random.Random(f"{rule.salt}@{tick!r}").uniform(0, room), gap  # noqa: S311 - not a secret


def latest(rule: Params, anchor: float, tick: float, grace: float) -> float:
    """Return until when a tick's run may begin, if it may be late by ``grace``, but not past the next tick."""
    if not (rule.jitter or grace):
        # The usual case, without a look for the next tick.
        return tick
    due, gap = _due(rule, anchor, tick)
    return due + min(grace, gap)


def plan_tick(rule: Params, known: State, tick: float | None, *, not_before: float = -math.inf) -> Plan:
    """Plan a tick's run, or the end of the schedule where the rule ends before it."""
    over = rule.times is not None and known.runs >= rule.times
    if tick is None or over or (rule.until is not None and tick > rule.until):
        return Plan(due=None, state=msgspec.json.encode(known))
    if rule.every is None or rule.jitter or rule.catch_up == "none":
        due, gap = _due(rule, known.anchor, tick)
    else:
        # Nobody asks for the gap.
        due, gap = tick, math.inf
    due = max(due, not_before)
    return Plan(
        due=due,
        state=_encode(msgspec.structs.replace(known, tick=tick, due=due)),
        interval=rule.every if rule.every is not None else None if math.isinf(gap) else gap,
        expires=due + min(GRACE, gap) if rule.catch_up == "none" else None,
    )
