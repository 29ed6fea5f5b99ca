"""What is done to single firings by hand: delete, run now; and reading how they ended."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from skunkqueue.listings import Result
from skunkqueue.persistence.fdb import blobs, counting, ended, firings, keys, lines, states, wakeups
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
        counting.shift(tr, *entry.place, entry.job, {one.state: -1})
    ended.remove(tr, [one.found for one in doomed if one.found is not None])
    firings.remove(tr, [one.entry.id for one in doomed])
    for place in waited:
        wakeups.ring_settled(tr, *place)
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
        lines.put(tr, entry, attempt)
        touched.add(entry.place)
    for place in touched:
        wakeups.ring(tr, *place)
    tr.unchanged = not touched
    return {id_: known[id_].state if id_ in known else None for id_ in ids}


def results(tr: Transaction, ids: Sequence[str]) -> list[Result | None]:
    """Read how firings ended; no body of a finished one."""
    finished = ended.find(tr, ids, snapshot=True)
    large = [id_ for id_, one in finished.items() if one.item.result is None and one.item.result_size]
    kept = blobs.read_each(tr, tr.keys.result, large, snapshot=True)
    found: dict[str, Result] = {}
    for id_, one in finished.items():
        item = one.item
        result = kept.get(id_) if item.result is None else item.result
        found[id_] = Result(id=id_, state=one.chunk.state, result=result, error=item.error)
    entries = firings.entries(tr, [id_ for id_ in ids if id_ not in found])
    attempts = firings.attempts(tr, entries)
    waiting = lines.pending(tr, {id_: (entry, attempts.get(id_)) for id_, entry in entries.items()})
    for id_, entry in entries.items():
        attempt = attempts.get(id_)
        found[id_] = Result(
            id=id_,
            state=State.PENDING if id_ in waiting else State.RUNNING,
            result=None,
            error=None if attempt is None else attempt.error,
            expires=with_attempt(entry, attempt).expires if id_ in waiting else None,
        )
    return [found.get(id_) for id_ in ids]
