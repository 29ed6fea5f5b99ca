"""Control of firings and routes: kill, requeue, purge, pause and resume; and progress."""

from __future__ import annotations

from collections.abc import Sequence

from skunkqueue.ids import new_id
from skunkqueue.persistence.redis.keys import place_of, quote
from skunkqueue.persistence.redis.link import Link
from skunkqueue.persistence.redis.scripts import load
from skunkqueue.persistence.redis.wire import Blobs, as_answer, as_count, as_ids, as_states, encode
from skunkqueue.records import ClaimRef, Command, State

_KILL, _REQUEUE, _PURGE, _PAUSE, _RESUME = map(load, ("kill", "requeue", "purge", "pause", "resume"))
_PROGRESS = load("progress")


def kill(link: Link, ids: Sequence[str]) -> dict[str, State | None]:
    """End pending firings, and tell the workers of running ones; return the state that each had."""
    distinct = list(dict.fromkeys(ids))
    known = [id_ for id_ in distinct if id_.isascii()]
    if not known:
        return dict.fromkeys(distinct)
    blobs = Blobs()
    orders = [(id_, blobs.put(encode(Command(verb="kill", firing=id_)))) for id_ in known]
    states = as_states(link.call(_KILL, orders, new_id(), blobs=blobs, kept=True))
    before = {id_: State(state) if state else None for id_, state in zip(known, states, strict=True)}
    return {id_: before.get(id_) for id_ in distinct}


def requeue(link: Link, ids: Sequence[str]) -> list[str]:
    """Make finished firings pending again; return their ids."""
    known = [id_ for id_ in dict.fromkeys(ids) if id_.isascii()]
    return as_ids(link.call(_REQUEUE, known, kept=True)) if known else []


def purge(link: Link, queue: str, route: str | None) -> int:
    """Remove all pending firings of a route, or of a queue; return how many."""
    return as_count(link.call(_PURGE, *_scope(queue, route), kept=True))


def pause(link: Link, queue: str, route: str | None) -> None:
    """Let nothing be claimed from a route, or from a queue."""
    link.call(_PAUSE, *_scope(queue, route), kept=True)


def resume(link: Link, queue: str, route: str | None) -> None:
    """End a pause."""
    link.call(_RESUME, *_scope(queue, route), kept=True)


def progress(link: Link, ref: ClaimRef, data: bytes) -> bool:
    """Save a running firing's progress; return whether the claim holds."""
    return as_answer(link.call(_PROGRESS, ref.id, str(ref.token), 2, blobs=[data]))


def _scope(queue: str, route: str | None) -> tuple[str, str | bool]:
    return quote(queue), False if route is None else place_of(queue, route)
