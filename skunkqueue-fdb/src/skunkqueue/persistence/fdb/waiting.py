"""Whether something may be claimed, and when: what those who wait for firings look at."""

from __future__ import annotations

from collections.abc import Sequence

from skunkqueue.persistence.backend import HALF_DONE
from skunkqueue.persistence.fdb import keys, staged_batch
from skunkqueue.persistence.fdb.records import TARGETS, Route, as_route
from skunkqueue.persistence.fdb.transactions import Transaction
from skunkqueue.records import MAX_PRIORITY


def look(tr: Transaction, queue: str, route: str, worker: str) -> tuple[bool, float | None, Sequence[bytes]]:
    """Return whether something may be claimed, when something may be at the latest, and which key changes before."""
    all_keys, link = tr.keys, tr.link
    place = keys.place(queue, route)
    wakeup = [all_keys.wakeup + place]
    paused = tr.snapshot.get(all_keys.queue + keys.name(queue))
    asked = tr.snapshot.get(all_keys.route + place)
    version = tr.raw.get_read_version()
    before = all_keys.lease_end + place
    ends = tr.get_range(before, before + keys.END, 1, snapshot=True)
    value = asked.value
    link.note_version(version.wait())
    tr.now = link.time.now()
    found = Route() if value is None else as_route(value)
    if paused.value is not None or found.paused:
        return False, None, wakeup
    tables = [all_keys.line + place]
    if found.ranks & TARGETS:
        tables.append(all_keys.targeted + keys.name(worker) + place)
    heads = [
        (len(start), tr.get_range(start, start + keys.END, 1, snapshot=True))
        for table in tables
        for start in (
            table + keys.rank(priority) for priority in range(MAX_PRIORITY + 1) if found.ranks >> priority & 1
        )
    ]
    half_done = staged_batch.first_accepted(tr)
    moments = [] if half_done is None else [half_done + HALF_DONE]
    moments += [keys.seconds(pair.key[len(before) : len(before) + 8]) for pair in ends()]
    moments += [keys.seconds(pair.key[start : start + 8]) for start, head in heads for pair in head()]
    first = min(moments, default=None)
    return first is not None and first <= tr.now, first, wakeup


def look_at_each(
    tr: Transaction, queue: str, routes: Sequence[str], worker: str
) -> tuple[str | None, float | None, Sequence[bytes]]:
    """Return on which route something may be claimed, when something may be at the latest, and which keys change before."""
    moments: list[float] = []
    wakeups: list[bytes] = []
    for route in routes:
        found, moment, wakeup = look(tr, queue, route, worker)
        if found:
            return route, moment, wakeup
        moments += [] if moment is None else [moment]
        wakeups += wakeup
    return None, min(moments, default=None), wakeups
