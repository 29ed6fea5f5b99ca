"""Writing firings and their places in line.

Every function here runs inside a transaction that its caller began, and takes the time as an argument.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from skunkqueue.persistence.sqlite import jobs, routes, tallies
from skunkqueue.persistence.sqlite.schema import TAGGED
from skunkqueue.persistence.sqlite.statements import insert, insert_alike
from skunkqueue.persistence.sqlite.writer import Repeat
from skunkqueue.records import MAX_PRIORITY, Firing

# Every parameter costs time, a thousand times a batch, and most firings have no expiry, key or target.
_INSERT = "INSERT INTO firing (id, route, rank, due, enqueued, job, body)"
_INSERT_ALIKE = "INSERT INTO firing (route, rank, due, enqueued, job, id, body)"
_INSERT_READY_ALIKE = "INSERT INTO ready (route, rank, due, words, job, alone, id)"
_INSERT_WHOLE = "INSERT INTO firing (id, route, rank, due, enqueued, job, body, expires, key, target, schedule, parent, tags)"
_INSERT_READY = "INSERT INTO ready (route, rank, due, words, job, id, alone)"
_INSERT_READY_MANY = "INSERT INTO ready (route, rank, due, words, job, id, alone) SELECT ?, ?, ?, ?, ?, value, 0 FROM json_each(?)"
# Each value is the number of a job, a space, and an id; CAST reads the number at the start of a text.
_INSERT_READY_MIXED = (
    "INSERT INTO ready (route, rank, due, words, job, id, alone)"
    " SELECT ?, ?, ?, ?, CAST(value AS INTEGER), substr(value, instr(value, ' ') + 1), 0 FROM json_each(?)"
)
_INSERT_TARGETED = (
    "INSERT INTO aimed (route, rank, due, words, job, id, alone, target) VALUES (?, ?, ?, ?, ?, ?, 0, ?)"
)

_KNOWN = "SELECT f.id FROM json_each(?) j CROSS JOIN firing f ON f.id = j.value"
_Line = tuple[int, int, float, int]
"""Route, rank, due time and words: what firings share that go in line together."""


def are_alike(firings: Sequence[Firing]) -> bool:
    """Return whether firings differ in their ids and bodies alone, and have nothing but a place in line."""
    first = firings[0]
    queue, route, job = first.queue, first.route, first.job
    priority, due, delay = first.priority, first.due, first.delay
    for f in firings:
        if (
            f.queue != queue
            or f.route != route
            or f.job != job
            or f.priority != priority
            or f.due != due
            or f.delay != delay
            or f.expires is not None
            or f.expires_in is not None
            or f.key is not None
            or f.target is not None
            or f.schedule is not None
            or f.parent is not None
            or f.tags
        ):
            return False
    return True


def put_alike(
    db: sqlite3.Connection,
    firings: Sequence[Firing],
    numbers: Mapping[tuple[str, str], int],
    job_numbers: Mapping[str, int],
    now: float,
) -> None:
    """Write firings that are alike, as ``put`` does, in three quarters of the time."""
    first = firings[0]
    route, job, rank = (
        numbers[first.queue, first.route],
        job_numbers[first.job],
        MAX_PRIORITY - first.priority,
    )
    due = now + first.delay if first.due is None else first.due
    own: list[Any] = [value for f in firings for value in (f.id, f.body)]
    try:
        insert_alike(db, _INSERT_ALIKE, (route, rank, due, now, job), own, 2)
    except sqlite3.IntegrityError as error:
        raise Repeat from error
    insert_alike(db, _INSERT_READY_ALIKE, (route, rank, due, 0, job, 0), own[::2])
    tallies.entered(db, {(route, job): len(firings)}, now)


def put(
    db: sqlite3.Connection,
    firings: Sequence[Firing],
    numbers: Mapping[tuple[str, str], int],
    job_numbers: Mapping[str, int],
    now: float,
) -> None:
    """Write firings with new ids, whose keys are held for them already. Raises Repeat where an id is not new."""
    plain: list[tuple[Any, ...]] = []
    rows: list[tuple[Any, ...]] = []
    lines: dict[_Line, tuple[list[int], list[str]]] = {}
    targeted: list[tuple[int, int, float, int, int, str, str]] = []
    counts: Counter[tuple[int, int]] = Counter()
    last: _Line | None = None
    for firing in firings:
        # As in ``rules``; a call would cost as much as all the rest of this loop.
        due = now + firing.delay if firing.due is None else firing.due
        expires = firing.expires
        if expires is None and firing.expires_in is not None:
            expires = now + firing.expires_in
        id_ = firing.id
        route = numbers[firing.queue, firing.route]
        rank = MAX_PRIORITY - firing.priority
        target = firing.target
        job = job_numbers[firing.job]
        tags = firing.tags
        if (
            expires is None
            and target is None
            and not tags
            and firing.key is None
            and firing.parent is None
            and firing.schedule is None
        ):
            plain.append((id_, route, rank, due, now, job, firing.body))
        else:
            rows.append(
                (id_, route, rank, due, now, job, firing.body, expires, firing.key, target, firing.schedule, firing.parent,
                 jobs.tags_text(tags))
            )  # fmt: skip
        place = (route, rank, due, TAGGED if tags else 0)
        if target is not None:
            targeted.append((*place, job, id_, target))
            counts[route, job] += 1
        else:
            # Most of a batch come due together, one after the other.
            if place != last:
                last = place
                of, line = lines.setdefault(place, ([], []))
            of.append(job)
            line.append(id_)
    _store(db, ((_INSERT, plain), (_INSERT_WHOLE, rows)), lines, targeted)
    for (route, *_), (of, _) in lines.items():
        if len(of) == 1:
            # As with firings that schedules arm, each at a time of its own.
            counts[route, of[0]] += 1
        else:
            for job, n in Counter(of).items():
                counts[route, job] += n
    tallies.entered(db, counts, now)


def is_plain(firing: Firing) -> bool:
    """Return whether a firing has no key, tag, schedule or parent, as most have none."""
    return firing.key is None and firing.parent is None and firing.schedule is None and not firing.tags


def _store(
    db: sqlite3.Connection,
    inserts: Sequence[tuple[str, Sequence[tuple[Any, ...]]]],
    lines: Mapping[_Line, tuple[Sequence[int], Sequence[str]]],
    targeted: Sequence[tuple[Any, ...]],
) -> None:
    try:
        for statement, rows in inserts:
            insert(db, statement, rows)
    except sqlite3.IntegrityError as error:
        raise Repeat from error
    alone = [(*place, of[0], ids[0], 0) for place, (of, ids) in lines.items() if len(ids) == 1]
    insert(db, _INSERT_READY, alone)
    if len(alone) < len(lines):
        for place, (of, ids) in lines.items():
            # One statement for all that come due together costs half of one for each.
            if len(ids) > 1 and of.count(of[0]) == len(of):
                db.execute(_INSERT_READY_MANY, (*place, of[0], msgspec.json.encode(ids).decode()))
            elif len(ids) > 1:
                mixed = [f"{job} {id_}" for job, id_ in zip(of, ids, strict=True)]
                db.execute(_INSERT_READY_MIXED, (*place, msgspec.json.encode(mixed).decode()))
    if targeted:
        db.executemany(_INSERT_TARGETED, targeted)


def put_checked(db: sqlite3.Connection, firings: Sequence[Firing], now: float) -> list[str]:
    """Write firings in order and return their ids. A known id stays as it is; for a known key the id of its holder is returned."""
    wanted = msgspec.json.encode([firing.id for firing in firings]).decode()
    known = {row[0] for row in db.execute(_KNOWN, (wanted,))}
    ids: list[str] = []
    fresh: list[Firing] = []
    numbers: dict[tuple[str, str], int] = {}
    job_numbers: dict[str, int] = {}
    for firing in firings:
        id_ = firing.id
        holder = None if firing.key is None or id_ in known else _holder(db, firing)
        ids.append(id_ if holder is None else holder)
        if holder is not None or id_ in known:
            continue
        known.add(id_)
        name = (firing.queue, firing.route)
        if name not in numbers:
            numbers[name] = routes.make(db, *name)
        if firing.job not in job_numbers:
            job_numbers[firing.job] = jobs.make(db, firing.job)
        fresh.append(firing)
    if fresh:
        put(db, fresh, numbers, job_numbers, now)
    return ids


def _holder(db: sqlite3.Connection, firing: Firing) -> str | None:
    """Return the id of the live firing that has this one's key; where no firing has it, this one takes it."""
    key = (firing.queue, firing.key)
    row = db.execute("SELECT id FROM keyed WHERE queue = ? AND key = ?", key).fetchone()
    if row is not None:
        return str(row[0])
    db.execute("INSERT INTO keyed (queue, key, id) VALUES (?, ?, ?)", (*key, firing.id))
    return None
