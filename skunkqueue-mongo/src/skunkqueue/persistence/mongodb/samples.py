"""Samples of the lines: how many firings wait and run, taken once a minute and kept as the largest of an hour."""

from __future__ import annotations

import random

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from skunkqueue.counters import sample_of
from skunkqueue.persistence.mongodb import states
from skunkqueue.persistence.mongodb.count_writer import (
    HOUR,
    LENGTH,
    MINUTE,
    Values,
    counter_id,
    removal_date,
)
from skunkqueue.persistence.mongodb.errors import DUPLICATE
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.store import Store
from skunkqueue.records import RouteInfo, State

_AT_ONCE = 200
"""Routes whose samples one request writes."""


def sample(store: Store) -> int:
    """Take the samples of this minute; see ``Backend.sample``."""
    now = store.time.about_now()
    begins = {span: int(now // length * length) for span, length in LENGTH.items()}
    if store.sampled_minute == begins[MINUTE] and not store.time.is_virtual:
        return 0
    known = store.find(store.routes, {"route": {"$exists": True}}, {"queue": True, "route": True})
    taken = 0
    starts = list(range(0, len(known), _AT_ONCE))
    # Several processes begin at the same time: each begins with other routes, and leaves out what others have taken by then.
    random.shuffle(starts)
    for start in starts:
        some = _unsampled(store, known[start : start + _AT_ONCE], begins[MINUTE])
        if not some:
            continue
        infos = states.unfinished(store, some, states.most_of(len(known)))
        # The hour first, so that a call that is interrupted can be repeated.
        hours = [_largest(info, begins[HOUR], now) for info in infos]
        store.run(store.tallies.bulk_write, hours, ordered=False)
        minutes = [_fresh(info, begins[MINUTE], now) for info in infos]
        number, again = store.run_and_report(_upsert, store, minutes)
        # An earlier try whose reply was lost may have done it.
        taken += len(infos) if again else number
    store.sampled_minute = begins[MINUTE]
    return taken


def _values(info: RouteInfo, now: float) -> Values:
    return sample_of(info.counts[State.PENDING], info.counts[State.RUNNING], info.oldest_due, now)


def _largest(info: RouteInfo, begin: int, now: float) -> UpdateOne:
    """Make the write that keeps the largest samples of an hour."""
    largest = {f"samples.{name}": value for name, value in _values(info, now).items()}
    change = {"$max": largest, "$setOnInsert": {"gone": removal_date(HOUR, begin)}}
    return UpdateOne({"_id": counter_id(info.queue, info.route, HOUR, begin)}, change, upsert=True)


def _fresh(info: RouteInfo, begin: int, now: float) -> UpdateOne:
    """Make the write of the samples of a minute; it is refused where others are there."""
    fresh = {"_id": counter_id(info.queue, info.route, MINUTE, begin), "samples": {"$exists": False}}
    change = {
        "$set": {"samples": _values(info, now)},
        "$setOnInsert": {"gone": removal_date(MINUTE, begin)},
    }
    return UpdateOne(fresh, change, upsert=True)


def _unsampled(store: Store, known: list[Document], begin: int) -> list[Document]:
    """Return those of these routes that have no samples of this minute."""
    ids = [counter_id(one["queue"], one["route"], MINUTE, begin) for one in known]
    query = {"_id": {"$in": ids}, "samples": {"$exists": True}}
    found = store.find(store.tallies, query, {"_id": True})
    sampled = {(one["_id"]["queue"], one["_id"]["route"]) for one in found}
    return [one for one in known if (one["queue"], one["route"]) not in sampled]


def _upsert(store: Store, minutes: list[UpdateOne]) -> int:
    """Write the samples of a minute; return of how many routes no others were there."""
    try:
        done = store.tallies.bulk_write(minutes, ordered=False)
    except BulkWriteError as error:
        details = error.details
        if any(one["code"] != DUPLICATE for one in details["writeErrors"]) or details["writeConcernErrors"]:
            raise
        return int(details["nModified"] + details["nUpserted"])
    return done.modified_count + done.upserted_count
