"""What people do to schedules: pause, resume, run now, remove. Decides nothing that a strategy should."""

from __future__ import annotations

from skunkqueue.errors import UnknownScheduleError
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import Schedule, State
from skunkqueue.schedule import Plan, find_strategy, firing_for, skipped


def find(backend: Backend, queue: str, name: str) -> Schedule:
    """Read a schedule; UnknownScheduleError where there is none."""
    found = backend.get_schedule(queue, name)
    if found is None:
        raise _unknown(queue, name)
    return found


def pause(backend: Backend, queue: str, name: str) -> bool:
    """Arm no more until it is resumed; what runs goes on. False: it was paused already."""
    if find(backend, queue, name).paused:
        return False
    if not backend.pause_schedule(queue, name):
        raise _unknown(queue, name)
    return True


def resume(backend: Backend, queue: str, name: str) -> bool:
    """End a pause, and plan the next run as if those of the pause had been left out; False: there is no pause.

    Raises PluginError where the strategy is not installed here. A schedule that would have ended during
    the pause is removed.
    """
    found = find(backend, queue, name)
    if not found.paused:
        return False
    firing = firing_for(found, skipped(found, find_strategy(found.strategy), backend.now()))
    if firing is None:
        return backend.remove_schedule(queue, name)
    return backend.resume_schedule(queue, name, firing)


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
