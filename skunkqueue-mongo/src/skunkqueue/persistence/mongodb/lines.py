"""The pipelines that look at the line of a route: what is next, what is overdue, and when something falls due."""

from __future__ import annotations

from skunkqueue.persistence.mongodb.documents import route_id, target_mark
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.server_time import ServerTime
from skunkqueue.records import MAX_PRIORITY, MIN_PRIORITY

_RECLAIMED = 100
"""Firings with an ended lease that one claim takes back at most."""


def _ready_in(queue: str, route: str, worker: str, until: float) -> Document:
    """Match what may be claimed at that time; the index ``claimable`` has all of it."""
    aimed = {"$in": ["", target_mark(worker)]}
    return {"queue": queue, "route": route, "state": "pending", "aimed": aimed, "due": {"$lte": until}}


def next_in_line(
    time: ServerTime, queue: str, route: str, worker: str, *, limit: int, until: float
) -> list[Document]:
    """Make the pipeline that finds what is next in a route at that time, and which leases are over."""
    ready: list[Document] = [
        {"$match": _ready_in(queue, route, worker, until)},
        {"$sort": {"priority": -1, "due": 1, "_id": 1}},
        {"$limit": limit},
        {"$project": {"_id": True, "deaths": True, "due": True}},
    ]
    overdue: list[Document] = [
        {"$match": {"queue": queue, "route": route, "state": "running", **time.past("lease")}},
        {"$sort": {"lease": 1}},
        {"$limit": _RECLAIMED},
        {"$project": {"_id": True, "worker": True, "token": True, "begun": True}},
    ]
    return _asking(time, queue, route, ready=ready, overdue=overdue)


def next_due(time: ServerTime, queue: str, route: str, worker: str) -> list[Document]:
    """Make the pipeline that finds when something in a route falls due or comes back."""
    here = {"queue": queue, "route": route, "state": "pending", "aimed": {"$in": ["", target_mark(worker)]}}
    dues = _first_due({**here, "priority": MIN_PRIORITY})
    # The index begins with the priority, so the first of each priority is one step.
    for priority in range(MIN_PRIORITY + 1, MAX_PRIORITY + 1):
        first = _first_due({**here, "priority": priority})
        dues.append({"$unionWith": {"coll": "firings", "pipeline": first}})
    leases: list[Document] = [
        {"$match": {"queue": queue, "route": route, "state": "running"}},
        {"$sort": {"lease": 1}},
        {"$limit": 1},
        {"$project": {"_id": False, "lease": True}},
    ]
    return _asking(time, queue, route, dues=dues, leases=leases)


def _first_due(query: Document) -> list[Document]:
    """Make the pipeline that finds when the first of some pending firings of one priority is due."""
    return [
        {"$match": query},
        {"$sort": {"due": 1}},
        {"$limit": 1},
        {"$project": {"_id": False, "due": True}},
    ]


def _asking(time: ServerTime, queue: str, route: str, **questions: list[Document]) -> list[Document]:
    """Make the pipeline that asks for firings of a route, for whether it is paused, and for the time."""
    now = time.moment.now
    paused_queue: list[Document] = [{"$match": {"_id": route_id(queue)}}, {"$project": {"_id": True}}]
    return [
        {"$match": {"_id": route_id(queue, route)}},
        {"$lookup": {"from": "routes", "pipeline": paused_queue, "as": "paused_queue"}},
        *(
            {"$lookup": {"from": "firings", "pipeline": question, "as": name}}
            for name, question in questions.items()
        ),
        {
            "$project": {
                "_id": False,
                "now": {"$literal": now} if time.is_virtual else now,
                "paused": {"$or": ["$paused", {"$gt": [{"$size": "$paused_queue"}, 0]}]},
                **dict.fromkeys(questions, True),
            }
        },
    ]
