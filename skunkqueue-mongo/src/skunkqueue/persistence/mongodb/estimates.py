"""Estimated numbers of firings by state, for routes that are too large to count.

They come from the counters of all time (what came in, less what finished), and from the moves that those do not show: what was
removed or started over. A sweep counts each large route once an hour, and corrects its estimate.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from pymongo import UpdateOne

from skunkqueue.persistence.mongodb import counters, state_queries
from skunkqueue.persistence.mongodb.count_writer import ever_id, range_of
from skunkqueue.persistence.mongodb.counters import Place
from skunkqueue.persistence.mongodb.documents import FINALS
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.state_queries import (
    JobStates,
    count_by_job,
    counting_pipeline,
    running_of,
)
from skunkqueue.persistence.mongodb.store import Store

_MOVED = (*FINALS, "pending")
"""States for which moves are noted."""
_RECOUNT = 3_600.0
"""Seconds after which a large route is counted again."""
_FEW = 50
"""Routes that one call looks at: a sweep must not hold up the thread that keeps leases."""


def note_moves(store: Store, moves: Iterable[tuple[Document, str | None, str | None]]) -> None:
    """Note firings that changed their state, or left (``None``), in a way that the counters do not show."""
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
            ever_id(queue, route, store.count_writer.name_of(queue, route, job)),
            {"$inc": {f"moved.{state}": number for state, number in moved.items()}},
            upsert=True,
        )
        for (queue, route, job), moved in sums.items()
    ]
    if writes:
        store.try_once(store.tallies.bulk_write, writes, ordered=False)


def by_job(store: Store, places: Iterable[Place]) -> JobStates:
    """Estimate by job."""
    places = list(places)
    found: defaultdict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for one in counters.spans(store, places, "ever/job", 0, 1):
        id_ = one["_id"]
        found[id_["queue"], id_["route"], id_["job"]].update(_from_counters(one))
    for one in running_of(store, places):
        id_ = one["_id"]
        states = found[
            id_["queue"],
            id_["route"],
            store.count_writer.name_of(id_["queue"], id_["route"], id_.get("job", "")),
        ]
        states["running"] += one["n"]
        states["pending"] -= one["n"]
    return found


def by_route(store: Store, places: Iterable[Place]) -> dict[Place, Counter[str]]:
    """Estimate for all jobs of a route together, which the server adds up."""
    places = list(places)
    store.deferred.finish_counts()
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
    for one in store.aggregate(store.tallies, pipeline, hint="_id_"):
        estimated: Document = {"values": {}, "moved": {}}
        for kind, name in summed:
            estimated[kind][name] = one[f"{kind}_{name}"]
        found[one["_id"]["queue"], one["_id"]["route"]] = _from_counters(estimated)
    for one in running_of(store, places):
        states = found.setdefault((one["_id"]["queue"], one["_id"]["route"]), Counter())
        states["running"] += one["n"]
        states["pending"] -= one["n"]
    return found


def recount(store: Store, now: float) -> None:
    """Count one large route from end to end, if that was not done for an hour; looks at a few routes in a call."""
    # Also routes that were counted later than now, by a clock that was set back.
    lately = {"$gt": now - _RECOUNT, "$lte": now}
    wanted = {"route": {"$exists": True}, "counted": {"$not": lately}}
    for one in store.find(store.routes, wanted, {"jobs": False}, limit=_FEW):
        place = (one["queue"], one["route"])
        taken = {"_id": one["_id"], "counted": one.get("counted")}
        done, again = store.run_and_report(store.routes.update_one, taken, {"$set": {"counted": now}})
        mine = {"_id": one["_id"], "counted": now}
        # An earlier try may have done it; otherwise another process counts.
        if not done.modified_count and not (again and store.find(store.routes, mine, {"_id": True})):
            continue
        # First from the indexes alone, since to count by job the server reads each firing.
        counted = store.aggregate(store.routes, counting_pipeline([place], state_queries.BY_JOB))
        if sum(answer.get("n", 0) for answer in counted) <= state_queries.BY_JOB:
            # Small enough to be counted at every request.
            continue
        store.deferred.finish_counts()
        estimated = {key: Counter(states) for key, states in by_job(store, [place]).items()}
        counted_by_job: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for (_, _, job), states in (count_by_job(store, [place], None) or {}).items():
            counted_by_job[store.count_writer.name_of(*place, job)].update(states)
        names = {job for _, _, job in estimated} | set(counted_by_job)
        writes = [
            _adjusting(place, job, counted_by_job[job], estimated.get((*place, job), Counter()))
            for job in names
        ]
        store.try_once(store.tallies.bulk_write, writes, ordered=False)
        return


def _adjusting(place: Place, job: str, counted: Counter[str], estimated: Counter[str]) -> UpdateOne:
    """Correct the estimate of one job; running firings count as pending."""
    change = {f"moved.{state}": counted[state] - estimated[state] for state in FINALS}
    live = ("pending", "running")
    change["moved.pending"] = sum(counted[state] for state in live) - sum(estimated[state] for state in live)
    return UpdateOne(ever_id(*place, job), {"$inc": change}, upsert=True)


def _from_counters(one: Document) -> Counter[str]:
    values, moved = one.get("values", {}), one.get("moved", {})
    states = Counter({state: round(values.get(state, 0) + moved.get(state, 0)) for state in FINALS})
    ended = sum(values.get(state, 0) for state in FINALS)
    states["pending"] = round(values.get("enqueued", 0) - ended + moved.get("pending", 0))
    return states
