"""Schedules: each is a hash that names the one firing that is armed for it.

A schedule moves on where its firing is settled, by the same script: see ``following``.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any

from skunkqueue.persistence.backend import MAX_PAGE
from skunkqueue.persistence.redis.groups import Group, groups_of
from skunkqueue.persistence.redis.keys import names_in, place_of, quote
from skunkqueue.persistence.redis.link import Link
from skunkqueue.persistence.redis.scripts import load
from skunkqueue.persistence.redis.wire import Blobs, as_answer, reader
from skunkqueue.records import Firing, Run, Schedule, Standing

_DECLARE, _SCHEDULES, _ARM, _HISTORIES, _NAMES = map(
    load, ("declare", "schedules", "arm", "histories", "names")
)
_PAUSE, _RESUME, _REMOVE = map(load, ("pause_schedule", "resume_schedule", "remove_schedule"))
_as_schedules = reader(list[tuple[str, list[bytes]]])
_as_declared: Callable[[bytes], bool | None] = reader(bool | None)  # type: ignore[arg-type] # a union
_as_names = reader(list[str])
_as_histories = reader(list[list[Run]])
_BYTES = frozenset({"params", "state", "body"})
_NUMBERS = frozenset({"declared", "last_run", "took", "next_run", "interval"})
_WHOLE = frozenset({"priority", "generation", "runs"})


def declare(link: Link, schedule: Schedule, firing: Firing, over: Standing | None) -> bool | None:
    """Declare a schedule; return whether that changed anything. See ``Backend.declare``."""
    fields = {
        "route": schedule.route.encode(),
        "strategy": schedule.strategy.encode(),
        "params": schedule.params,
        "state": schedule.state,
        "body": schedule.body,
        "priority": b"%d" % schedule.priority,
    }
    if schedule.interval is not None:
        fields["interval"] = repr(float(schedule.interval)).encode()
    blobs = Blobs()
    flat = [part for name, value in fields.items() for part in (name, blobs.put(value))]
    group = _group_of(firing, blobs)
    name = place_of(schedule.queue, schedule.name)
    stood: Any = False
    if over is not None:
        stood = [over.generation, over.firing or "", over.runs, over.running]
    return _as_declared(link.call(_DECLARE, name, flat, group, stood, blobs=blobs, kept=True))


def arm(
    link: Link,
    name: tuple[str, str],
    generation: int,
    firing: Firing,
    *,
    state: bytes | None,
    over: str | None,
) -> bool:
    """Replace a schedule's pending firing; return whether that was done. ``name``: of its queue, and its own."""
    blobs = Blobs()
    group = _group_of(firing, blobs)
    number = blobs.maybe(state)
    reply = link.call(_ARM, place_of(*name), generation, group, number, over or False, blobs=blobs, kept=True)
    return as_answer(reply)


def pause(link: Link, queue: str, name: str) -> bool:
    """Disarm a schedule until it is resumed; return whether it exists."""
    return as_answer(link.call(_PAUSE, place_of(queue, name), kept=True))


def resume(
    link: Link, name: tuple[str, str], firing: Firing, generation: int | None, state: bytes | None
) -> bool:
    """End a schedule's pause; return whether there was one."""
    blobs = Blobs()
    group = _group_of(firing, blobs)
    number = blobs.maybe(state)
    return as_answer(
        link.call(_RESUME, place_of(*name), group, generation or False, number, blobs=blobs, kept=True)
    )


def remove(link: Link, queue: str, name: str, generation: int | None) -> bool:
    """Forget a schedule; return whether it existed."""
    return as_answer(link.call(_REMOVE, place_of(queue, name), generation or False, kept=True))


def get_each(link: Link, queue: str, names: Sequence[str]) -> list[Schedule | None]:
    """Read schedules of a queue by name; ``None`` for those that do not exist."""
    places = [place_of(queue, name) for name in names]
    known = {one.name: one for one in _read(link, names=places)} if places else {}
    return [known.get(name) for name in names]


def all_of(link: Link, queue: str | None) -> list[Schedule]:
    """Read all schedules, by queue and name."""
    return _read(link, queue=None if queue is None else quote(queue))


def page(link: Link, queue: str | None, limit: int, after: tuple[str, str] | None) -> list[Schedule]:
    """Read some schedules, by queue and name."""
    # The server keeps names quoted, which sort in another order.
    quoted = _as_names(link.call(_NAMES, "zs", False if queue is None else quote(queue)))
    names = sorted(map(names_in, quoted))
    first = 0 if after is None else bisect_right(names, after)
    chosen = names[first : first + max(1, min(limit, MAX_PAGE))]
    return _read(link, names=[place_of(*name) for name in chosen]) if chosen else []


def idle(link: Link, queue: str, route: str) -> list[Schedule]:
    """Read the unpaused schedules of a route whose firing is not live."""
    return _read(link, queue=quote(queue), idle_on=place_of(queue, route))


def histories(link: Link, names: Sequence[tuple[str, str]]) -> list[list[Run]]:
    """Read the last runs of several schedules."""
    if not names:
        return []
    return _as_histories(link.call(_HISTORIES, [place_of(*name) for name in names]))


def _read(
    link: Link, *, queue: str | None = None, names: list[str] | None = None, idle_on: str | None = None
) -> list[Schedule]:
    reply = link.call(_SCHEDULES, queue or False, names or False, idle_on or False)
    found = [_schedule(*row) for row in _as_schedules(reply)]
    return sorted(found, key=lambda schedule: (schedule.queue, schedule.name))


def _group_of(firing: Firing, blobs: Blobs) -> Group:
    (group,) = groups_of([firing], blobs)
    return group


def _schedule(place: str, flat: list[bytes]) -> Schedule:
    values: dict[str, Any] = {}
    for name, value in zip(flat[::2], flat[1::2], strict=True):
        field = name.decode()
        if field in _BYTES:
            values[field] = value
        elif field in _NUMBERS:
            values[field] = float(value)
        elif field in _WHOLE:
            values[field] = int(value)
        elif field == "paused":
            values[field] = True
        else:
            values[field] = value.decode() or None
    queue, name_ = names_in(place)
    return Schedule(queue=queue, name=name_, **values)
