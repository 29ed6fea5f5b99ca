"""The one firing that a schedule names: inserted, for many schedules at once, and taken out again.

A schedule names its next firing first, and then that is inserted. In between another process may pause the
schedule or arm another firing. So taking back a firing that is not there yet leaves a tombstone under its id, and a later
insert changes nothing. After each insert the schedule is read again: if it names another firing, this one is taken back.
"""

from __future__ import annotations

from collections.abc import Sequence

from pymongo.errors import DuplicateKeyError

from skunkqueue.errors import BackendError
from skunkqueue.persistence.mongodb import estimates, inserts, routes
from skunkqueue.persistence.mongodb.documents import tombstone
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.store import Store
from skunkqueue.records import Firing

_TRIES = 5
_LEAVES = {"queue": True, "route": True, "job": True, "state": True}
_IS_NEW: Document = {"$eq": [{"$type": "$state"}, "missing"]}
"""True of the empty document with which an upsert begins."""


def put(store: Store, armed: Sequence[tuple[Document, Firing]], now: float) -> None:
    """Insert firings that schedules name, each given with its schedule's id; may be done twice."""
    firings = [firing for _, firing in armed]
    routes.list_routes(store, firings)
    inserts.put_in(store, firings, now)
    wanted = {"_id": {"$in": [id_ for id_, _ in armed]}, "paused": False}
    named = {one.get("firing") for one in store.find(store.schedules, wanted, {"firing": True})}
    for firing in firings:
        if firing.id not in named:
            take_back(store, firing.id)


def take_back(store: Store, id_: str | None) -> None:
    """Make sure that a firing has begun or never will: remove it, or keep it from coming in."""
    if id_ is None:
        return
    waits = {"$or": [_IS_NEW, {"$eq": ["$state", "pending"]}]}
    update = [{"$replaceWith": {"$cond": [waits, tombstone(store.time.moment), "$$ROOT"]}}]
    for _ in range(_TRIES):
        try:
            before = store.run(store.firings.find_one_and_update, {"_id": id_}, update, _LEAVES, upsert=True)
        except BackendError as error:
            if not isinstance(error.__cause__, DuplicateKeyError):
                raise
            # Another process inserted it at the same moment.
            continue
        if before is not None and before.get("state") == "pending":
            estimates.note_moves(store, [(before, "pending", None)])
        store.wakeups.send(ids=[id_])
        return
    msg = f"firing {id_} was inserted and removed by others {_TRIES} times in a row: try again"
    raise BackendError(msg)
