"""Enqueue: one firing by one insert, several by a staged batch.

One firing is one document, so it is there or it is not. Several are accepted together by a batch that is staged first
(``staged_batch``); where a process dies before its firings are inserted, another one finishes that (``recovery``).
"""

from __future__ import annotations

from collections.abc import Sequence

from pymongo.errors import DuplicateKeyError

from skunkqueue.errors import BackendError
from skunkqueue.persistence.mongodb import inserts, routes, staged_batch
from skunkqueue.persistence.mongodb.count_writer import Span
from skunkqueue.persistence.mongodb.documents import document_of, place_of
from skunkqueue.persistence.mongodb.inserts import KEY_TRIES, by_key, insert_now, unsettled
from skunkqueue.persistence.mongodb.store import Store
from skunkqueue.records import Firing

_ONE = {"enqueued": 1.0}


def enqueue(store: Store, firings: Sequence[Firing]) -> list[str]:
    """Put firings in; return the id that counts for each: where its key is in use, that of the key's holder."""
    if not firings:
        return []
    routes.list_routes(store, firings)
    if len(firings) == 1:
        return [_put_one(store, firings[0])]
    return _put_many(store, firings)


def _put_one(store: Store, firing: Firing) -> str:
    for _ in range(KEY_TRIES):
        try:
            store.run(_insert, store, firing)
        except BackendError as error:
            if not isinstance(error.__cause__, DuplicateKeyError) or firing.key is None:
                raise
            holder = inserts.key_holders(store, [firing]).get(firing.id)
            if holder is not None:
                return holder
            # The holder has just finished, so the key is free.
            continue
        return firing.id
    raise BackendError(unsettled(firing))


def _insert(store: Store, firing: Firing) -> None:
    """Insert a firing, wake the workers that wait for it, and count it; one whose id is known stays as it is."""
    # An estimate: an insert whose time the server computes takes three times as long.
    now = store.time.about_now()
    new = document_of(firing, now)
    known = False
    try:
        store.firings.insert_one(new)
    except DuplicateKeyError as error:
        if by_key(error.details):
            raise
        # An earlier try may have inserted it, and too few servers may have it: beside this error pymongo does not say so.
        known = 0 in insert_now(store, [new])
    # Before it is counted, since a worker may be waiting. Also where it was there before: an earlier try may have
    # inserted it, whose reply was lost.
    if not store.wakeups.streams:
        store.deferred.wake(place_of(firing.queue, firing.route))
    if not known:
        store.deferred.count([(Span(firing.queue, firing.route, firing.job, int(now // 60)), _ONE)])


def _put_many(store: Store, firings: Sequence[Firing]) -> list[str]:
    batch = staged_batch.stage(store, firings)
    answers = staged_batch.unpack(store, batch, firings)
    return [answers[firing.id] for firing in firings]
