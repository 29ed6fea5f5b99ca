"""Adding up the counters of minutes that are over, for all jobs, by hour and for all time; and forgetting what is old.

Any process that sweeps or prunes does it, every ten minutes, ten minutes of a route in a transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from skunkqueue.counters import add
from skunkqueue.persistence.asking import HOURS_KEPT, MINUTES_KEPT
from skunkqueue.persistence.fdb import keys, routes, vectors
from skunkqueue.persistence.fdb.counters import MINUTES, TEN, as_values, rolled_until
from skunkqueue.persistence.fdb.records import encode
from skunkqueue.persistence.fdb.routes import Place
from skunkqueue.persistence.fdb.transactions import Link, Transaction

GRACE = 60.0
"""Seconds after which nothing more is counted in a minute that is over (``tallies.LATEST``; and transactions end after 5)."""
_ROUTES = 100
"""Looked at in one transaction."""


class Due(NamedTuple):
    """A route whose minutes are to be rolled up, and before which one."""

    place: Place
    until: int


def roll_up(link: Link) -> None:
    """Roll up what is over on all routes, unless another process has."""
    until = link.read(_until)
    if until is None:
        return
    known = link.read(lambda tr: [place for place, _ in routes.known(tr)])
    for start in range(0, len(known), _ROUTES):
        some = known[start : start + _ROUTES]
        due = link.read(lambda tr, some=some: _due(tr, some, until))  # type: ignore[misc] # its default is a list
        for one in due:
            while link.run(lambda tr, one=one: _roll(tr, one)):  # type: ignore[misc] # its default is a route
                pass
    link.run(lambda tr: tr.set(tr.keys.rolled, keys.count(until)))


def _until(tr: Transaction) -> int | None:
    """Return before which minute all is to be rolled up; ``None``: it is."""
    until = max(int((tr.now - GRACE) // (60 * TEN)), 0) * TEN
    value = tr.get(tr.keys.rolled).value
    return None if value is not None and keys.count_of(value) >= until else until


def _due(tr: Transaction, places: Sequence[Place], until: int) -> list[Due]:
    """List those of some routes where there is something to roll up or to forget."""
    rolled = rolled_until(tr, places)
    asked = []
    for place in places:
        packed = keys.place(*place)
        begins = [*_new(tr, packed, rolled[place], until), *_old(tr, packed, until)]
        heads = [tr.get_range(begin, end, 1, snapshot=True) for begin, end in begins if begin < end]
        asked.append((place, heads))
    return [Due(place, until) for place, heads in asked if any(head() for head in heads)]


def _roll(tr: Transaction, due: Due) -> bool:
    """Roll ten minutes of a route up; return whether there is more to do."""
    packed = keys.place(*due.place)
    since = rolled_until(tr, [due.place])[due.place]
    start = len(tr.keys.minute + packed)
    heads = [tr.get_range(begin, end, 1) for begin, end in _new(tr, packed, since, due.until) if begin < end]
    firsts = [keys.count_of(pair.key[start : start + 4]) for head in heads for pair in head()]
    if firsts:
        first = min(firsts)
        until = min(first - first % TEN + TEN, due.until)
        _add_up(tr, packed, first, until)
        tr.set(tr.keys.rolled + packed, keys.count(until))
        return True
    for old, last in _old(tr, packed, due.until):
        tr.clear_range(old, last)
    return False


def _add_up(tr: Transaction, packed: bytes, first: int, until: int) -> None:
    before = tr.keys.minute + packed
    taken = tr.keys.sample + packed + keys.count(first), tr.keys.sample + packed + keys.count(until)
    samples = tr.get_range(*taken)
    by_job: dict[bytes, list[bytes]] = {}
    by_minute: dict[int, dict[bytes, list[bytes]]] = {}
    for pair in tr.get_range(before + keys.count(first), before + keys.count(until))():
        rest = pair.key[len(before) :]
        by_job.setdefault(rest[4:], []).append(pair.value)
        by_minute.setdefault(keys.count_of(rest[:4]), {}).setdefault(rest[-1:], []).append(pair.value)
    hour = keys.count(first // MINUTES)
    for job_and_kind, values in by_job.items():
        total = vectors.total(values)
        tr.add(tr.keys.hour + packed + hour + job_and_kind, total)
        tr.add(tr.keys.total + packed + job_and_kind, total)
    minutes: dict[int, dict[str, float]] = {}
    for minute, kinds in by_minute.items():
        summed: dict[str, float] = {}
        for values in kinds.values():
            add(summed, vectors.counters_of(vectors.total(values)))
        minutes[minute] = summed
    for pair in samples():
        minute = keys.count_of(pair.key[len(before) :])
        minutes.setdefault(minute, {}).update(as_values(pair.value))
    tr.clear_range(*taken)
    tr.set(tr.keys.minutes + packed + keys.count(first - first % TEN), encode(minutes))


def _new(tr: Transaction, packed: bytes, since: int, until: int) -> list[tuple[bytes, bytes]]:
    """Return the ranges of what is to be rolled up."""
    return [
        (table + packed + keys.count(since), table + packed + keys.count(until))
        for table in (tr.keys.minute, tr.keys.sample)
    ]


def _old(tr: Transaction, packed: bytes, rolled: int) -> list[tuple[bytes, bytes]]:
    """Return the ranges of what is too old to be read: minutes, hours, and samples of both."""
    minute = min(max(int((tr.now - MINUTES_KEPT) // 60), 0), rolled)
    hour = max(int((tr.now - HOURS_KEPT) // 3600), 0)
    all_keys = tr.keys
    return [
        (table + packed, table + packed + keys.count(until))
        for table, until in (
            (all_keys.minute, minute),
            (all_keys.minutes, minute - minute % TEN),
            (all_keys.hour, hour),
            (all_keys.hour_sample, hour),
        )
    ]
