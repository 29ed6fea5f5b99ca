"""The directory of packed firings: which value holds the firing of an id.

Ids begin with the time at which they were made, so those of a batch mostly lie close together. A batch has an entry for
each span of time that its ids are of: of 256 ms, of 4 s or of 65 s, whichever is the shortest that gives few entries. An entry
says between which ids the batch may have some. Ids that lie too far apart have an entry each.

Knows no values, only pointers to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from skunkqueue.ids import ID_LENGTH
from skunkqueue.persistence.fdb import keys
from skunkqueue.persistence.fdb.binding import KeyValue
from skunkqueue.persistence.fdb.transactions import Transaction

LEVELS = (10, 9, 8)
"""Digits that ids of one span have in common."""
FEW = 4
"""Ids that an entry must have on average, or there is one for each id."""
AT_ONCE = 32
"""So many ids are looked up in one round trip, whether they are packed or not."""
FIRINGS, ENDS = b"f", b"o"
"""Tables."""


class Spread(NamedTuple):
    """How the ids of a batch are entered."""

    entries: tuple[bytes, ...]
    """LEVEL, PREFIX and LAST of each entry, and FIRST."""
    alone: bool
    """There are none, since the ids lie too far apart."""


def spread(ids: Iterable[str]) -> Spread:
    """Work out how to enter ids."""
    ordered = sorted(ids)
    for level in LEVELS:
        spans: dict[str, list[str]] = {}
        for id_ in ordered:
            spans.setdefault(id_[:level], []).append(id_)
        if len(spans) * FEW <= len(ordered):
            return Spread(
                tuple(
                    bytes((level,)) + (prefix + own[-1] + own[0]).encode() for prefix, own in spans.items()
                ),
                alone=False,
            )
    return Spread((), alone=True)


def enter(tr: Transaction, table: bytes, entries: Iterable[bytes], pointer: bytes) -> None:
    """Have a batch found by these entries."""
    before = tr.keys.directory + table
    for entry in entries:
        tr.set(before + entry[:-ID_LENGTH] + pointer, entry[-ID_LENGTH:])


def leave(tr: Transaction, table: bytes, entries: Iterable[bytes], pointer: bytes) -> None:
    """Have a batch found no more."""
    before = tr.keys.directory + table
    for entry in entries:
        tr.clear(before + entry[:-ID_LENGTH] + pointer)


def single(tr: Transaction, table: bytes, id_: str) -> bytes:
    """Return the key under which the pointer of an id lies that has an entry of its own."""
    return tr.keys.directory + table + bytes((ID_LENGTH,)) + keys.id_(id_)


def candidates(tr: Transaction, table: bytes, ids: Sequence[str]) -> Callable[[], dict[bytes, list[str]]]:
    """Ask which batches may have ids; what is returned waits, and lists the ids for each pointer."""
    wanted = sorted({id_ for id_ in ids if len(id_) == ID_LENGTH and id_.isascii()})
    asked: list[tuple[int, list[str], Callable[[], Sequence[KeyValue]]]] = []
    for level in LEVELS:
        spans: dict[str, list[str]] = {}
        for id_ in wanted:
            spans.setdefault(id_[:level], []).append(id_)
        for prefix, own in spans.items():
            before = tr.keys.directory + table + bytes((level,)) + prefix.encode()
            # An entry of a batch whose last id comes before all of these is not read.
            pairs = tr.get_range(before + own[0].encode(), before + keys.END, snapshot=True)
            asked.append((len(before), own, pairs))

    def found() -> dict[bytes, list[str]]:
        pointers: dict[bytes, list[str]] = {}
        for start, own, pairs in asked:
            for pair in pairs():
                last = pair.key[start : start + ID_LENGTH].decode()
                first = pair.value.decode()
                among = [id_ for id_ in own if first <= id_ <= last]
                if among:
                    pointers.setdefault(pair.key[start + ID_LENGTH :], []).extend(among)
        return pointers

    return found
