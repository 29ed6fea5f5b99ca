"""Control by people: requeue, delete, run now, purge."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from pymongo.errors import DuplicateKeyError

from skunkqueue.errors import BackendError
from skunkqueue.persistence.mongodb import estimates
from skunkqueue.persistence.mongodb.documents import (
    FINALS,
    KNOWN,
    PLACED,
    TOMBSTONE_KEPT,
    place_of,
    target_mark,
    tombstone,
    waits_again,
)
from skunkqueue.persistence.mongodb.schema import CLAIMABLE, Document
from skunkqueue.persistence.mongodb.store import Store
from skunkqueue.records import State

_CHUNK = 1_000
"""Firings that one request removes."""
# An outbox is delivered first.
_ENDED: Document = {"state": {"$in": list(FINALS)}, "owed": {"$exists": False}}
_CLEARED = [
    "carry",
    "result",
    "progress",
    "kill",
    "expires",
    "finished",
    "gone",
    "began",
    "error",
    "error_type",
    "took",
    "tries",
    "again",
]
"""Fields that are removed when a firing starts over."""


def requeue(store: Store, ids: Sequence[str]) -> list[str]:
    """Start finished firings over; see ``Backend.requeue``."""
    wanted = list(dict.fromkeys(ids))
    shown = {"key": True, "target": True, "state": True}
    states: dict[str, str] = {}
    alike: defaultdict[str | None, list[str]] = defaultdict(list)
    keyed: list[Document] = []
    for one in store.find(store.firings, {"_id": {"$in": wanted}, **_ENDED}, shown):
        states[one["_id"]] = one["state"]
        if "key" in one:
            keyed.append(one)
        else:
            alike[one.get("target")].append(one["_id"])
    found = [one for target, group in alike.items() for one in _requeue(store, group, target)]
    for one in keyed:
        # One by one, since another firing may hold the key by now.
        try:
            found += _requeue(store, [one["_id"]], one.get("target"), {"held_key": "$key"})
        except BackendError as error:
            if not isinstance(error.__cause__, DuplicateKeyError):
                raise
    store.wakeups.send({place_of(one["queue"], one["route"]) for one in found})
    estimates.note_moves(store, [(one, states[one["_id"]], "pending") for one in found])
    again = {one["_id"] for one in found}
    return [id_ for id_ in wanted if id_ in again]


def _requeue(
    store: Store, ids: list[str], target: str | None, also: Document | None = None
) -> list[Document]:
    """Make those of these pending that have ended; return where they are."""
    nonce = store.nonce()
    again: Document = {
        "state": "pending",
        "due": store.time.moment.now,
        "deaths": 0,
        "evidence": "",
        "aimed": target_mark(target),
        "requeued": nonce,
        "rung": waits_again(),
        **(also or {}),
    }
    update: list[Document] = [{"$set": again}, {"$unset": _CLEARED}]
    store.run(store.firings.update_many, {"_id": {"$in": ids}, **_ENDED}, update)
    return store.find(store.firings, {"_id": {"$in": ids}, "requeued": nonce}, PLACED)


def delete(store: Store, ids: Sequence[str]) -> dict[str, State | None]:
    """Remove what does not run; see ``Backend.delete``."""
    before: dict[str, State | None] = dict.fromkeys(ids)
    nonce = store.nonce()
    # Their ids stay known for a while, so that a repeated request does not insert them once more.
    emptying = tombstone(store.time.moment) | {"was": "$state", "deleted": nonce}
    left, gone = list(before), list[str]()
    while left:
        found = store.find(store.firings, {"_id": {"$in": left}, **KNOWN}, {**PLACED, "state": True})
        running = [one["_id"] for one in found if one["state"] == "running"]
        before.update(dict.fromkeys(running, State.RUNNING))
        others = {one["_id"]: one for one in found if one["state"] != "running"}
        if not others:
            break
        still = {"_id": {"$in": list(others)}, "state": {"$in": ["pending", *FINALS]}}
        store.run(store.firings.update_many, still, [{"$replaceWith": emptying}])
        mine = {"_id": {"$in": list(others)}, "deleted": nonce}
        removed = store.find(store.firings, mine, {"was": True})
        before.update((one["_id"], State(one["was"])) for one in removed)
        estimates.note_moves(store, [(others[one["_id"]], one["was"], None) for one in removed])
        gone += [one["_id"] for one in removed]
        # What is neither has changed in between, and is looked at again.
        left = [id_ for id_ in others if before[id_] is None]
    store.wakeups.send(ids=gone)
    return before


def run_now(store: Store, ids: Sequence[str]) -> dict[str, State | None]:
    """Make pending firings due; see ``Backend.run_now``."""
    before: dict[str, State | None] = dict.fromkeys(ids)
    found = store.find(store.firings, {"_id": {"$in": list(before)}, **KNOWN}, {**PLACED, "state": True})
    before.update((one["_id"], State(one["state"])) for one in found)
    pending = [one for one in found if one["state"] == "pending"]
    if pending:
        waiting = {"_id": {"$in": [one["_id"] for one in pending]}, "state": "pending"}
        # The server decides which is earlier, its due time or now.
        sooner: list[Document] = [
            {"$set": {"due": {"$min": ["$due", store.time.moment.now]}, "rung": waits_again()}},
            {"$unset": "again"},
        ]
        store.run(store.firings.update_many, waiting, sooner)
        store.wakeups.send({place_of(one["queue"], one["route"]) for one in pending})
    return before


def purge(store: Store, queue: str, route: str | None = None) -> int:
    """Remove pending firings; see ``Backend.purge``."""
    here: Document = {"queue": queue, "state": "pending"}
    if route is not None:
        here["route"] = route
    began = store.time.now()
    here["enqueued"] = {"$lte": began}
    purged = 0
    while True:
        found = store.find(store.firings, here, PLACED, hint=CLAIMABLE, limit=_CHUNK)
        if not found:
            return purged
        doomed = [one["_id"] for one in found]
        waiting: Document = {"_id": {"$in": doomed}, "state": "pending"}
        # Those that came in just now may be inserted once more, by a repeated request or after the death of a process.
        old = {**waiting, "enqueued": {"$lte": began - TOMBSTONE_KEPT}, "owed": {"$exists": False}}
        removed, twice = store.run_and_report(store.firings.delete_many, old)
        emptying: list[Document] = [{"$replaceWith": tombstone(store.time.moment)}]
        replaced, again_twice = store.run_and_report(store.firings.update_many, waiting, emptying)
        number = removed.deleted_count + replaced.modified_count
        gone = found
        if number < len(found):
            # The others were claimed in between, or removed by an earlier try or another process.
            left = store.find(store.firings, {"_id": {"$in": doomed}, **KNOWN}, {"_id": True}, hint="_id_")
            kept = {one["_id"] for one in left}
            gone = [one for one in found if one["_id"] not in kept]
        if twice or again_twice:
            number = len(gone)
        purged += number
        # What another process has removed it notes itself. Which ones does not matter to an estimate.
        estimates.note_moves(store, [(one, "pending", None) for one in gone[:number]])
        store.wakeups.send(ids=[one["_id"] for one in gone])
