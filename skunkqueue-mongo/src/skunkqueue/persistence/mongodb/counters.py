"""Counters: read by minute, hour and of all time, and the samples that are taken every minute.

What the version before has counted stays in the collection ``minutes``, and is read as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from operator import itemgetter

from skunkqueue.counters import SAMPLES, Counters, add
from skunkqueue.persistence.mongodb.count_writer import HOUR, LENGTH, MINUTE, Values, range_of
from skunkqueue.persistence.mongodb.packed_minutes import minutes_between, values_of
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.store import Store
from skunkqueue.records import Minute

Place = tuple[str, str]


def minutes(store: Store, queue: str, route: str, since: int, until: int) -> list[Minute]:
    """Read counters; see ``Backend.minutes``."""
    found = _sums(store, [(queue, route)], MINUTE, since * 60, until * 60)[queue, route]
    minutes = []
    for begin, with_samples in sorted(found.items(), key=itemgetter(0)):
        values = {name: value for name, value in with_samples.items() if name not in SAMPLES}
        if values:
            minutes.append(Minute(queue=queue, route=route, minute=begin // 60, values=values))
    return minutes


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
    # Also where one of the two is not a number.
    if not since < until:
        return []
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
    sums = _sums(store, places, span, since, until)
    for queue, route in routes:
        kept += [
            Counters(queue=queue, route=route, job=None, begin=float(begin), values=values)
            for begin, values in sorted(sums[queue, route].items(), key=itemgetter(0))
        ]
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
    store: Store, places: Sequence[Place], span: str, since: float, until: float
) -> defaultdict[Place, dict[int, Values]]:
    """Add counters up by route and begin, all jobs together, with the samples."""
    sums: defaultdict[Place, dict[int, Values]] = defaultdict(dict)
    if span == MINUTE:
        store.deferred.finish_counts()
        sums.update(minutes_between(store, places, since, until))
    else:
        for one in spans(store, places, span, since, until):
            id_ = one["_id"]
            # No other one has this route and time.
            sums[id_["queue"], id_["route"]][id_["begin"]] = values_of(one)
    for (place, begin), values in _old(store, places, span, since, until):
        add(sums[place].setdefault(begin, {}), values)
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
