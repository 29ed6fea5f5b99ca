"""What a strategy is, and the next run it leads to. Knows no store and runs no job.

A schedule is a firing that is refired when it settles, at the time its strategy gives. A strategy is a
pure rule: the same parameters, state and observation always give the same plan.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple, Protocol, TypeVar

import msgspec

from skunkqueue.errors import DamagedPayloadError, PluginError, PluginTimeoutError
from skunkqueue.ids import new_id
from skunkqueue.payload import decode_body, job_label
from skunkqueue.plugins import STRATEGIES, calls, registry
from skunkqueue.records import Firing, Refire, Run, Schedule, Verdict
from skunkqueue.show import brief
from skunkqueue.times import MAX_MOMENT

logger = logging.getLogger(__name__)
T = TypeVar("T")

MAX_STATE = 65_536
"""Bytes that a strategy may remember."""
MAX_LATE = 10 * 366 * 86_400.0
"""Seconds that a run may be overdue when it is planned; one that is planned for an earlier time is due now."""
_SMALL = 1_024
"""Bytes of a body that is not read anew for each run."""
EXPIRED_PAUSE = 1.0
"""Seconds to the next run, at least, where two runs in a row could not begin before they expired."""


class Observation(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a strategy gets about the run that has just ended; times by the store's clock."""

    now: float
    due: float
    """When the run was planned to begin; a retry leaves that as it was."""
    began: float | None
    """``None``: it never began (killed or expired while pending, or purged)."""
    took: float
    """Seconds the job's code ran in its last attempt."""
    verdict: str
    """complete, error, killed or expired."""
    attempts: int
    """Tries this run took; all but the last failed. Those under which a worker died do not count."""
    whole: bool = True
    """It ran from its beginning to its end in one go, so that ``took`` is the time of a whole run."""
    interval: float | None
    """What the strategy chose before this run."""


class Plan(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a strategy decides."""

    due: float | None
    """When the next run is due; ``None``: the schedule ends."""
    state: bytes
    """The strategy's own memory, encoded; at most a few hundred bytes."""
    interval: float | None = None
    """Seconds between runs as it stands now, for listings."""
    expires: float | None = None
    """When it is too late for that run to begin; it then counts as seen, expired, and another is planned.

    Not before ``due``.
    """


class Before(msgspec.Struct, frozen=True, kw_only=True):
    """What a strategy gets about the declaration that a new one replaces."""

    params: bytes
    state: bytes
    due: float | None
    """When the planned or present run was due; ``None``: no run is planned (it is paused)."""
    running: bool
    """That run has begun, and ends by itself; the next must not be planned beside it."""


class Strategy(Protocol):
    """The rule of a schedule, found by name in the entry-point group ``skunkqueue.strategies``.

    Two more methods count where a strategy has them. ``again(params, before, now)`` plans the first run of a
    schedule that replaces another of the same strategy, whether the job or the rule has changed; without it,
    ``first`` plans it where the parameters have changed, and otherwise the schedule goes on as it was.
    ``describe(params)`` returns the rule in a few words, for listings.
    """

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


def ask(name: str, function: Callable[[], T], limit: float | None = None) -> T:
    """Call what runs a strategy's code, for ``limit`` seconds at most (``calls.LIMIT``), and return what it returns.

    Raises what the strategy raises, and PluginTimeoutError, which names the strategy, where it does not return
    in time.
    """
    limit = calls.LIMIT if limit is None else limit
    try:
        return calls.call_within(limit, function)
    except PluginTimeoutError:
        msg = (
            f"the strategy {name!r} (from {registry.origin(STRATEGIES, name)}) did not return within {limit:g} s: "
            f"update or remove it, or declare the schedule with another"
        )
        raise PluginTimeoutError(msg) from None


def describe(strategy: Strategy, params: bytes) -> str:
    """Return a rule in a few words; empty where the strategy has none, or raises.

    It may also not return: see ``ask``.
    """
    tell = getattr(strategy, "describe", None)
    if not callable(tell):
        return ""
    try:
        return str(tell(params))
    except Exception:  # noqa: BLE001 - a plugin may raise anything, and a listing must go on
        return ""


def firing_for(schedule: Schedule, plan: Plan) -> Firing | None:
    """Make the firing that a plan asks for; ``None`` where the schedule ends."""
    if plan.due is None:
        return None
    body = schedule.body
    said = _read_small(body) if len(body) <= _SMALL else _read(body)
    expires = plan.expires
    if said.expires_in is not None:
        ends = plan.due + said.expires_in
        expires = ends if expires is None else min(ends, expires)
    return Firing(
        id=new_id(),
        queue=schedule.queue,
        route=schedule.route,
        body=body,
        priority=schedule.priority,
        due=plan.due,
        expires=expires,
        job=said.job,
        tags=said.tags,
        schedule=schedule.name,
    )


class _Said(NamedTuple):
    """What a schedule's body says of each of its firings."""

    job: str = ""
    tags: tuple[str, ...] = ()
    expires_in: float | None = None


def _read(data: bytes) -> _Said:
    try:
        body = decode_body(data)
    except DamagedPayloadError:
        # The worker that runs it reports what is wrong with it.
        return _Said()
    return _Said(job_label(body.name), body.tags, body.expires_in)


_read_small = lru_cache(maxsize=1_000)(_read)
"""As ``_read``; the body of a schedule is the same in each of its runs."""


def plan_declared(
    strategy: Strategy, params: bytes, now: float, old: Schedule | None = None, *, running: bool = False
) -> Plan:
    """Plan the first run of a schedule as it is declared, also where it replaces ``old``.

    A strategy that stays the same goes on where it was. ``running``: the old one's firing has begun.
    """
    if old is None:
        return _sound(strategy.first(params, now), now)
    again = getattr(strategy, "again", None)
    if again is not None:
        due = old.next_run
        before = Before(params=old.params, state=old.state, due=due, running=running)
        try:
            return _sound(again(params, before, now), now)
        except Exception:
            # A schedule with damaged parameters or state can be declared anew.
            logger.exception("schedule %r begins anew, since its strategy cannot go on", old.name)
            return _sound(strategy.first(params, now), now)
    if old.params != params:
        return _sound(strategy.first(params, now), now)
    if old.next_run is not None and not running:
        return Plan(due=old.next_run, state=old.state, interval=old.interval)
    return skipped(old, strategy, now, began=now if running else None)


def skipped(schedule: Schedule, strategy: Strategy, now: float, *, began: float | None = None) -> Plan:
    """Plan the next run where no worker saw the one before end (killed while pending, purged, paused, replaced)."""
    seen = Observation(
        now=now,
        due=schedule.next_run if schedule.next_run is not None else now,
        began=began,
        took=0.0,
        verdict=Verdict.KILLED.value,
        attempts=0,
        interval=schedule.interval,
    )
    return _sound(strategy.after(schedule.params, schedule.state, seen), now)


def _sound(plan: Plan, now: float) -> Plan:
    """Return a plan that a store can keep; PluginError says what is wrong with another."""
    if not isinstance(plan, Plan):
        msg = f"a strategy must return a skunkqueue.schedule.Plan, not {brief(plan)}"
        raise PluginError(msg)
    for name, value in (("due", plan.due), ("interval", plan.interval), ("expires", plan.expires)):
        # Most are floats: for each run of a schedule, what is looked at first is what costs.
        if value is None or (type(value) is float and -MAX_MOMENT <= value <= MAX_MOMENT):
            continue
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not abs(value) <= MAX_MOMENT:
            msg = f"a strategy's plan has {name}={brief(value)}: it must be None, or a number of seconds up to {MAX_MOMENT:g}"
            raise PluginError(msg)
    if plan.interval is not None and plan.interval < 0:
        msg = f"a strategy's plan has interval={brief(plan.interval)}: it must be None, or at least 0 seconds"
        raise PluginError(msg)
    if plan.due is not None and plan.expires is not None and plan.expires < plan.due:
        msg = f"a strategy's plan has expires={brief(plan.expires)}, before due={brief(plan.due)}: the run could never begin"
        raise PluginError(msg)
    if not isinstance(plan.state, bytes) or len(plan.state) > MAX_STATE:
        size = f"{len(plan.state)} bytes" if isinstance(plan.state, bytes) else brief(plan.state)
        msg = f"a strategy's state must be bytes, at most {MAX_STATE}, not {size}"
        raise PluginError(msg)
    if plan.due is not None and plan.due < now - MAX_LATE:
        # Else it would be claimed before everything that waits on its route.
        return _put_off(plan, now)
    return plan


def _put_off(plan: Plan, least: float) -> Plan:
    """Return a plan that is not due before ``least``; when it expires moves with it."""
    if plan.due is None or plan.due >= least:
        return plan
    expires = None if plan.expires is None else plan.expires + least - plan.due
    return msgspec.structs.replace(plan, due=least, expires=expires)


def refire(
    schedule: Schedule, firing_id: str, strategy: Strategy, seen: Observation, late: float = 0.0
) -> Refire:
    """Work out what follows a run of a schedule, to be settled together with it; ``late``: as in ``Run``."""
    plan = _sound(strategy.after(schedule.params, schedule.state, seen), seen.now)
    if seen.verdict == Verdict.EXPIRED.value == schedule.verdict:
        plan = _put_off(plan, seen.now + EXPIRED_PAUSE)
    return Refire(
        queue=schedule.queue,
        name=schedule.name,
        generation=schedule.generation,
        firing=firing_for(schedule, plan),
        state=plan.state,
        run=_run(firing_id, seen, plan.interval, late),
    )


def unplanned(schedule: Schedule, firing_id: str, seen: Observation, late: float = 0.0) -> Refire:
    """Note a run of a schedule after which its strategy planned nothing."""
    return Refire(
        queue=schedule.queue,
        name=schedule.name,
        generation=schedule.generation,
        firing=None,
        state=schedule.state,
        run=_run(firing_id, seen, schedule.interval, late),
        unplanned=True,
    )


def _run(firing_id: str, seen: Observation, interval: float | None, late: float) -> Run:
    return Run(
        id=firing_id,
        began=seen.began if seen.began is not None else seen.now,
        took=seen.took,
        verdict=seen.verdict,
        interval=interval,
        late=late,
    )


def foresee(schedule: Schedule, strategy: Strategy, began: float, count: int) -> list[Plan]:
    """Work out up to ``count`` plans that follow the armed run, if it begins (or began) at ``began``.

    Each run is taken to last as long as the last one did, to begin when it is due, and to complete. A plan without a
    due time is the last. Nothing is kept. Raises PluginError for a plan that no store could keep, and whatever the
    strategy raises.
    """
    took = schedule.took or 0.0
    due = schedule.next_run if schedule.next_run is not None else began
    plan = Plan(due=due, state=schedule.state, interval=schedule.interval)
    plans: list[Plan] = []
    while len(plans) < count and plan.due is not None:
        ends = began + took
        seen = Observation(
            now=ends,
            due=plan.due,
            began=began,
            took=took,
            verdict=Verdict.COMPLETE.value,
            attempts=1,
            interval=plan.interval,
        )
        plan = _sound(strategy.after(schedule.params, plan.state, seen), ends)
        plans.append(plan)
        if plan.due is not None:
            began = max(plan.due, ends)
    return plans
