"""Reading a range of keys from end to end, more and more at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from skunkqueue.persistence.fdb.binding import KeyValue
from skunkqueue.persistence.fdb.transactions import Transaction


def lumps(
    tr: Transaction, begin: bytes, end: bytes, *, onward: bool, first: int, most: int, second: int = 0
) -> Iterator[Sequence[KeyValue]]:
    """Read a range in lumps: of ``first`` keys, then of four times as many each time (but of ``second`` at least), of ``most`` at last.

    The first is asked for at once, so that many ranges that are merged come in one round trip.
    """
    asked = tr.get_range(begin, end, first, newest=not onward, snapshot=True)

    def rest() -> Iterator[Sequence[KeyValue]]:
        nonlocal begin, end, asked
        size = first
        while True:
            pairs = asked()
            yield pairs
            if len(pairs) < size:
                return
            if onward:
                begin = pairs[-1].key + b"\0"
            else:
                end = pairs[-1].key
            size = min(max(size * 4, second), most)
            asked = tr.get_range(begin, end, size, newest=not onward, snapshot=True)

    return rest()
