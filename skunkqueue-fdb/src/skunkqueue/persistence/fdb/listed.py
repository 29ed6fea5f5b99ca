"""Workers and pools as listed: a record of each, which its beats keep until a lease of its own ends."""

from __future__ import annotations

from collections.abc import Iterator

from skunkqueue.persistence.fdb import blobs, keys, mailboxes
from skunkqueue.persistence.fdb.transactions import Transaction


def write(tr: Transaction, table: bytes, id_: str, record: bytes, ends: float) -> None:
    """List a worker or pool, or list it anew."""
    key = table + keys.name(id_)
    blobs.clear(tr, key)
    blobs.put(tr, key, keys.moment(ends) + record)


def lives(tr: Transaction, table: bytes, id_: str) -> bool:
    """Return whether a worker or pool is listed and its lease not over. A change of that conflicts."""
    key = table + keys.name(id_)
    value = blobs.read(tr, key, tr.get(key))
    return value is not None and _ends(value) > tr.now


def all_of(tr: Transaction, table: bytes) -> Iterator[tuple[str, bytes, bool]]:
    """Go through all that are listed: id, record, and whether it lives."""
    for key, value in blobs.scan(tr, table, table + keys.END, snapshot=True):
        (id_,), _ = keys.names(key[len(table) :], 1)
        yield id_, value[8:], _ends(value) > tr.now


def dead(tr: Transaction, table: bytes) -> list[str]:
    """List those whose lease is over."""
    know_time(tr)
    return [id_ for id_, _, alive in all_of(tr, table) if not alive]


def remove(tr: Transaction, table: bytes, id_: str) -> None:
    """Take a worker or pool off the list, with its mail."""
    blobs.clear(tr, table + keys.name(id_))
    mailboxes.remove(tr, id_)


def remove_dead(tr: Transaction, table: bytes, id_: str) -> int:
    """Do so unless it lives after all; return whether it was there."""
    know_time(tr)
    key = table + keys.name(id_)
    value = blobs.read(tr, key, tr.get(key))
    if value is None or _ends(value) > tr.now:
        tr.unchanged = True
        return 0
    remove(tr, table, id_)
    return 1


def lost_mailboxes(tr: Transaction) -> list[str]:
    """List mailboxes of workers and pools that are not listed: a command may come just after its worker has left."""
    found = mailboxes.names(tr)
    tables = (tr.keys.worker, tr.keys.pool)
    asked = [(name, [tr.snapshot.get(table + keys.name(name)) for table in tables]) for name in found]
    return [name for name, futures in asked if all(future.value is None for future in futures)]


def remove_mailbox(tr: Transaction, id_: str) -> int:
    """Remove the mailbox of a worker or pool unless that is listed; return whether it was removed."""
    asked = [tr.get(table + keys.name(id_)) for table in (tr.keys.worker, tr.keys.pool)]
    if any(future.value is not None for future in asked):
        tr.unchanged = True
        return 0
    mailboxes.remove(tr, id_)
    return 1


def know_time(tr: Transaction) -> None:
    """Have the time of this transaction judged by the version that it reads, before anybody is called dead by it."""
    tr.link.note_version(tr.raw.get_read_version().wait())
    tr.now = tr.link.time.now()


def _ends(value: bytes) -> float:
    return keys.seconds(value[:8])
