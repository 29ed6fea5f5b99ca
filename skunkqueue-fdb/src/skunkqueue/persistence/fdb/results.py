"""How firings ended: their results, without the rest of their records."""

from __future__ import annotations

from collections.abc import Sequence

from skunkqueue.listings import Result, Tried
from skunkqueue.persistence.fdb import blobs, ended, firings, lines
from skunkqueue.persistence.fdb.records import NO_ATTEMPT, with_attempt
from skunkqueue.persistence.fdb.transactions import Transaction
from skunkqueue.records import State


def results(tr: Transaction, ids: Sequence[str]) -> list[Result | None]:
    """Read how firings ended; ``None`` for those that are unknown. Reads no large body."""
    finished = ended.find(tr, ids, snapshot=True)
    large = [id_ for id_, one in finished.items() if one.item.result is None and one.item.result_size]
    kept = blobs.read_each(tr, tr.keys.result, large, snapshot=True)
    tried = _tried(tr, [one for one in finished.values() if one.chunk.state is not State.COMPLETE])
    found: dict[str, Result] = {}
    for id_, one in finished.items():
        item = one.item
        result = kept.get(id_) if item.result is None else item.result
        found[id_] = Result(
            id=id_, state=one.chunk.state, result=result, error=item.error, tried=tried.get(id_)
        )
    heads = firings.heads(tr, [id_ for id_ in ids if id_ not in found])
    entries = {id_: head.entry for id_, head in heads.items()}
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


def _tried(tr: Transaction, failed: Sequence[ended.Found]) -> dict[str, Tried]:
    """Return how those that ended without a result were tried."""
    attempts = firings.attempts(tr, [one.item.id for one in failed], attempt_states=True) if failed else {}
    found: dict[str, Tried] = {}
    for one in failed:
        item, attempt = one.item, attempts.get(one.item.id, NO_ATTEMPT)
        found[item.id] = Tried(
            job=item.job,
            began=item.began,
            evidence=attempt.evidence,
            attempt_state=attempt.attempt_state if item.attempt_state is None else item.attempt_state,
        )
    return found
