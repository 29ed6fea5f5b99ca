"""The list of workers, their mailboxes, and what happens to the claims of those that died."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence

import msgspec
from pymongo import UpdateMany

from skunkqueue.persistence.mongodb.claiming import given_back
from skunkqueue.persistence.mongodb.control import Control
from skunkqueue.persistence.mongodb.documents import aim_of, place_of
from skunkqueue.persistence.mongodb.schema import RUNNING, Document
from skunkqueue.records import Command, Death, WorkerRecord

_SWEPT = 200
"""Dead workers, or finished firings, that one sweep takes in hand at most."""


class Workers(Control, ABC):
    """The verbs about workers."""

    def register(self, worker: WorkerRecord, lease: float) -> None:
        """List a worker; see ``Backend.register``."""
        self._list_worker(worker, lease)

    def beat(self, worker: WorkerRecord, lease: float) -> bool:
        """Say that it lives; see ``Backend.beat``."""
        return self._list_worker(worker, lease)

    def _list_worker(self, worker: WorkerRecord, lease: float) -> bool:
        """Write a worker down; say whether it was listed until now."""
        link = self._link
        moment = link.moment
        said = msgspec.structs.asdict(worker)
        id_ = said.pop("id")
        said.pop("beat")
        # Beside the rest, since versions that do not know it read all that is in there.
        running, routes = said.pop("running"), said.pop("routes")
        update = [
            {
                "$set": {
                    "was": {"$gt": ["$until", moment.now]},
                    "said": {"$literal": said},
                    "running": {"$literal": running},
                    "routes": {"$literal": routes},
                    "queue": {"$literal": worker.queue},
                    "route": {"$literal": worker.route},
                    "beat": moment.now,
                    "until": moment.after(lease),
                }
            }
        ]
        found = link.run(
            link.workers.find_one_and_update,
            {"_id": id_},
            update,
            {"was": True},
            upsert=True,
            return_document=True,
        )
        return bool(found and found["was"])

    def unregister(self, worker: str) -> None:
        """Take a worker off the list; see ``Backend.unregister``."""
        link = self._link
        link.run(link.workers.delete_one, {"_id": worker})
        link.run(link.commands.delete_many, {"worker": worker})

    def workers(self, queue: str | None = None, route: str | None = None) -> list[WorkerRecord]:
        """List live workers; see ``Backend.workers``."""
        link = self._link
        wanted: Document = {"until": {"$gt": link.about_now()}}
        if queue is not None:
            wanted["queue"] = queue
        if route is not None:
            # Versions before write no more than the one route of theirs.
            wanted["$or"] = [{"routes": route}, {"route": route}]
        found = link.find(link.workers, wanted)
        records = [_record_of(one) for one in found]
        return sorted(records, key=lambda record: (record.started, record.id))

    def reap(self, worker: str, begun: Sequence[str], death: Death) -> int:
        """Give back what a dead worker held; see ``Backend.reap``."""
        link = self._link
        mine = {"worker": worker, "state": "running"}
        held = link.find(link.firings, mine, {"queue": True, "route": True}, hint=RUNNING)
        suspected = set(begun)
        suspects = [one["_id"] for one in held if one["_id"] in suspected]
        others = [one["_id"] for one in held if one["_id"] not in suspected]
        nonce = self._nonce()
        writes = [
            UpdateMany({"_id": {"$in": ids}, **mine}, given_back(how, nonce))
            for ids, how in ((suspects, death), (others, None))
            if ids
        ]
        given = 0
        if writes:
            done, again = link.run_and_tell(link.firings.bulk_write, writes, ordered=False)
            # The first try may have done it.
            given = len(held) if again else done.modified_count
            self._count_deaths(link, suspects, nonce)
        # Only now: as long as it is on the list, a sweep would do what is not done yet.
        self._kill_copies([worker])
        self.unregister(worker)
        self._bells.ring({place_of(one["queue"], one["route"]) for one in held})
        return given

    def send(self, worker: str, command: Command) -> bool:
        """Put a command into a mailbox; see ``Backend.send``."""
        return self._send(self._link, worker, command)

    def sweep(self) -> int:
        """Do some housekeeping; see ``Backend.sweep``."""
        link = self._link
        now = link.about_now()
        self.sample()
        done = self._tie_up_now(link) + self._drop_orphans(link)
        done += self._drop_pools(link, now) + self._drop_entries(link, now)
        self._set_right(link, now)
        dead = link.find(link.workers, {"until": {"$lte": now}}, {"_id": True}, limit=_SWEPT)
        for one in dead:
            # Not one that has beaten again meanwhile.
            gone = link.run(link.workers.delete_one, {"_id": one["_id"], "until": {"$lte": now}})
            link.run(link.commands.delete_many, {"worker": one["_id"]})
            done += gone.deleted_count
        aims = link.run(link.firings.distinct, "aimed", {"aimed": {"$gt": ""}})
        if aims:
            alive = {one["_id"] for one in link.find(link.workers, {}, {"_id": True})}
            done += self._kill_copies([aim[1:] for aim in aims if aim[1:] not in alive])
        return done + self.prune(limit=_SWEPT)

    def _kill_copies(self, workers: Sequence[str]) -> int:
        """Kill what only these could run: what waits, and what is overdue; return how much."""
        link = self._link
        killed = 0
        for worker in workers:
            aimed = {"aimed": aim_of(worker)}
            over = [{"state": "pending"}, {"state": "running", "lease": {"$lte": link.about_now()}}]
            query: Document = {**aimed, "$or": over}
            found = link.find(link.firings, query, {"_id": True})
            ids = [one["_id"] for one in found]
            killed += len(self._kill_where(link, {"_id": {"$in": ids}, **query}, ids))
        return killed


def _record_of(document: Document) -> WorkerRecord:
    """Read a worker, also one that a newer version has listed with more in it."""
    said = {"id": document["_id"], "beat": document["beat"]}
    said |= {name: document[name] for name in ("running", "routes") if name in document}
    return msgspec.convert({**document["said"], **said}, WorkerRecord)
