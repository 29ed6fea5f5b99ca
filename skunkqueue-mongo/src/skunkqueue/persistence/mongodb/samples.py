"""Samples of the lines: how many firings wait and run, taken once a minute and kept as the largest of an hour."""

from __future__ import annotations

from pymongo.errors import DuplicateKeyError

from skunkqueue.counters import sample_of
from skunkqueue.persistence.mongodb import states
from skunkqueue.persistence.mongodb.count_writer import HOUR, LENGTH, MINUTE, counter_id, removal_date
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.store import Store
from skunkqueue.records import State


def sample(store: Store) -> int:
    """Take the samples of this minute; see ``Backend.sample``."""
    now = store.time.about_now()
    begins = {span: int(now // length * length) for span, length in LENGTH.items()}
    if store.sampled_minute == begins[MINUTE] and not store.time.is_virtual:
        return 0
    infos = states.routes(store)
    known = _sampled(store, [counter_id(info.queue, info.route, MINUTE, begins[MINUTE]) for info in infos])
    taken = 0
    for info in infos:
        if (info.queue, info.route) in known:
            # Another process has taken it.
            continue
        counts = info.counts
        values = sample_of(counts[State.PENDING], counts[State.RUNNING], info.oldest_due, now)
        # First, so that a call that is interrupted can be repeated.
        largest = {f"samples.{name}": value for name, value in values.items()}
        hour = {"$max": largest, "$setOnInsert": {"gone": removal_date(HOUR, begins[HOUR])}}
        id_ = counter_id(info.queue, info.route, HOUR, begins[HOUR])
        store.run(store.tallies.update_one, {"_id": id_}, hour, upsert=True)
        fresh = {
            "_id": counter_id(info.queue, info.route, MINUTE, begins[MINUTE]),
            "samples": {"$exists": False},
        }
        change = {"$set": {"samples": values}, "$setOnInsert": {"gone": removal_date(MINUTE, begins[MINUTE])}}
        is_mine, again = store.run_and_report(_upsert, store, fresh, change)
        # An earlier try whose reply was lost may have done it.
        taken += is_mine or again
    store.sampled_minute = begins[MINUTE]
    return taken


def _sampled(store: Store, ids: list[Document]) -> set[tuple[str, str]]:
    """Return the routes of these counters that have samples."""
    query = {"_id": {"$in": ids}, "samples": {"$exists": True}}
    return {
        (one["_id"]["queue"], one["_id"]["route"]) for one in store.find(store.tallies, query, {"_id": True})
    }


def _upsert(store: Store, fresh: Document, change: Document) -> bool:
    """Write the samples of a minute; return whether no others were there."""
    try:
        store.tallies.update_one(fresh, change, upsert=True)
    except DuplicateKeyError:
        return False
    return True
