"""Packed hours: the minutes of an hour that is over, all jobs together, in one document for each route.

A day of a route is 24 documents then, and not 1,440. The minutes themselves stay until the server removes them: an hour is read
from its packed document, or, where that is not there (yet, or lost with its server), from its minutes. Nothing is ever read from
both. What is counted more than five minutes after the end of an hour is in the hour's and the total counters alone.
"""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone

import msgspec
from pymongo import UpdateOne

from skunkqueue.errors import BackendError
from skunkqueue.persistence.asking import MINUTES_KEPT
from skunkqueue.persistence.mongodb.count_writer import HOUR, LENGTH, MINUTE, Values, counter_id, range_of
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.store import Store

PACKED = "minutes"
"""The span of these documents; each begins with its hour."""
_AFTER = 300.0
"""Seconds after the end of an hour when it is packed."""
_LOOKED, _FEW = 50, 5
"""Routes that one call looks at, and packs: a sweep must not hold up the thread that keeps leases."""
_HOUR = LENGTH[HOUR]

Place = tuple[str, str]
Hour = dict[int, Values]
"""Minutes of a route, by when they began, each with its samples."""
log = logging.getLogger("skunkqueue.mongodb")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Hour).decode


def pack(store: Store, now: float) -> None:
    """Pack the hours that are over on some routes, those first whose turn was longest ago. Does no harm beside other processes.

    What cannot be done now is done later; until then hours are read from their minutes.
    """
    until = _over_until(now)
    if store.packed_until == until:
        return
    # Also where a later hour was packed, by a clock that was set back.
    wanted = {"route": {"$exists": True}, "packed": {"$ne": until}}
    try:
        found = store.find(
            store.routes, wanted, {"queue": True, "route": True}, sort=[("packed", 1)], limit=_LOOKED
        )
        left = _pack_routes(store, [(one["queue"], one["route"]) for one in found], now, until)
        done = [one["_id"] for one in found if (one["queue"], one["route"]) not in left]
        if done:
            store.run(store.routes.update_many, {"_id": {"$in": done}}, {"$set": {"packed": until}})
        if len(done) < _LOOKED and not left:
            store.packed_until = until
    except BackendError as error:
        log.debug("hours not packed: server=%s error=%s", store.settings.shown, error)


def _over_until(now: float) -> int:
    """Return before when all hours are over, for so long that nothing is counted in them any more."""
    return int((now - _AFTER) // _HOUR * _HOUR)


def _pack_routes(store: Store, places: Sequence[Place], now: float, until: int) -> set[Place]:
    """Write what is missing on a few routes; return those that have more. Copies of hours that are not over are removed."""
    if not places:
        return set()
    first = int(-(-(now - MINUTES_KEPT) // _HOUR) * _HOUR)
    copies = [{"_id": range_of(place, PACKED, first, math.inf)} for place in places]
    counted = [{"_id": range_of(place, HOUR, first, until)} for place in places]
    packed: defaultdict[Place, set[int]] = defaultdict(set)
    early = []
    for id_ in _ids(store, copies):
        if id_["begin"] >= until:
            # Made by a clock that was set back since: much may be counted there still.
            early.append(id_)
        packed[id_["queue"], id_["route"]].add(id_["begin"])
    if early:
        store.run(store.tallies.delete_many, {"_id": {"$in": early}})
    hours: defaultdict[Place, list[int]] = defaultdict(list)
    for id_ in _ids(store, counted):
        place, begin = (id_["queue"], id_["route"]), int(id_["begin"])
        if begin not in packed[place]:
            hours[place].append(begin)
    some = list(hours)[:_FEW]
    writes = [write for place in some for write in _copies(store, place, hours[place])]
    if writes:
        store.run(store.tallies.bulk_write, writes, ordered=False)
    return set(hours) - set(some)


def _ids(store: Store, among: list[Document]) -> list[Document]:
    return [one["_id"] for one in store.find(store.tallies, {"$or": among}, {"_id": True}, hint="_id_")]


def _copies(store: Store, place: Place, hours: Sequence[int]) -> list[UpdateOne]:
    """Make the writes that copy hours of a route."""
    minutes: defaultdict[int, Hour] = defaultdict(dict)
    ranges = [{"_id": range_of(place, MINUTE, hour, hour + _HOUR)} for hour in hours]
    for one in store.find(store.tallies, {"$or": ranges}, hint="_id_"):
        begin = one["_id"]["begin"]
        minutes[begin // _HOUR * _HOUR][begin] = values_of(one)
    writes = []
    for hour in hours:
        gone = datetime.fromtimestamp(hour + _HOUR + MINUTES_KEPT, timezone.utc)
        # Also where no minute is left: it is not looked for again.
        written = {"$setOnInsert": {"hour": _encode(minutes[hour]), "gone": gone}}
        writes.append(UpdateOne({"_id": counter_id(*place, PACKED, hour)}, written, upsert=True))
    return writes


def missing(packed: Iterable[int], since: float, until: float) -> list[tuple[float, float]]:
    """Return from when to when, between two moments, hours lie that are not packed."""
    found: list[tuple[float, float]] = []
    begin = since
    for hour in sorted(packed):
        if hour > begin:
            found.append((begin, min(hour, until)))
        begin = max(begin, hour + _HOUR)
    return [*found, (begin, until)] if begin < until else found


def values_of(minute: Document) -> Values:
    """Return what the document of a minute or an hour has counted, and its samples."""
    counted = {**minute.get("values", {}), **minute.get("samples", {})}
    return {name: float(value) for name, value in counted.items()}


def minutes_between(store: Store, places: Sequence[Place], since: float, until: float) -> dict[Place, Hour]:
    """Read the minutes of routes that begin in this time."""
    found: dict[Place, Hour] = {place: {} for place in places}
    packed: dict[Place, list[int]] = {place: [] for place in places}
    over = min(until, float(_over_until(store.time.about_now())))
    among = [{"_id": range_of(place, PACKED, since - _HOUR, over)} for place in places]
    for one in store.find(store.tallies, {"$or": among}, hint="_id_") if among else ():
        id_ = one["_id"]
        place, begin = (id_["queue"], id_["route"]), id_["begin"]
        try:
            hour = _decode(one["hour"])
        except msgspec.DecodeError:
            # Written by something else.
            continue
        if begin < since or begin + _HOUR > until:
            hour = {at: values for at, values in hour.items() if since <= at < until}
        found[place].update(hour)
        packed[place].append(begin)
    among = [
        {"_id": range_of(place, MINUTE, *span)}
        for place, hours in packed.items()
        for span in missing(hours, since, until)
    ]
    for one in store.find(store.tallies, {"$or": among}, hint="_id_") if among else ():
        id_ = one["_id"]
        found[id_["queue"], id_["route"]][id_["begin"]] = values_of(one)
    return found
