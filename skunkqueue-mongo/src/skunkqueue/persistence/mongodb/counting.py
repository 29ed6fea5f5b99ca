"""Counters: what is counted of firings by route and job, a minute's, an hour's, and ever.

Each is one document. Those of all jobs together are kept beside those of single jobs, so that a day of a route with
many jobs is read at once. What is counted is gathered first (``later``), so all these writes are one request, a few
times a second. What the version before has counted stays where it was, in ``minutes``.
"""

from __future__ import annotations

from abc import ABC
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from pymongo import UpdateOne
from pymongo.errors import DuplicateKeyError

from skunkqueue.counters import Counters, add, sample_of
from skunkqueue.errors import BackendError
from skunkqueue.persistence.asking import HOURS_KEPT, MAX_JOBS, MINUTES_KEPT, OTHER_JOBS
from skunkqueue.persistence.mongodb.base import StoreBackend
from skunkqueue.persistence.mongodb.documents import route_id
from skunkqueue.persistence.mongodb.later import Span
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.records import Firing, Minute, State

MINUTE, HOUR = "minute", "hour"
_LENGTH = {MINUTE: 60, HOUR: 3_600}
_KEPT = {MINUTE: MINUTES_KEPT, HOUR: HOURS_KEPT}
Place = tuple[str, str]
Values = dict[str, float]


class Counting(StoreBackend, ABC):
    """Adding to the counters, and the verbs that read them."""

    _sampled = -1
    """The minute of which this handle knows that samples are taken."""

    # --- adding -----------------------------------------------------------------------------------

    def _count_in(self, firings: Iterable[Firing]) -> None:
        numbers: dict[tuple[str, str, str], Values] = {}
        for firing in firings:
            values = numbers.setdefault((firing.queue, firing.route, firing.job), {"enqueued": 0})
            values["enqueued"] += 1
        self._count(numbers)

    def _count(self, numbers: Mapping[tuple[str, str, str], Values]) -> None:
        """Add to the counters of this minute, once: better one missing than one there twice."""
        try:
            minute = int(self._link.about_now() // 60)
        except BackendError:
            # What is counted has happened, so nobody shall hear of an error.
            return
        self._later.count((Span(*place, minute), values) for place, values in numbers.items() if values)

    def _write_counts(self, counted: Mapping[Span, Values]) -> None:
        link = self._link
        sums: defaultdict[tuple[str, str, str, int, str | None], Values] = defaultdict(dict)
        for (queue, route, job, minute), values in counted.items():
            name = self._name_of(queue, route, job)
            add(sums[queue, route, "ever/job", 0, name], values)
            for span, length in _LENGTH.items():
                begin = minute * 60 // length * length
                add(sums[queue, route, span, begin, None], values)
                add(sums[queue, route, f"{span}/job", begin, name], values)
        writes = [_adding(_id(*key), values) for key, values in sums.items()]
        link.try_once(link.tallies.bulk_write, writes, ordered=False)

    def _name_of(self, queue: str, route: str, job: str) -> str:
        """Tell under which name a job is counted: its own, or that of all that came after the first MAX_JOBS."""
        known = self._known_jobs.get((queue, route), frozenset())
        if job in known:
            return job
        if len(known) < MAX_JOBS:
            known = self._known_jobs[queue, route] = self._make_known(queue, route, job)
        return job if job in known or not known else OTHER_JOBS

    def _make_known(self, queue: str, route: str, job: str) -> frozenset[str]:
        """Enter a job among those that are told apart, if there is room; return all of these."""
        link = self._link
        here = route_id(queue, route)
        room = {"_id": here, f"jobs.{MAX_JOBS - 1}": {"$exists": False}}
        link.run(link.routes.update_one, room, {"$addToSet": {"jobs": job}})
        found = link.run(link.routes.find_one, {"_id": here}, {"jobs": True})
        return frozenset((found or {}).get("jobs", ()))

    # --- reading ----------------------------------------------------------------------------------

    def minutes(self, queue: str, route: str, since: int, until: int) -> list[Minute]:
        """Read counters; see ``Backend.minutes``."""
        found = self._sums([(queue, route)], MINUTE, since * 60, until * 60)
        minutes = (
            Minute(queue=queue, route=route, minute=begin // 60, values=values)
            for (_, begin), values in sorted(found.items())
        )
        return list(minutes)

    def counters(
        self,
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
            for one in self._spans(places, f"{span}/job", since, until):
                id_ = one["_id"]
                add(by_job[(id_["queue"], id_["route"]), id_["begin"], id_["job"]], one["values"])
            for (place, begin), values in self._old(places, span, since, until):
                add(by_job[place, begin, ""], values)
            for place in routes:
                mine = sorted(key for key in by_job if key[0] == place)
                kept += (_counters(place, job, begin, by_job[place, begin, job]) for _, begin, job in mine)
            return kept
        sums = self._sums(places, span, since, until, samples=True)
        for place in routes:
            mine_too = sorted(key for key in sums if key[0] == place)
            kept += (_counters(place, None, begin, sums[place, begin]) for _, begin in mine_too)
        return kept

    def totals(self, queue: str | None = None) -> list[Counters]:
        """Read what was counted ever; see ``Backend.totals``."""
        link = self._link
        self._later.write_counts()
        names = {} if queue is None else {"queue": queue}
        places = [
            (one["queue"], one["route"])
            for one in link.find(
                link.routes, {**names, "route": {"$exists": True}}, {"queue": True, "route": True}
            )
        ]
        found = [
            _counters((one["_id"]["queue"], one["_id"]["route"]), one["_id"]["job"], 0, one["values"])
            for one in self._spans(places, "ever/job", 0, 1)
            if "values" in one
        ]
        return sorted(found, key=lambda one: (one.queue, one.route, one.job or ""))

    def sample(self) -> int:
        """Take the samples of this minute; see ``Backend.sample``."""
        link = self._link
        now = link.about_now()
        begins = {span: int(now // length * length) for span, length in _LENGTH.items()}
        if self._sampled == begins[MINUTE] and not link.is_virtual:
            return 0
        taken = 0
        for info in self.routes():
            counts = info.counts
            values = sample_of(counts[State.PENDING], counts[State.RUNNING], info.oldest_due, now)
            id_ = _id(info.queue, info.route, MINUTE, begins[MINUTE])
            fresh = {"_id": id_, "samples": {"$exists": False}}
            change = {"$set": {"samples": values}, "$setOnInsert": {"gone": gone(MINUTE, begins[MINUTE])}}
            try:
                done = link.run(link.tallies.update_one, fresh, change, upsert=True)
            except BackendError as error:
                if not isinstance(error.__cause__, DuplicateKeyError):
                    raise
                # Somebody else has.
                continue
            taken += bool(done.modified_count or done.upserted_id)
            largest = {f"samples.{name}": value for name, value in values.items()}
            hour = {"$max": largest, "$setOnInsert": {"gone": gone(HOUR, begins[HOUR])}}
            id_ = _id(info.queue, info.route, HOUR, begins[HOUR])
            link.run(link.tallies.update_one, {"_id": id_}, hour, upsert=True)
        self._sampled = begins[MINUTE]
        return taken

    def _sums(
        self, places: Sequence[Place], span: str, since: float, until: float, *, samples: bool = False
    ) -> defaultdict[tuple[Place, int], Values]:
        sums: defaultdict[tuple[Place, int], Values] = defaultdict(dict)
        for one in self._spans(places, span, since, until):
            id_ = one["_id"]
            found = {**one.get("values", {}), **(one.get("samples", {}) if samples else {})}
            if found:
                add(sums[(id_["queue"], id_["route"]), id_["begin"]], found)
        for key, values in self._old(places, span, since, until):
            add(sums[key], values)
        return sums

    def _spans(self, places: Sequence[Place], span: str, since: float, until: float) -> list[Document]:
        """Read the documents of spans that begin in this time."""
        link = self._link
        self._later.write_counts()
        if not places:
            return []
        among = [{"_id": range_of(place, span, since, until)} for place in places]
        return link.find(link.tallies, {"$or": among}, hint="_id_")

    def _old(
        self, places: Sequence[Place], span: str, since: float, until: float
    ) -> Iterator[tuple[tuple[Place, int], Values]]:
        """Read what the version before has counted, minute by minute."""
        link = self._link
        if not places:
            return
        length = _LENGTH[span]
        first, end = (-(-moment // length) * length // 60 for moment in (since, until))
        among = [{"_id": {"$gte": _old_id(*place, first), "$lt": _old_id(*place, end)}} for place in places]
        for one in link.find(link.minutes, {"$or": among}, hint="_id_"):
            id_ = one["_id"]
            values = {name.replace("_", "."): value for name, value in one["values"].items()}
            yield ((id_["queue"], id_["route"]), id_["minute"] * 60 // length * length), values

    def _drop_counters(self) -> None:
        """Remove what is older than anybody asks for, where the server has not done so."""
        link = self._link
        for counters in (link.minutes, link.tallies):
            link.run(counters.delete_many, {"gone": {"$lte": link.date()}})


def _id(queue: str, route: str, span: str, begin: float, job: str | None = None) -> Document:
    """Make the id of one document; those of one route and span follow one another in time."""
    made: Document = {"queue": queue, "route": route, "span": span, "begin": begin}
    return made if job is None else made | {"job": job}


def range_of(place: Place, span: str, since: float, until: float) -> Document:
    """Say which ids the documents of a route's spans have that begin in this time."""
    return {"$gte": _id(*place, span, since), "$lt": _id(*place, span, until)}


def ever_id(queue: str, route: str, job: str) -> Document:
    """Find what was counted of a job ever."""
    return {"_id": _id(queue, route, "ever/job", 0, job)}


def _old_id(queue: str, route: str, minute: float) -> Document:
    return {"queue": queue, "route": route, "minute": minute}


def _adding(id_: Document, values: Values) -> UpdateOne:
    change: dict[str, Any] = {"$inc": {f"values.{name}": value for name, value in values.items()}}
    span = id_["span"].partition("/")[0]
    if span in _LENGTH:
        change["$setOnInsert"] = {"gone": gone(span, id_["begin"])}
    return UpdateOne({"_id": id_}, change, upsert=True)


def gone(span: str, begin: float) -> datetime:
    """Tell when the counters of a span may be removed."""
    return datetime.fromtimestamp(begin + _LENGTH[span] + _KEPT[span], timezone.utc)


def _counters(place: Place, job: str | None, begin: float, values: Values) -> Counters:
    return Counters(queue=place[0], route=place[1], job=job, begin=float(begin), values=values)
