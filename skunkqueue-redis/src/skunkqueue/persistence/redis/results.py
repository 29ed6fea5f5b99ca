"""How firings ended: their results, without the rest of their records."""

from __future__ import annotations

from collections.abc import Sequence

from skunkqueue.listings import Result
from skunkqueue.persistence.redis.link import Link
from skunkqueue.persistence.redis.records import End
from skunkqueue.persistence.redis.scripts import load
from skunkqueue.persistence.redis.wire import reader
from skunkqueue.records import State

_RESULTS = load("results")
_as_results = reader(tuple[list[End | None], list[tuple[int, bool, float | None, str | None]]])
"""The ends; and for those that are not finished index, whether it runs, expiry, error."""


def results(link: Link, ids: Sequence[str]) -> list[Result | None]:
    """Read how firings ended; ``None`` for those that are unknown."""
    known = [id_ for id_ in ids if id_.isascii()]
    if not known:
        return [None] * len(ids)
    ends, live = _as_results(link.call(_RESULTS, known))
    found = {
        id_: Result(id=id_, state=end.state, result=end.result, error=end.error)
        for id_, end in zip(known, ends, strict=True)
        if end is not None
    }
    for index, runs, expires, error in live:
        id_ = known[index]
        state = State.RUNNING if runs else State.PENDING
        found[id_] = Result(id=id_, state=state, result=None, error=error, expires=None if runs else expires)
    return [found.get(id_) for id_ in ids]
