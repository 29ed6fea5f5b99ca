"""Minutes of hours that are over, packed into one document for each route and hour: a day of a route is 24 documents then, and not 1,440.

The minutes are marked first, then written as one document, and then removed. Wherever this is cut off, whoever reads counts each
minute once: a marked one that is there beside the packed hour is in it. What is counted even later makes a minute of its own
again, which is added to that of the packed hour.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone

import msgspec

from skunkqueue.counters import add
from skunkqueue.persistence.asking import MINUTES_KEPT
from skunkqueue.persistence.mongodb.count_writer import HOUR, LENGTH, MINUTE, Values, counter_id, range_of
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.store import Store

PACKED = "minutes"
"""The span of these documents; it begins with the hour."""
_AFTER = 300.0
"""Seconds after the end of an hour when its minutes are packed."""
_FEW = 10
"""Routes that one call packs: a sweep must not hold up the thread that keeps leases."""
_HOUR = LENGTH[HOUR]

Place = tuple[str, str]
Hour = dict[int, Values]
"""Minutes of a route, by when they began, each with its samples."""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Hour).decode


def pack(store: Store, now: float) -> None:
    """Pack what is over on some routes, if no other process has."""
    hour = int((now - _AFTER) // _HOUR * _HOUR)
    if store.packed_hour == hour:
        return
    # Also where an hour later than this was packed, by a clock that was set back.
    wanted = {"route": {"$exists": True}, "packed": {"$ne": hour}}
    found = store.find(store.routes, wanted, {"queue": True, "route": True}, limit=_FEW)
    for one in found:
        place = (one["queue"], one["route"])
        # The last hour that is not kept any more is left to the server, which removes it minute by minute.
        minutes = {"_id": range_of(place, MINUTE, now - MINUTES_KEPT, hour)}
        begins = [minute["_id"]["begin"] for minute in store.find(store.tallies, minutes, {"_id": True})]
        for begin in sorted({begin // _HOUR * _HOUR for begin in begins}):
            _pack_hour(store, place, begin)
        store.run(store.routes.update_one, {"_id": one["_id"]}, {"$set": {"packed": hour}})
    if len(found) < _FEW:
        store.packed_hour = hour


def _pack_hour(store: Store, place: Place, hour: int) -> None:
    tallies = store.tallies
    id_ = counter_id(*place, PACKED, hour)
    minutes = {"_id": range_of(place, MINUTE, hour, hour + _HOUR)}
    marked = {**minutes, "packed": True}
    if not store.find(tallies, {"_id": id_}, {"_id": True}):
        store.run(tallies.update_many, minutes, {"$set": {"packed": True}})
        values = {one["_id"]["begin"]: values_of(one) for one in store.find(tallies, marked)}
        gone = datetime.fromtimestamp(hour + _HOUR + MINUTES_KEPT, timezone.utc)
        # Another process may be as far: what it has written stays.
        written = {"$setOnInsert": {"hour": _encode(values), "gone": gone}}
        store.run(tallies.update_one, {"_id": id_}, written, upsert=True)
    store.run(tallies.delete_many, marked)


def values_of(minute: Document) -> Values:
    """Return what a document of a minute or an hour has counted, and its samples."""
    found: Values = minute.get("values", {})
    if "samples" in minute:
        found.update(minute["samples"])
    return found


def unpacked(documents: Iterable[Document], since: float, until: float) -> dict[Place, Hour]:
    """Read minutes that begin in this time, each once, from documents of minutes and of packed hours."""
    hours: dict[tuple[Place, int], Hour] = {}
    minutes: list[Document] = []
    for one in documents:
        id_ = one["_id"]
        if id_["span"] == PACKED:
            hours[(id_["queue"], id_["route"]), id_["begin"]] = _decode(one["hour"])
        else:
            minutes.append(one)
    found: dict[Place, Hour] = {}
    for (place, begin), hour in hours.items():
        if begin < since or begin + _HOUR > until:
            hour = {at: values for at, values in hour.items() if since <= at < until}  # noqa: PLW2901 - a part of it
        found.setdefault(place, {}).update(hour)
    for one in minutes:
        id_ = one["_id"]
        place, begin = (id_["queue"], id_["route"]), id_["begin"]
        if "packed" in one and (place, begin // _HOUR * _HOUR) in hours:
            continue
        add(found.setdefault(place, {}).setdefault(begin, {}), values_of(one))
    return found
