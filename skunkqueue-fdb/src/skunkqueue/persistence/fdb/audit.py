"""The audit log: who did what, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from skunkqueue.persistence import listing
from skunkqueue.persistence.backend import MAX_PAGE
from skunkqueue.persistence.fdb import blobs, keys
from skunkqueue.persistence.fdb.records import encode
from skunkqueue.persistence.fdb.transactions import Transaction
from skunkqueue.pools import ENTRY_TTL, MAX_ENTRIES, MAX_ON, Entries, Entry

_AT_ONCE = 500
"""Entries read at once where some are sought among them."""
_decode = msgspec.msgpack.Decoder(Entry).decode


def add(tr: Transaction, entry: Entry) -> None:
    """Add an entry, unless its id is known."""
    if _by_id(tr, entry.id) is not None:
        tr.unchanged = True
        return
    _write(tr, replace(entry, at=tr.now, on=entry.on[:MAX_ON]))


def note(tr: Transaction, id_: str, *, did: str | None, heard: bool, done: bool) -> bool:
    """Add to an entry what became of it; False where it does not exist."""
    entry = _by_id(tr, id_)
    if entry is None:
        tr.unchanged = True
        return False
    noted = replace(
        entry,
        did=entry.did if did is None else did,
        heard=tr.now if heard and entry.heard is None else entry.heard,
        done=tr.now if done and entry.done is None else entry.done,
    )
    _write(tr, noted)
    return True


def page(
    tr: Transaction, limit: int, cursor: str | None, *, who: str | None, verb: str | None, id_: str | None
) -> Entries:
    """List entries, newest first; at most about MAX_ENTRIES are looked at."""
    limit = max(1, min(limit, MAX_PAGE))
    before = (float("inf"), "") if cursor is None else listing.entry_before(cursor)
    found = _newest_first(tr, before, limit + 1 if (who, verb) == (None, None) else _AT_ONCE)
    if id_ is not None:
        entry = _by_id(tr, id_)
        found = iter(() if entry is None or (entry.at, entry.id) >= before else (entry,))
    shown: list[Entry] = []
    for entry in found:
        if who in (None, entry.who) and verb in (None, entry.verb):
            if len(shown) == limit:
                return Entries(entries=tuple(shown), next=listing.entry_cursor(shown[-1]))
            shown.append(entry)
    return Entries(entries=tuple(shown), next=None)


def drop_old(tr: Transaction, limit: int) -> int:
    """Remove some entries past their time, and the oldest of more than MAX_ENTRIES; return how many."""
    table = tr.keys.audit
    old = tr.get_range(table, table + keys.moment(tr.now - ENTRY_TTL) + keys.END, limit, snapshot=True)
    over = tr.get_range(table, table + keys.END, limit, snapshot=True, passed=MAX_ENTRIES)
    first = tr.get_range(table, table + keys.END, limit, snapshot=True)
    doomed = [pair.key for pair in old()]
    number = len(over())
    if number > len(doomed):
        doomed = [pair.key for pair in first()[:number]]
    for key in doomed:
        # A transaction that notes something on it meanwhile would write it again.
        tr.raw.add_read_conflict_key(key)
        tr.clear(key)
        blobs.clear(tr, tr.keys.audit_id + key[len(table) + 8 :])
    tr.unchanged = not doomed
    return len(doomed)


def _by_id(tr: Transaction, id_: str) -> Entry | None:
    key = tr.keys.audit_id + keys.id_(id_)
    if len(id_) > keys.MAX_ID:
        return None
    value = blobs.read(tr, key, tr.get(key))
    return None if value is None else _decode(value)


def _write(tr: Transaction, entry: Entry) -> None:
    key, value = tr.keys.audit_id + keys.id_(entry.id), encode(entry)
    blobs.clear(tr, key)
    blobs.put(tr, key, value)
    tr.set(_key_of(tr, entry.at, entry.id), value if len(value) <= blobs.LARGEST else b"")


def _newest_first(tr: Transaction, before: tuple[float, str], at_once: int) -> Iterator[Entry]:
    table = tr.keys.audit
    end = _key_of(tr, *before)
    while True:
        pairs = tr.get_range(table, end, at_once, newest=True, snapshot=True)()
        for pair in pairs:
            entry = _decode(pair.value) if pair.value else _by_id(tr, pair.key[len(table) + 8 :].decode())
            if entry is not None:
                yield entry
        if len(pairs) < at_once:
            return
        end = pairs[-1].key


def _key_of(tr: Transaction, at: float, id_: str) -> bytes:
    return tr.keys.audit + keys.moment(at) + keys.id_(id_)
