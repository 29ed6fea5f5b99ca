"""How many firings stand where: by route, job and state.

Up to a bound they are counted by the indexes, and exact. Beyond that, the numbers come from what was counted ever (put in,
less what finished) and from what was removed or started over since; a sweep sets them right once in a while, by counting all.
"""

from __future__ import annotations

from abc import ABC
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from pymongo import UpdateOne

from skunkqueue.listings import JobCount
from skunkqueue.persistence.asking import MAX_JOBS, OTHER_JOBS
from skunkqueue.persistence.mongodb.counting import Counting, Place, ever_id, range_of
from skunkqueue.persistence.mongodb.documents import FINALS
from skunkqueue.persistence.mongodb.link import Link
from skunkqueue.persistence.mongodb.schema import RUNNING, Document
from skunkqueue.records import RouteInfo, State

_SINCE_EVER = -1e300
_AT_ONCE = 10
"""Routes that one pipeline counts."""
_SOME, _ALL = 1_000, 60_000
"""Firings of one route and state that are counted at least, and of all together about."""
_BY_JOB = 20_000
_MOVED = (*FINALS, "pending")
"""States whose changes are noted that the counters do not tell."""
_RIGHT = 3_600.0
"""Seconds after which a large route is counted again."""
JobStates = Mapping[tuple[str, str, str], Counter[str]]


class Standings(Counting, ABC):
    """``routes`` and ``job_counts``, and what they go by."""

    def routes(self, queue: str | None = None) -> list[RouteInfo]:
        """List routes; see ``Backend.routes``."""
        link = self._link
        wanted = {} if queue is None else {"queue": queue}
        documents = link.find(link.routes, wanted, {"jobs": False})
        halted = {one["queue"] for one in documents if "route" not in one}
        known = [one for one in documents if "route" in one]
        most = max(_SOME, _ALL // (len(State) * max(len(known), 1)))
        infos: list[RouteInfo] = []
        for start in range(0, len(known), _AT_ONCE):
            some = known[start : start + _AT_ONCE]
            pipeline = _counting([(one["queue"], one["route"]) for one in some], most)
            seen = link.aggregate(link.routes, pipeline)
            infos += [_info(one, number, seen, halted) for number, one in enumerate(some)]
        large = {(info.queue, info.route) for info in infos if max(info.counts.values()) > most}
        if large:
            reckoned = self._reckoned_of_routes(link, large)
            infos = [
                _corrected(info, reckoned.get((info.queue, info.route), Counter()), most)
                if (info.queue, info.route) in large
                else info
                for info in infos
            ]
        return sorted(infos, key=lambda info: (info.queue, info.route))

    def job_counts(self, queue: str | None = None, route: str | None = None) -> list[JobCount]:
        """Count firings by job; see ``Backend.job_counts``."""
        link = self._link
        wanted: Document = {"route": {"$exists": True}}
        if queue is not None:
            wanted["queue"] = queue
        if route is not None:
            wanted["route"] = route
        places = {
            (one["queue"], one["route"]): frozenset(one.get("jobs", ()))
            for one in link.find(link.routes, wanted, {"queue": True, "route": True, "jobs": True})
        }
        self._later.write_counts()
        counted = _by_job(link, list(places), _BY_JOB)
        exact = counted is not None
        found = self._reckoned(link, places) if counted is None else counted
        named: defaultdict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
        for (at, on, job), states in found.items():
            known = places.get((at, on), frozenset())
            told = job in known or len(known - {OTHER_JOBS}) < MAX_JOBS
            named[at, on, job if told else OTHER_JOBS].update(states)
        return [
            JobCount(
                queue=at,
                route=on,
                job=job,
                counts={state: max(states[state.value], 0) for state in State},
                exact=exact,
            )
            for (at, on, job), states in sorted(named.items())
            if any(number > 0 for number in states.values())
        ]

    # --- reckoning --------------------------------------------------------------------------------

    def _note_moves(self, moves: Iterable[tuple[Document, str | None, str | None]]) -> None:
        """Note what changed its state, or left (``None``), in a way that the counters do not tell."""
        sums: defaultdict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
        for document, before, after in moves:
            if "queue" not in document:
                continue
            moved = sums[document["queue"], document["route"], document.get("job", "")]
            for state, number in ((before, -1), (after, 1)):
                if state is not None:
                    moved[state] += number
        writes = [
            UpdateOne(
                ever_id(queue, route, self._name_of(queue, route, job)),
                {"$inc": {f"moved.{state}": number for state, number in moved.items()}},
                upsert=True,
            )
            for (queue, route, job), moved in sums.items()
        ]
        if writes:
            self._link.try_once(self._link.tallies.bulk_write, writes, ordered=False)

    def _reckoned(self, link: Link, places: Iterable[Place]) -> JobStates:
        """Reckon from the counters how many stand where."""
        places = list(places)
        found: defaultdict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
        for one in self._spans(places, "ever/job", 0, 1):
            id_ = one["_id"]
            found[id_["queue"], id_["route"], id_["job"]].update(_from_counters(one))
        for one in _running_of(link, places):
            id_ = one["_id"]
            states = found[
                id_["queue"], id_["route"], self._name_of(id_["queue"], id_["route"], id_.get("job", ""))
            ]
            states["running"] += one["n"]
            states["pending"] -= one["n"]
        return found

    def _reckoned_of_routes(self, link: Link, places: Iterable[Place]) -> dict[Place, Counter[str]]:
        """Reckon likewise for all jobs of a route together, which the server adds up."""
        places = list(places)
        self._later.write_counts()
        among = [{"_id": range_of(place, "ever/job", 0, 1)} for place in places]
        summed = [
            *(("values", name) for name in ("enqueued", *FINALS)),
            *(("moved", name) for name in _MOVED),
        ]
        sums: Document = {f"{kind}_{name}": {"$sum": f"${kind}.{name}"} for kind, name in summed}
        pipeline: list[Document] = [
            {"$match": {"$or": among}},
            {"$group": {"_id": {"queue": "$_id.queue", "route": "$_id.route"}, **sums}},
        ]
        found: dict[Place, Counter[str]] = {}
        for one in link.run(lambda: list(link.tallies.aggregate(pipeline, hint="_id_"))):
            told: Document = {"values": {}, "moved": {}}
            for kind, name in summed:
                told[kind][name] = one[f"{kind}_{name}"]
            found[one["_id"]["queue"], one["_id"]["route"]] = _from_counters(told)
        for one in _running_of(link, places):
            states = found.setdefault((one["_id"]["queue"], one["_id"]["route"]), Counter())
            states["running"] += one["n"]
            states["pending"] -= one["n"]
        return found

    def _set_right(self, link: Link, now: float) -> None:
        """Count one large route from end to end, where that was not done for long."""
        for one in link.find(link.routes, {"route": {"$exists": True}}, {"jobs": False}):
            if one.get("counted", 0.0) > now - _RIGHT:
                continue
            place = (one["queue"], one["route"])
            taken = {"_id": one["_id"], "counted": one.get("counted")}
            done = link.run(link.routes.update_one, taken, {"$set": {"counted": now}})
            if not done.modified_count:
                continue
            # From the indexes alone: to count by job the server reads each firing.
            counted = link.aggregate(link.routes, _counting([place], _BY_JOB))
            if sum(answer.get("n", 0) for answer in counted) <= _BY_JOB:
                # Small enough to be counted whenever somebody asks.
                continue
            self._later.write_counts()
            told = {key: Counter(states) for key, states in self._reckoned(link, [place]).items()}
            there: defaultdict[str, Counter[str]] = defaultdict(Counter)
            for (_, _, job), states in (_by_job(link, [place], None) or {}).items():
                there[self._name_of(*place, job)].update(states)
            names = {job for _, _, job in told} | set(there)
            writes = [_adjusting(place, job, there[job], told.get((*place, job), Counter())) for job in names]
            link.try_once(link.tallies.bulk_write, writes, ordered=False)
            return


def _adjusting(place: Place, job: str, there: Counter[str], told: Counter[str]) -> UpdateOne:
    """Make up for the difference between what is there and what is told; who runs counts as pending there."""
    change = {f"moved.{state}": there[state] - told[state] for state in FINALS}
    live = ("pending", "running")
    change["moved.pending"] = sum(there[state] for state in live) - sum(told[state] for state in live)
    return UpdateOne(ever_id(*place, job), {"$inc": change}, upsert=True)


def _from_counters(one: Document) -> Counter[str]:
    values, moved = one.get("values", {}), one.get("moved", {})
    states = Counter({state: round(values.get(state, 0) + moved.get(state, 0)) for state in FINALS})
    ended = sum(values.get(state, 0) for state in FINALS)
    states["pending"] = round(values.get("enqueued", 0) - ended + moved.get("pending", 0))
    return states


def _corrected(info: RouteInfo, reckoned: Counter[str], most: int) -> RouteInfo:
    """Take what was reckoned where there are more than were counted."""
    counts = {
        state: number if number <= most else max(number, reckoned[state.value])
        for state, number in info.counts.items()
    }
    return RouteInfo(
        queue=info.queue,
        route=info.route,
        paused=info.paused,
        counts=counts,
        oldest_due=info.oldest_due,
        exact=False,
    )


def _by_job(link: Link, places: Sequence[Place], most: int | None) -> JobStates | None:
    """Count by job from end to end; ``None`` where there are more than that."""
    found: dict[tuple[str, str, str], Counter[str]] = {}
    bound = [] if most is None else [{"$limit": most + 1}]
    states = {"$in": [state.value for state in State]}
    total = 0
    for queue, route in places:
        parts: list[Document] = [{"state": "pending"}, {"state": "running"}]
        parts.append({"state": states, "finished": {"$gt": _SINCE_EVER}})
        for part in parts:
            pipeline: list[Document] = [
                {"$match": {"queue": queue, "route": route, **part}},
                *bound,
                {"$group": {"_id": {"job": "$job", "state": "$state"}, "n": {"$sum": 1}}},
            ]
            for one in link.aggregate(link.firings, pipeline):
                job = one["_id"].get("job") or ""
                found.setdefault((queue, route, job), Counter())[one["_id"]["state"]] += one["n"]
                total += one["n"]
            if most is not None and total > most:
                return None
    return found


def _running_of(link: Link, places: Sequence[Place]) -> list[Document]:
    pipeline: list[Document] = [
        {
            "$match": {
                "queue": {"$in": sorted({queue for queue, _ in places})},
                "route": {"$in": sorted({route for _, route in places})},
                "state": "running",
            }
        },
        {"$group": {"_id": {"queue": "$queue", "route": "$route", "job": "$job"}, "n": {"$sum": 1}}},
    ]
    found = link.run(lambda: list(link.firings.aggregate(pipeline, hint=RUNNING)))
    return [one for one in found if (one["_id"]["queue"], one["_id"]["route"]) in set(places)]


def _counting(places: list[Place], most: int) -> list[Document]:
    """Make the pipeline that counts the firings of routes by state, from the indexes alone, and finds what is due.

    It begins with nothing, and adds one small answer after the other.
    """
    pipeline: list[Document] = [{"$match": {"_id": None}}]
    for number, (queue, route) in enumerate(places):
        here = {"queue": queue, "route": route}
        for state in State:
            query: Document = {**here, "state": state.value}
            if state.final:
                query["finished"] = {"$gt": _SINCE_EVER}
            count = [
                {"$match": query},
                {"$limit": most + 1},
                {"$count": "n"},
                {"$set": {"of": number, "state": state.value}},
            ]
            pipeline.append({"$unionWith": {"coll": "firings", "pipeline": count}})
        # The server reads one key of each priority for it.
        first: list[Document] = [
            {"$match": {**here, "state": "pending"}},
            {"$sort": {"priority": -1, "due": 1}},
            {"$group": {"_id": "$priority", "due": {"$first": "$due"}}},
            {"$set": {"of": number}},
        ]
        pipeline.append({"$unionWith": {"coll": "firings", "pipeline": first}})
    return pipeline


def first_due(query: Document) -> list[Document]:
    """Make the pipeline that finds when the first of some pending firings of one priority is due."""
    return [
        {"$match": query},
        {"$sort": {"due": 1}},
        {"$limit": 1},
        {"$project": {"_id": False, "due": True}},
    ]


def _info(one: Document, number: int, seen: list[Document], halted: set[str]) -> RouteInfo:
    mine = [answer for answer in seen if answer["of"] == number]
    counted = {answer["state"]: answer["n"] for answer in mine if "n" in answer}
    return RouteInfo(
        queue=one["queue"],
        route=one["route"],
        paused=bool(one.get("paused")) or one["queue"] in halted,
        counts={state: int(counted.get(state.value, 0)) for state in State},
        oldest_due=min((answer["due"] for answer in mine if "due" in answer), default=None),
    )
