"""Adding the counters of minutes to those of hours and of all time, and forgetting what is old.

Whoever sweeps or prunes does it, when an hour is over, some minutes in a transaction.
"""

from __future__ import annotations

from typing import NamedTuple

from skunkqueue.persistence.asking import HOURS_KEPT, MINUTES_KEPT
from skunkqueue.persistence.fdb import keys, vectors
from skunkqueue.persistence.fdb.routes import Place
from skunkqueue.persistence.fdb.tallies import MINUTES, rolled_until
from skunkqueue.persistence.fdb.transactions import Transaction

GRACE = 60.0
"""Seconds after the end of an hour when nobody counts in it any more (``counting.LATEST``; and transactions end after 5)."""
_MINUTES_AT_ONCE = 10


class Due(NamedTuple):
    """A route whose minutes are to be rolled up."""

    place: Place
    since: int
    until: int
    """Minutes."""


def due(tr: Transaction, places: list[Place]) -> list[Due]:
    """List the routes of which an hour is over."""
    until = max(int((tr.now - GRACE) // 3600), 0) * MINUTES
    rolled = rolled_until(tr, places)
    return [Due(place, since, until) for place, since in rolled.items() if since < until]


def roll(tr: Transaction, one: Due) -> Due | None:
    """Roll some minutes of a route up; return what is left to do."""
    packed = keys.place(*one.place)
    mark = tr.keys.rolled + packed
    since = rolled_until(tr, [one.place])[one.place]
    if since >= one.until:
        tr.unchanged = True
        return None
    before = tr.keys.minute + packed
    last = before + keys.count(one.until)
    head = tr.get_range(before + keys.count(since), last, 1)()
    if not head:
        _forget(tr, packed, one.until)
        tr.set(mark, keys.count(one.until))
        return None
    first = keys.count_of(head[0].key[len(before) : len(before) + 4])
    until = min(first - first % _MINUTES_AT_ONCE + _MINUTES_AT_ONCE, one.until)
    sums: dict[bytes, list[bytes]] = {}
    for pair in tr.get_range(before + keys.count(first), before + keys.count(until))():
        sums.setdefault(pair.key[len(before) + 4 :], []).append(pair.value)
    hour = keys.count(first // MINUTES)
    for job_and_kind, values in sums.items():
        total = vectors.total(values)
        tr.add(tr.keys.hour + packed + hour + job_and_kind, total)
        tr.add(tr.keys.total + packed + job_and_kind, total)
    tr.set(mark, keys.count(until))
    if until < one.until:
        return Due(one.place, until, one.until)
    _forget(tr, packed, until)
    return None


def _forget(tr: Transaction, packed: bytes, rolled: int) -> None:
    """Drop minutes and hours that nobody asks for any more, and their samples; minutes only if they were rolled up."""
    minute = min(max(int((tr.now - MINUTES_KEPT) // 60), 0), rolled)
    hour = max(int((tr.now - HOURS_KEPT) // 3600), 0)
    for table, until in (
        (tr.keys.minute, minute),
        (tr.keys.sample, minute),
        (tr.keys.hour, hour),
        (tr.keys.hour_sample, hour),
    ):
        tr.clear_range(table + packed, table + packed + keys.count(until))
