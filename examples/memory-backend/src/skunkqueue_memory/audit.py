"""The audit log: who did what."""

from __future__ import annotations

from msgspec.structs import replace

from skunkqueue.persistence import listing
from skunkqueue.persistence.backend import MAX_PAGE
from skunkqueue.pools import ENTRY_TTL, MAX_ENTRIES, MAX_ON, Entries, Entry
from skunkqueue_memory.store import Store


def add(store: Store, entry: Entry) -> None:
    """Add an entry."""
    store.audit.setdefault(entry.id, replace(entry, at=store.now(), on=entry.on[:MAX_ON]))


def note(store: Store, id_: str, *, did: str | None, heard: bool, done: bool) -> bool:
    """Add to an entry what became of it."""
    entry, now = store.audit.get(id_), store.now()
    if entry is None:
        return False
    store.audit[id_] = replace(
        entry,
        did=entry.did if did is None else did,
        heard=now if heard and entry.heard is None else entry.heard,
        done=now if done and entry.done is None else entry.done,
    )
    return True


def page(
    store: Store, limit: int, cursor: str | None, *, who: str | None, verb: str | None, id_: str | None
) -> Entries:
    """List entries, newest first."""
    before = None if cursor is None else listing.entry_before(cursor)
    limit = max(1, min(limit, MAX_PAGE))
    found = [
        entry
        for entry in sorted(store.audit.values(), key=_moment, reverse=True)
        if who in (None, entry.who) and verb in (None, entry.verb) and id_ in (None, entry.id)
        if before is None or _moment(entry) < before
    ]
    more = len(found) > limit
    shown = found[:limit]
    return Entries(entries=tuple(shown), next=listing.entry_cursor(shown[-1]) if more else None)


def drop_old(store: Store, now: float) -> int:
    """Forget what is old or too much; return how many entries."""
    kept = sorted(store.audit.values(), key=_moment)
    doomed = [*kept[:-MAX_ENTRIES], *(entry for entry in kept if entry.at <= now - ENTRY_TTL)]
    for id_ in {entry.id for entry in doomed}:
        del store.audit[id_]
    return len({entry.id for entry in doomed})


def _moment(entry: Entry) -> tuple[float, str]:
    return entry.at, entry.id
