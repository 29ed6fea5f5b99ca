"""Putting firings in: one by one, by the parcel, and as what follows from others.

One firing is one document, so it is there or it is not. Several travel in a *parcel*: one document that holds
them all, whose arrival is the moment at which all are accepted. Then they are unpacked into ``firings``, and
the parcel is thrown away. Unpacking may be done twice, or begun by one process and ended by another: a
firing whose id is known already stays as it is.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pymongo import ReturnDocument
from pymongo.errors import BulkWriteError, DuplicateKeyError

from skunkqueue.clock import monotonic
from skunkqueue.errors import BackendError
from skunkqueue.ids import new_id
from skunkqueue.persistence.mongodb.documents import (
    made,
    place_of,
    route_id,
    stored,
)
from skunkqueue.persistence.mongodb.errors import DUPLICATE
from skunkqueue.persistence.mongodb.later import Span
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.standing import Standings
from skunkqueue.records import Firing

_LISTED = 60.0
"""Seconds after which one looks again whether a route is listed."""
_ROOM = 8 << 20
"""Bytes of bodies in one parcel, half of what a document may have."""
_OVERHEAD = 1_000
"""Bytes that a firing takes beside its body, at most: names may have 200 characters each."""
CHUNK = 1_000
"""Firings that are put in between two signs of life."""
_ONE = {"enqueued": 1.0}
_TRIES = 20
"""Rounds after which one gives up to find out who holds a key that comes and goes."""


class Putting(Standings, ABC):
    """``enqueue``, and what other verbs need of it."""

    def enqueue(self, firings: Sequence[Firing]) -> list[str]:
        """Put firings in; see ``Backend.enqueue``."""
        if not firings:
            return []
        self._list_routes(firings)
        if len(firings) == 1:
            return [self._put_one(firings[0])]
        return self._put_many(firings)

    # --- one --------------------------------------------------------------------------------------

    def _put_one(self, firing: Firing) -> str:
        link = self._link
        for _ in range(_TRIES):
            try:
                link.run(self._insert_and_tell, firing)
            except BackendError as error:
                if not isinstance(error.__cause__, DuplicateKeyError) or firing.key is None:
                    raise
                holder = self._key_holders([firing]).get(firing.id)
                if holder is not None:
                    return holder
                # It has just let go of the key.
                continue
            return firing.id
        raise BackendError(_unsettled(firing))

    def _insert_and_tell(self, firing: Firing) -> None:
        """Put a firing in, ring, and count it; one whose id is known stays as it is."""
        link = self._link
        # The server's clock, as it was reckoned a moment ago: to have it computed there takes three times as long.
        now = link.about_now()
        new = made(firing, now)
        known = False
        try:
            link.firings.insert_one(new)
        except DuplicateKeyError as error:
            if by_key(error.details):
                raise
            known = True
        # Before it is counted: somebody may be waiting. And also where it was there before, which may have
        # been a first try whose reply was lost.
        if not self._bells.streams:
            self._later.ring(place_of(firing.queue, firing.route))
        if not known:
            self._later.count([(Span(firing.queue, firing.route, firing.job, int(now // 60)), _ONE)])

    # --- several ----------------------------------------------------------------------------------

    def _put_many(self, firings: Sequence[Firing]) -> list[str]:
        parcel = self._send_parcel(firings)
        answers = self._unpack(parcel, firings)
        return [answers[firing.id] for firing in firings]

    def _send_parcel(self, firings: Sequence[Firing]) -> Document:
        """Have firings accepted, all or none; return the parcel that holds them, or that names those which do."""
        loads = list(_loads(firings))
        head: Document = {"_id": new_id(), "firings": [stored(firing) for firing in loads[0]]}
        if len(loads) > 1:
            # The others count for nothing until the first, which names them, has arrived.
            head["others"] = [new_id() for _ in loads[1:]]
            for id_, load in zip(head["others"], loads[1:], strict=True):
                part = {"head": head["_id"], "firings": [stored(firing) for firing in load]}
                self._post(id_, part)
        head["at"] = self._post(head["_id"], {key: value for key, value in head.items() if key != "_id"})
        return head

    def _post(self, id_: str, content: Document) -> float:
        link = self._link
        if link.is_virtual:
            content = {**content, "at": link.clock.now(), "touched": link.clock.now()}
            link.run(link.parcels.update_one, {"_id": id_}, {"$setOnInsert": content}, upsert=True)
            at: float = content["at"]
            return at
        sent: Any = link.run(
            link.parcels.find_one_and_update,
            {"_id": id_},
            {"$setOnInsert": content, "$currentDate": {"at": True, "touched": True}},
            projection={"at": True},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        now: float = sent["at"].timestamp()
        link.learn(now)
        return now

    def _unpack(self, parcel: Document, firings: Sequence[Firing]) -> dict[str, str]:
        """Put what was accepted as a parcel among the firings, and throw it away; tell which id counts for each."""
        answers: dict[str, str] = {}
        for start in range(0, len(firings), CHUNK):
            answers |= self._unpack_some(parcel, firings[start : start + CHUNK])
        self._throw_away(parcel, durably=any(id_ != holder for id_, holder in answers.items()))
        return answers

    def _unpack_some(self, parcel: Document, firings: Sequence[Firing]) -> dict[str, str]:
        """Put some in, and let others see that somebody is at it."""
        link = self._link
        at: float = parcel["at"] if isinstance(parcel["at"], float) else parcel["at"].timestamp()
        answers = self._put_in(firings, at)
        head = {"_id": parcel["_id"]}
        # Put in again, one refused for its key's sake would come in once the key is free: so that must not be.
        refused = {f"refused.{id_}": holder for id_, holder in answers.items() if id_ != holder}
        if refused:
            link.run(link.parcels.update_one, head, {"$set": refused, **self._touch()})
        elif len(firings) == CHUNK:
            link.run(link.spent.update_one, head, self._touch())
        return answers

    def _touch(self) -> Document:
        """Make the update that tells when somebody was last at a parcel."""
        link = self._link
        if link.is_virtual:
            return {"$max": {"touched": link.clock.now()}}
        return {"$currentDate": {"touched": True}}

    def _throw_away(self, parcel: Document, *, durably: bool) -> None:
        link = self._link
        doomed = [parcel["_id"], *parcel.get("others", ())]
        parcels = link.parcels if durably else link.spent
        link.run(parcels.delete_many, {"_id": {"$in": doomed}})

    def _put_in(self, firings: Sequence[Firing], now: float) -> dict[str, str]:
        """Make documents of firings that are accepted; may be called again. Tell which id counts for each."""
        waiting: dict[str, Firing] = {}
        for firing in firings:
            waiting.setdefault(firing.id, firing)
        answers = {id_: id_ for id_ in waiting}
        came: list[Firing] = []
        for _ in range(_TRIES):
            batch = list(waiting.values())
            refused = self._insert([made(firing, now) for firing in batch])
            came += [firing for number, firing in enumerate(batch) if number not in refused]
            keyed = [batch[number] for number, by_key in refused.items() if by_key]
            if not keyed:
                break
            holders = self._key_holders(keyed)
            answers.update(holders)
            waiting = {firing.id: firing for firing in keyed if firing.id not in holders}
            if not waiting:
                break
        else:
            raise BackendError(_unsettled(next(iter(waiting.values()))))
        # Also for what was there before: that may have been a first try, whose reply was lost.
        self._bells.ring({place_of(firing.queue, firing.route) for firing in firings})
        if came:
            self._count_in(came)
        return answers

    def _insert(self, documents: list[Document]) -> dict[int, bool]:
        """Insert; tell the numbers of those that were not, and whether for their key's sake."""
        link = self._link

        def insert() -> dict[int, bool]:
            try:
                link.firings.insert_many(documents, ordered=False)
            except BulkWriteError as error:
                problems = error.details["writeErrors"]
                if error.details.get("writeConcernErrors") or any(
                    one["code"] != DUPLICATE for one in problems
                ):
                    raise
                return {one["index"]: by_key(one) for one in problems}
            return {}

        return link.run(insert)

    def _key_holders(self, firings: Sequence[Firing]) -> dict[str, str]:
        """Tell, by the ids of firings, who holds their keys; those whose key is free are left out."""
        link = self._link
        queues: dict[str, list[str | None]] = {}
        for firing in firings:
            queues.setdefault(firing.queue, []).append(firing.key)
        wanted = [{"queue": queue, "held_key": {"$in": keys}} for queue, keys in queues.items()]
        found = link.find(link.firings, {"$or": wanted}, {"queue": True, "held_key": True})
        holders = {(one["queue"], one["held_key"]): one["_id"] for one in found}
        # Where it is there under its own id, it was put in by an earlier try.
        return {
            firing.id: holders[firing.queue, firing.key]
            for firing in firings
            if firing.key is not None and (firing.queue, firing.key) in holders
        }

    # --- what goes with it ------------------------------------------------------------------------

    def _list_routes(self, firings: Iterable[Firing]) -> None:
        """See that the routes of firings are listed before these are in."""
        now = monotonic()
        for place in {(firing.queue, firing.route) for firing in firings}:
            # Not for ever: what was seen may have been undone, by a failover or by hand.
            if now - self._listed.get(place, -_LISTED) >= _LISTED:
                self._list_route(*place)
                self._listed[place] = now

    def _list_route(self, queue: str, route: str) -> None:
        link = self._link
        names = {"queue": queue, "route": route}
        link.run(
            link.routes.update_one, {"_id": route_id(queue, route)}, {"$setOnInsert": names}, upsert=True
        )


def by_key(problem: Mapping[str, Any] | None) -> bool:
    """Tell of a refused insert whether its idempotency key is in use; otherwise its id is known."""
    return "held_key" in (problem or {}).get("keyPattern", ())


IS_NEW: Document = {"$eq": [{"$type": "$state"}, "missing"]}
"""True of what an upsert begins with."""


def _loads(firings: Sequence[Firing]) -> Iterable[list[Firing]]:
    """Cut firings into loads that fit into a parcel each."""
    load: list[Firing] = []
    room = _ROOM
    for firing in firings:
        size = len(firing.body) + _OVERHEAD
        if load and size > room:
            yield load
            load, room = [], _ROOM
        load.append(firing)
        room -= size
    yield load


def _unsettled(firing: Firing) -> str:
    return (
        f"the idempotency key {firing.key!r} of queue {firing.queue!r} changes hands all the time: fire again"
    )
