"""Samples of the lines: how many firings wait and run, taken once a minute and kept as the largest of an hour."""

from __future__ import annotations

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

_AT_ONCE = 1_000
"""Routes whose samples one request writes."""


def sample(store: Store) -> int:
    """Take the samples of this minute; see ``Backend.sample``."""
    now = store.time.about_now()
    begins = {span: int(now // length * length) for span, length in LENGTH.items()}
    if store.sampled_minute == begins[MINUTE] and not store.time.is_virtual:
        return 0
    infos = states.routes(store)
    known = _sampled(store, [counter_id(info.queue, info.route, MINUTE, begins[MINUTE]) for info in infos])
    # The others were taken by another process.
    missing = [info for info in infos if (info.queue, info.route) not in known]
    taken = 0
    for start in range(0, len(missing), _AT_ONCE):
        some = missing[start : start + _AT_ONCE]
        # The hour first, so that a call that is interrupted can be repeated.
        hours = [_largest(info, begins[HOUR], now) for info in some]
        store.run(store.tallies.bulk_write, hours, ordered=False)
        minutes = [_fresh(info, begins[MINUTE], now) for info in some]
        number, again = store.run_and_report(_upsert, store, minutes)
        # An earlier try whose reply was lost may have done it.
        taken += len(some) if again else number
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


def _sampled(store: Store, ids: list[Document]) -> set[tuple[str, str]]:
    """Return the routes of these counters that have samples."""
    query = {"_id": {"$in": ids}, "samples": {"$exists": True}}
    return {
        (one["_id"]["queue"], one["_id"]["route"]) for one in store.find(store.tallies, query, {"_id": True})
    }


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
