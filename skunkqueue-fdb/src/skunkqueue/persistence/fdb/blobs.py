"""Values of any size: what is too large for one value continues under its key, a zero byte and a number.

A value begins with a byte that says whether it is all, or with the number of its parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from skunkqueue.persistence.fdb import keys
from skunkqueue.persistence.fdb.binding import Value
from skunkqueue.persistence.fdb.transactions import Transaction

LARGEST = 90_000
"""Bytes of one value. FoundationDB takes 100,000."""
FEW = 32
"""So many keys are read one by one."""
_ALL, _PARTS = b"\0", b"\1"


def put(tr: Transaction, key: bytes, value: bytes) -> None:
    """Store a value. Parts of a longer one that was there before stay until ``clear``, and nothing but ``scan`` reads them.

    So what is scanned must be cleared before it is stored again.
    """
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
    return None if first is None else whole(tr, key, first, snapshot=snapshot)


def whole(tr: Transaction, key: bytes, first: bytes, *, snapshot: bool = False) -> bytes:
    """Return a value from what is stored under its key."""
    if first[:1] == _ALL:
        return first[1:]
    parts = tr.get_range(key + b"\0", key + b"\0" + first[1:], snapshot=snapshot)
    return b"".join(part.value for part in parts())


def read_each(
    tr: Transaction, table: bytes, ids: Iterable[str], *, snapshot: bool = False
) -> dict[str, bytes]:
    """Read the values of a table whose keys are ids; those that are there."""
    return ask_each(tr, table, ids, snapshot=snapshot)()


def ask_each(
    tr: Transaction, table: bytes, ids: Iterable[str], *, snapshot: bool = False
) -> Callable[[], dict[str, bytes]]:
    """Ask for them; what is returned waits, and reads them."""
    by_key = {table + keys.id_(id_): id_ for id_ in ids}
    stored = ask(tr, list(by_key), snapshot=snapshot)
    return lambda: {by_key[key]: whole(tr, key, value, snapshot=snapshot) for key, value in stored().items()}


def values(tr: Transaction, wanted: Sequence[bytes], *, snapshot: bool = False) -> dict[bytes, bytes]:
    """Read keys of one table as they are stored; those that are there."""
    return ask(tr, wanted, snapshot=snapshot)()


def ask(
    tr: Transaction, wanted: Sequence[bytes], *, snapshot: bool = False
) -> Callable[[], dict[bytes, bytes]]:
    """Ask for them; what is returned waits, and reads them.

    Many are read as a range from the first to the last, as most of them are not there, or lie side by side. Where other keys
    lie between, it ends early, and the rest is read one by one.
    """
    get = (tr.snapshot if snapshot else tr).get
    if len(wanted) <= FEW:
        asked = [(key, get(key)) for key in wanted]
        return lambda: {key: value for key, future in asked if (value := future.value) is not None}
    ordered = sorted(wanted)
    if not (snapshot or tr.only_reads):
        for key in ordered:
            tr.raw.add_read_conflict_key(key)
    limit = 2 * len(ordered)
    pairs = tr.get_range(ordered[0], ordered[-1] + b"\0", limit, snapshot=True)

    def found() -> dict[bytes, bytes]:
        among, came = set(ordered), pairs()
        read = {pair.key: pair.value for pair in came if pair.key in among}
        rest = [key for key in ordered if key > came[-1].key] if len(came) == limit else ()
        for key, future in [(key, get(key)) for key in rest]:
            value = future.value
            if value is not None:
                read[key] = value
        return read

    return found


def scan(
    tr: Transaction, begin: bytes, end: bytes, *, snapshot: bool = False, at_once: int = 1_000
) -> Iterator[tuple[bytes, bytes]]:
    """Go through keys and values of a range in order, however large each is and however many there are."""
    head, parts, missing = b"", list[bytes](), 0
    while True:
        pairs = tr.get_range(begin, end, at_once, snapshot=snapshot)()
        for pair in pairs:
            value = pair.value
            if missing:
                parts.append(value)
                missing -= 1
                if not missing:
                    yield head, b"".join(parts)
            elif value[:1] == _ALL:
                yield pair.key, value[1:]
            else:
                head, parts, missing = pair.key, [], int.from_bytes(value[1:], "big")
        if len(pairs) < at_once:
            return
        begin = pairs[-1].key + b"\0"


def clear(tr: Transaction, key: bytes) -> None:
    """Remove a value, of whatever size."""
    tr.clear_range(key, key + _PARTS)
