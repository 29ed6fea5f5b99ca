"""Worker processes as listed, their mailboxes, and giving back what a dead worker held.

Functions that take ``db`` run inside a transaction that their caller began.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from skunkqueue.persistence import rules
from skunkqueue.persistence.sqlite import ending, leases, pools
from skunkqueue.persistence.sqlite.fifos import mail_topic
from skunkqueue.records import Command, Death, WorkerRecord

if TYPE_CHECKING:
    from skunkqueue.persistence.sqlite.store import Store


_TO_NOBODY = "worker NOT IN (SELECT id FROM worker UNION ALL SELECT id FROM pool)"


def beat(store: Store, worker: WorkerRecord, lease: float) -> bool:
    """List a worker for some more time; return whether it was listed. See ``Backend.beat``."""

    def write(db: sqlite3.Connection) -> bool:
        mono = store.clock.monotonic()
        lived = lives(db, worker.id, mono)
        _write(db, worker, mono + lease, store.clock.now())
        return lived

    return store.writer.run(write)


def unregister(store: Store, worker: str) -> None:
    """Take a worker off the list; see ``Backend.unregister``."""
    store.writer.run(lambda db: remove(db, worker))
    store.fifos.forget(mail_topic(worker))


def reap(store: Store, worker: str, begun: Sequence[str], death: Death) -> int:
    """Give back what a dead worker held; see ``Backend.reap``."""
    n, touched = store.writer.run(lambda db: _reap_worker(db, worker, begun, death, store.clock.now()))
    store.wake_numbers(touched)
    store.fifos.wake_settled()
    store.fifos.forget(mail_topic(worker))
    return n


def send(store: Store, worker: str, command: Command) -> bool:
    """Put a command into the mailbox of a live worker or pool; see ``Backend.send``."""

    def put(db: sqlite3.Connection) -> bool:
        mono = store.clock.monotonic()
        if not lives(db, worker, mono) and not pools.lives(db, worker, mono):
            return False
        post(db, worker, command)
        return True

    sent = store.writer.run(put)
    if sent:
        store.fifos.wake(mail_topic(worker))
    return sent


def listen(store: Store, worker: str, timeout: float) -> list[Command]:
    """Block until commands arrive, and take them out; see ``Backend.listen``."""
    with store.fifos.listening(mail_topic(worker)) as fd:
        if not store.waits.until([fd], timeout, lambda db: _has_mail(db, worker)):
            return []
    return store.writer.run(lambda db: _collect(db, worker))


def live(store: Store, queue: str | None, route: str | None) -> list[WorkerRecord]:
    """List live workers; see ``Backend.workers``."""
    return store.readers.run(lambda db: _listed(db, queue, route, store.clock.monotonic()))


# --- within a transaction -------------------------------------------------------------------------


def _write(db: sqlite3.Connection, worker: WorkerRecord, ends: float, now: float) -> None:
    """List a worker, or list it anew."""
    record = msgspec.msgpack.encode(msgspec.structs.replace(worker, beat=now))
    db.execute(
        "REPLACE INTO worker (id, queue, route, started, ends, record) VALUES (?, ?, ?, ?, ?, ?)",
        (worker.id, worker.queue, worker.route, worker.started, ends, record),
    )
    db.execute("UPDATE holder SET seen = ? WHERE name = ? AND seen < ?", (now, worker.id, now - 3600))


def lives(db: sqlite3.Connection, worker: str, mono: float) -> bool:
    """Return whether a worker is listed."""
    return db.execute("SELECT 1 FROM worker WHERE id = ? AND ends > ?", (worker, mono)).fetchone() is not None


def _listed(db: sqlite3.Connection, queue: str | None, route: str | None, mono: float) -> list[WorkerRecord]:
    """Read live workers, oldest first."""
    rows = db.execute(
        "SELECT record FROM worker WHERE ends > :mono AND (:queue IS NULL OR queue = :queue)"
        " ORDER BY started, id",
        {"queue": queue, "mono": mono},
    )
    # The column has only one route of each worker; it is there for versions before.
    found = [msgspec.msgpack.decode(row[0], type=WorkerRecord) for row in rows]
    return [worker for worker in found if worker.listens_on(queue, route)]


def remove(db: sqlite3.Connection, worker: str) -> None:
    """Take a worker off the list, with its mail."""
    db.execute("DELETE FROM worker WHERE id = ?", (worker,))
    db.execute("DELETE FROM mail WHERE worker = ?", (worker,))


def _reap_worker(
    db: sqlite3.Connection, worker: str, begun: Sequence[str], death: Death, now: float
) -> tuple[int, set[int]]:
    """Give back what a dead worker held; return how many, and the routes these are on."""
    remove(db, worker)
    n = 0
    routes: set[int] = set()
    evidence = dict.fromkeys(begun, rules.evidence_line(death))
    for lease in leases.of_holder(db, leases.holder_number(db, worker, now)):
        n += len(lease.held)
        routes.add(lease.route)
        leases.give_back(db, lease, list(lease.held), evidence, begun=evidence, now=now)
    targeted = db.execute("SELECT id, route, job FROM aimed WHERE target = ?", (worker,)).fetchall()
    ending.kill_pending(db, targeted, now)
    return n, routes


def post(db: sqlite3.Connection, worker: str, command: Command) -> None:
    """Put a command into a mailbox."""
    db.execute("INSERT INTO mail (worker, command) VALUES (?, ?)", (worker, msgspec.msgpack.encode(command)))


def has_orphans(db: sqlite3.Connection) -> bool:
    """Return whether ``drop_orphans`` would remove any."""
    return db.execute(f"SELECT 1 FROM mail WHERE {_TO_NOBODY} LIMIT 1").fetchone() is not None  # noqa: S608 - constants


def drop_orphans(db: sqlite3.Connection, limit: int) -> list[str]:
    """Remove commands to workers and pools that are not listed; return to whom each was.

    A firing may be killed whose worker has left the list, and keeps its lease.
    """
    rows = db.execute(
        f"DELETE FROM mail WHERE no IN (SELECT no FROM mail WHERE {_TO_NOBODY} LIMIT ?) RETURNING worker",  # noqa: S608 - constants
        (limit,),
    )
    return [row[0] for row in rows.fetchall()]


def topics(db: sqlite3.Connection) -> set[str]:
    """Return the topics of all mailboxes whose owner is listed."""
    rows = db.execute("SELECT id FROM worker UNION ALL SELECT id FROM pool").fetchall()
    return {mail_topic(row[0]) for row in rows}


def _has_mail(db: sqlite3.Connection, worker: str) -> bool:
    """Return whether commands wait; cheap."""
    return db.execute("SELECT 1 FROM mail WHERE worker = ? LIMIT 1", (worker,)).fetchone() is not None


def _collect(db: sqlite3.Connection, worker: str) -> list[Command]:
    """Take the commands out of a mailbox, oldest first."""
    rows = db.execute("SELECT command FROM mail WHERE worker = ? ORDER BY no", (worker,)).fetchall()
    db.execute("DELETE FROM mail WHERE worker = ?", (worker,))
    return [msgspec.msgpack.decode(row[0], type=Command) for row in rows]
