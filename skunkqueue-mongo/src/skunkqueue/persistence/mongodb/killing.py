"""Kill: pending firings finish as killed, running ones are marked and their workers get a command."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from skunkqueue.persistence import rules
from skunkqueue.persistence.mongodb import counting, mailboxes
from skunkqueue.persistence.mongodb.documents import FINALS, LIVE_ONLY, PLACED, target_mark
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.store import Store
from skunkqueue.records import Command, State


def kill(store: Store, ids: Sequence[str]) -> dict[str, State | None]:
    """Kill firings; see ``Backend.kill``."""
    before: dict[str, State | None] = dict.fromkeys(ids)
    left = list(before)
    while left:
        wanted = {"_id": {"$in": left}}
        found = store.find(store.firings, wanted, {"state": True})
        states = {one["_id"]: one["state"] for one in found if one["state"] != "void"}
        before.update({id_: State(state) for id_, state in states.items() if state in FINALS})
        pending = [id_ for id_, state in states.items() if state == "pending"]
        running = [id_ for id_, state in states.items() if state == "running"]
        killed = kill_where(store, {"_id": {"$in": pending}, "state": "pending"}, pending)
        marked = _mark_killed(store, running)
        before.update(dict.fromkeys(killed, State.PENDING))
        before.update(dict.fromkeys(marked, State.RUNNING))
        # What is neither has changed in between, and is looked at again.
        left = [id_ for id_ in (*pending, *running) if before[id_] is None]
    return before


def kill_where(store: Store, query: Document, ids: Sequence[str]) -> list[str]:
    """Finish as killed what does not run; return which of these ids were."""
    if not ids:
        return []
    nonce = store.nonce()
    moment = store.time.moment
    ttl = rules.kept_for(State.KILLED, None)
    ended = {"state": "killed", "by": nonce, "finished": moment.now, "gone": moment.date_after(ttl)}
    update: list[Document] = [{"$set": {**ended, "began": None}}, {"$unset": list(LIVE_ONLY)}]
    store.run(store.firings.update_many, query, update)
    mine = {"_id": {"$in": list(ids)}, "by": nonce}
    found = store.find(store.firings, mine, PLACED)
    done = [one["_id"] for one in found]
    store.wakeups.send(ids=done)
    places = Counter((one["queue"], one["route"], one.get("job", "")) for one in found)
    counting.count(store, {place: {"killed": number} for place, number in places.items()})
    return done


def _mark_killed(store: Store, ids: list[str]) -> list[str]:
    """Note that running firings are to be killed, and send the command; return which were marked."""
    if not ids:
        return []
    running = {"_id": {"$in": ids}, "state": "running"}
    store.run(store.firings.update_many, running, {"$set": {"kill": True}})
    marked = {**running, "kill": True}
    found = store.find(store.firings, marked, {"worker": True})
    for one in found:
        mailboxes.send(store, one["worker"], Command(verb="kill", firing=one["_id"]))
    return [one["_id"] for one in found]


def kill_copies(store: Store, workers: Sequence[str]) -> int:
    """Kill what only these workers could run: what is pending, and what is overdue; return how many."""
    killed = 0
    for worker in workers:
        aimed = {"aimed": target_mark(worker)}
        over = [{"state": "pending"}, {"state": "running", **store.time.past("lease")}]
        query: Document = {**aimed, "$or": over}
        found = store.find(store.firings, query, {"_id": True})
        ids = [one["_id"] for one in found]
        killed += len(kill_where(store, {"_id": {"$in": ids}, **query}, ids))
    return killed
