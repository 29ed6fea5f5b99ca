"""Named schedules: declared, armed, paused, and refired when their firing settles.

Functions that take ``db`` run inside a transaction that their caller began.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from skunkqueue.persistence import rules
from skunkqueue.persistence.backend import MAX_PAGE
from skunkqueue.persistence.sqlite import ending, firings, histories
from skunkqueue.persistence.sqlite.deferred import after_sorting
from skunkqueue.records import Firing, Refire, Schedule, Standing

if TYPE_CHECKING:
    from skunkqueue.persistence.sqlite.store import Store

_COLUMNS = (
    "queue, name, route, strategy, params, state, body, priority, generation, paused, firing, declared, runs,"
    " last_run, took, next_run, interval, verdict"
)
_FIELDS = _COLUMNS.split(", ")
_SEVERAL = (
    f"SELECT {', '.join('s.' + field for field in _FIELDS)} FROM json_each(?) j"  # noqa: S608 - constants
    " CROSS JOIN schedule s ON s.queue = ? AND s.name = j.value"
)
_STANDING = (
    "SELECT s.name, s.generation, s.firing, s.paused, s.runs FROM json_each(?) j"
    " CROSS JOIN schedule s ON s.queue = ? AND s.name = j.value"
)
_GONE = ("", None, None, False, 0)
_MOVE = (
    "UPDATE schedule SET state = ?, interval = ?, runs = runs + 1, last_run = ?, took = ?, verdict = ?, firing = ?,"
    " next_run = ? WHERE queue = ? AND name = ?"
)


def declare(store: Store, schedule: Schedule, firing: Firing, over: Standing | None) -> bool | None:
    """Declare or replace a schedule; see ``Backend.declare``."""
    try:
        armed = store.writer.run(
            after_sorting(lambda db: _declare(db, schedule, firing, over, now=store.clock.now()))
        )
    except _Unchanged:
        return False
    except _Moved:
        return None
    store.wake_armed(armed)
    return True


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
    """Let this firing be the next of a schedule; see ``Backend.arm``."""
    armed = store.writer.run(
        after_sorting(
            lambda db: _arm(
                db, queue, name, generation, firing, state=state, over=over, now=store.clock.now()
            )
        )
    )
    store.wake_armed(armed)
    return armed is not None


def resume(
    store: Store, queue: str, name: str, firing: Firing, *, generation: int | None, state: bytes | None
) -> bool:
    """Arm a paused schedule again; see ``Backend.resume_schedule``."""
    was_paused, armed = store.writer.run(
        after_sorting(
            lambda db: _resume(
                db, queue, name, firing, generation=generation, state=state, now=store.clock.now()
            )
        )
    )
    store.wake_armed(armed)
    return was_paused


def by_name(store: Store, queue: str, names: Sequence[str]) -> list[Schedule | None]:
    """Read schedules in the order of their names; see ``Backend.get_schedules``."""
    known = {one.name: one for one in store.readers.run(lambda db: _several(db, queue, names))}
    return [known.get(name) for name in names]


# --- within a transaction -------------------------------------------------------------------------


def _declare(
    db: sqlite3.Connection, schedule: Schedule, firing: Firing, over: Standing | None, *, now: float
) -> Firing | None:
    """Make or replace a schedule; return what was armed.

    Raises _Unchanged where the same schedule is there already, and _Moved where it is not what it is declared over.
    """
    old = one(db, schedule.queue, schedule.name)
    if old is not None and old.declares_the_same_as(schedule):
        raise _Unchanged
    if over is not None and rules.has_moved(old, over, running=_is_running(db, old)):
        raise _Moved
    if old is not None and old.firing is not None:
        ending.forget_pending(db, [old.firing])
    generation = 1 + int(
        db.execute("SELECT coalesce(max(value), 0) FROM meta WHERE name = 'generation'").fetchone()[0]
    )
    # Counted for the whole store, so that no generation comes back after a schedule was removed.
    db.execute("REPLACE INTO meta (name, value) VALUES ('generation', ?)", (generation,))
    new = rules.declared_over(schedule, old, generation=generation, now=now)
    _keep(db, new)
    if new.paused:
        return None
    return _put_armed(db, schedule.queue, schedule.name, firing, now)


class _Unchanged(Exception):  # noqa: N818 - a result and not an error
    """The same schedule is there already."""


class _Moved(Exception):  # noqa: N818 - a result and not an error
    """The schedule has moved on since the declaration was planned."""


def _arm(
    db: sqlite3.Connection,
    queue: str,
    name: str,
    generation: int,
    firing: Firing,
    *,
    state: bytes | None,
    over: str | None,
    now: float,
) -> Firing | None:
    """Replace the pending firing of a schedule; return the new one, or ``None`` where it may not be armed."""
    old = one(db, queue, name)
    if old is None or old.generation != generation or old.paused or over not in (None, old.firing):
        return None
    if old.firing is not None:
        ending.forget_pending(db, [old.firing])
        if ending.is_live(db, old.firing):
            return None
    _remember(db, queue, name, state)
    return _put_armed(db, queue, name, firing, now)


def pause(db: sqlite3.Connection, queue: str, name: str) -> bool:
    """Disarm a schedule until it is resumed; return whether it exists."""
    old = one(db, queue, name)
    if old is None:
        return False
    gone = old.firing is None or ending.forget_pending(db, [old.firing]) > 0
    db.execute(
        "UPDATE schedule SET paused = 1, next_run = NULL, firing = ? WHERE queue = ? AND name = ?",
        (None if gone else old.firing, queue, name),
    )
    return True


def _resume(
    db: sqlite3.Connection,
    queue: str,
    name: str,
    firing: Firing,
    *,
    generation: int | None,
    state: bytes | None,
    now: float,
) -> tuple[bool, Firing | None]:
    """End a pause; return whether it was paused, and what was armed."""
    old = one(db, queue, name)
    if old is None or not old.paused or generation not in (None, old.generation):
        return False, None
    db.execute("UPDATE schedule SET paused = 0 WHERE queue = ? AND name = ?", (queue, name))
    if old.firing is not None and ending.is_live(db, old.firing):
        return True, None
    _remember(db, queue, name, state)
    return True, _put_armed(db, queue, name, firing, now)


def remove(db: sqlite3.Connection, queue: str, name: str, generation: int | None = None) -> bool:
    """Forget a schedule and its history; return whether it existed (with this generation)."""
    old = one(db, queue, name)
    if old is None or generation not in (None, old.generation):
        return False
    if old.firing is not None:
        ending.forget_pending(db, [old.firing])
    db.execute("DELETE FROM schedule WHERE queue = ? AND name = ?", (queue, name))
    histories.forget(db, queue, name)
    return True


def refire_each(db: sqlite3.Connection, settled: Sequence[tuple[str, Refire]], now: float) -> list[Firing]:
    """Note runs and arm the next ones, as ``records.Refire`` says; return the firings that have to be put in.

    ``settled``: ids of firings, and the refire of each.
    """
    by_queue: dict[str, list[str]] = {}
    for _, refire in settled:
        by_queue.setdefault(refire.queue, []).append(refire.name)
    standing = {
        (queue, row[0]): row
        for queue, names in by_queue.items()
        for row in db.execute(_STANDING, (_encode_names(names), queue))
    }
    runs = histories.Batch()
    moved: list[tuple[object, ...]] = []
    armed: list[Firing] = []
    for id_, refire in settled:
        place = (refire.queue, refire.name)
        # As ``rules.may_refire`` and ``rules.after_run``, without the columns that a run does not change.
        _, generation, firing, paused, before = standing.get(place, _GONE)
        if generation != refire.generation or firing != id_:
            continue
        if refire.firing is None and not refire.unplanned:
            remove(db, *place)
            continue
        due = None
        if refire.firing is not None and not paused:
            armed.append(refire.firing)
            firing, due = refire.firing.id, rules.due_of(refire.firing, now)
        run = refire.run
        runs.add(place, before, run)
        moved.append((refire.state, run.interval, run.began, run.took, run.verdict, firing, due, *place))
    db.executemany(_MOVE, moved)
    histories.note(db, runs)
    return armed


def _several(db: sqlite3.Connection, queue: str, names: Sequence[str]) -> list[Schedule]:
    """Read those of some schedules of a queue that exist."""
    return [_schedule(row) for row in db.execute(_SEVERAL, (_encode_names(names), queue))]


def _encode_names(names: Sequence[str]) -> str:
    return msgspec.json.encode(names).decode()


def listed(db: sqlite3.Connection, queue: str | None) -> list[Schedule]:
    """Read all schedules (of one queue), in order of queue and name."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM schedule WHERE :queue IS NULL OR queue = :queue ORDER BY queue, name",  # noqa: S608 - constants
        {"queue": queue},
    )
    return [_schedule(row) for row in rows]


def idle(db: sqlite3.Connection, queue: str, route: str) -> list[Schedule]:
    """Read unpaused schedules of a route whose firing is not live."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM schedule s WHERE queue = ? AND route = ? AND NOT paused AND NOT EXISTS"  # noqa: S608 - constants
        " (SELECT 1 FROM firing f WHERE f.id = s.firing AND NOT EXISTS (SELECT 1 FROM done d WHERE d.id = f.id))"
        " ORDER BY queue, name",
        (queue, route),
    )
    return [_schedule(row) for row in rows]


def page(
    db: sqlite3.Connection, queue: str | None, limit: int, after: tuple[str, str] | None
) -> list[Schedule]:
    """Read some schedules (of one queue) in order of queue and name, those after these two."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM schedule WHERE (:queue IS NULL OR queue = :queue)"  # noqa: S608 - constants
        " AND (:after IS NULL OR (queue, name) > (:after, :name)) ORDER BY queue, name LIMIT :limit",
        {
            "queue": queue,
            "after": None if after is None else after[0],
            "name": None if after is None else after[1],
            "limit": max(1, min(limit, MAX_PAGE)),
        },
    )
    return [_schedule(row) for row in rows]


def _put_armed(db: sqlite3.Connection, queue: str, name: str, firing: Firing, now: float) -> Firing:
    ids = firings.put_checked(db, [firing], now)
    due = rules.due_of(firing, now)
    db.execute(
        "UPDATE schedule SET firing = ?, next_run = ? WHERE queue = ? AND name = ?",
        (ids[0], due, queue, name),
    )
    return firing


def _is_running(db: sqlite3.Connection, schedule: Schedule | None) -> bool:
    if schedule is None or schedule.firing is None or not ending.is_live(db, schedule.firing):
        return False
    return not ending.pending_among(db, [schedule.firing])


def _keep(db: sqlite3.Connection, schedule: Schedule) -> None:
    """Write a schedule's record, new or over the old one."""
    db.execute(
        f"REPLACE INTO schedule ({_COLUMNS}) VALUES ({', '.join('?' * len(_FIELDS))})",  # noqa: S608 - constants
        [getattr(schedule, field) for field in _FIELDS],
    )


def _remember(db: sqlite3.Connection, queue: str, name: str, state: bytes | None) -> None:
    if state is not None:
        db.execute("UPDATE schedule SET state = ? WHERE queue = ? AND name = ?", (state, queue, name))


def one(db: sqlite3.Connection, queue: str, name: str) -> Schedule | None:
    """Read one schedule."""
    row = db.execute(
        f"SELECT {_COLUMNS} FROM schedule WHERE queue = ? AND name = ?",  # noqa: S608 - constants
        (queue, name),
    ).fetchone()
    return None if row is None else _schedule(row)


def _schedule(row: tuple[object, ...]) -> Schedule:
    values: dict[str, Any] = dict(zip(_FIELDS, row))  # noqa: B905 - a check costs, and both come from _COLUMNS
    values["paused"] = bool(values["paused"])
    return Schedule(**values)
