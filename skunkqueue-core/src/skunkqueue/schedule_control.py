"""What people and programs do to schedules: declare, pause, resume, run now, remove. Times come from strategies."""

from __future__ import annotations

import logging
from functools import partial

import msgspec

from skunkqueue.errors import BackendUnavailableError, UnknownScheduleError
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Firing, Schedule, Standing, State
from skunkqueue.schedule import Plan, ask, find_strategy, firing_for, plan_declared, skipped

_TRIES = 20
logger = logging.getLogger(__name__)


def find(backend: Backend, queue: str, name: str) -> Schedule:
    """Read a schedule; UnknownScheduleError where it does not exist."""
    found = backend.get_schedule(queue, name)
    if found is None:
        raise _unknown(queue, name)
    return found


def declare(backend: Backend, said: Schedule) -> tuple[bool, Firing | None]:
    """Declare a schedule, with the state and interval that its strategy begins or goes on with.

    Returns whether that changed anything, and the firing that was enqueued for it, if any. Where the strategy
    plans no run any more, an old schedule of this name is removed. Raises PluginError where the strategy is not
    installed, does not return, or plans what cannot be; and BackendError where others change the schedule without
    end.
    """
    for _ in range(_TRIES):
        old = backend.get_schedule(said.queue, said.name)
        if old is not None and old.declares_the_same_as(said):
            return False, None
        running = old is not None and _is_running(backend, old)
        plan = ask(said.strategy, partial(_planned, said, backend.now(), old, running=running))
        planned = msgspec.structs.replace(said, state=plan.state, interval=plan.interval)
        firing = firing_for(planned, plan)
        if firing is None:
            logger.warning("schedule %r is not declared: by its rule no run is left", said.name)
            if old is None or backend.remove_schedule(said.queue, said.name, old.generation):
                return old is not None, None
            continue
        over = None if old is None else Standing.of(old, running=running)
        declared = backend.declare(planned, firing, over)
        if declared is not None:
            paused = old is not None and old.paused
            return declared, firing if declared and not paused else None
        # It ran, or was declared by somebody else, meanwhile.
    msg = f"schedule {said.name!r} of queue {said.queue!r} was changed by others at every try: declare it again later"
    raise BackendUnavailableError(msg)


def _planned(said: Schedule, now: float, old: Schedule | None, *, running: bool) -> Plan:
    strategy = find_strategy(said.strategy)
    going_on = old if old is not None and old.strategy == said.strategy else None
    return plan_declared(strategy, said.params, now, going_on, running=running)


def _is_running(backend: Backend, schedule: Schedule) -> bool:
    if schedule.firing is None:
        return False
    (record,) = backend.get([schedule.firing])
    return record is not None and record.state is State.RUNNING


def pause(backend: Backend, queue: str, name: str) -> bool:
    """Plan no run until it is resumed; a run under way goes on. False: it was paused already."""
    if find(backend, queue, name).paused:
        return False
    if not backend.pause_schedule(queue, name):
        raise _unknown(queue, name)
    return True


def resume(backend: Backend, queue: str, name: str) -> bool:
    """End a pause, and plan the next run; runs of the time of the pause are left out. False: it was not paused.

    Raises PluginError where the strategy is not installed here, or does not return. A schedule that would have ended during
    the pause is removed.
    """
    found = find(backend, queue, name)
    while found.paused:
        plan = ask(found.strategy, partial(_planned_anew, found, backend.now()))
        firing = firing_for(found, plan)
        if firing is None:
            done = backend.remove_schedule(queue, name, found.generation)
        else:
            done = backend.resume_schedule(queue, name, firing, found.generation, plan.state)
        if done:
            return True
        # Another process declared it anew, or resumed it, meanwhile.
        found = find(backend, queue, name)
    return False


def _planned_anew(schedule: Schedule, now: float) -> Plan:
    strategy = find_strategy(schedule.strategy)
    try:
        return skipped(schedule, strategy, now)
    except Exception:
        logger.exception("schedule %r begins anew, since its strategy cannot go on", schedule.name)
        return plan_declared(strategy, schedule.params, now)


def run_now(backend: Backend, queue: str, name: str) -> bool:
    """Have its next run begin at once; False: it runs already, or is paused.

    One that is due already is left as it is, with its place in the line.
    """
    found, now = find(backend, queue, name), backend.now()
    if found.firing is not None and found.next_run is not None and found.next_run <= now:
        (record,) = backend.get([found.firing])
        if record is not None and record.state is State.PENDING and record.due <= now:
            return True
    firing = firing_for(found, Plan(due=now, state=found.state))
    return firing is not None and backend.arm(queue, name, found.generation, firing)


def remove(backend: Backend, queue: str, name: str) -> None:
    """Forget a schedule and its history; a run that goes on ends without another."""
    if not backend.remove_schedule(queue, name):
        raise _unknown(queue, name)


def _unknown(queue: str, name: str) -> UnknownScheduleError:
    return UnknownScheduleError(f"queue {queue!r} has no schedule {name!r}: see `skunq schedules`")
