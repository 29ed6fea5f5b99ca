"""What a schedule looks like in MongoDB, and the state of the firing that it names."""

from __future__ import annotations

from skunkqueue.persistence import rules
from skunkqueue.persistence.mongodb import refires
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.store import Store
from skunkqueue.records import Firing, Run, Schedule

TRIES = 50
"""How often a change is tried again while others change the same schedule."""
FIELDS = tuple(field for field in Schedule.__struct_fields__ if field not in {"queue", "name"})
"""Fields of a schedule; queue and name are the document's id."""
RUNS: Document = {"history": True, "lates": True}
"""The fields of a schedule that have its history, in BSON some 20 kB."""
WITHOUT_RUNS: Document = dict.fromkeys(RUNS, False)


def schedule_id(queue: str, name: str) -> Document:
    """Make the id of a schedule's document."""
    return {"queue": queue, "name": name}


def find(store: Store, queue: str, name: str, shown: Document = WITHOUT_RUNS) -> Document | None:
    """Read one schedule's document."""
    return store.run(store.schedules.find_one, {"_id": schedule_id(queue, name)}, shown)


def schedule_of(document: Document) -> Schedule:
    """Read a schedule."""
    said = {name: document[name] for name in FIELDS if name in document}
    return Schedule(**document["_id"], **said)


def runs_of(document: Document) -> list[Run]:
    """Read a history. How late each run was is kept beside it, for versions that read all of a run's fields."""
    lates = {one["id"]: one["late"] for one in document.get("lates", ())}
    return [Run(**{"late": lates.get(one["id"], 0.0), **one}) for one in document["history"]]


def next_one(firing: Firing, now: float, state: bytes | None) -> Document:
    """Make the change of a schedule that names this firing."""
    change: Document = {"firing": firing.id, "next_run": rules.due_of(firing, now)}
    return change if state is None else {**change, "state": state}


def firing_state(store: Store, schedule: Document) -> str | None:
    """Return whether a schedule's firing is ``pending`` or ``running``; ``None``: neither."""
    live = {"_id": schedule.get("firing"), "state": {"$in": ["pending", "running"]}}
    found = store.run(store.firings.find_one, live, {"state": True})
    return None if found is None else found["state"]


def caught_up(store: Store, schedule: Document) -> bool:
    """Move a schedule on as its settled firing says, where that is not done yet; return whether the schedule has changed.

    Otherwise the run would be lost, with what it told the strategy: only the firing that a schedule names may refire it, and
    the caller is about to name another.
    """
    last = {"_id": schedule.get("firing"), "owed": {"$exists": True}}
    owing = store.run(store.firings.find_one, last, {"outbox": True})
    entries = [entry for entry in (owing or {}).get("outbox", ()) if "refire" in entry]
    for entry in entries:
        refires.refire_each(store, [(schedule["firing"], entry["refire"])], entry["at"])
    if not entries:
        return False
    now = find(store, **schedule["_id"])
    return now is None or any(now.get(name) != schedule.get(name) for name in ("firing", "runs"))


def restless(queue: str, name: str) -> str:
    """Make the message for a schedule that others change again and again."""
    return f"the schedule {name!r} of queue {queue!r} was changed by others {TRIES} times in a row: try again"
