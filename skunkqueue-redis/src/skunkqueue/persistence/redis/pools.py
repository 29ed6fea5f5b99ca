"""Pools as listed, and the audit log."""

from __future__ import annotations

from abc import ABC

import msgspec

from skunkqueue.persistence import listing
from skunkqueue.persistence.backend import MAX_PAGE
from skunkqueue.persistence.redis import wire
from skunkqueue.persistence.redis.base import StoreBackend
from skunkqueue.persistence.redis.scripts import load
from skunkqueue.pools import MAX_ON, Entries, Entry, PoolRecord

_BEAT_POOL, _POOLS, _UNREGISTER = map(load, ("beat_pool", "pools", "unregister"))
_LOG_ENTRY, _NOTE_ENTRY, _AUDIT = map(load, ("log_entry", "note_entry", "audit"))
_as_pools = wire.reader(list[tuple[float, bytes]])
_as_pool = wire.reader(PoolRecord)
_as_entries = wire.reader(list[tuple[float, bytes, bytes | None, float | None, float | None]])
_as_entry = wire.reader(Entry)


class Watching(StoreBackend, ABC):
    """The verbs about pools and about who did what."""

    # --- pools ------------------------------------------------------------------------------------

    def register_pool(self, pool: PoolRecord, lease: float) -> None:
        """List a pool."""
        self.beat_pool(pool, lease)

    def beat_pool(self, pool: PoolRecord, lease: float) -> bool:
        """Say that a pool lives."""
        reply = self._link.call(_BEAT_POOL, pool.id, 2, float(lease), blobs=[wire.encode(pool)])
        return wire.as_answer(reply)

    def unregister_pool(self, pool: str) -> None:
        """Take a pool off the list."""
        self._link.call(_UNREGISTER, pool)

    def pools(self, queue: str | None = None) -> list[PoolRecord]:
        """List live pools, oldest first."""
        found = [
            msgspec.structs.replace(_as_pool(record), beat=beat)
            for beat, record in _as_pools(self._link.call(_POOLS))
        ]
        return sorted(
            (pool for pool in found if queue in (None, pool.queue)), key=lambda pool: (pool.started, pool.id)
        )

    # --- the audit log ----------------------------------------------------------------------------

    def log_entry(self, entry: Entry) -> None:
        """Add an entry."""
        said = msgspec.structs.replace(entry, on=entry.on[:MAX_ON])
        self._link.call(_LOG_ENTRY, entry.id, 2, blobs=[wire.encode(said)], kept=True)

    def note_entry(
        self, id_: str, *, did: str | None = None, heard: bool = False, done: bool = False
    ) -> bool:
        """Note on an entry what became of it."""
        blobs = wire.Blobs()
        number = blobs.maybe(None if did is None else did.encode())
        return wire.as_answer(self._link.call(_NOTE_ENTRY, id_, number, heard, done, blobs=blobs, kept=True))

    def audit(
        self,
        limit: int = 50,
        cursor: str | None = None,
        *,
        who: str | None = None,
        verb: str | None = None,
        id_: str | None = None,
    ) -> Entries:
        """List entries, newest first."""
        after = None if cursor is None else listing.entry_before(cursor)
        limit = max(1, min(limit, MAX_PAGE))
        found: list[Entry] = []
        want = limit + 1
        asked = want if who is None and verb is None else MAX_PAGE
        while len(found) < want:
            rows = _as_entries(self._link.call(_AUDIT, after or False, asked, id_ or False))
            entries = [_entry(*row) for row in rows]
            found += [entry for entry in entries if who in (None, entry.who) and verb in (None, entry.verb)]
            if len(entries) < asked or id_ is not None:
                break
            after = entries[-1].at, entries[-1].id
        more = len(found) > limit
        shown = found[:limit]
        return Entries(entries=tuple(shown), next=listing.entry_cursor(shown[-1]) if more else None)


def _entry(at: float, said: bytes, did: bytes | None, heard: float | None, done: float | None) -> Entry:
    entry = _as_entry(said)
    return msgspec.structs.replace(
        entry,
        at=at,
        did=entry.did if did is None else did.decode(),
        heard=entry.heard if heard is None else heard,
        done=entry.done if done is None else done,
    )
