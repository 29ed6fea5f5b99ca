"""The verbs about the audit log: who did what."""

from __future__ import annotations

from msgspec.structs import replace

from skunkqueue.clock import Clock
from skunkqueue.persistence import listing
from skunkqueue.persistence.backend import MAX_PAGE
from skunkqueue.pools import ENTRY_TTL, MAX_ENTRIES, MAX_ON, Entries, Entry
from skunkqueue_memory.store import Store


class AuditVerbs(Store):
    """Entries are added, noted on, and listed."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self._entries: dict[str, Entry] = {}

    def log_entry(self, entry: Entry) -> None:
        """Add an entry."""
        with self._open():
            self._entries.setdefault(entry.id, replace(entry, at=self.now(), on=entry.on[:MAX_ON]))

    def note_entry(
        self, id_: str, *, did: str | None = None, heard: bool = False, done: bool = False
    ) -> bool:
        """Note on an entry what became of it."""
        with self._open():
            entry, now = self._entries.get(id_), self.now()
            if entry is None:
                return False
            self._entries[id_] = replace(
                entry,
                did=entry.did if did is None else did,
                heard=now if heard and entry.heard is None else entry.heard,
                done=now if done and entry.done is None else entry.done,
            )
            return True

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
        before = None if cursor is None else listing.entry_before(cursor)
        limit = max(1, min(limit, MAX_PAGE))
        with self._open():
            found = [
                entry
                for entry in sorted(self._entries.values(), key=_moment, reverse=True)
                if who in (None, entry.who) and verb in (None, entry.verb) and id_ in (None, entry.id)
                if before is None or _moment(entry) < before
            ]
        more = len(found) > limit
        shown = found[:limit]
        return Entries(entries=tuple(shown), next=listing.entry_cursor(shown[-1]) if more else None)

    def _drop_entries(self, now: float) -> int:
        """Forget the oldest; return how many."""
        kept = sorted(self._entries.values(), key=_moment)
        doomed = [*kept[:-MAX_ENTRIES], *(entry for entry in kept if entry.at <= now - ENTRY_TTL)]
        for id_ in {entry.id for entry in doomed}:
            del self._entries[id_]
        return len({entry.id for entry in doomed})


def _moment(entry: Entry) -> tuple[float, str]:
    return entry.at, entry.id
