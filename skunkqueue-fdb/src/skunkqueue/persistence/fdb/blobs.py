"""Values of any size: what is larger than one value may be goes on under its key, a zero byte and a number.

A value begins with a byte that says whether it is all, or with the number of its parts.
"""

from __future__ import annotations

from collections.abc import Iterable

from skunkqueue.persistence.fdb import keys
from skunkqueue.persistence.fdb.binding import Value
from skunkqueue.persistence.fdb.transactions import Transaction

LARGEST = 90_000
"""Bytes of one value. FoundationDB takes 100,000."""
_ALL, _PARTS = b"\0", b"\1"


def put(tr: Transaction, key: bytes, value: bytes) -> None:
    """Store a value. Where it takes the place of another, ``clear`` that one when it goes, and nothing is left over."""
    if len(value) <= LARGEST:
        tr.set(key, _ALL + value)
        return
    starts = range(0, len(value), LARGEST)
    tr.set(key, _PARTS + keys.part(len(starts)))
    for number, start in enumerate(starts):
        tr.set(key + b"\0" + keys.part(number), value[start : start + LARGEST])


def read(tr: Transaction, key: bytes, asked: Value, *, snapshot: bool = False) -> bytes | None:
    """Return a value whose key was asked for by ``tr.get(key)``; ``None``: there is none."""
    first = asked.value
    if first is None or first[:1] == _ALL:
        return None if first is None else first[1:]
    parts = tr.get_range(key + b"\0", key + b"\1", snapshot=snapshot)
    return b"".join(part.value for part in parts())


def read_each(
    tr: Transaction, table: bytes, ids: Iterable[str], *, snapshot: bool = False
) -> dict[str, bytes]:
    """Read the values of a table whose keys are ids; those that are there."""
    get = (tr.snapshot if snapshot else tr).get
    asked = [(id_, table + keys.id_(id_)) for id_ in ids]
    futures = [get(key) for _, key in asked]
    found: dict[str, bytes] = {}
    for (id_, key), future in zip(asked, futures, strict=True):
        value = read(tr, key, future, snapshot=snapshot)
        if value is not None:
            found[id_] = value
    return found


def clear(tr: Transaction, key: bytes) -> None:
    """Remove a value, of whatever size."""
    tr.clear_range(key, key + _PARTS)
