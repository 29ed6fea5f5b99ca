"""Schedules: each is a record that names the one firing that is armed for it.

A schedule moves on where its firing is settled (``refire``), so nothing here runs by itself.
"""

from __future__ import annotations

from msgspec.structs import replace

from skunkqueue.persistence import rules
from skunkqueue.persistence.backend import MAX_PAGE
from skunkqueue.records import Firing, Refire, Run, Schedule, Standing, State
from skunkqueue_memory.shelf import Entry
from skunkqueue_memory.store import Store


def declare(store: Store, schedule: Schedule, firing: Firing, over: Standing | None) -> bool | None:
    """Declare or replace a schedule."""
    old = store.schedules.get((schedule.queue, schedule.name))
    if old is not None and old.declares_the_same_as(schedule):
        return False
    running = old is not None and _firing_state(store, old) is State.RUNNING
    if rules.has_moved(old, over, running=running):
        return None
    if old is not None:
        _disarm(store, old)
    store.generations += 1
    new = rules.declared_over(schedule, old, generation=store.generations, now=store.now())
    _keep(store, new)
    if not new.paused:
        _arm(store, new, firing)
    return True


def listed(store: Store, queue: str | None) -> list[Schedule]:
    """List schedules by queue and name."""
    chosen = [schedule for schedule in store.schedules.values() if queue in (None, schedule.queue)]
    return sorted(chosen, key=lambda schedule: (schedule.queue, schedule.name))


def one(store: Store, queue: str, name: str) -> Schedule | None:
    """Read one schedule."""
    return store.schedules.get((queue, name))


def arm(
    store: Store,
    queue: str,
    name: str,
    generation: int,
    firing: Firing,
    *,
    state: bytes | None,
    over: str | None,
) -> bool:
    """Let this firing be the next of a schedule."""
    schedule = store.schedules.get((queue, name))
    if schedule is None or schedule.generation != generation or schedule.paused:
        return False
    if _firing_state(store, schedule) is State.RUNNING or over not in (None, schedule.firing):
        return False
    _disarm(store, schedule)
    _arm(store, schedule if state is None else replace(schedule, state=state), firing)
    return True


def pause(store: Store, queue: str, name: str) -> bool:
    """Pause a schedule, and remove its pending firing."""
    schedule = store.schedules.get((queue, name))
    if schedule is None:
        return False
    _disarm(store, schedule)
    _keep(store, replace(schedule, paused=True, next_run=None))
    return True


def resume(
    store: Store, queue: str, name: str, firing: Firing, *, generation: int | None, state: bytes | None
) -> bool:
    """End a pause; arm the schedule, unless its last firing is still live (it ran when the pause began)."""
    schedule = store.schedules.get((queue, name))
    if schedule is None or not schedule.paused or generation not in (None, schedule.generation):
        return False
    resumed = replace(schedule, paused=False)
    _keep(store, resumed)
    if _firing_state(store, resumed) is None:
        _arm(store, resumed if state is None else replace(resumed, state=state), firing)
    return True


def remove(store: Store, queue: str, name: str, generation: int | None) -> bool:
    """Forget a schedule with its history and its pending firing."""
    schedule = store.schedules.get((queue, name))
    if schedule is None or generation not in (None, schedule.generation):
        return False
    _disarm(store, schedule)
    _forget(store, schedule)
    return True


def history(store: Store, queue: str, name: str) -> list[Run]:
    """List the last runs of a schedule."""
    return list(store.histories.get((queue, name), ()))


def page(store: Store, queue: str | None, limit: int, after: tuple[str, str] | None) -> list[Schedule]:
    """List some schedules; a real store asks an index."""
    found = [one for one in listed(store, queue) if after is None or (one.queue, one.name) > after]
    return found[: min(limit, MAX_PAGE)]


def idle(store: Store, queue: str, route: str) -> list[Schedule]:
    """List schedules that no firing will move on."""
    return [
        schedule
        for schedule in listed(store, queue)
        if schedule.route == route and not schedule.paused and _firing_state(store, schedule) is None
    ]


def refire(store: Store, settled: str, refire: Refire) -> None:
    """Move a schedule on, as its settled firing says."""
    schedule = store.schedules.get((refire.queue, refire.name))
    if schedule is None or not rules.may_refire(schedule, refire, settled):
        return
    if refire.firing is None and not refire.unplanned:
        _forget(store, schedule)
        return
    store.histories[refire.queue, refire.name].append(refire.run)
    moved = rules.after_run(schedule, refire)
    _keep(store, moved)
    if refire.firing is not None and not moved.paused:
        _arm(store, moved, refire.firing)


def _arm(store: Store, schedule: Schedule, firing: Firing) -> None:
    armed = store.shelf.put(Entry.of(firing, store.now()))
    _keep(store, replace(schedule, firing=armed, next_run=store.shelf.entries[armed].due))
    store.wake_all()


def _disarm(store: Store, schedule: Schedule) -> None:
    if _firing_state(store, schedule) is State.PENDING:
        store.shelf.remove(store.shelf.entries[schedule.firing or ""])
        store.wake_all()


def _firing_state(store: Store, schedule: Schedule) -> State | None:
    """Return the state of its firing where that is pending or running, otherwise ``None``."""
    entry = store.shelf.entries.get(schedule.firing or "")
    return None if entry is None or entry.state.final else entry.state


def _keep(store: Store, schedule: Schedule) -> None:
    store.schedules[schedule.queue, schedule.name] = schedule


def _forget(store: Store, schedule: Schedule) -> None:
    del store.schedules[schedule.queue, schedule.name]
    store.histories.pop((schedule.queue, schedule.name), None)
