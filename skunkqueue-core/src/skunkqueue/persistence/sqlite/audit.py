"""The audit log: entries by id, which is their order, with what became of each beside them.

Every function here runs inside a transaction somebody else began, and takes the time as an argument.
"""

from __future__ import annotations

import sqlite3

import msgspec

from skunkqueue.errors import BackendError
from skunkqueue.persistence.backend import MAX_PAGE
from skunkqueue.pools import ENTRY_TTL, MAX_ENTRIES, MAX_ON, Entries, Entry


def write(db: sqlite3.Connection, entry: Entry, now: float) -> None:
    """Add an entry, unless it is there."""
    kept = msgspec.structs.replace(entry, at=now, on=entry.on[:MAX_ON])
    db.execute(
        "INSERT OR IGNORE INTO audit (id, at, who, verb, entry, did, heard, done) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            entry.id,
            now,
            entry.who,
            entry.verb,
            msgspec.msgpack.encode(kept),
            entry.did,
            entry.heard,
            entry.done,
        ),
    )


def note(db: sqlite3.Connection, id_: str, did: str | None, *, heard: bool, done: bool, now: float) -> bool:
    """Write down what became of it; say whether it is there."""
    changed = db.execute(
        "UPDATE audit SET did = coalesce(?, did), heard = coalesce(heard, ?), done = coalesce(done, ?) WHERE id = ?",
        (did, now if heard else None, now if done else None, id_),
    )
    return changed.rowcount > 0


def page(
    db: sqlite3.Connection,
    limit: int,
    cursor: str | None,
    *,
    who: str | None,
    verb: str | None,
    id_: str | None,
) -> Entries:
    """Read a page, newest first; the cursor is the id of the last entry shown."""
    if cursor is not None and not (cursor.isascii() and cursor.isalnum()):
        msg = f"{cursor[:100]!r} is not a cursor of the audit log: leave it out to begin at the newest entry"
        raise BackendError(msg)
    limit = max(1, min(limit, MAX_PAGE))
    rows = db.execute(
        "SELECT entry, did, heard, done FROM audit WHERE (:cursor IS NULL OR id < :cursor)"
        " AND (:who IS NULL OR who = :who) AND (:verb IS NULL OR verb = :verb) AND (:id IS NULL OR id = :id)"
        " ORDER BY id DESC LIMIT :limit",
        {"cursor": cursor, "who": who, "verb": verb, "id": id_, "limit": limit + 1},
    ).fetchall()
    found = tuple(_entry(*row) for row in rows[:limit])
    return Entries(entries=found, next=found[-1].id if len(rows) > limit else None)


def _entry(packed: bytes, did: str | None, heard: float | None, done: float | None) -> Entry:
    entry = msgspec.msgpack.decode(packed, type=Entry)
    return msgspec.structs.replace(entry, did=did, heard=heard, done=done)


def drop_old(db: sqlite3.Connection, now: float) -> int:
    """Forget what is too old, or too much; return how many."""
    gone = db.execute("DELETE FROM audit WHERE at < ?", (now - ENTRY_TTL,)).rowcount
    gone += db.execute(
        "DELETE FROM audit WHERE id <= (SELECT id FROM audit ORDER BY id DESC LIMIT 1 OFFSET ?)",
        (MAX_ENTRIES,),
    ).rowcount
    return gone
