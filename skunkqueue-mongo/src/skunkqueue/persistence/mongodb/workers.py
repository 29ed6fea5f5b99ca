"""Workers as listed, and reaping dead ones."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from pymongo import UpdateMany

from skunkqueue.persistence.mongodb import killing, leases
from skunkqueue.persistence.mongodb.documents import place_of
from skunkqueue.persistence.mongodb.leases import give_back
from skunkqueue.persistence.mongodb.schema import RUNNING, Document
from skunkqueue.persistence.mongodb.store import Store
from skunkqueue.records import Death, WorkerRecord


def write(store: Store, worker: WorkerRecord, lease: float) -> bool:
    """Write a worker down; return whether it was listed until now."""
    moment = store.time.moment
    said = msgspec.structs.asdict(worker)
    id_ = said.pop("id")
    said.pop("beat")
    # Beside ``said``, since older versions read all of that.
    running, more, routes = said.pop("running"), said.pop("more"), said.pop("routes")
    update = [
        {
            "$set": {
                "was": {"$gt": ["$until", moment.now]},
                "said": {"$literal": said},
                "running": {"$literal": running},
                "more": more,
                "routes": {"$literal": routes},
                "queue": {"$literal": worker.queue},
                "route": {"$literal": worker.route},
                "beat": moment.now,
                "until": moment.after(lease),
            }
        }
    ]
    found = store.run(
        store.workers.find_one_and_update,
        {"_id": id_},
        update,
        {"was": True},
        upsert=True,
        return_document=True,
    )
    return bool(found and found["was"])


def unregister(store: Store, worker: str) -> None:
    """Take a worker off the list; see ``Backend.unregister``."""
    store.run(store.workers.delete_one, {"_id": worker})
    store.run(store.commands.delete_many, {"worker": worker})


def live(store: Store, queue: str | None = None, route: str | None = None) -> list[WorkerRecord]:
    """List live workers; see ``Backend.workers``."""
    wanted: Document = {"until": {"$gt": store.time.about_now()}}
    if queue is not None:
        wanted["queue"] = queue
    if route is not None:
        # Older versions write only their one route.
        wanted["$or"] = [{"routes": route}, {"route": route}]
    found = store.find(store.workers, wanted)
    records = [_record_of(one) for one in found]
    return sorted(records, key=lambda record: (record.started, record.id))


def reap(store: Store, worker: str, begun: Sequence[str], death: Death) -> int:
    """Give back what a dead worker held; see ``Backend.reap``."""
    mine = {"worker": worker, "state": "running"}
    held = store.find(store.firings, mine, {"queue": True, "route": True}, hint=RUNNING)
    suspected = set(begun)
    suspects = [one["_id"] for one in held if one["_id"] in suspected]
    others = [one["_id"] for one in held if one["_id"] not in suspected]
    nonce = store.nonce()
    writes = [
        UpdateMany({"_id": {"$in": ids}, **mine}, give_back(how, nonce))
        for ids, how in ((suspects, death), (others, None))
        if ids
    ]
    given = 0
    if writes:
        done, again = store.run_and_report(store.firings.bulk_write, writes, ordered=False)
        # An earlier try may have done it.
        given = len(held) if again else done.modified_count
        leases.count_deaths(store, suspects, nonce)
    # Last: as long as the worker is listed, a sweep does what this call leaves undone.
    killing.kill_copies(store, [worker])
    unregister(store, worker)
    store.wakeups.send({place_of(one["queue"], one["route"]) for one in held})
    return given


def _record_of(document: Document) -> WorkerRecord:
    """Read a worker, also one that a newer version has listed with more fields."""
    said = {"id": document["_id"], "beat": document["beat"]}
    said |= {name: document[name] for name in ("running", "more", "routes") if name in document}
    return msgspec.convert({**document["said"], **said}, WorkerRecord)
