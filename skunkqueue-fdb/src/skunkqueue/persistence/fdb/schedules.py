"""Schedules: each is a record that names the one firing that is armed for it.

A schedule moves on where its firing is settled (``refire_each``), in the same transaction. A generation is a version of the
cluster: it grows, and none comes back after a removal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import msgspec
from msgspec.structs import replace

from skunkqueue.persistence import rules
from skunkqueue.persistence.backend import HISTORY_LENGTH
from skunkqueue.persistence.fdb import armed, blobs, keys
from skunkqueue.persistence.fdb.records import encode
from skunkqueue.persistence.fdb.transactions import Transaction
from skunkqueue.records import Firing, Refire, Run, Schedule, Standing, State

IDLE_AT_ONCE = 300
"""Schedules whose firings one transaction looks up."""
_PAGE_AT_ONCE = 200
_decode = msgspec.msgpack.Decoder(Schedule).decode
_decode_run = msgspec.msgpack.Decoder(Run).decode


def declare(tr: Transaction, schedule: Schedule, firing: Firing, over: Standing | None) -> bool | None:
    """Declare or replace a schedule; see ``Backend.declare``."""
    version = tr.raw.get_read_version()
    old = get(tr, schedule.queue, schedule.name)
    tr.unchanged = True
    if old is not None and old.declares_the_same_as(schedule):
        return False
    live = None if old is None else armed.of(tr, old)
    if rules.has_moved(old, over, running=live is not None and live.state is State.RUNNING):
        return None
    tr.unchanged = False
    armed.take_back(tr, live)
    generation = max(version.wait(), 0 if old is None else old.generation) + 1
    new = rules.declared_over(schedule, old, generation=generation, now=tr.now)
    _arm(tr, [(new, None if new.paused else firing)])
    return True


def get(tr: Transaction, queue: str, name: str) -> Schedule | None:
    """Read one schedule."""
    return get_each(tr, [(queue, name)])[0]


def get_each(tr: Transaction, names: Sequence[tuple[str, str]]) -> list[Schedule | None]:
    """Read schedules by queue and name, in order."""
    asked = [(key := _key(tr, *name), tr.get(key)) for name in names]
    values = [blobs.read(tr, key, future) for key, future in asked]
    return [None if value is None else _decode(value) for value in values]


def page(
    tr: Transaction, queue: str | None, limit: int | None, after: tuple[str, str] | None
) -> list[Schedule]:
    """List schedules (of one queue) by queue and name; ``limit`` of them, or all."""
    table = tr.keys.schedule
    within = table if queue is None else table + keys.name(queue)
    begin = within if after is None else max(within, _key(tr, *after) + b"\1")
    end = within + keys.END
    if begin >= end:
        return []
    at_once = 1_000 if limit is None else min(limit + 1, _PAGE_AT_ONCE)
    found = blobs.scan(tr, begin, end, snapshot=True, at_once=at_once)
    return [_decode(value) for _, value in islice(found, limit)]


def arm(
    tr: Transaction,
    name: tuple[str, str],
    generation: int,
    firing: Firing,
    *,
    state: bytes | None,
    over: str | None,
) -> bool:
    """Let this firing be the next one; see ``Backend.arm``."""
    schedule = get(tr, *name)
    tr.unchanged = True
    if schedule is None or schedule.generation != generation or schedule.paused:
        return False
    live = armed.of(tr, schedule)
    if (live is not None and live.state is State.RUNNING) or over not in (None, schedule.firing):
        return False
    tr.unchanged = False
    armed.take_back(tr, live)
    _arm(tr, [(schedule if state is None else replace(schedule, state=state), firing)])
    return True


def pause(tr: Transaction, queue: str, name: str) -> bool:
    """Take its pending firing away; see ``Backend.pause_schedule``."""
    schedule = get(tr, queue, name)
    if schedule is None:
        tr.unchanged = True
        return False
    armed.take_back(tr, armed.of(tr, schedule))
    _write(tr, replace(schedule, paused=True, next_run=None))
    return True


def resume(
    tr: Transaction, name: tuple[str, str], firing: Firing, generation: int | None, state: bytes | None
) -> bool:
    """Arm it again, unless its last firing is still live; see ``Backend.resume_schedule``."""
    schedule = get(tr, *name)
    if schedule is None or not schedule.paused or generation not in (None, schedule.generation):
        tr.unchanged = True
        return False
    resumed = replace(schedule, paused=False)
    if armed.of(tr, resumed) is not None:
        _write(tr, resumed)
    else:
        _arm(tr, [(resumed if state is None else replace(resumed, state=state), firing)])
    return True


def remove(tr: Transaction, queue: str, name: str, generation: int | None) -> bool:
    """Forget a schedule and all that hangs on it; see ``Backend.remove_schedule``."""
    schedule = get(tr, queue, name)
    if schedule is None or generation not in (None, schedule.generation):
        tr.unchanged = True
        return False
    armed.take_back(tr, armed.of(tr, schedule))
    _forget(tr, schedule)
    return True


def histories(tr: Transaction, names: Sequence[tuple[str, str]]) -> list[list[Run]]:
    """Read the last runs of schedules, oldest first."""
    befores = [tr.keys.history + _name(*name) for name in names]
    asked = [
        tr.get_range(before, before + keys.END, HISTORY_LENGTH, newest=True, snapshot=True)
        for before in befores
    ]
    return [[_decode_run(pair.value) for pair in reversed(pairs())] for pairs in asked]


def refire_each(tr: Transaction, refires: Sequence[tuple[str, Refire]]) -> None:
    """Move schedules on whose firings are settled in this transaction, each given with its firing."""
    schedules = get_each(tr, [(refire.queue, refire.name) for _, refire in refires])
    moved: list[tuple[Schedule, Firing | None]] = []
    for (settled, refire), schedule in zip(refires, schedules, strict=True):
        if schedule is None or not rules.may_refire(schedule, refire, settled):
            continue
        if refire.firing is None and not refire.unplanned:
            _forget(tr, schedule)
            continue
        before = tr.keys.history + _name(schedule.queue, schedule.name)
        tr.set(before + keys.number(schedule.runs), encode(refire.run))
        if schedule.runs >= HISTORY_LENGTH:
            tr.clear_range(before, before + keys.number(schedule.runs - HISTORY_LENGTH + 1))
        after = rules.after_run(schedule, refire)
        moved.append((after, None if after.paused else refire.firing))
    _arm(tr, moved)


def idle(tr: Transaction, schedules: Sequence[Schedule]) -> Iterator[Schedule]:
    """Choose those that nothing will move on."""
    pending = armed.seems_pending(tr, schedules)
    rest = [schedule for schedule in schedules if schedule.firing not in pending]
    live = armed.live(tr, [schedule.firing for schedule in rest])
    return (schedule for schedule in rest if schedule.firing not in live)


def _arm(tr: Transaction, schedules: Sequence[tuple[Schedule, Firing | None]]) -> None:
    """Write schedules, and put in the next firings of those that are given with one."""
    made = iter(armed.put(tr, [firing for _, firing in schedules if firing is not None]))
    for schedule, firing in schedules:
        if firing is None:
            _write(tr, schedule)
        else:
            id_, due = next(made)
            _write(tr, replace(schedule, firing=id_, next_run=due))


def _write(tr: Transaction, schedule: Schedule) -> None:
    key = _key(tr, schedule.queue, schedule.name)
    blobs.clear(tr, key)
    blobs.put(tr, key, encode(schedule))


def _forget(tr: Transaction, schedule: Schedule) -> None:
    name = _name(schedule.queue, schedule.name)
    blobs.clear(tr, tr.keys.schedule + name)
    tr.clear_range(tr.keys.history + name, tr.keys.history + name + keys.END)


def _name(queue: str, name: str) -> bytes:
    return keys.name(queue) + keys.name(name)


def _key(tr: Transaction, queue: str, name: str) -> bytes:
    return tr.keys.schedule + _name(queue, name)
