"""Reading single firings, and waiting for them to finish."""

from __future__ import annotations

from collections.abc import Sequence

from skunkqueue.persistence.fdb import blobs, ended, firings, keys, leases, lines
from skunkqueue.persistence.fdb.records import Attempt, Entry, record_of
from skunkqueue.persistence.fdb.transactions import Transaction
from skunkqueue.records import Record, State

_MAX_WATCHED = 50
"""Routes of which a wait watches at most; those of the first firings."""


def records(tr: Transaction, ids: Sequence[str]) -> dict[str, Record]:
    """Read all that is known of firings; those that there are."""
    entries = firings.entries(tr, ids)
    attempts = firings.attempts(tr, entries, attempt_states=True)
    progress = blobs.read_each(tr, tr.keys.progress, entries)
    finished = ended.find(tr, entries, snapshot=True)
    large = [id_ for id_, one in finished.items() if one.item.result is None and one.item.result_size]
    results = blobs.read_each(tr, tr.keys.result, large)
    live: dict[str, tuple[Entry, Attempt | None]] = {
        id_: (entry, attempts.get(id_)) for id_, entry in entries.items() if id_ not in finished
    }
    waiting = lines.pending(tr, live)
    running = {id_: entry.place for id_, (entry, _) in live.items() if id_ not in waiting}
    held = leases.holders(tr, running)
    found: dict[str, Record] = {}
    for id_, entry in entries.items():
        attempt, done = attempts.get(id_), finished.get(id_)
        state = State.RUNNING if id_ in running else State.PENDING
        found[id_] = record_of(
            entry,
            attempt,
            state if done is None else done.chunk.state,
            lease=held.get(id_),
            ended=None if done is None else (done.ended, done.item, done.chunk.finished),
            result=results.get(id_),
            progress=progress.get(id_),
            now=tr.now,
        )
    return found


def settled_among(tr: Transaction, ids: Sequence[str]) -> tuple[list[str], Sequence[bytes]]:
    """Return which of these are finished or unknown, and which keys change when others may be."""
    finished = ended.find(tr, ids, snapshot=True)
    heads = firings.heads(tr, [id_ for id_ in ids if id_ not in finished])
    over = [id_ for id_ in ids if id_ not in heads]
    places = dict.fromkeys(head.entry.place for head in heads.values())
    return over, [tr.keys.settled + keys.place(*place) for place in list(places)[:_MAX_WATCHED]]
