"""Taking the samples of a minute: how long the line of each route is, how many firings run, and how long the oldest waits.

A key says which routes have samples of this minute: all of them, as a rule, so that a sweep that comes later reads that key and the
list of routes. Samples are taken of some routes at once, which lie side by side, by a few range reads for all of them.
Only routes on which something is pending have their lines looked at.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from skunkqueue.counters import sample_of
from skunkqueue.persistence.fdb import keys, routes
from skunkqueue.persistence.fdb.records import Route, encode
from skunkqueue.persistence.fdb.routes import Place
from skunkqueue.persistence.fdb.transactions import Link, Transaction
from skunkqueue.records import State

AT_ONCE = 200
"""Routes of which one transaction takes samples."""


class _Taken(msgspec.Struct, frozen=True, array_like=True):
    """How far the samples of a minute have come."""

    minute: int
    number: int = 0
    """Routes that have one."""
    last: bytes = b""
    """The place of the last of them, in the order of their keys."""
    ended: bool = False
    """All have one that were known then."""


_as_taken = msgspec.msgpack.Decoder(_Taken).decode


def take(link: Link) -> int:
    """Take samples of routes that have none of this minute; return of how many."""
    number = 0
    while True:
        step, ended = link.run(_take_some)
        number += step
        if ended:
            return number


def _take_some(tr: Transaction) -> tuple[int, bool]:
    """Take samples of the next routes; return of how many, and whether all have one now."""
    minute = max(int(tr.now // 60), 0)
    value = tr.get(tr.keys.sample).value
    taken = _Taken(minute) if value is None else _as_taken(value)
    if taken.minute == minute + 1:
        # The clock of another process is ahead, by a moment.
        tr.unchanged = True
        return 0, True
    if taken.minute != minute:
        taken = _Taken(minute)
    if taken.ended:
        return _take_late(tr, taken)
    listed = routes.following(tr, taken.last, AT_ONCE)
    _write(tr, listed, minute)
    last = keys.place(*listed[-1][0]) if listed else taken.last
    ended = len(listed) < AT_ONCE
    tr.set(tr.keys.sample, encode(_Taken(minute, taken.number + len(listed), last, ended)))
    return len(listed), ended


def _take_late(tr: Transaction, taken: _Taken) -> tuple[int, bool]:
    """Take samples of routes that came in since all had one."""
    known = routes.known(tr)
    if len(known) == taken.number:
        tr.unchanged = True
        return 0, True
    minute = keys.count(taken.minute)
    had = {place: tr.get(tr.keys.sample + keys.place(*place) + minute) for place, _ in known}
    listed = [one for one in known if had[one[0]].value is None]
    for start in range(0, len(listed), AT_ONCE):
        _write(tr, listed[start : start + AT_ONCE], taken.minute)
    tr.set(tr.keys.sample, encode(_Taken(taken.minute, len(known), taken.last, ended=True)))
    return len(listed), True


def _write(tr: Transaction, listed: Sequence[tuple[Place, Route]], minute: int) -> None:
    if not listed:
        return
    counts = routes.counts_between(tr, listed[0][0], listed[-1][0])
    waiting = [one for one in listed if counts.get(one[0], {}).get(State.PENDING)]
    oldest = routes.oldest_due(tr, waiting)
    for place, _ in listed:
        own = counts.get(place, {})
        values = sample_of(own.get(State.PENDING, 0), own.get(State.RUNNING, 0), oldest.get(place), tr.now)
        tr.set(tr.keys.sample + keys.place(*place) + keys.count(minute), encode(values))
