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
    taken = 0
    for info in states.routes(store):
        counts = info.counts
        values = sample_of(counts[State.PENDING], counts[State.RUNNING], info.oldest_due, now)
        id_ = counter_id(info.queue, info.route, MINUTE, begins[MINUTE])
        fresh = {"_id": id_, "samples": {"$exists": False}}
        change = {"$set": {"samples": values}, "$setOnInsert": {"gone": removal_date(MINUTE, begins[MINUTE])}}
        is_mine, again = store.run_and_report(_upsert, store, fresh, change)
        if not is_mine and not again:
            # Another process has taken it.
            continue
        # Where it was tried again, this process may have taken it, and its hour is not noted yet.
        taken += 1
        largest = {f"samples.{name}": value for name, value in values.items()}
        hour = {"$max": largest, "$setOnInsert": {"gone": removal_date(HOUR, begins[HOUR])}}
        id_ = counter_id(info.queue, info.route, HOUR, begins[HOUR])
        store.run(store.tallies.update_one, {"_id": id_}, hour, upsert=True)
    store.sampled_minute = begins[MINUTE]
    return taken


def _upsert(store: Store, fresh: Document, change: Document) -> bool:
    """Write the samples of a minute; return whether no others were there."""
    try:
        store.tallies.update_one(fresh, change, upsert=True)
    except DuplicateKeyError:
        return False
    return True
