"""Reading firings by id, by the start of an id, and page by page; always bounded.

Functions that take ``db`` see one state of the store: ``Store.read`` gives them one.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from skunkqueue.ids import ID_LENGTH
from skunkqueue.persistence import rules
from skunkqueue.persistence.backend import MAX_PAGE
from skunkqueue.persistence.sqlite import jobs, leases
from skunkqueue.persistence.sqlite.schema import PENDING, RUNNING, STATES
from skunkqueue.persistence.sqlite.statements import as_json
from skunkqueue.records import MAX_PRIORITY, Page, Record, State

if TYPE_CHECKING:
    from skunkqueue.persistence.sqlite.store import Store

_FEW = 8
"""Up to so many running firings are looked up one by one; for more, all leases are read."""
_PREFIX = re.compile(rf"[0-9a-f]{{0,{ID_LENGTH}}}")
_RECORDS = (
    "SELECT f.id, t.queue, t.name, f.route, f.rank, f.due, f.enqueued, f.token, f.expires, f.deaths, f.kill, f.key,"
    " f.target, f.evidence, f.carry, f.progress, f.body, d.state, d.began, d.finished, d.token, d.carry, d.result,"
    " h.name, r.id IS NOT NULL OR a.id IS NOT NULL, n.name, f.tags, f.schedule, f.parent, coalesce(d.error, f.error), d.took"
    " FROM json_each(?) j CROSS JOIN firing f ON f.id = j.value CROSS JOIN route t ON t.no = f.route"
    " CROSS JOIN job n ON n.no = f.job"
    " LEFT JOIN done d ON d.id = f.id"
    " LEFT JOIN holder h ON h.no = coalesce(d.holder, f.holder)"
    " LEFT JOIN ready r ON r.route = f.route AND r.rank = f.rank AND r.due = f.due AND r.id = f.id"
    " LEFT JOIN aimed a ON a.route = f.route AND a.rank = f.rank AND a.due = f.due AND a.id = f.id"
)


def get(store: Store, ids: Sequence[str]) -> list[Record | None]:
    """Read firings by id; see ``Backend.get``."""
    found = store.read(lambda db: _records(db, ids, store.clock.monotonic()))
    return [found.get(id_) for id_ in ids]


def page(store: Store, queue: str, route: str, state: State, *, limit: int, after: str | None) -> Page:
    """List firings of one state; see ``Backend.page``."""
    number = store.known_route(queue, route)
    return store.read(lambda db: _page(db, number, state, limit, after, mono=store.clock.monotonic()))


# --- within a transaction -------------------------------------------------------------------------


def _records(db: sqlite3.Connection, ids: Sequence[str], mono: float) -> dict[str, Record]:
    """Read firings by id."""
    rows = db.execute(_RECORDS, (as_json(ids),)).fetchall()
    running = [(row[3], row[0]) for row in rows if row[17] is None and not row[24]]
    held: dict[str, leases.Lease] = {}
    if len(running) <= _FEW:
        for route, id_ in running:
            lease = leases.of_firing(db, route, id_)
            if lease is not None:
                held[id_] = lease
    else:
        for route in {route for route, _ in running}:
            for lease in leases.of_route(db, route):
                held.update(dict.fromkeys(lease.held, lease))
    names = {no: leases.holder_name(db, no) for no in {lease.holder for lease in held.values()}}
    return {row[0]: _record(row, held.get(row[0]), names, mono) for row in rows}


def _record(row: tuple[Any, ...], lease: leases.Lease | None, names: dict[int, str], mono: float) -> Record:
    (
        id_, queue, route, _, rank, due, enqueued, token, expires, deaths, kill, key, target, evidence, attempt_state,
        progress, body, done, began, finished, done_token, done_attempt_state, result, worker, _, job, tags, schedule, parent,
        error, took,
    ) = row  # fmt: skip
    state = State.PENDING
    lease_left = None
    if done is not None:
        state = State(STATES[done])
        token = done_token
        attempt_state = attempt_state if done_attempt_state is None else done_attempt_state
    elif lease is not None:
        state = State.RUNNING
        token = lease.token
        began = lease.claimed
        worker = names[lease.holder]
        lease_left = lease.end_of(id_) - mono
    return Record(
        id=id_,
        queue=queue,
        route=route,
        state=state,
        body=body,
        priority=MAX_PRIORITY - rank,
        enqueued=enqueued,
        due=due,
        token=token,
        began=began,
        finished=finished,
        expires=expires,
        key=key,
        target=target,
        worker=worker,
        lease_left=lease_left,
        deaths=deaths,
        evidence=evidence,
        attempt_state=attempt_state,
        result=result,
        progress=progress,
        kill_requested=kill == 1,
        job=job,
        tags=jobs.tags_of(tags),
        schedule=schedule,
        parent=parent,
        error=error,
        took=took,
    )


def find(db: sqlite3.Connection, prefix: str, limit: int) -> list[str]:
    """List ids that begin with a prefix; none where no id can begin so."""
    prefix = prefix.lower()
    if not _PREFIX.fullmatch(prefix):
        return []
    # "g" comes after every hexadecimal digit.
    rows = db.execute(
        "SELECT id FROM firing WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
        (prefix, f"{prefix}g", max(0, min(limit, MAX_PAGE))),
    )
    return [row[0] for row in rows]


def _page(
    db: sqlite3.Connection, route: int | None, state: State, limit: int, after: str | None, *, mono: float
) -> Page:
    """Read one page of a listing."""
    limit = max(1, min(limit, MAX_PAGE))
    number = STATES.index(state.value)
    shape = (int, float, str) if number in {PENDING, RUNNING} else (float, int, str)
    place = None if after is None else rules.place_in(after, state, shape)
    if route is None:
        return Page(records=(), next=None)
    if number == PENDING:
        found = _pending_page(db, route, limit, place)
    elif number == RUNNING:
        found = _running_page(db, route, limit, place)
    else:
        found = _finished_page(db, route, number, limit, place)
    more = len(found) > limit
    found = found[:limit]
    by_id = _records(db, [id_ for id_, _ in found], mono)
    following = rules.cursor_after(state, found[-1][1]) if more else None
    return Page(records=tuple(by_id[id_] for id_, _ in found if id_ in by_id), next=following)


def _pending_page(
    db: sqlite3.Connection, route: int, limit: int, place: tuple[Any, ...] | None
) -> list[tuple[str, tuple[Any, ...]]]:
    found: list[tuple[Any, ...]] = []
    for table in ("ready", "aimed"):
        found += db.execute(
            f"SELECT rank, due, id FROM {table} WHERE route = ? AND (rank, due, id) > (?, ?, ?)"  # noqa: S608 - constants
            " ORDER BY rank, due, id LIMIT ?",
            (route, *(place or (-1, 0.0, "")), limit + 1),
        ).fetchall()
    return [(row[2], row) for row in sorted(found)]


def _running_page(
    db: sqlite3.Connection, route: int, limit: int, place: tuple[Any, ...] | None
) -> list[tuple[str, tuple[Any, ...]]]:
    # As many as workers hold now, so reading all of them stays cheap, however large the store is.
    ids = [id_ for lease in leases.of_route(db, route) for id_ in lease.held]
    rows = db.execute(
        "SELECT f.rank, f.due, f.id FROM json_each(?) j CROSS JOIN firing f ON f.id = j.value"
        " WHERE (f.rank, f.due, f.id) > (?, ?, ?) ORDER BY f.rank, f.due, f.id LIMIT ?",
        (as_json(ids), *(place or (-1, 0.0, "")), limit + 1),
    ).fetchall()
    return [(row[2], row) for row in rows]


def _finished_page(
    db: sqlite3.Connection, route: int, state: int, limit: int, place: tuple[Any, ...] | None
) -> list[tuple[str, tuple[Any, ...]]]:
    before = place or (float("inf"), 0, "")
    rows = db.execute(
        "SELECT finished, chunk, ids FROM ended WHERE route = ? AND state = ? AND (finished, chunk) <= (?, ?)"
        " ORDER BY finished DESC, chunk DESC LIMIT ?",
        # One more than asked for to see whether there are more, and one that `place` may have used up.
        (route, state, *before[:2], limit + 2),
    )
    found: list[tuple[str, tuple[Any, ...]]] = []
    for finished, chunk, ids in rows:
        # By id, since other firings of the chunk may be removed before the next page is read.
        for id_ in sorted(ids.split(","), reverse=True):
            if place is None or (finished, chunk, id_) < place:
                found.append((id_, (finished, chunk, id_)))  # noqa: PERF401 - a generator would not be clearer
        if len(found) > limit:
            break
    return found
