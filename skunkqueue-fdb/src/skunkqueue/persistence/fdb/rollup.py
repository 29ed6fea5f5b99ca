"""Adding up the counters of minutes that are over, for all jobs, by hour and for all time; and forgetting what is old.

Any process that sweeps or prunes does it, every minute, at most ten minutes of a route in a transaction. So what is read of single
jobs, with their histograms, is two or three minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from skunkqueue.counters import add
from skunkqueue.persistence.asking import HOURS_KEPT, MINUTES_KEPT
from skunkqueue.persistence.fdb import keys, routes, vectors
from skunkqueue.persistence.fdb.counters import MINUTES, TEN, as_minutes, as_values, rolled_until
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
    forgets: bool
    """Also what is too old is to be removed."""


class _Span(NamedTuple):
    """What is to be rolled up: from which minute on, and before which one."""

    since: int
    until: int

    @property
    def forgets(self) -> bool:
        """Return whether what is too old is to be removed as well: every ten minutes."""
        return self.since // TEN < self.until // TEN


def roll_up(link: Link) -> None:
    """Roll up what is over on all routes, unless another process has."""
    span = link.read(_span)
    if span.since >= span.until:
        return
    known = link.read(lambda tr: [place for place, _ in routes.known(tr)])
    for start in range(0, len(known), _ROUTES):
        some = known[start : start + _ROUTES]
        due = link.read(lambda tr, some=some: _due(tr, some, span))  # type: ignore[misc] # its default is a list
        for one in due:
            while link.run(lambda tr, one=one: _roll(tr, one)):  # type: ignore[misc] # its default is a route
                pass
    link.run(lambda tr: tr.set(tr.keys.rolled, keys.count(span.until)))


def _span(tr: Transaction) -> _Span:
    value = tr.get(tr.keys.rolled).value
    return _Span(-1 if value is None else keys.count_of(value), max(int((tr.now - GRACE) // 60), 0))


def _due(tr: Transaction, places: Sequence[Place], span: _Span) -> list[Due]:
    """List those of some routes where there is something to roll up or to forget."""
    rolled = rolled_until(tr, places)
    asked = []
    for place in places:
        packed = keys.place(*place)
        begins = _new(tr, packed, rolled[place], span.until)
        if span.forgets:
            begins += _old(tr, packed, span.until)
        heads = [tr.get_range(begin, end, 1, snapshot=True) for begin, end in begins if begin < end]
        asked.append((place, heads))
    return [Due(place, span.until, span.forgets) for place, heads in asked if any(head() for head in heads)]


def _roll(tr: Transaction, due: Due) -> bool:
    """Roll up to ten minutes of a route up; return whether there is more to do."""
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
        return until < due.until or due.forgets
    for old, last in _old(tr, packed, due.until) if due.forgets else ():
        tr.clear_range(old, last)
    tr.unchanged = not due.forgets
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
    ten = tr.keys.minutes + packed + keys.count(first - first % TEN)
    before_these = tr.get(ten).value
    minutes: dict[int, dict[str, float]] = {} if before_these is None else as_minutes(before_these)
    for minute, kinds in by_minute.items():
        summed: dict[str, float] = {}
        for values in kinds.values():
            add(summed, vectors.counters_of(vectors.total(values)))
        minutes[minute] = summed
    largest: dict[str, float] = {}
    for pair in samples():
        minute, values_then = keys.count_of(pair.key[len(before) :]), as_values(pair.value)
        minutes.setdefault(minute, {}).update(values_then)
        add(largest, values_then)
    if largest:
        hour_key = tr.keys.hour_sample + packed + hour
        value = tr.get(hour_key).value
        add(largest, {} if value is None else as_values(value))
        tr.set(hour_key, encode(largest))
    tr.clear_range(*taken)
    tr.set(ten, encode(minutes))


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
