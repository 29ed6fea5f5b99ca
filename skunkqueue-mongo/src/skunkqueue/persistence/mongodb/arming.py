"""Putting in the one firing that a schedule names, for many schedules at once, and taking it out again.

A schedule names its next firing first, and then that is put in. In between others may pause the schedule,
or arm another one. So whoever takes one out that is not there yet leaves a void in its place, under its id: what is
put in later counts for nothing then. And whoever has put one in looks whether it is still the one.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence

from pymongo import DeleteOne, UpdateOne
from pymongo.errors import DuplicateKeyError

from skunkqueue.errors import BackendError
from skunkqueue.persistence.backend import HISTORY_LENGTH
from skunkqueue.persistence.mongodb.claiming import Claiming
from skunkqueue.persistence.mongodb.documents import emptied, unstored
from skunkqueue.persistence.mongodb.putting import IS_NEW
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.records import Firing

_TRIES = 5
_LEAVES = {"queue": True, "route": True, "job": True, "state": True}


class Arming(Claiming, ABC):
    """What settling and the verbs about schedules have in common."""

    def _arm(self, armed: Sequence[tuple[Document, Firing]], now: float) -> None:
        """Put in firings that schedules name, each with its schedule's id; may be done twice."""
        link = self._link
        firings = [firing for _, firing in armed]
        self._list_routes(firings)
        self._put_in(firings, now)
        wanted = {"_id": {"$in": [id_ for id_, _ in armed]}, "paused": False}
        named = {one.get("firing") for one in link.find(link.schedules, wanted, {"firing": True})}
        for firing in firings:
            if firing.id not in named:
                self._remove_pending(firing.id)

    def _remove_pending(self, id_: str | None) -> None:
        """See that a firing has begun, or never will: take it out, or keep it from coming in."""
        if id_ is None:
            return
        link = self._link
        waits = {"$or": [IS_NEW, {"$eq": ["$state", "pending"]}]}
        update = [{"$replaceWith": {"$cond": [waits, emptied(link.moment), "$$ROOT"]}}]
        for _ in range(_TRIES):
            try:
                before = link.run(
                    link.firings.find_one_and_update, {"_id": id_}, update, _LEAVES, upsert=True
                )
            except BackendError as error:
                if not isinstance(error.__cause__, DuplicateKeyError):
                    raise
                # It came in at the same moment.
                continue
            if before is not None and before.get("state") == "pending":
                self._note_moves([(before, "pending", None)])
            self._bells.ring(ids=[id_])
            return
        msg = f"firing {id_} comes and goes all the time: try again"
        raise BackendError(msg)

    def _refire_each(self, debts: Sequence[tuple[str, Document]], now: float) -> None:
        """Move schedules on whose firings are settled, and arm what they name then; may be done twice.

        ``debts``: ids of firings, each with what ``Refire`` says. As many requests for many as for one.
        """
        link = self._link
        moves = [_Move(settled, refire, now) for settled, refire in debts]
        # The write that lets go of the settled firing happens once, whoever does it.
        link.run(link.schedules.bulk_write, [move.write() for move in moves], ordered=False)
        left = [move for move in moves if move.firing is not None]
        if not left:
            return
        # An earlier try may have moved them on, and died.
        shown = {"generation": True, "firing": True, "paused": True}
        ids = {"_id": {"$in": [move.id for move in left]}}
        found = {_key(one["_id"]): one for one in link.find(link.schedules, ids, shown)}
        armed: list[tuple[Document, Firing]] = []
        paused: list[UpdateOne] = []
        for move in left:
            one = found.get(_key(move.id))
            if one is None or one["generation"] != move.generation:
                continue
            if one.get("firing") == move.settled:
                paused.append(move.write_paused())
            elif move.firing is not None and one.get("firing") == move.firing.id and not one["paused"]:
                armed.append((move.id, move.firing))
        if paused:
            link.run(link.schedules.bulk_write, paused, ordered=False)
        if armed:
            self._arm(armed, now)


class _Move:
    """How a schedule moves on after its firing was settled."""

    def __init__(self, settled: str, refire: Document, now: float) -> None:
        self.settled = settled
        self.id: Document = {"queue": refire["queue"], "name": refire["name"]}
        self.generation: int = refire["generation"]
        self.firing = unstored(refire["firing"]) if "firing" in refire else None
        self._own = {"_id": self.id, "generation": self.generation, "firing": settled}
        self._refire = refire
        self._now = now

    def write(self) -> UpdateOne | DeleteOne:
        """Make the write that names the next firing, or removes a schedule that has none."""
        firing = self.firing
        if firing is None:
            return DeleteOne(self._own)
        due = self._now + firing.delay if firing.due is None else firing.due
        armed = {**self._moved(), "firing": firing.id, "next_run": due}
        return UpdateOne({**self._own, "paused": False}, {"$set": armed, **self._more()})

    def write_paused(self) -> UpdateOne:
        """Make the write for a schedule that is paused, so that it names no other firing."""
        paused = {**self._own, "paused": True, "last_firing": {"$ne": self.settled}}
        return UpdateOne(paused, {"$set": {**self._moved(), "last_firing": self.settled}, **self._more()})

    def _moved(self) -> Document:
        run = self._refire["run"]
        return {
            "state": self._refire["state"],
            "last_run": run["began"],
            "took": run["took"],
            "verdict": run["verdict"],
            "interval": run["interval"],
            "next_run": None,
        }

    def _more(self) -> Document:
        run = self._refire["run"]
        late = {"id": run["id"], "late": self._refire.get("late", 0.0)}
        return {
            "$inc": {"runs": 1},
            "$push": {
                "history": {"$each": [run], "$slice": -HISTORY_LENGTH},
                "lates": {"$each": [late], "$slice": -HISTORY_LENGTH},
            },
        }


def _key(id_: Document) -> tuple[str, str]:
    return id_["queue"], id_["name"]
