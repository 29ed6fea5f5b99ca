"""Schedules: each is one document, which names the one firing that is armed for it.

Arming writes the firing's id and due time into the schedule first, and then inserts the firing. Where a process dies in
between, the schedule has no live firing, and is listed as idle.
"""

from __future__ import annotations

from skunkqueue.errors import BackendError
from skunkqueue.persistence.mongodb import armed, schedule_documents
from skunkqueue.persistence.mongodb.schedule_documents import TRIES, next_one, restless, schedule_id
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.store import Store
from skunkqueue.records import Firing


def arm(
    store: Store,
    key: tuple[str, str],
    generation: int,
    firing: Firing,
    *,
    state: bytes | None,
    over: str | None,
) -> bool:
    """Let this firing be the next one; see ``Backend.arm``."""
    for _ in range(TRIES):
        old = schedule_documents.find(store, *key)
        if old is None or old["generation"] != generation or old["paused"]:
            return False
        if old.get("firing") == firing.id:
            armed.put(store, [(old["_id"], firing)], store.time.now())
            return True
        if over not in (None, old.get("firing")):
            return False
        # First, so that it cannot begin after another firing is armed.
        armed.take_back(store, old.get("firing"))
        if schedule_documents.firing_state(store, old) == "running":
            return False
        if schedule_documents.caught_up(store, old):
            continue
        now = store.time.now()
        unchanged = {
            "_id": old["_id"],
            "generation": generation,
            "paused": False,
            "firing": old.get("firing"),
        }
        done = store.run(store.schedules.update_one, unchanged, {"$set": next_one(firing, now, state)})
        if done.matched_count:
            armed.put(store, [(old["_id"], firing)], now)
            return True
    raise BackendError(restless(*key))


def pause(store: Store, queue: str, name: str) -> bool:
    """Arm no more; see ``Backend.pause_schedule``."""
    old = schedule_documents.find(store, queue, name)
    if old is None:
        return False
    # First, so that an interrupted call leaves an idle schedule, and no pending firing of a paused one.
    armed.take_back(store, old.get("firing"))
    found = store.run(
        store.schedules.find_one_and_update,
        {"_id": schedule_id(queue, name)},
        {"$set": {"paused": True, "next_run": None}},
    )
    if found is None:
        return False
    # Another firing may have been armed in between.
    armed.take_back(store, found.get("firing"))
    return True


def resume(
    store: Store,
    key: tuple[str, str],
    firing: Firing,
    *,
    generation: int | None,
    state: bytes | None,
) -> bool:
    """End a pause; see ``Backend.resume_schedule``."""
    for _ in range(TRIES):
        old = schedule_documents.find(store, *key)
        if old is None:
            return False
        if not old["paused"]:
            return _was_resumed(store, old, firing)
        if generation not in (None, old["generation"]):
            return False
        live = _is_live(store, old)
        if not live and schedule_documents.caught_up(store, old):
            continue
        now = store.time.now()
        change: Document = {"paused": False, "resumed": firing.id}
        if not live:
            change |= next_one(firing, now, state)
        unchanged = {
            "_id": old["_id"],
            "generation": old["generation"],
            "paused": True,
            "runs": old["runs"],
            "firing": old.get("firing"),
        }
        done = store.run(store.schedules.update_one, unchanged, {"$set": change})
        if not done.matched_count:
            continue
        if not live:
            armed.put(store, [(old["_id"], firing)], now)
        return True
    raise BackendError(restless(*key))


def _was_resumed(store: Store, schedule: Document, firing: Firing) -> bool:
    """Return whether a schedule that is not paused was resumed with this firing by an earlier try."""
    if schedule.get("resumed") != firing.id:
        return False
    if schedule.get("firing") == firing.id:
        armed.put(store, [(schedule["_id"], firing)], store.time.now())
    return True


def _is_live(store: Store, schedule: Document) -> bool:
    """Return whether a schedule's firing is pending or running; where it is neither, make sure that it never will be."""
    if schedule_documents.firing_state(store, schedule) is None:
        # The process that paused it may have died before it took the firing back, which may still be inserted.
        armed.take_back(store, schedule.get("firing"))
    return schedule_documents.firing_state(store, schedule) is not None


def remove(store: Store, queue: str, name: str, generation: int | None = None) -> bool:
    """Forget a schedule; see ``Backend.remove_schedule``."""
    gone = False
    for _ in range(TRIES):
        old = schedule_documents.find(store, queue, name)
        if old is None or generation not in (None, old["generation"]):
            return gone
        # First, so that an interrupted call leaves an idle schedule, and can be repeated.
        armed.take_back(store, old.get("firing"))
        same = {"_id": old["_id"], "generation": old["generation"], "firing": old.get("firing")}
        done, again = store.run_and_report(store.schedules.delete_one, same)
        if done.deleted_count or again:
            # It may have been running before, and been given back since.
            armed.take_back(store, old.get("firing"))
        if done.deleted_count:
            return True
        # An earlier try may have done it; the next round shows whether.
        gone = gone or again
    raise BackendError(restless(queue, name))
