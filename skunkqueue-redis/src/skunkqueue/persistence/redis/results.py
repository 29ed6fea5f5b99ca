"""How firings ended: their results, without the rest of their records."""

from __future__ import annotations

from collections.abc import Sequence

from skunkqueue.listings import Result, Tried
from skunkqueue.persistence.redis.labels import labels_of
from skunkqueue.persistence.redis.link import Link
from skunkqueue.persistence.redis.records import End
from skunkqueue.persistence.redis.scripts import load
from skunkqueue.persistence.redis.wire import reader
from skunkqueue.records import State

_RESULTS = load("results")
_Live = tuple[int, bool, float | None, str | None]
"""Index, whether it runs, expiry, error."""
_Failed = tuple[int, str, str, bytes | None]
"""Index, labels, evidence, attempt state."""
_as_results = reader(tuple[list[End | None], list[_Live], list[_Failed]])


def results(link: Link, ids: Sequence[str]) -> list[Result | None]:
    """Read how firings ended; ``None`` for those that are unknown."""
    known = [id_ for id_ in ids if id_.isascii()]
    if not known:
        return [None] * len(ids)
    ends, live, failed = _as_results(link.call(_RESULTS, known))
    found = {
        id_: Result(id=id_, state=end.state, result=end.result, error=end.error)
        for id_, end in zip(known, ends, strict=True)
        if end is not None
    }
    for index, runs, expires, error in live:
        id_ = known[index]
        state = State.RUNNING if runs else State.PENDING
        found[id_] = Result(id=id_, state=state, result=None, error=error, expires=None if runs else expires)
    for index, labels, evidence, attempt_state in failed:
        id_, end = known[index], ends[index]
        if end is not None:
            own = end.attempt_state
            tried = Tried(
                job=labels_of(labels).job,
                began=end.began,
                evidence=evidence,
                attempt_state=attempt_state if own is None else own,
            )
            found[id_] = Result(id=id_, state=end.state, result=end.result, error=end.error, tried=tried)
    return [found.get(id_) for id_ in ids]
