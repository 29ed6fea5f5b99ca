"""How many firings of each state a route and a job have.

Up to a limit they are counted by the indexes, and exact. Beyond it they are estimated (``estimates``).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from skunkqueue.listings import JobCount
from skunkqueue.persistence.asking import MAX_JOBS, OTHER_JOBS
from skunkqueue.persistence.mongodb import estimates, state_queries
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.state_queries import count_by_job, counting_pipeline
from skunkqueue.persistence.mongodb.store import Store
from skunkqueue.records import RouteInfo, State

_AT_ONCE = 10
"""Routes that one pipeline counts."""
_SOME, _ALL = 1_000, 60_000
"""Firings that are counted: of each route and state at least, and of all together about."""
_UNFINISHED = (State.PENDING, State.RUNNING)


def routes(store: Store, queue: str | None = None) -> list[RouteInfo]:
    """List routes; see ``Backend.routes``."""
    wanted = {} if queue is None else {"queue": queue}
    documents = store.find(store.routes, wanted, {"jobs": False})
    paused_queues = {one["queue"] for one in documents if "route" not in one}
    known = [one for one in documents if "route" in one]
    infos = _counted(store, known, paused_queues, most_of(len(known)), tuple(State))
    return sorted(infos, key=lambda info: (info.queue, info.route))


def most_of(routes: int) -> int:
    """Return how many firings of each state are counted of each route, where there are so many."""
    return max(_SOME, _ALL // (len(State) * max(routes, 1)))


def unfinished(store: Store, known: Sequence[Document], most: int) -> list[RouteInfo]:
    """List some routes with what waits and runs there; finished firings, and pauses, are left out."""
    return _counted(store, known, set(), most, _UNFINISHED)


def _counted(
    store: Store, known: Sequence[Document], paused_queues: set[str], most: int, states: Sequence[State]
) -> list[RouteInfo]:
    infos: list[RouteInfo] = []
    for start in range(0, len(known), _AT_ONCE):
        some = known[start : start + _AT_ONCE]
        pipeline = counting_pipeline([(one["queue"], one["route"]) for one in some], most, states)
        seen = store.aggregate(store.routes, pipeline)
        infos += [_info(one, number, seen, paused_queues) for number, one in enumerate(some)]
    large = {(info.queue, info.route) for info in infos if max(info.counts.values()) > most}
    if large:
        estimated = estimates.by_route(store, large)
        infos = [
            _with_estimate(info, estimated.get((info.queue, info.route), Counter()), most)
            if (info.queue, info.route) in large
            else info
            for info in infos
        ]
    return infos


def job_counts(store: Store, queue: str | None = None, route: str | None = None) -> list[JobCount]:
    """Count firings by job; see ``Backend.job_counts``."""
    wanted: Document = {"route": {"$exists": True}}
    if queue is not None:
        wanted["queue"] = queue
    if route is not None:
        wanted["route"] = route
    places = {
        (one["queue"], one["route"]): frozenset(one.get("jobs", ()))
        for one in store.find(store.routes, wanted, {"queue": True, "route": True, "jobs": True})
    }
    store.deferred.finish_counts()
    counted = count_by_job(store, list(places), state_queries.BY_JOB)
    exact = counted is not None
    found = estimates.by_job(store, places) if counted is None else counted
    named: defaultdict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for (at, on, job), states in found.items():
        known = places.get((at, on), frozenset())
        named_apart = job in known or len(known - {OTHER_JOBS}) < MAX_JOBS
        named[at, on, job if named_apart else OTHER_JOBS].update(states)
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


def _info(one: Document, number: int, seen: list[Document], paused_queues: set[str]) -> RouteInfo:
    mine = [answer for answer in seen if answer["of"] == number]
    counted = {answer["state"]: answer["n"] for answer in mine if "n" in answer}
    return RouteInfo(
        queue=one["queue"],
        route=one["route"],
        paused=bool(one.get("paused")) or one["queue"] in paused_queues,
        counts={state: int(counted.get(state.value, 0)) for state in State},
        oldest_due=min((answer["due"] for answer in mine if "due" in answer), default=None),
    )


def _with_estimate(info: RouteInfo, estimated: Counter[str], most: int) -> RouteInfo:
    """Use the estimate where there are more than were counted."""
    counts = {
        state: number if number <= most else max(number, estimated[state.value])
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
