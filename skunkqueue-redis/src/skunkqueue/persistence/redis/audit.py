"""The audit log: who did what, and what became of it."""

from __future__ import annotations

import msgspec

from skunkqueue.persistence import listing
from skunkqueue.persistence.backend import MAX_PAGE
from skunkqueue.persistence.redis.link import Link
from skunkqueue.persistence.redis.scripts import load
from skunkqueue.persistence.redis.wire import Blobs, as_answer, encode, reader
from skunkqueue.pools import MAX_ON, Entries, Entry

_LOG_ENTRY, _NOTE_ENTRY, _AUDIT = map(load, ("log_entry", "note_entry", "audit"))
_as_entries = reader(list[tuple[float, bytes, bytes | None, float | None, float | None]])
_as_entry = reader(Entry)


def add(link: Link, entry: Entry) -> None:
    """Add an entry."""
    stored = msgspec.structs.replace(entry, on=entry.on[:MAX_ON])
    link.call(_LOG_ENTRY, entry.id, 2, blobs=[encode(stored)], kept=True)


def note(link: Link, id_: str, *, did: str | None, heard: bool, done: bool) -> bool:
    """Note on an entry what became of it; return whether the entry exists."""
    blobs = Blobs()
    number = blobs.maybe(None if did is None else did.encode())
    return as_answer(link.call(_NOTE_ENTRY, id_, number, heard, done, blobs=blobs, kept=True))


def page(
    link: Link, limit: int, cursor: str | None, *, who: str | None, verb: str | None, id_: str | None
) -> Entries:
    """List entries, newest first, after a cursor."""
    after = None if cursor is None else listing.entry_before(cursor)
    limit = max(1, min(limit, MAX_PAGE))
    found: list[Entry] = []
    want = limit + 1
    asked = want if who is None and verb is None else MAX_PAGE
    while len(found) < want:
        rows = _as_entries(link.call(_AUDIT, after or False, asked, id_ or False))
        entries = [_entry(*row) for row in rows]
        found += [entry for entry in entries if who in (None, entry.who) and verb in (None, entry.verb)]
        if len(entries) < asked or id_ is not None:
            break
        after = entries[-1].at, entries[-1].id
    more = len(found) > limit
    shown = found[:limit]
    return Entries(entries=tuple(shown), next=listing.entry_cursor(shown[-1]) if more else None)


def _entry(at: float, stored: bytes, did: bytes | None, heard: float | None, done: float | None) -> Entry:
    entry = _as_entry(stored)
    return msgspec.structs.replace(
        entry,
        at=at,
        did=entry.did if did is None else did.decode(),
        heard=entry.heard if heard is None else heard,
        done=entry.done if done is None else done,
    )
