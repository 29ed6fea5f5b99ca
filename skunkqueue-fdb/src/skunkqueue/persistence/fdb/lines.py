"""The line: a key for each pending firing of a route, in the order in which they are claimed.

Its value has all that a claim needs, so that a claim reads nothing else: a byte of flags, and the entry's fields with what
happened since already in them. A firing with a large body has an empty value, and is read from where it lies.
"""

from __future__ import annotations

from collections.abc import Mapping

from skunkqueue.persistence.fdb import blobs, keys
from skunkqueue.persistence.fdb.keys import Keys
from skunkqueue.persistence.fdb.records import (
    ENTRY_HEAD,
    TARGETS,
    Attempt,
    Entry,
    Route,
    as_entry,
    as_route,
    encode,
    with_attempt,
)
from skunkqueue.persistence.fdb.transactions import Transaction

LARGEST = 1_500
"""Bytes of an entry that is copied into the line. The body of a larger one lies apart (``firings``)."""
PLAIN, NOTED = b"\0", b"\1"
"""Flags: ``NOTED`` where there is an attempt of it."""
_HEAD = b"\xdc\x00" + bytes((len(Entry.__struct_fields__),))


def key_of(all_keys: Keys, entry: Entry, attempt: Attempt | None = None) -> bytes:
    """Return under which key a pending firing stands in line; the entry as it was put in."""
    due = entry.due if attempt is None or attempt.due is None else attempt.due
    return all_keys.line_of(keys.place(entry.queue, entry.route), entry.priority, due, entry.id, entry.target)


def value_of(encoded: bytes, *, is_noted: bool = False) -> bytes:
    """Return its value from the encoded entry, as it is claimed."""
    if len(encoded) > LARGEST:
        return b""
    return (NOTED if is_noted else PLAIN) + encoded[ENTRY_HEAD:]


def entry_of(value: bytes) -> Entry:
    """Read a value that is not empty: the entry as it is claimed."""
    found: Entry = as_entry(_HEAD + value[1:])
    return found


def put(tr: Transaction, entry: Entry, attempt: Attempt | None = None, *, is_large: bool = False) -> None:
    """Put a firing into the line; counts nothing, and wakes no waiter. ``is_large``: ``entry`` lacks its body."""
    shown = with_attempt(entry, attempt)
    if is_large or (attempt is not None and attempt.apart):
        value = b""
    else:
        value = value_of(encode(shown), is_noted=attempt is not None)
    tr.set(key_of(tr.keys, entry, attempt), value)
    if entry.target is not None:
        place = keys.place(entry.queue, entry.route)
        tail = keys.rank(entry.priority) + keys.moment(shown.due) + entry.id.encode()
        tr.set(tr.keys.target + place + tail, keys.name(entry.target))
    use(tr, entry.queue, entry.route, 1 << entry.priority | (0 if entry.target is None else TARGETS))


def take_out(tr: Transaction, entry: Entry, attempt: Attempt | None = None) -> None:
    """Take a firing out of the line. A caller that has not read its key must add the conflict."""
    tr.clear(key_of(tr.keys, entry, attempt))
    if entry.target is not None:
        due = with_attempt(entry, attempt).due
        tail = keys.rank(entry.priority) + keys.moment(due) + entry.id.encode()
        tr.clear(tr.keys.target + keys.place(entry.queue, entry.route) + tail)


def pending(tr: Transaction, firings: Mapping[str, tuple[Entry, Attempt | None]]) -> set[str]:
    """Return which of these stand in line now."""
    by_line: dict[bytes, dict[bytes, str]] = {}
    for id_, (entry, attempt) in firings.items():
        key = key_of(tr.keys, entry, attempt)
        by_line.setdefault(key[: -len(id_) - keys.LINE_TAIL + 1], {})[key] = id_
    return {own[key] for own in by_line.values() for key in blobs.values(tr, list(own))}


def use(tr: Transaction, queue: str, route: str, ranks: int) -> None:
    """Note which priorities a route has in use, where that is not known yet."""
    known = tr.link.routes.get((queue, route), 0)
    if known & ranks == ranks:
        return
    key = tr.keys.route + keys.place(queue, route)
    value = tr.get(key).value
    found = Route() if value is None else as_route(value)
    if found.ranks & ranks == ranks:
        # Only what is committed may be relied on by later calls, and this try may have added to it.
        if tr.widened is None or (queue, route) not in tr.widened:
            tr.link.routes[queue, route] = found.ranks
    else:
        tr.widened = {*(tr.widened or ()), (queue, route)}
        tr.set(key, encode(Route(ranks=found.ranks | ranks, paused=found.paused)))
