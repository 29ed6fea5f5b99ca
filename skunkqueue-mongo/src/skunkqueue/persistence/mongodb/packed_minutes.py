"""Packed hours: the minutes of an hour that is over, all jobs together, in one document for each route.

A day of a route is 24 documents then, and not 1,440. The minutes themselves stay until the server removes them: an hour is read
from its packed document, or, where that is not there (yet, or lost with its server), from its minutes. Nothing is ever read from
both. What is counted more than five minutes after the end of an hour is in the hour's and the total counters alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone

import msgspec
from pymongo import UpdateOne

from skunkqueue.persistence.asking import MINUTES_KEPT
from skunkqueue.persistence.mongodb.count_writer import HOUR, LENGTH, MINUTE, Values, counter_id, range_of
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.store import Store

PACKED = "minutes"
"""The span of these documents; each begins with its hour."""
_AFTER = 300.0
"""Seconds after the end of an hour when it is packed."""
_FEW = 5
"""Routes that one call packs: a sweep must not hold up the thread that keeps leases."""
_HOUR = LENGTH[HOUR]

Place = tuple[str, str]
Hour = dict[int, Values]
"""Minutes of a route, by when they began, each with its samples."""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Hour).decode


def pack(store: Store, now: float) -> None:
    """Pack the hours that are over on some routes, if no other process has; those first whose turn was longest ago."""
    until = int((now - _AFTER) // _HOUR * _HOUR)
    if store.packed_until == until:
        return
    # Also where a later hour was packed, by a clock that was set back.
    wanted = {"route": {"$exists": True}, "packed": {"$ne": until}}
    shown = {"queue": True, "route": True, "packed": True}
    found = store.find(store.routes, wanted, shown, sort=[("packed", 1)], limit=_FEW)
    for one in found:
        taken = {"_id": one["_id"], "packed": one.get("packed")}
        if store.run(store.routes.update_one, taken, {"$set": {"packed": until}}).modified_count:
            _pack_route(store, (one["queue"], one["route"]), now - MINUTES_KEPT, until)
    if len(found) < _FEW:
        store.packed_until = until


def _pack_route(store: Store, place: Place, since: float, until: int) -> None:
    """Write what is missing. A call that is cut off leaves hours to be read from their minutes."""
    first = int(-(-since // _HOUR) * _HOUR)
    known = {"_id": range_of(place, PACKED, first, until)}
    packed = {one["_id"]["begin"] for one in store.find(store.tallies, known, {"_id": True})}
    hours: defaultdict[int, Hour] = defaultdict(dict)
    ranges = [{"_id": range_of(place, MINUTE, *span)} for span in missing(packed, first, until)]
    for one in store.find(store.tallies, {"$or": ranges}, hint="_id_") if ranges else ():
        begin = one["_id"]["begin"]
        hours[begin // _HOUR * _HOUR][begin] = values_of(one)
    writes = []
    for hour, minutes in hours.items():
        gone = datetime.fromtimestamp(hour + _HOUR + MINUTES_KEPT, timezone.utc)
        written = {"$setOnInsert": {"hour": _encode(minutes), "gone": gone}}
        writes.append(UpdateOne({"_id": counter_id(*place, PACKED, hour)}, written, upsert=True))
    if writes:
        store.run(store.tallies.bulk_write, writes, ordered=False)


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
    among = [{"_id": range_of(place, PACKED, since - _HOUR, until)} for place in places]
    for one in store.find(store.tallies, {"$or": among}, hint="_id_") if among else ():
        id_ = one["_id"]
        place, begin = (id_["queue"], id_["route"]), id_["begin"]
        hour = _decode(one["hour"])
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
