"""Removing what was kept long enough, in bounded steps."""

from __future__ import annotations

from collections import Counter

from skunkqueue.persistence.fdb import ended, firings, keys, tallies
from skunkqueue.persistence.fdb.ended import Found
from skunkqueue.persistence.fdb.keys import Chunk
from skunkqueue.persistence.fdb.records import as_ended
from skunkqueue.persistence.fdb.transactions import Transaction

AT_ONCE = 500
"""Firings removed in one transaction, at most."""
_CHUNKS = 64


def prune(tr: Transaction, older: float | None, limit: int) -> int:
    """Remove some firings that are past their ttl, or that finished more than ``older`` seconds ago; return how many."""
    chunks = _gone(tr) if older is None else _older(tr, tr.now - older)
    asked = [(chunk, tr.get(tr.keys.chunk + chunk.pointer)) for chunk in chunks]
    doomed: list[Found] = []
    for chunk, future in asked:
        value = future.value
        left = limit - len(doomed)
        if value is not None and left > 0:
            whole = as_ended(value)
            doomed += [Found(chunk, whole, ended.whole(item, whole)) for item in whole.items[:left]]
    by_job: Counter[tuple[Chunk, str]] = Counter((one.chunk, one.item.job) for one in doomed)
    for (chunk, job), number in by_job.items():
        tallies.shift(tr, *chunk.queue_and_route, job, {chunk.state: -number})
    ended.remove(tr, doomed)
    firings.remove(tr, [one.item.id for one in doomed])
    tr.unchanged = not doomed
    return len(doomed)


def _gone(tr: Transaction) -> list[Chunk]:
    before = tr.keys.gone
    pairs = tr.get_range(before, before + keys.moment(tr.now) + keys.END, _CHUNKS, snapshot=True)()
    return [Chunk.of_tail_first(pair.key[len(before) + 8 :]) for pair in pairs]


def _older(tr: Transaction, moment: float) -> list[Chunk]:
    asked = []
    for letter in keys.STATE_OF:
        before = tr.keys.by_state + letter
        asked.append(tr.get_range(before, before + keys.moment(moment), _CHUNKS, snapshot=True))
    start = len(tr.keys.by_state)
    return [Chunk.of_tail_first(pair.key[start:]) for pairs in asked for pair in pairs()][:_CHUNKS]
