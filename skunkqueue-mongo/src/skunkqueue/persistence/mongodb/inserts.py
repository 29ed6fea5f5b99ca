"""Inserting firings that were accepted, so that a second try changes nothing, and the holders of idempotency keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pymongo.errors import BulkWriteError

from skunkqueue.errors import BackendError
from skunkqueue.persistence.mongodb import counting
from skunkqueue.persistence.mongodb.documents import document_of, place_of
from skunkqueue.persistence.mongodb.errors import DUPLICATE
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.store import Store
from skunkqueue.records import Firing

KEY_TRIES = 20
"""How often the holder of a key is looked up while others take it and free it."""


def put_in(store: Store, firings: Sequence[Firing], now: float) -> dict[str, str]:
    """Insert firings that are accepted; return which id counts for each. May be called again."""
    waiting: dict[str, Firing] = {}
    for firing in firings:
        waiting.setdefault(firing.id, firing)
    answers = {id_: id_ for id_ in waiting}
    came: list[Firing] = []
    for _ in range(KEY_TRIES):
        batch = list(waiting.values())
        refused = store.run(insert_now, store, [document_of(firing, now) for firing in batch])
        came += [firing for number, firing in enumerate(batch) if number not in refused]
        keyed = [batch[number] for number, by_key in refused.items() if by_key]
        if not keyed:
            break
        holders = key_holders(store, keyed)
        answers.update(holders)
        waiting = {firing.id: firing for firing in keyed if firing.id not in holders}
        if not waiting:
            break
    else:
        raise BackendError(unsettled(next(iter(waiting.values()))))
    # Also for what was there before: an earlier try may have inserted it, whose reply was lost.
    store.wakeups.send({place_of(firing.queue, firing.route) for firing in firings})
    if came:
        counting.count_enqueued(store, came)
    return answers


def insert_now(store: Store, documents: list[Document]) -> dict[int, bool]:
    """Insert; return the numbers of those that were refused, and whether because of their key.

    Raises pymongo's errors, also where too few servers have what was refused because it is there already.
    """
    try:
        store.firings.insert_many(documents, ordered=False)
    except BulkWriteError as error:
        problems = error.details["writeErrors"]
        if error.details.get("writeConcernErrors") or any(one["code"] != DUPLICATE for one in problems):
            raise
        return {one["index"]: by_key(one) for one in problems}
    return {}


def key_holders(store: Store, firings: Sequence[Firing]) -> dict[str, str]:
    """Return the holders of the keys of these firings, by the firings' ids; a free key has none."""
    queues: dict[str, list[str | None]] = {}
    for firing in firings:
        queues.setdefault(firing.queue, []).append(firing.key)
    wanted = [{"queue": queue, "held_key": {"$in": keys}} for queue, keys in queues.items()]
    found = store.find(store.firings, {"$or": wanted}, {"queue": True, "held_key": True})
    holders = {(one["queue"], one["held_key"]): one["_id"] for one in found}
    # A firing that holds its key itself was inserted by an earlier try.
    return {
        firing.id: holders[firing.queue, firing.key]
        for firing in firings
        if firing.key is not None and (firing.queue, firing.key) in holders
    }


def by_key(problem: Mapping[str, Any] | None) -> bool:
    """Return whether an insert was refused because of its idempotency key; otherwise its id is known."""
    return "held_key" in (problem or {}).get("keyPattern", ())


def unsettled(firing: Firing) -> str:
    """Make the message for a key that others take and free again and again."""
    return (
        f"the idempotency key {firing.key!r} of queue {firing.queue!r} was taken and freed by others {KEY_TRIES} times in a"
        f" row: fire again"
    )
