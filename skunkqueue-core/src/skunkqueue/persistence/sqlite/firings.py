"""Putting firings in and lending them out.

Every function here runs inside a transaction somebody else began, and takes the time as an argument.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import msgspec

from skunkqueue.persistence import rules
from skunkqueue.persistence.sqlite import counting, jobs, leases, routes
from skunkqueue.persistence.sqlite.inserts import insert
from skunkqueue.persistence.sqlite.schema import TAGGED
from skunkqueue.persistence.sqlite.writer import Repeat
from skunkqueue.records import MAX_PRIORITY, Claim, Firing

# Every parameter costs, a thousand times a batch, and most firings have neither expiry, key nor target.
_INSERT = "INSERT INTO firing (id, route, rank, due, enqueued, job, body)"
_INSERT_WHOLE = "INSERT INTO firing (id, route, rank, due, enqueued, job, body, expires, key, target, schedule, parent, tags)"
_INSERT_READY = "INSERT INTO ready (route, rank, due, words, job, id, alone)"
_INSERT_READY_MANY = "INSERT INTO ready (route, rank, due, words, job, id, alone) SELECT ?, ?, ?, ?, ?, value, 0 FROM json_each(?)"
# Each value is the number of a job, a space, and an id; a number is what a text begins with.
_INSERT_READY_MIXED = (
    "INSERT INTO ready (route, rank, due, words, job, id, alone)"
    " SELECT ?, ?, ?, ?, CAST(value AS INTEGER), substr(value, instr(value, ' ') + 1), 0 FROM json_each(?)"
)
_INSERT_AIMED = (
    "INSERT INTO aimed (route, rank, due, words, job, id, alone, target) VALUES (?, ?, ?, ?, ?, ?, 0, ?)"
)

_KNOWN = "SELECT f.id FROM json_each(?) j CROSS JOIN firing f ON f.id = j.value"
_Line = tuple[int, int, float, int]
"""Route, rank, due time and words of firings that go in line together."""
_RANKS = range(MAX_PRIORITY + 1)
# One seek for each priority, since a range over several of them would walk through all that is not due yet.
_DUE_READY = " UNION ALL ".join(
    f"SELECT * FROM (SELECT route, rank, due, id, alone FROM ready WHERE route = :route AND rank = {rank} AND due <= :now"  # noqa: S608 - constants
    f" ORDER BY due, id LIMIT :limit)"
    for rank in _RANKS
)
_DUE_AIMED = (
    "SELECT route, rank, due, id, alone FROM aimed WHERE target = :worker AND route = :route AND due <= :now"
    " ORDER BY rank, due, id LIMIT :limit"
)
_COLUMNS = (
    "r.id, r.rank, r.due, r.alone, f.body, f.carry, f.enqueued, f.expires, f.deaths, f.evidence, f.kill, f.target,"
    " f.key, f.job, f.tags, f.schedule, f.parent, f.error"
)
# CROSS JOIN keeps SQLite from walking through firing and looking each one up in ready.
_PICK = f"SELECT {_COLUMNS} FROM ({_DUE_READY} LIMIT :limit) r CROSS JOIN firing f ON f.id = r.id"  # noqa: S608 - constants
_PICK_AIMED = f"SELECT {_COLUMNS} FROM ({_DUE_AIMED}) r CROSS JOIN firing f ON f.id = r.id"  # noqa: S608 - constants
_TAKE = "DELETE FROM ready WHERE route = ? AND rank = ? AND (due, id) <= (?, ?)"
_TAKE_AIMED = "DELETE FROM aimed WHERE route = ? AND rank = ? AND due = ? AND id = ?"
_LOOK = (
    "SELECT NOT paused AND (EXISTS (SELECT 1 FROM lease WHERE route = :route AND ends <= :mono)"  # noqa: S608 - constants
    " OR EXISTS (SELECT 1 FROM inbox WHERE route = :route AND due <= :now)"
    " OR EXISTS (SELECT 1 FROM aimed WHERE target = :worker AND route = :route AND due <= :now) OR "
    + " OR ".join(
        f"EXISTS (SELECT 1 FROM ready WHERE route = :route AND rank = {rank} AND due <= :now)"  # noqa: S608 - constants
        for rank in _RANKS
    )
    + ") FROM route WHERE no = :route"
)
_NEXT_READY = " UNION ALL ".join(
    f"SELECT min(due) AS due FROM ready WHERE route = :route AND rank = {rank}"  # noqa: S608 - constants
    for rank in _RANKS
)
_NEXT = (
    "SELECT (SELECT min(due) FROM (SELECT min(due) AS due FROM aimed WHERE target = :worker AND route = :route"  # noqa: S608 - constants
    " UNION ALL SELECT min(due) AS due FROM inbox WHERE route = :route"
    f" UNION ALL {_NEXT_READY})), (SELECT min(ends) FROM lease WHERE route = :route), paused"
    " FROM route WHERE no = :route"
)


def put(
    db: sqlite3.Connection,
    firings: Sequence[Firing],
    numbers: Mapping[tuple[str, str], int],
    job_numbers: Mapping[str, int],
    now: float,
) -> None:
    """Enqueue firings whose keys are seen to and whose ids are new; raise Repeat where one is not."""
    plain: list[tuple[Any, ...]] = []
    rows: list[tuple[Any, ...]] = []
    lines: dict[_Line, tuple[list[int], list[str]]] = {}
    aimed: list[tuple[int, int, float, int, int, str, str]] = []
    counts: Counter[tuple[int, int]] = Counter()
    last: _Line | None = None
    for firing in firings:
        # As in ``rules``, but a call costs as much as all the rest of it.
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
            aimed.append((*place, job, id_, target))
            counts[route, job] += 1
        else:
            # Most of a batch come due together, one after the other.
            if place != last:
                last = place
                of, line = lines.setdefault(place, ([], []))
            of.append(job)
            line.append(id_)
    _store(db, ((_INSERT, plain), (_INSERT_WHOLE, rows)), lines, aimed)
    for (route, *_), (of, _) in lines.items():
        if len(of) == 1:
            # As those do that schedules arm, each at a time of its own.
            counts[route, of[0]] += 1
        else:
            for job, n in Counter(of).items():
                counts[route, job] += n
    counting.entered(db, counts, now)


def is_plain(firing: Firing) -> bool:
    """Say whether a firing has no key, tag, schedule or parent, as most have none."""
    return firing.key is None and firing.parent is None and firing.schedule is None and not firing.tags


def _store(
    db: sqlite3.Connection,
    inserts: Sequence[tuple[str, Sequence[tuple[Any, ...]]]],
    lines: Mapping[_Line, tuple[Sequence[int], Sequence[str]]],
    aimed: Sequence[tuple[Any, ...]],
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
    if aimed:
        db.executemany(_INSERT_AIMED, aimed)


def put_checked(db: sqlite3.Connection, firings: Sequence[Firing], now: float) -> list[str]:
    """Enqueue firings in order, leaving known ids as they are and giving back the holders of known keys."""
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
    """Return the id of the live firing that has this one's key; where there is none, this one takes it."""
    key = (firing.queue, firing.key)
    row = db.execute("SELECT id FROM keyed WHERE queue = ? AND key = ?", key).fetchone()
    if row is not None:
        return str(row[0])
    db.execute("INSERT INTO keyed (queue, key, id) VALUES (?, ?, ?)", (*key, firing.id))
    return None


def look(db: sqlite3.Connection, route: int, worker: str, now: float, mono: float) -> bool:
    """Say whether something may be claimed, if only from a lease that ran out; cheap."""
    row = db.execute(_LOOK, {"route": route, "worker": worker, "now": now, "mono": mono}).fetchone()
    return row is not None and bool(row[0])


def next_moments(db: sqlite3.Connection, route: int, worker: str) -> tuple[float | None, float | None]:
    """Tell when something comes due (wall clock) and when a lease ends (monotonic), on this route."""
    row = db.execute(_NEXT, {"route": route, "worker": worker}).fetchone()
    return (None, None) if row is None or row[2] else (row[0], row[1])


def claim(
    db: sqlite3.Connection,
    route: int,
    name: tuple[str, str],
    worker: str,
    *,
    limit: int,
    lease: float,
    now: float,
    mono: float,
    names: Mapping[int, str],
) -> tuple[list[Claim], bool, Mapping[int, str]]:
    """Take back what leases ran out on, then lend what is first in line; say whether more may be left.

    ``names`` are those of jobs that are known; they come back, with those that were looked up.
    """
    row = db.execute("SELECT paused FROM route WHERE no = ?", (route,)).fetchone()
    if row is None or row[0] or limit < 1:
        return [], False, names
    reclaimed = leases.reclaim(db, route, mono, now)
    rows, more = _pick(db, route, worker, limit, now)
    if not rows:
        return [], reclaimed, names
    ids = [row[0] for row in rows]
    special = 0
    for row in rows:
        if row[12] is not None:
            special |= leases.KEYED
        if row[11] is not None:
            special |= leases.AIMED
        if row[17] is not None:
            special |= leases.FAILED
    token = leases.lend(
        db,
        route,
        worker,
        ids,
        ends=mono + lease,
        now=now,
        special=special,
    )
    unknown = {row[13] for row in rows}.difference(names)
    if unknown:
        names = {**names, **jobs.names(db, unknown)}
    queue, route_name = name
    claims = [
        Claim(
            id=row[0],
            token=token,
            queue=queue,
            route=route_name,
            body=row[4],
            carry=row[5],
            priority=MAX_PRIORITY - row[1],
            enqueued=row[6],
            due=row[2],
            claimed=now,
            expires=row[7],
            deaths=row[8],
            evidence=row[9],
            kill_requested=row[10] == 1,
            target=row[11],
            key=row[12],
            job=names[row[13]],
            tags=() if row[14] is None else jobs.tags_of(row[14]),
            schedule=row[15],
            parent=row[16],
        )
        for row in rows
    ]
    return claims, more or reclaimed, names


def _pick(
    db: sqlite3.Connection, route: int, worker: str, limit: int, now: float
) -> tuple[list[tuple[Any, ...]], bool]:
    query = {"route": route, "worker": worker, "now": now, "limit": limit}
    rows: list[tuple[Any, ...]] = db.execute(_PICK, query).fetchall()
    aimed: list[tuple[Any, ...]] = db.execute(_PICK_AIMED, query).fetchall()
    if aimed:
        rows = sorted([*rows, *aimed], key=itemgetter(1, 2, 0))[:limit]
    if not rows:
        return [], False
    more = len(rows) >= limit
    length = rules.batch_length([found[3] for found in rows])
    if length < len(rows):
        more = True
        rows = rows[:length]
    if aimed:
        db.executemany(
            _TAKE_AIMED, [(route, found[1], found[2], found[0]) for found in rows if found[11] is not None]
        )
    # All of a rank that come before the last one picked were picked too, so each rank is one range.
    last = {found[1]: found for found in rows if found[11] is None}
    for rank, found in last.items():
        db.execute(_TAKE, (route, rank, found[2], found[0]))
    return rows, more
