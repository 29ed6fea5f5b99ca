"""What people do to firings and routes: kill, requeue, purge, pause, resume.

Functions that take ``db`` run inside a transaction that their caller began.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING

from skunkqueue.persistence.sqlite import ending, leases, routes, tallies, workers
from skunkqueue.persistence.sqlite.deferred import after_sorting
from skunkqueue.persistence.sqlite.fifos import mail_topic
from skunkqueue.persistence.sqlite.routes import PAUSED_ITSELF, PAUSED_WITH_QUEUE
from skunkqueue.persistence.sqlite.schema import STATES
from skunkqueue.records import ClaimRef, Command, State

if TYPE_CHECKING:
    from skunkqueue.persistence.sqlite.store import Store


def kill(store: Store, ids: Sequence[str]) -> dict[str, State | None]:
    """Kill firings, or have their workers kill them; see ``Backend.kill``."""
    before, told = store.writer.run(after_sorting(lambda db: _kill(db, ids, store.clock.now())))
    for worker in told:
        store.fifos.wake(mail_topic(worker))
    if State.PENDING in before.values():
        store.fifos.wake_settled()
    return before


def requeue(store: Store, ids: Sequence[str]) -> list[str]:
    """Put finished firings in line again; see ``Backend.requeue``."""
    again, touched = store.writer.run(after_sorting(lambda db: _requeue(db, ids, store.clock.now())))
    store.wake_numbers(touched)
    return again


def delete(store: Store, ids: Sequence[str]) -> dict[str, State | None]:
    """Remove firings that do not run; see ``Backend.delete``."""
    before = store.writer.run(after_sorting(lambda db: _delete(db, ids)))
    if any(before.values()):
        store.fifos.wake_settled()
    return before


def run_now(store: Store, ids: Sequence[str]) -> dict[str, State | None]:
    """Make pending firings due; see ``Backend.run_now``."""
    before, touched = store.writer.run(after_sorting(lambda db: _run_now(db, ids, store.clock.now())))
    store.wake_numbers(touched)
    return before


def purge(store: Store, queue: str, route: str | None) -> int:
    """Remove all that is pending; see ``Backend.purge``."""
    n = store.writer.run(after_sorting(lambda db: _purge(db, queue, route)))
    if n:
        store.fifos.wake_settled()
    return n


def resume(store: Store, queue: str, route: str | None) -> None:
    """End a pause; see ``Backend.resume``."""
    for name in store.writer.run(lambda db: _resume(db, queue, route)):
        store.wake_route(queue, name)


# --- within a transaction -------------------------------------------------------------------------


def _kill(db: sqlite3.Connection, ids: Sequence[str], now: float) -> tuple[dict[str, State | None], set[str]]:
    """Kill firings; return the state each had, and the workers that got a command."""
    before: dict[str, State | None] = {}
    told: set[str] = set()
    for id_ in ids:
        if id_ in before:
            continue
        row = db.execute(
            "SELECT f.route, d.state FROM firing f LEFT JOIN done d ON d.id = f.id WHERE f.id = ?", (id_,)
        ).fetchone()
        if row is None:
            before[id_] = None
        elif row[1] is not None:
            before[id_] = State(STATES[row[1]])
        elif found := ending.pending_among(db, [id_]):
            before[id_] = State.PENDING
            ending.kill_pending(db, found, now)
        else:
            before[id_] = State.RUNNING
            db.execute("UPDATE firing SET kill = 1 WHERE id = ?", (id_,))
            lease = leases.of_firing(db, row[0], id_)
            if lease is not None:
                worker = leases.holder_name(db, lease.holder)
                workers.post(db, worker, Command(verb="kill", firing=id_))
                told.add(worker)
    return before, told


def _requeue(db: sqlite3.Connection, ids: Sequence[str], now: float) -> tuple[list[str], set[int]]:
    """Put finished firings in line again; return those that were, and their routes."""
    again: dict[str, None] = {}
    counts: dict[tuple[int, int, int], int] = {}
    chunks: dict[tuple[int, int, float, int], set[str]] = {}
    rows: list[tuple[object, ...]] = []
    for id_ in ids:
        if id_ in again:
            continue
        row = db.execute(
            "SELECT f.route, f.job, r.queue, f.key, d.state, d.finished, d.chunk, d.token, d.holder"
            " FROM done d JOIN firing f ON f.id = d.id JOIN route r ON r.no = f.route WHERE d.id = ?",
            (id_,),
        ).fetchone()
        if row is None:
            continue
        route, job, queue, key, state, finished, chunk, token, holder = row
        if key is not None:
            taken = db.execute("SELECT 1 FROM keyed WHERE queue = ? AND key = ?", (queue, key)).fetchone()
            if taken is not None:
                continue
            db.execute("INSERT INTO keyed (queue, key, id) VALUES (?, ?, ?)", (queue, key, id_))
        again[id_] = None
        rows.append((now, token, holder, id_))
        chunks.setdefault((route, state, finished, chunk), set()).add(id_)
        counts[route, job, state] = counts.get((route, job, state), 0) + 1
    ending.forget_words(db, again)
    # All of a chunk at once: its list is written anew each time.
    for place, gone in chunks.items():
        ending.take_from_chunk(db, place, gone)
    db.executemany("DELETE FROM done WHERE id = ?", [(id_,) for id_ in again])
    db.executemany(
        "UPDATE firing SET due = ?, deaths = 0, kill = 0, evidence = '', carry = NULL, progress = NULL,"
        " expires = NULL, error = NULL, attempts = 0, again = NULL, token = ?, holder = ? WHERE id = ?",
        rows,
    )
    leases.to_pending(db, again)
    for (route, job, state), n in counts.items():
        tallies.shift(db, route, job, n, {state: -n})
    return list(again), {route for route, _, _ in counts}


def _delete(db: sqlite3.Connection, ids: Sequence[str]) -> dict[str, State | None]:
    """Remove firings that do not run; return the state each had."""
    before = _states(db, ids)
    ending.forget_pending(db, [id_ for id_, state in before.items() if state is State.PENDING])
    ending.forget_finished(db, [id_ for id_, state in before.items() if state is not None and state.final])
    return before


def _run_now(
    db: sqlite3.Connection, ids: Sequence[str], now: float
) -> tuple[dict[str, State | None], set[int]]:
    """Make pending firings due; return the state each had, and the routes of those that were not due before."""
    before = _states(db, ids)
    touched: set[int] = set()
    for id_, state in before.items():
        if state is not State.PENDING:
            continue
        route, due = db.execute("SELECT route, due FROM firing WHERE id = ?", (id_,)).fetchone()
        if due <= now:
            continue
        for table in ("ready", "aimed"):
            db.execute(
                f"UPDATE {table} SET due = ? WHERE (route, rank, due, id) ="  # noqa: S608 - constants
                " (SELECT route, rank, due, id FROM firing WHERE id = ?)",
                (now, id_),
            )
        db.execute("UPDATE firing SET due = ? WHERE id = ?", (now, id_))
        touched.add(route)
    return before, touched


def _states(db: sqlite3.Connection, ids: Sequence[str]) -> dict[str, State | None]:
    found: dict[str, State | None] = dict.fromkeys(ids)
    for id_ in found:
        row = db.execute(
            "SELECT d.state FROM firing f LEFT JOIN done d ON d.id = f.id WHERE f.id = ?", (id_,)
        ).fetchone()
        if row is None:
            continue
        if row[0] is not None:
            found[id_] = State(STATES[row[0]])
        else:
            found[id_] = State.PENDING if ending.pending_among(db, [id_]) else State.RUNNING
    return found


def _purge(db: sqlite3.Connection, queue: str, route: str | None) -> int:
    """Remove all that is pending on a route or queue; return how many."""
    found = db.execute(
        "SELECT no FROM route WHERE queue = :queue AND (:route IS NULL OR name = :route)",
        {"queue": queue, "route": route},
    ).fetchall()
    purged = 0
    for (number,) in found:
        for table in ("ready", "aimed"):
            by_job = db.execute(
                f"SELECT job, count(*) FROM {table} WHERE route = ? GROUP BY job",  # noqa: S608 - constants
                (number,),
            ).fetchall()
            if not by_job:
                continue
            line = f"SELECT id FROM {table} WHERE route = ?"  # noqa: S608 - constants
            db.execute(f"DELETE FROM keyed WHERE id IN ({line})", (number,))  # noqa: S608 - constants
            db.execute(f"DELETE FROM firing WHERE id IN ({line})", (number,))  # noqa: S608 - constants
            db.execute(f"DELETE FROM {table} WHERE route = ?", (number,))  # noqa: S608 - constants
            for job, n in by_job:
                tallies.shift(db, number, job, -n, {})
                purged += n
    return purged


def pause(db: sqlite3.Connection, queue: str, route: str | None) -> None:
    """Let nothing be claimed from a route or queue."""
    if route is None:
        db.execute("REPLACE INTO queue (name, paused) VALUES (?, 1)", (queue,))
        db.execute("UPDATE route SET paused = paused | ? WHERE queue = ?", (PAUSED_WITH_QUEUE, queue))
    else:
        number = routes.make(db, queue, route)
        db.execute("UPDATE route SET paused = paused | ? WHERE no = ?", (PAUSED_ITSELF, number))


def _resume(db: sqlite3.Connection, queue: str, route: str | None) -> list[str]:
    """End a pause; return the names of the routes concerned."""
    if route is None:
        db.execute("DELETE FROM queue WHERE name = ?", (queue,))
        db.execute("UPDATE route SET paused = 0 WHERE queue = ?", (queue,))
        return [row[0] for row in db.execute("SELECT name FROM route WHERE queue = ?", (queue,))]
    db.execute(
        "UPDATE route SET paused = paused & ~? WHERE queue = ? AND name = ?", (PAUSED_ITSELF, queue, route)
    )
    return [route]


def progress(db: sqlite3.Connection, ref: ClaimRef, data: bytes) -> bool:
    """Save the progress of a running firing; False where the claim is stale."""
    lease = leases.by_token(db, ref.token)
    if lease is None or ref.id not in lease.held:
        return False
    db.execute("UPDATE firing SET progress = ? WHERE id = ?", (data, ref.id))
    return True
