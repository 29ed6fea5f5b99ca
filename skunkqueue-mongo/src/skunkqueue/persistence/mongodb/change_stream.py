"""The change stream of a replica set: which changes the server is asked for, and whom each wakes."""

from __future__ import annotations

import re
from typing import Any

from pymongo.read_concern import ReadConcern

from skunkqueue.persistence.mongodb.documents import FINALS, place_of
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.streams import Stream
from skunkqueue.persistence.mongodb.waiters import Waiter

_SHOWN = {
    "ns.coll": 1,
    "operationType": 1,
    "documentKey": 1,
    "fullDocument.queue": 1,
    "fullDocument.route": 1,
    "fullDocument.worker": 1,
    "updateDescription.updatedFields.rung": 1,
}


class ChangeStream(Stream):
    """Follows what is written."""

    def covers(self, waiter: Waiter) -> bool:
        """Return whether the server is asked for all that this waiter waits for."""
        return super().covers(waiter) and waiter.topics <= self.topics and (self._ids or not waiter.ids)

    def read(self) -> None:
        """Read what is written from now on."""
        pipeline: list[Document] = [{"$match": {"$or": self._wanted()}}, {"$project": _SHOWN}]
        # Change streams have one read concern, and refuse any other.
        with self._connection.db.with_options(read_concern=ReadConcern()).watch(
            pipeline, max_await_time_ms=self._patience
        ) as stream:
            self.mark_ready()
            while stream.alive and not self.is_over:
                change = stream.try_next()
                if change is not None:
                    self._dispatch(change)

    def _wanted(self) -> list[Document]:
        """Name the changes that matter to the waiters."""
        # The first is what ``interrupt`` inserts.
        wanted: list[Document] = [{"ns.coll": "bells", "operationType": "insert"}]
        # A queue's name may begin with an @ as well, but no worker's id has a line break.
        places = [topic for topic in self.topics if "\n" in topic]
        workers = [topic[1:] for topic in self.topics if "\n" not in topic]
        if workers:
            wanted.append(
                {"ns.coll": "commands", "operationType": "insert", "fullDocument.worker": {"$in": workers}}
            )
        if places:
            wanted += _in_routes(places)
        if self._ids:
            # A firing that is removed may leave a tombstone.
            final = {"$in": [*FINALS, "void"]}
            wanted += [
                {
                    "ns.coll": "firings",
                    "operationType": "update",
                    "updateDescription.updatedFields.state": final,
                },
                {"ns.coll": "firings", "operationType": {"$in": ["replace", "delete"]}},
            ]
        return wanted

    def _dispatch(self, change: Any) -> None:
        collection = change["ns"]["coll"]
        full = change.get("fullDocument") or {}
        if collection == "bells":
            return
        if collection == "commands":
            self._waiters.dispatch([f"@{full['worker']}"], ())
        elif collection == "routes":
            self._waiters.wake_all()
        elif "queue" in full:
            self._waiters.dispatch([place_of(full["queue"], full["route"])], [change["documentKey"]["_id"]])
        else:
            updated = (change.get("updateDescription") or {}).get("updatedFields") or {}
            place = updated.get("rung", "").rpartition("\n")[0]
            self._waiters.dispatch([place] if place else (), [change["documentKey"]["_id"]])


def _in_routes(places: list[str]) -> list[Document]:
    """Name the changes by which something in these routes may become claimable."""
    pairs = [place.split("\n", 1) for place in places]
    wanted: list[Document] = [
        {
            "ns.coll": "firings",
            "operationType": "insert",
            "fullDocument.queue": queue,
            "fullDocument.route": route,
        }
        for queue, route in pairs
    ]
    waits_again = {"$in": [re.compile("^" + re.escape(f"{place}\n")) for place in places]}
    wanted += [
        {
            "ns.coll": "firings",
            "operationType": "update",
            "updateDescription.updatedFields.rung": waits_again,
        },
        {"ns.coll": "firings", "operationType": "replace", "fullDocument.rung": waits_again},
    ]
    queues = sorted({queue for queue, _ in pairs})
    wanted.append({"ns.coll": "routes", "documentKey._id.queue": {"$in": queues}})
    return wanted
