"""What is done to single firings by hand: delete, and run now."""

from __future__ import annotations

from collections.abc import Collection

from skunkqueue.persistence.fdb import ended, firings, keys, lines, states, tallies, wakeups
from skunkqueue.persistence.fdb.records import with_attempt
from skunkqueue.persistence.fdb.transactions import Transaction
from skunkqueue.records import State


def delete(tr: Transaction, ids: Collection[str]) -> dict[str, State | None]:
    """Remove firings that do not run; return the state each had."""
    known = states.look_up(tr, ids)
    doomed = [one for one in known.values() if one.state is not State.RUNNING]
    waited: set[tuple[str, str]] = set()
    for one in doomed:
        entry = one.entry
        if one.found is None:
            lines.take_out(tr, entry, one.attempt)
            if entry.key is not None:
                tr.clear(tr.keys.key + keys.name(entry.queue) + keys.name(entry.key))
            waited.add(entry.place)
        tallies.shift(tr, *entry.place, entry.job, {one.state: -1})
    ended.remove(tr, [one.found for one in doomed if one.found is not None])
    firings.remove(tr, [one.entry.id for one in doomed])
    for place in waited:
        wakeups.wake_settled(tr, *place)
    tr.unchanged = not doomed
    return {id_: known[id_].state if id_ in known else None for id_ in ids}


def run_now(tr: Transaction, ids: Collection[str]) -> dict[str, State | None]:
    """Make pending firings due; return the state each had."""
    known = states.look_up(tr, ids)
    touched: set[tuple[str, str]] = set()
    for one in known.values():
        entry, attempt = one.entry, one.attempt
        if one.state is not State.PENDING or with_attempt(entry, attempt).due <= tr.now:
            continue
        lines.take_out(tr, entry, attempt)
        attempt = firings.noted(attempt, due=tr.now)
        firings.note(tr, entry.id, attempt)
        lines.put(tr, entry, attempt, is_large=one.is_large)
        touched.add(entry.place)
    for place in touched:
        wakeups.wake(tr, *place)
    tr.unchanged = not touched
    return {id_: known[id_].state if id_ in known else None for id_ in ids}
