"""Pruning: remove finished firings that were kept long enough. Their ids stay known for ten minutes after their end."""

from __future__ import annotations

from skunkqueue.persistence.mongodb import counters, estimates, packed_minutes
from skunkqueue.persistence.mongodb.documents import FINALS, PLACED, SINCE_EVER, TOMBSTONE_KEPT, tombstone
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.store import Store

_CHUNK = 1_000
"""Firings that one request removes."""


def prune(store: Store, older: float | None = None, limit: int = 1_000) -> int:
    """Remove what was kept long enough; see ``Backend.prune``."""
    counters.drop_old(store)
    if older is None:
        done = _prune(store, {"gone": {"$lte": store.time.date()}, "state": {"$in": list(FINALS)}}, limit)
    else:
        done = _prune_older(store, older, limit)
    packed_minutes.pack(store, store.time.about_now())
    return done


def _prune_older(store: Store, older: float, limit: int) -> int:
    before = store.time.now() - older
    done = 0
    for one in store.find(store.routes, {"route": {"$exists": True}}):
        for final in FINALS:
            here = {"queue": one["queue"], "route": one["route"], "state": final}
            if done < limit:
                done += _prune(store, {**here, "finished": {"$lt": before, "$gt": SINCE_EVER}}, limit - done)
    return done


def _prune(store: Store, query: Document, limit: int) -> int:
    """Remove finished firings, or replace them by tombstones; return how many."""
    # A firing with an outbox is kept until that is delivered.
    query = {**query, "owed": {"$exists": False}}
    done = 0
    while done < limit:
        some = min(limit - done, _CHUNK)
        found = store.find(store.firings, query, {**PLACED, "state": True}, limit=some)
        if not found:
            break
        ids = [one["_id"] for one in found]
        again = {"_id": {"$in": ids}, "state": {"$in": list(FINALS)}, "owed": {"$exists": False}}
        # No repeated request asks for these any more.
        old = {**again, "finished": {"$lte": store.time.about_now() - TOMBSTONE_KEPT}}
        removed, twice = store.run_and_report(store.firings.delete_many, old)
        tombstones: list[Document] = [{"$replaceWith": tombstone(store.time.moment)}]
        replaced, again_twice = store.run_and_report(store.firings.update_many, again, tombstones)
        number = removed.deleted_count + replaced.modified_count
        if twice or again_twice:
            # An earlier try may have done it.
            number = len(ids) - store.run(store.firings.count_documents, again)
        done += number
        # Another process may remove some of them at the same time, and notes those. Which ones does not matter to an estimate.
        estimates.note_moves(store, [(one, one["state"], None) for one in found[:number]])
        store.wakeups.send(ids=ids)
        if len(found) < some:
            break
    return done
