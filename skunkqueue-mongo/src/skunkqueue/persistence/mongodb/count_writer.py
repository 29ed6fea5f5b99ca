"""Writing gathered counts into the counters, each a document: of a minute, of an hour, and of all time.

Counters of all jobs together are kept beside those of single jobs, so that a day of a route with many jobs is read at
once. All counters of one write are one request.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, NamedTuple

from pymongo import UpdateOne

from skunkqueue.counters import add
from skunkqueue.persistence.asking import HOURS_KEPT, MAX_JOBS, MINUTES_KEPT, OTHER_JOBS
from skunkqueue.persistence.mongodb.connection import Connection
from skunkqueue.persistence.mongodb.documents import route_id
from skunkqueue.persistence.mongodb.schema import Document

MINUTE, HOUR = "minute", "hour"
LENGTH = {MINUTE: 60, HOUR: 3_600}
"""Seconds."""
_KEPT = {MINUTE: MINUTES_KEPT, HOUR: HOURS_KEPT}
Values = dict[str, float]


class Span(NamedTuple):
    """What counts are about, and when it happened."""

    queue: str
    route: str
    job: str
    minute: int


class CountWriter:
    """Adds to the counters, and knows under which name each job is counted."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known_jobs: dict[tuple[str, str], frozenset[str]] = {}
        """Jobs that have counters of their own, by queue and route, as far as this process knows."""

    def write(self, counted: Mapping[Span, Values]) -> None:
        """Add to the counters, once: counts that are missing are better than counts that are there twice."""
        sums: defaultdict[tuple[str, str, str, int, str | None], Values] = defaultdict(dict)
        for (queue, route, job, minute), values in counted.items():
            name = self.name_of(queue, route, job)
            add(sums[queue, route, "ever/job", 0, name], values)
            for span, length in LENGTH.items():
                begin = minute * 60 // length * length
                add(sums[queue, route, span, begin, None], values)
                add(sums[queue, route, f"{span}/job", begin, name], values)
        writes = [_adding(counter_id(*key), values) for key, values in sums.items()]
        self._connection.try_once(self._connection.tallies.bulk_write, writes, ordered=False)

    def name_of(self, queue: str, route: str, job: str) -> str:
        """Return the name under which a job is counted: its own, or one for all that came after the first MAX_JOBS."""
        known = self._known_jobs.get((queue, route), frozenset())
        if job in known:
            return job
        if len(known) < MAX_JOBS:
            known = self._known_jobs[queue, route] = self._make_known(queue, route, job)
        return job if job in known or not known else OTHER_JOBS

    def _make_known(self, queue: str, route: str, job: str) -> frozenset[str]:
        """Give a job counters of its own, if there is room; return all jobs that have them."""
        connection = self._connection
        here = route_id(queue, route)
        room = {"_id": here, f"jobs.{MAX_JOBS - 1}": {"$exists": False}}
        connection.run(connection.routes.update_one, room, {"$addToSet": {"jobs": job}})
        found = connection.run(connection.routes.find_one, {"_id": here}, {"jobs": True})
        return frozenset((found or {}).get("jobs", ()))


def counter_id(queue: str, route: str, span: str, begin: float, job: str | None = None) -> Document:
    """Make the id of one counter; those of one route and span are in order of time."""
    made: Document = {"queue": queue, "route": route, "span": span, "begin": begin}
    return made if job is None else made | {"job": job}


def range_of(place: tuple[str, str], span: str, since: float, until: float) -> Document:
    """Match the ids of a route's counters of spans that begin in this time."""
    return {"$gte": counter_id(*place, span, since), "$lt": counter_id(*place, span, until)}


def ever_id(queue: str, route: str, job: str) -> Document:
    """Match the counter of all time of one job."""
    return {"_id": counter_id(queue, route, "ever/job", 0, job)}


def removal_date(span: str, begin: float) -> datetime:
    """Return when the counters of a span may be removed."""
    return datetime.fromtimestamp(begin + LENGTH[span] + _KEPT[span], timezone.utc)


def _adding(id_: Document, values: Values) -> UpdateOne:
    change: dict[str, Any] = {"$inc": {f"values.{name}": value for name, value in values.items()}}
    span = id_["span"].partition("/")[0]
    if span in LENGTH:
        change["$setOnInsert"] = {"gone": removal_date(span, id_["begin"])}
    return UpdateOne({"_id": id_}, change, upsert=True)
