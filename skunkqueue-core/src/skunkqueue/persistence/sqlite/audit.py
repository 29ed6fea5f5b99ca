"""The audit log: who did what, and what became of it.

Every function here runs inside a transaction that its caller began, and takes the time as an argument.
"""

from __future__ import annotations

import sqlite3

import msgspec
from msgspec.structs import replace

from skunkqueue.persistence import listing
from skunkqueue.persistence.backend import MAX_PAGE
from skunkqueue.pools import ENTRY_TTL, MAX_ENTRIES, MAX_ON, Entries, Entry

_decode = msgspec.msgpack.Decoder(Entry).decode
_encode = msgspec.msgpack.Encoder().encode


def add(db: sqlite3.Connection, entry: Entry, now: float) -> None:
    """Add an entry, unless its id is already known."""
    dated = replace(entry, at=now, on=entry.on[:MAX_ON])
    db.execute(
        "INSERT INTO audit (id, at, who, verb, entry) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (entry.id, now, entry.who, entry.verb, _encode(dated)),
    )


def note(db: sqlite3.Connection, id_: str, now: float, *, did: str | None, heard: bool, done: bool) -> bool:
    """Add to an entry what became of it; False where there is no such entry."""
    row = db.execute("SELECT entry FROM audit WHERE id = ?", (id_,)).fetchone()
    if row is None:
        return False
    entry = _decode(row[0])
    noted = replace(
        entry,
        did=entry.did if did is None else did,
        heard=now if heard and entry.heard is None else entry.heard,
        done=now if done and entry.done is None else entry.done,
    )
    db.execute("UPDATE audit SET entry = ? WHERE id = ?", (_encode(noted), id_))
    return True


def page(
    db: sqlite3.Connection,
    limit: int,
    cursor: str | None,
    *,
    who: str | None,
    verb: str | None,
    id_: str | None,
) -> Entries:
    """List entries, newest first; at most MAX_ENTRIES are looked at."""
    limit = max(1, min(limit, MAX_PAGE))
    before = (float("inf"), "") if cursor is None else listing.entry_before(cursor)
    rows = db.execute(
        "SELECT entry FROM audit WHERE (at, id) < (:at, :before) AND (:who IS NULL OR who = :who)"
        " AND (:verb IS NULL OR verb = :verb) AND (:id IS NULL OR id = :id) ORDER BY at DESC, id DESC LIMIT :limit",
        {"at": before[0], "before": before[1], "who": who, "verb": verb, "id": id_, "limit": limit + 1},
    ).fetchall()
    shown = [_decode(row[0]) for row in rows[:limit]]
    following = listing.entry_cursor(shown[-1]) if len(rows) > limit else None
    return Entries(entries=tuple(shown), next=following)


def is_too_long(db: sqlite3.Connection, now: float) -> bool:
    """Return whether ``drop_old`` would remove any."""
    row = db.execute(
        "SELECT (SELECT min(at) FROM audit) <= ? OR (SELECT count(*) FROM audit) > ?",
        (now - ENTRY_TTL, MAX_ENTRIES),
    ).fetchone()
    return bool(row[0])


def drop_old(db: sqlite3.Connection, now: float, limit: int) -> int:
    """Remove some entries past their time, and the oldest of more than MAX_ENTRIES; return how many."""
    old = "SELECT id FROM audit WHERE at <= ? ORDER BY at, id LIMIT ?"
    removed = db.execute(f"DELETE FROM audit WHERE id IN ({old})", (now - ENTRY_TTL, limit)).rowcount  # noqa: S608 - constants
    over = int(db.execute("SELECT count(*) FROM audit").fetchone()[0]) - MAX_ENTRIES
    if over > 0:
        oldest = "SELECT id FROM audit ORDER BY at, id LIMIT ?"
        removed += db.execute(f"DELETE FROM audit WHERE id IN ({oldest})", (min(over, limit),)).rowcount  # noqa: S608 - constants
    return removed
