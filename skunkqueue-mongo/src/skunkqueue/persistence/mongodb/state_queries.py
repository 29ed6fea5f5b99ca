"""Counting firings by route, job and state from the indexes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from skunkqueue.persistence.mongodb.counters import Place
from skunkqueue.persistence.mongodb.documents import SINCE_EVER
from skunkqueue.persistence.mongodb.schema import RUNNING, Document
from skunkqueue.persistence.mongodb.store import Store
from skunkqueue.records import State

BY_JOB = 20_000
"""Firings that are counted by job at most, before their numbers are estimated."""
JobStates = Mapping[tuple[str, str, str], Counter[str]]


def counting_pipeline(
    places: list[Place], most: int, states: Sequence[State] = tuple(State)
) -> list[Document]:
    """Make the pipeline that counts the firings of routes in these states, from the indexes alone, and finds when the first is due.

    It begins with no document, and adds one small answer after the other.
    """
    pipeline: list[Document] = [{"$match": {"_id": None}}]
    for number, (queue, route) in enumerate(places):
        here = {"queue": queue, "route": route}
        for state in states:
            query: Document = {**here, "state": state.value}
            if state.final:
                query["finished"] = {"$gt": SINCE_EVER}
            count = [
                {"$match": query},
                {"$limit": most + 1},
                {"$count": "n"},
                {"$set": {"of": number, "state": state.value}},
            ]
            pipeline.append({"$unionWith": {"coll": "firings", "pipeline": count}})
        # The server reads one key of each priority for this.
        first: list[Document] = [
            {"$match": {**here, "state": "pending"}},
            {"$sort": {"priority": -1, "due": 1}},
            {"$group": {"_id": "$priority", "due": {"$first": "$due"}}},
            {"$set": {"of": number}},
        ]
        pipeline.append({"$unionWith": {"coll": "firings", "pipeline": first}})
    return pipeline


def count_by_job(store: Store, places: Sequence[Place], most: int | None) -> JobStates | None:
    """Count by job from end to end; ``None``: there are more than ``most``."""
    found: dict[tuple[str, str, str], Counter[str]] = {}
    bound = [] if most is None else [{"$limit": most + 1}]
    states = {"$in": [state.value for state in State]}
    total = 0
    for queue, route in places:
        parts: list[Document] = [{"state": "pending"}, {"state": "running"}]
        parts.append({"state": states, "finished": {"$gt": SINCE_EVER}})
        for part in parts:
            pipeline: list[Document] = [
                {"$match": {"queue": queue, "route": route, **part}},
                *bound,
                {"$group": {"_id": {"job": "$job", "state": "$state"}, "n": {"$sum": 1}}},
            ]
            for one in store.aggregate(store.firings, pipeline):
                job = one["_id"].get("job") or ""
                found.setdefault((queue, route, job), Counter())[one["_id"]["state"]] += one["n"]
                total += one["n"]
            if most is not None and total > most:
                return None
    return found


def running_of(store: Store, places: Sequence[Place]) -> list[Document]:
    """Count the running firings of routes, by job."""
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
    found = store.aggregate(store.firings, pipeline, hint=RUNNING)
    return [one for one in found if (one["_id"]["queue"], one["_id"]["route"]) in set(places)]
