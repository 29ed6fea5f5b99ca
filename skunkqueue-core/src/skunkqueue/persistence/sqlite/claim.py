"""Lending firings out: what is first in line goes under a lease, after firings whose lease ran out are taken back."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from skunkqueue.persistence import rules
from skunkqueue.persistence.sqlite import inbox, jobs, leases
from skunkqueue.records import MAX_PRIORITY, Claim

if TYPE_CHECKING:
    from skunkqueue.persistence.sqlite.store import Store

_RANKS = range(MAX_PRIORITY + 1)
# One seek for each priority, since a range over several of them would walk through all that is not due yet.
_DUE_READY = " UNION ALL ".join(
    f"SELECT * FROM (SELECT route, rank, due, id, alone FROM ready WHERE route = :route AND rank = {rank} AND due <= :now"  # noqa: S608 - constants
    f" ORDER BY due, id LIMIT :limit)"
    for rank in _RANKS
)
_DUE_TARGETED = (
    "SELECT route, rank, due, id, alone FROM aimed WHERE target = :worker AND route = :route AND due <= :now"
    " ORDER BY rank, due, id LIMIT :limit"
)
_COLUMNS = (
    "r.id, r.rank, r.due, r.alone, f.body, f.carry, f.enqueued, f.expires, f.deaths, f.evidence, f.kill, f.target,"
    " f.key, f.job, f.tags, f.schedule, f.parent, f.error"
)
# CROSS JOIN keeps SQLite from walking through firing and looking up each row in ready.
_PICK = f"SELECT {_COLUMNS} FROM ({_DUE_READY} LIMIT :limit) r CROSS JOIN firing f ON f.id = r.id"  # noqa: S608 - constants
_PICK_TARGETED = f"SELECT {_COLUMNS} FROM ({_DUE_TARGETED}) r CROSS JOIN firing f ON f.id = r.id"  # noqa: S608 - constants
_TAKE = "DELETE FROM ready WHERE route = ? AND rank = ? AND (due, id) <= (?, ?)"
_TAKE_TARGETED = "DELETE FROM aimed WHERE route = ? AND rank = ? AND due = ? AND id = ?"
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
# A worker that waits is woken by one firing, which is all there is to claim as a rule.
_PICK_NEW = (
    "SELECT i.id, i.rank, i.due, 0, i.body, NULL, i.enqueued, i.expires, 0, '', 0, NULL, NULL, i.job, i.tags, i.schedule,"  # noqa: S608 - constants
    " i.parent, NULL, i.route = :route AND i.due <= :now AND NOT r.paused"
    " AND NOT EXISTS (SELECT 1 FROM lease WHERE route = :route AND ends <= :mono)"
    " AND NOT EXISTS (SELECT 1 FROM aimed WHERE target = :worker AND route = :route AND due <= :now)"
    " AND NOT (EXISTS (SELECT 1 FROM ready WHERE route = :route) AND ("
    + " OR ".join(
        f"EXISTS (SELECT 1 FROM ready WHERE route = :route AND rank = {rank} AND due <= :now)"  # noqa: S608 - constants
        for rank in _RANKS
    )
    + ")) FROM inbox i CROSS JOIN route r ON r.no = i.route LIMIT 2"
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


def claim(store: Store, queue: str, route: str, worker: str, *, limit: int, lease: float) -> list[Claim]:
    """Lend firings; see ``Backend.claim``."""
    number = store.known_route(queue, route)
    if number is None:
        return []
    clock = store.clock
    # A look costs no write transaction, which an idle worker must not ask for.
    if number not in store.flowing and not store.readers.run(
        lambda db: look(db, number, worker, clock.now(), clock.monotonic())
    ):
        return []
    return lend(store, number, (queue, route), worker, limit=limit, lease=lease)


def lend(
    store: Store, number: int, name: tuple[str, str], worker: str, *, limit: int, lease: float
) -> list[Claim]:
    """Lend firings of a route without a look first whether it has any; ``number`` and ``name`` are the route's."""
    clock = store.clock
    claims, more, names = store.writer.run(
        lambda db: _claim(
            db,
            number,
            name,
            worker,
            limit=limit,
            lease=lease,
            now=clock.now(),
            mono=clock.monotonic(),
            names=store.job_names,
            flowing=number in store.flowing,
        )
    )
    # Only now, when they are committed.
    store.learn(names)
    if more:
        store.flowing.add(number)
        store.wake_route(*name)
    else:
        store.flowing.discard(number)
    return claims


def look(db: sqlite3.Connection, route: int, worker: str, now: float, mono: float) -> bool:
    """Return whether something may be claimed, if only from a lease that ran out; cheap."""
    row = db.execute(_LOOK, {"route": route, "worker": worker, "now": now, "mono": mono}).fetchone()
    return row is not None and bool(row[0])


def next_moments(db: sqlite3.Connection, route: int, worker: str) -> tuple[float | None, float | None]:
    """Return when something on a route comes due (wall clock), and when a lease ends (monotonic clock)."""
    row = db.execute(_NEXT, {"route": route, "worker": worker}).fetchone()
    return (None, None) if row is None or row[2] else (row[0], row[1])


def _claim(
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
    flowing: bool,
) -> tuple[list[Claim], bool, Mapping[int, str]]:
    """Take back firings whose lease ran out, then lend those first in line; return whether more may be left.

    ``names``: the names of jobs that are known. They are returned, with those that were looked up.
    ``flowing``: there was more to claim when this process last did, so a single new firing is not looked for.
    """
    rows = None if flowing or limit < 1 else _pick_new(db, route, worker, now, mono)
    more = reclaimed = False
    if rows is None:
        inbox.file_all(db)
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
            special |= leases.TARGETED
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
            attempt_state=row[5],
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


def _pick_new(
    db: sqlite3.Connection, route: int, worker: str, now: float, mono: float
) -> list[tuple[Any, ...]] | None:
    """Take the one firing in the inbox, without a place in line, if nothing else may be claimed; else ``None``."""
    rows = db.execute(_PICK_NEW, {"route": route, "worker": worker, "now": now, "mono": mono}).fetchall()
    if len(rows) != 1 or not rows[0][-1] or not inbox.file_only(db, route, rows[0][13], rows[0][6]):
        return None
    return rows


def _pick(
    db: sqlite3.Connection, route: int, worker: str, limit: int, now: float
) -> tuple[list[tuple[Any, ...]], bool]:
    query = {"route": route, "worker": worker, "now": now, "limit": limit}
    rows: list[tuple[Any, ...]] = db.execute(_PICK, query).fetchall()
    targeted: list[tuple[Any, ...]] = db.execute(_PICK_TARGETED, query).fetchall()
    if targeted:
        rows = sorted([*rows, *targeted], key=itemgetter(1, 2, 0))[:limit]
    if not rows:
        return [], False
    more = len(rows) >= limit
    length = rules.batch_length([found[3] for found in rows])
    if length < len(rows):
        more = True
        rows = rows[:length]
    if targeted:
        db.executemany(
            _TAKE_TARGETED, [(route, found[1], found[2], found[0]) for found in rows if found[11] is not None]
        )
    # All of a rank that come before the last one picked were picked too, so each rank is one range to delete.
    last = {found[1]: found for found in rows if found[11] is None}
    for rank, found in last.items():
        db.execute(_TAKE, (route, rank, found[2], found[0]))
    return rows, more
