"""Threads that read what the server has to tell, and hand it to the bells: from a change stream, or a capped collection.

Know no verb, and nothing of who waits but the topics and ids that somebody wants to hear of.
"""

from __future__ import annotations

import logging
import re
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pymongo
from bson import Timestamp
from pymongo import CursorType
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern

from skunkqueue.latch import Latch
from skunkqueue.persistence.mongodb.documents import FINALS, place_of
from skunkqueue.persistence.mongodb.link import Link
from skunkqueue.persistence.mongodb.schema import Document

if TYPE_CHECKING:
    from skunkqueue.persistence.mongodb.bells import Bells, Ear

AWAIT = 10.0
"""Seconds for which the server holds a question for news open."""
_PAUSE = 0.5
_GOODBYE = 0.5

log = logging.getLogger("skunkqueue.mongodb")


class Reader(threading.Thread):
    """Reads what the server has to tell, until nobody listens."""

    def __init__(
        self, link: Link, bells: Bells, topics: frozenset[str], *, ids: bool, before: Reader | None
    ) -> None:
        super().__init__(name="skunkqueue-bells", daemon=True)
        self.topics = topics
        self.ready = Latch()
        """Set as long as nothing that happens from now on is missed."""
        self._link = link
        self._bells = bells
        self._ids = ids
        self._before = before
        self._retired = False
        # Half of the time after which a silent connection is taken to be dead.
        self._patience = int(1_000 * min(AWAIT, link.settings.socket_timeout / 2 or AWAIT))

    def hears(self, ear: Ear) -> bool:
        """Say whether it would hear what this ear waits for."""
        del ear  # it hears everything
        return self.is_alive()

    def retire(self) -> None:
        """End as soon as that can be."""
        self._retired = True

    def interrupt(self) -> None:
        """Have the server answer the question that is open, which would keep this thread for a while.

        It does not do so at once for a cursor that is killed, only where there is news.
        """

        def insert() -> None:
            with suppress(PyMongoError), pymongo.timeout(_GOODBYE):
                self._link.bells.insert_one(_silence())

        self._link.aside(insert)

    @property
    def over(self) -> bool:
        """Say whether to end."""
        return self._link.closed.is_set() or self._retired or self._bells.retire_if_idle(self)

    def run(self) -> None:
        """Listen, and begin again where the connection or the server was lost."""
        complained = False
        while not self.over:
            try:
                self.listen()
            except PyMongoError as error:
                if self._link.closed.is_set():
                    break
                refused = isinstance(error, OperationFailure) and error.code not in _USUAL
                if refused and not complained:
                    complained = True
                    # Nobody shall stand waiting for what does not come; should it, all are rung.
                    self.ready.set()
                    log.warning(
                        "%s: cannot listen for news (%s): looking now and then instead",
                        self._link.settings.shown,
                        # The whole of it is long, for it quotes what was asked.
                        (getattr(error, "details", None) or {}).get("codeName", error),
                    )
                self._link.closed.wait(AWAIT if refused else _PAUSE)
        self.ready.set()
        self._relieve()
        self._bells.alarm()

    def listen(self) -> None:
        """Listen until the cursor ends; call ``begin`` once nothing can be missed any more."""
        raise NotImplementedError

    def _relieve(self) -> None:
        """Let the one whose place it took end."""
        if self._before is not None:
            self._before.retire()
            self._before = None

    def begin(self) -> None:
        """Let those who wait rely on what is heard from here on."""
        again = self.ready.is_set()
        self.ready.set()
        self._relieve()
        # What happened before was not heard: since the last cursor ended, or by those who waited for none.
        self._bells.alarm(all_of_them=again)


_USUAL = frozenset({43, 136, 175, 237, 91, 189, 11600, 11602, 10107, 13435, 286, 280})
"""Codes of cursors that end with their server, its being primary, or what they stood on."""


def _silence() -> Document:
    """Make a ring for nobody."""
    return {"ts": Timestamp(0, 0), "topics": [], "ids": []}


class TailReader(Reader):
    """Follows the capped collection."""

    def listen(self) -> None:
        """Read rings from the last one on."""
        bells = self._link.bells
        last = bells.find_one(sort=[("$natural", -1)])
        if last is None:
            # A tailable cursor over nothing ends at once.
            bells.insert_one(_silence())
            return
        cursor = bells.find({"ts": {"$gt": last["ts"]}}, cursor_type=CursorType.TAILABLE_AWAIT)
        with cursor.max_await_time_ms(self._patience):
            # Whoever rings from here on comes after ``last``.
            self.begin()
            while cursor.alive and not self.over:
                for said in cursor:
                    self._bells.dispatch(said["topics"], said["ids"])
                    if self._retired:
                        break


class StreamReader(Reader):
    """Follows what is written."""

    def hears(self, ear: Ear) -> bool:
        """Say whether the server is asked for all that this ear waits for."""
        return super().hears(ear) and ear.topics <= self.topics and (self._ids or not ear.ids)

    def listen(self) -> None:
        """Read what is written from now on."""
        pipeline: list[Document] = [{"$match": {"$or": self._wanted()}}, {"$project": _SHOWN}]
        # Change streams know one read concern, and refuse to be told of another.
        with self._link.db.with_options(read_concern=ReadConcern()).watch(
            pipeline, max_await_time_ms=self._patience
        ) as stream:
            self.begin()
            while stream.alive and not self.over:
                change = stream.try_next()
                if change is not None:
                    self._hear(change)

    def _wanted(self) -> list[Document]:
        # See ``interrupt``.
        wanted: list[Document] = [{"ns.coll": "bells", "operationType": "insert"}]
        workers = [topic[1:] for topic in self.topics if topic.startswith("@")]
        places = [topic for topic in self.topics if not topic.startswith("@")]
        if workers:
            wanted.append(
                {"ns.coll": "commands", "operationType": "insert", "fullDocument.worker": {"$in": workers}}
            )
        if places:
            pairs = [place.split("\n", 1) for place in places]
            wanted += [
                {
                    "ns.coll": "firings",
                    "operationType": "insert",
                    "fullDocument.queue": queue,
                    "fullDocument.route": route,
                }
                for queue, route in pairs
            ]
            rung = {"$in": [re.compile("^" + re.escape(f"{place}\n")) for place in places]}
            wanted.append(
                {
                    "ns.coll": "firings",
                    "operationType": "update",
                    "updateDescription.updatedFields.rung": rung,
                }
            )
            wanted.append({"ns.coll": "firings", "operationType": "replace", "fullDocument.rung": rung})
            queues = sorted({queue for queue, _ in pairs})
            wanted.append({"ns.coll": "routes", "documentKey._id.queue": {"$in": queues}})
        if self._ids:
            # A firing that is removed may be emptied.
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

    def _hear(self, change: Any) -> None:
        collection = change["ns"]["coll"]
        full = change.get("fullDocument") or {}
        if collection == "bells":
            return
        if collection == "commands":
            self._bells.dispatch([f"@{full['worker']}"], ())
        elif collection == "routes":
            self._bells.alarm()
        elif "queue" in full:
            self._bells.dispatch([place_of(full["queue"], full["route"])], [change["documentKey"]["_id"]])
        else:
            updated = (change.get("updateDescription") or {}).get("updatedFields") or {}
            rung = updated.get("rung", "").rpartition("\n")[0]
            self._bells.dispatch([rung] if rung else (), [change["documentKey"]["_id"]])


_SHOWN = {
    "ns.coll": 1,
    "operationType": 1,
    "documentKey": 1,
    "fullDocument.queue": 1,
    "fullDocument.route": 1,
    "fullDocument.worker": 1,
    "updateDescription.updatedFields.rung": 1,
}
