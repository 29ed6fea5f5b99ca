"""Declaring schedules, and replacing what an earlier declaration has armed."""

from __future__ import annotations

from typing import Any

from pymongo import ReturnDocument

from skunkqueue.errors import BackendError
from skunkqueue.persistence import rules
from skunkqueue.persistence.mongodb import armed, schedule_documents
from skunkqueue.persistence.mongodb.schedule_documents import (
    FIELDS,
    TRIES,
    next_one,
    restless,
    schedule_id,
    schedule_of,
)
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.store import Store
from skunkqueue.records import Firing, Schedule, Standing


def declare(store: Store, schedule: Schedule, firing: Firing, over: Standing | None = None) -> bool | None:
    """Declare a schedule; see ``Backend.declare``."""
    id_ = schedule_id(schedule.queue, schedule.name)
    for _ in range(TRIES):
        old = schedule_documents.find(store, schedule.queue, schedule.name)
        if old is not None and schedule_of(old).declares_the_same_as(schedule):
            if old.get("firing") == firing.id and not old["paused"]:
                # An earlier try got at least as far as this.
                armed.put(store, [(id_, firing)], store.time.now())
            return False
        if not _makes_room(store, old, over):
            return None
        if old is not None and schedule_documents.caught_up(store, old):
            continue
        new = _declared(schedule, firing, old, store.time.now()) | {"generation": _next_generation(store)}
        if not _replace(store, id_, old, new):
            # Another process changed it at the same moment.
            continue
        if old is not None:
            # It may have been running before, and been given back since.
            armed.take_back(store, old.get("firing"))
        if not new["paused"]:
            armed.put(store, [(id_, firing)], new["declared"])
        return True
    raise BackendError(restless(schedule.queue, schedule.name))


def _makes_room(store: Store, old: Document | None, over: Standing | None) -> bool:
    """Take back what an old declaration has armed; False: it is not what the new one was planned over."""
    before = None if old is None else schedule_of(old)
    if rules.has_moved(before, over, running=False):
        return False
    if old is None:
        return True
    # First, so that an interrupted call leaves an idle schedule, and can be repeated.
    armed.take_back(store, old.get("firing"))
    if over is None or over.running:
        return True
    return not rules.has_moved(before, over, running=schedule_documents.firing_state(store, old) == "running")


def _replace(store: Store, id_: Document, old: Document | None, new: Document) -> bool:
    """Write a declaration; False: the old one has changed meanwhile."""
    if old is None:
        new = {**new, "history": [], "lates": []}
        done = store.run(store.schedules.update_one, {"_id": id_}, {"$setOnInsert": new}, upsert=True)
    else:
        unchanged = {
            "_id": id_,
            "generation": old["generation"],
            "paused": old["paused"],
            "runs": old["runs"],
            "firing": old.get("firing"),
        }
        done = store.run(store.schedules.update_one, unchanged, {"$set": new})
    there = done.upserted_id is not None or (old is not None and done.matched_count > 0)
    return there or _is_generation(store, id_, new["generation"])


def _is_generation(store: Store, id_: Document, generation: int) -> bool:
    """Return whether what was written is there, where the reply was lost."""
    wanted = {"_id": id_, "generation": generation}
    return store.run(store.schedules.find_one, wanted, {"_id": True}) is not None


def _next_generation(store: Store) -> int:
    """Count generations for the whole store, so that a removed name does not get an old one again."""
    found: Any = store.run(
        store.db.meta.find_one_and_update,
        {"_id": "generation"},
        {"$inc": {"last": 1}},
        upsert=True,
        return_document=ReturnDocument.AFTER,
    )
    return int(found["last"])


def _declared(schedule: Schedule, firing: Firing, old: Document | None, now: float) -> Document:
    """Make what a declaration writes, all but its generation."""
    over = None if old is None else schedule_of(old)
    said = rules.declared_over(schedule, over, generation=0, now=now)
    new = {name: getattr(said, name) for name in FIELDS if name != "generation"}
    return new if said.paused else {**new, **next_one(firing, now, None)}
