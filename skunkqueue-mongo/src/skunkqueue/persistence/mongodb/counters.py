"""Counters: read by minute, hour and of all time, and the samples that are taken every minute.

What the version before has counted stays in the collection ``minutes``, and is read as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from skunkqueue.counters import Counters, add
from skunkqueue.persistence.mongodb.count_writer import HOUR, LENGTH, MINUTE, Values, range_of
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.store import Store
from skunkqueue.records import Minute

Place = tuple[str, str]


def minutes(store: Store, queue: str, route: str, since: int, until: int) -> list[Minute]:
    """Read counters; see ``Backend.minutes``."""
    found = _sums(store, [(queue, route)], MINUTE, since * 60, until * 60)
    minutes = (
        Minute(queue=queue, route=route, minute=begin // 60, values=values)
        for (_, begin), values in sorted(found.items())
    )
    return list(minutes)


def counters(
    store: Store,
    routes: Sequence[Place],
    since: float,
    until: float,
    *,
    hours: bool = False,
    jobs: bool = False,
) -> list[Counters]:
    """Read counters; see ``Backend.counters``."""
    places = list(dict.fromkeys(routes))
    span = HOUR if hours else MINUTE
    kept: list[Counters] = []
    if jobs:
        by_job: defaultdict[tuple[Place, int, str], Values] = defaultdict(dict)
        for one in spans(store, places, f"{span}/job", since, until):
            id_ = one["_id"]
            add(by_job[(id_["queue"], id_["route"]), id_["begin"], id_["job"]], one["values"])
        for (place, begin), values in _old(store, places, span, since, until):
            add(by_job[place, begin, ""], values)
        for place in routes:
            mine = sorted(key for key in by_job if key[0] == place)
            kept += (_counters(place, job, begin, by_job[place, begin, job]) for _, begin, job in mine)
        return kept
    sums = _sums(store, places, span, since, until, samples=True)
    begins: defaultdict[Place, list[int]] = defaultdict(list)
    for place, begin in sums:
        begins[place].append(begin)
    for place in routes:
        kept += (_counters(place, None, begin, sums[place, begin]) for begin in sorted(begins[place]))
    return kept


def totals(store: Store, queue: str | None = None) -> list[Counters]:
    """Read the counters of all time; see ``Backend.totals``."""
    store.deferred.finish_counts()
    names = {} if queue is None else {"queue": queue}
    places = [
        (one["queue"], one["route"])
        for one in store.find(
            store.routes, {**names, "route": {"$exists": True}}, {"queue": True, "route": True}
        )
    ]
    found = [
        _counters((one["_id"]["queue"], one["_id"]["route"]), one["_id"]["job"], 0, one["values"])
        for one in spans(store, places, "ever/job", 0, 1)
        if "values" in one
    ]
    return sorted(found, key=lambda one: (one.queue, one.route, one.job or ""))


def _sums(
    store: Store, places: Sequence[Place], span: str, since: float, until: float, *, samples: bool = False
) -> defaultdict[tuple[Place, int], Values]:
    """Add counters up by route and begin."""
    sums: defaultdict[tuple[Place, int], Values] = defaultdict(dict)
    for one in spans(store, places, span, since, until):
        id_ = one["_id"]
        found: Values = one.get("values", {})
        if samples and "samples" in one:
            found.update(one["samples"])
        if found:
            # No other one has this route and time.
            sums[(id_["queue"], id_["route"]), id_["begin"]] = found
    for key, values in _old(store, places, span, since, until):
        add(sums[key], values)
    return sums


def spans(store: Store, places: Sequence[Place], span: str, since: float, until: float) -> list[Document]:
    """Read the counters of spans that begin in this time."""
    store.deferred.finish_counts()
    if not places:
        return []
    among = [{"_id": range_of(place, span, since, until)} for place in places]
    return store.find(store.tallies, {"$or": among}, hint="_id_")


def _old(
    store: Store, places: Sequence[Place], span: str, since: float, until: float
) -> Iterator[tuple[tuple[Place, int], Values]]:
    """Read what the version before has counted, minute by minute."""
    if not places:
        return
    length = LENGTH[span]
    first, end = (-(-moment // length) * length // 60 for moment in (since, until))
    among = [{"_id": {"$gte": _old_id(*place, first), "$lt": _old_id(*place, end)}} for place in places]
    for one in store.find(store.old_minutes, {"$or": among}, hint="_id_"):
        id_ = one["_id"]
        values = {name.replace("_", "."): value for name, value in one["values"].items()}
        yield ((id_["queue"], id_["route"]), id_["minute"] * 60 // length * length), values


def drop_old(store: Store) -> None:
    """Remove counters that are too old, where the server has not done so."""
    for counters in (store.old_minutes, store.tallies):
        store.run(counters.delete_many, {"gone": {"$lte": store.time.date()}})


def _old_id(queue: str, route: str, minute: float) -> Document:
    return {"queue": queue, "route": route, "minute": minute}


def _counters(place: Place, job: str | None, begin: float, values: Values) -> Counters:
    return Counters(queue=place[0], route=place[1], job=job, begin=float(begin), values=values)
