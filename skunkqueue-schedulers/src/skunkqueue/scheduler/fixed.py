"""Time: runs at fixed moments, every so many seconds or as a cron line says.

The moments a rule names are its ticks. One run at a time is planned, for one tick. ``catch_up`` decides about
ticks that pass meanwhile, because no worker was there or the run took long:

- ``one``: a run stands for all ticks that had passed when it began; the next is for the first tick after that.
- ``all``: each tick gets its run, one after the other, however late.
- ``none``: a tick whose run cannot begin within a minute (or before the next tick, if that is sooner) is left out.

A run asked for by hand is an extra one: it replaces no tick and does not count. After a pause, and after a run
was killed or purged before it began, all ticks that have passed are left out.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone, tzinfo
from typing import cast
from zoneinfo import ZoneInfo

import msgspec

from skunkqueue.errors import ScheduleError
from skunkqueue.queue import SkunkQueue
from skunkqueue.schedule import Before, Observation, Plan
from skunkqueue.scheduler.base import Scheduler
from skunkqueue.scheduler.cron import normal
from skunkqueue.scheduler.settings import Span, instant, recalled, seconds, spell
from skunkqueue.scheduler.ticks import (
    CLOSE,
    GRACE,
    CatchUp,
    Params,
    State,
    beginning,
    latest,
    next_tick,
    open_tick,
    plan_tick,
    rhythm,
)
from skunkqueue.scheduler.words import cron_in_words
from skunkqueue.show import brief

_params = msgspec.json.Decoder(Params)
_state = msgspec.json.Decoder(State)


class TimeStrategy:
    """The strategy; its rule is described at the top of the module."""

    def first(self, params: bytes, now: float) -> Plan:
        """Plan the first tick from the start on; without a start that is now, or a cron line's next."""
        rule = _params.decode(params)
        anchor, tick = beginning(rule, now)
        return plan_tick(rule, State(anchor=anchor, tick=anchor, due=anchor), tick)

    def after(self, params: bytes, state: bytes, seen: Observation) -> Plan:
        """Plan the tick that follows the run seen."""
        rule = _params.decode(params)
        known = recalled(_state, state, State(anchor=seen.due, tick=seen.due, due=seen.due))
        right = _set_right(rule, known, seen)
        if right is not known and seen.due > seen.now:
            # The clock was set back while this run went on, or waited.
            ran = seen.began is not None
            known = msgspec.structs.replace(right, last=seen.now, runs=right.runs + ran)
            return plan_tick(rule, known, right.tick)
        known = right
        passed, grace = _left_out(rule, seen)
        early = seen.due < known.due - CLOSE
        if early and latest(rule, known.anchor, known.tick, grace) > passed:
            # It was run by hand, and its tick is still to come.
            return plan_tick(rule, known, known.tick)
        # One that was armed later than planned (after a pause, or a kill) stands for a later tick. It was due
        # well before the one after that; a store may have rounded its time, so that its own is not far off.
        later = seen.due > known.due + CLOSE
        tick = seen.due if later else known.tick
        ran = seen.began is not None and (not early or seen.began >= known.due)
        known = msgspec.structs.replace(known, last=tick, runs=known.runs + ran)
        return plan_tick(rule, known, open_tick(rule, known.anchor, tick + CLOSE * later, passed, grace))

    def again(self, params: bytes, before: Before, now: float) -> Plan:
        """Go on where the old rule was; where the new rule names other moments, from the last run on."""
        rule, old, known = _params.decode(params), _params.decode(before.params), _state.decode(before.state)
        if rhythm(rule) != rhythm(old):
            return _changed(rule, old, known, before, now)
        if before.due is not None and not before.running:
            plan = plan_tick(rule, known, known.tick)
            if plan.due is None or abs(before.due - known.due) <= CLOSE:
                return plan
            # It was armed for another time, by hand or (later) after a pause; ``after`` knows from the state.
            late = plan.expires is not None and before.due > known.due
            expires = before.due + cast("float", plan.expires) - plan.due if late else None
            return msgspec.structs.replace(plan, due=before.due, state=before.state, expires=expires)
        seen = Observation(
            now=now,
            due=now if before.due is None else before.due,
            began=now if before.running else None,
            took=0.0,
            verdict="complete" if before.running else "killed",
            attempts=1,
            interval=None,
        )
        plan = self.after(params, before.state, seen)
        if not before.running or plan.due is None or plan.due > now:
            return plan
        # A tick that is late waits until the present run has had some time to end.
        known = _state.decode(plan.state)
        due = next_tick(rule, known.anchor, now)
        if due is None:
            return msgspec.structs.replace(plan, due=None)
        return plan_tick(rule, known, known.tick if rule.catch_up == "all" else due, not_before=due)

    def describe(self, params: bytes) -> str:
        """Return the rule in a few words."""
        rule = _params.decode(params)
        if rule.every is not None:
            return f"every {spell(rule.every)}"
        return "" if rule.cron is None else cron_in_words(normal(rule.cron), rule.tz)


def _set_right(rule: Params, known: State, seen: Observation) -> State:
    """Move back ticks that are far ahead because the store's clock was set back after they were planned.

    The armed tick is then the first one to come.
    """
    now = seen.now
    # The first tick may be far ahead by its rule; but not if its run has begun.
    if known.tick <= now or (known.last is None and (seen.began is None or seen.due <= now)):
        return known
    following = next_tick(rule, -1e11 if rule.every is None else known.anchor % rule.every, now)
    if following is None:
        return known
    ahead = known.tick - following
    gap = (next_tick(rule, following, following) or following) - following
    if ahead <= 2 * gap:
        return known
    return msgspec.structs.replace(
        known,
        anchor=known.anchor - ahead,
        tick=known.tick - ahead,
        due=known.due - ahead,
        last=None if known.last is None else known.last - ahead,
    )


def _changed(rule: Params, old: Params, known: State, before: Before, now: float) -> Plan:
    """Plan the first run of a rule with other ticks than the one before."""
    if before.running:
        # The end of that run will not be seen. A pause during it has removed its due time.
        due = known.due if before.due is None else before.due
        planned = due >= known.due - CLOSE
        known = msgspec.structs.replace(known, last=due, runs=known.runs + planned)
    # A time from the declaration on is over with the first run.
    free = rule.start is None and (rule.start_in is None or known.last is not None)
    if rule.every is not None and free and known.last is not None:
        tick: float | None = max(now, known.last + rule.every)
        if before.running and tick == now:
            tick = now + rule.every
        anchor = cast("float", tick)
    else:
        anchor, tick = beginning(rule, now)
        same_start = rule.start_in is not None and rule.start_in == old.start_in
        if rule.every is not None and same_start and before.due is not None and tick is not None:
            # A schedule that is declared again and again must still run.
            anchor = tick = max(now, min(tick, before.due))
        overdue = before.due is not None and not before.running and before.due <= now
        if before.running and tick is not None and tick <= now:
            tick = next_tick(rule, anchor, now)
        elif overdue and rule.catch_up != "none" and (free or (rule.start is not None and rule.start <= now)):
            tick = None if tick is None else now
    return plan_tick(rule, msgspec.structs.replace(known, anchor=anchor), tick)


def _left_out(rule: Params, seen: Observation) -> tuple[float, float]:
    """Return the moment up to which passed ticks get no run of their own, and how late a run may be."""
    if seen.began is None and seen.verdict != "expired":
        return seen.now, 0.0
    if rule.catch_up == "all":
        return -math.inf, 0.0
    if rule.catch_up == "none":
        return seen.now, GRACE
    # A run that began before the clock was set back began in the future.
    return (seen.now if seen.began is None else min(seen.began, seen.now)), 0.0


class TimeScheduler(Scheduler):
    """Runs jobs at fixed moments; see ``skunkqueue.scheduler.fixed``.

    ``every``: a timedelta or seconds, the first run at once; or a cron line of five or six fields (with six,
    the first is the second), or ``@yearly``, ``@monthly``, ``@weekly``, ``@daily``, ``@hourly``, in the zone
    ``tz`` (a name, or a ZoneInfo). A timedelta of 24 hours is that long also when a clock is changed; say
    ``@daily`` for once a day.

    ``catch_up``: what becomes of runs that were missed (``one``, ``all`` or ``none``; see the module).
    ``jitter``: each run is late by a random time of up to this long, but never past the next tick.
    ``start``: when the first run may be, a datetime with a zone, which intervals then count from, or a
    timedelta from when it is declared. ``until``: no tick after this datetime has a run. ``times``: so many
    runs, and no more.

    ScheduleError for what makes no sense, NaiveDatetimeError for a datetime without a zone.
    """

    def __init__(
        self,
        queue: SkunkQueue,
        every: Span | str,
        *,
        tz: str | tzinfo = "UTC",
        catch_up: CatchUp = "one",
        jitter: Span = 0.0,
        start: datetime | timedelta | None = None,
        until: datetime | None = None,
        times: int | None = None,
        name: str | None = None,
    ) -> None:
        cron = normal(every) if isinstance(every, str) else None
        interval = None if isinstance(every, str) else seconds("TimeScheduler's interval", every)
        spread = seconds("TimeScheduler's jitter", jitter, least=0.0)
        if interval is not None and spread >= interval:
            msg = f"TimeScheduler's jitter ({spread:g} s) must be less than its interval ({interval:g} s)"
            raise ScheduleError(msg)
        if catch_up not in ("one", "all", "none"):
            msg = f"TimeScheduler's catch_up must be 'one', 'all' or 'none', not {brief(catch_up)}"
            raise ScheduleError(msg)
        if times is not None and (isinstance(times, bool) or not isinstance(times, int) or times < 1):
            msg = f"TimeScheduler's times must be a whole number of at least 1, not {brief(times)}"
            raise ScheduleError(msg)
        if cron is None and zone_name(tz) != "UTC":
            msg = f"TimeScheduler's tz ({brief(tz)}) is for cron lines; an interval is as long in every zone: leave it out"
            raise ScheduleError(msg)
        relative = isinstance(start, timedelta)
        if start is not None and not isinstance(start, (datetime, timedelta)):
            msg = f"TimeScheduler's start must be a datetime with a time zone, or a timedelta from now on, not {brief(start)}"
            raise ScheduleError(msg)
        begin = None if start is None or relative else instant("TimeScheduler's start", start)
        end = None if until is None else instant("TimeScheduler's until", until)
        if begin is not None and end is not None and end < begin:
            msg = f"TimeScheduler's until ({until}) is before its start ({start}): exchange them"
            raise ScheduleError(msg)
        self._rule = Params(
            every=interval,
            cron=cron,
            tz=zone_name(tz),
            catch_up=catch_up,
            jitter=spread,
            start=begin,
            start_in=seconds("TimeScheduler's start", start, least=0.0) if relative else None,
            until=end,
            times=times,
        )
        super().__init__(queue, "time", msgspec.json.encode(self._rule), name=name)

    def params_for(self, name: str) -> bytes:
        """Return the parameters; with jitter, a schedule's name makes its own."""
        if not self._rule.jitter:
            return self.params
        return msgspec.json.encode(msgspec.structs.replace(self._rule, salt=f"{self.queue.name}/{name}"))


def zone_name(tz: object) -> str:
    """Return the name under which a worker finds a time zone; ScheduleError where there is none."""
    name = "UTC" if tz is timezone.utc else getattr(tz, "key", None) if isinstance(tz, tzinfo) else tz
    try:
        return ZoneInfo(cast("str", name)).key
    except (KeyError, ValueError, TypeError, OSError) as error:
        msg = f"tz must be the name of a time zone, such as 'Europe/Berlin', or a ZoneInfo, not {brief(tz)}"
        raise ScheduleError(msg) from error
