"""Putting in the one firing that a schedule names, and taking it out again.

The schedule names its next firing first, and then that is put in. In between others may pause the schedule,
or arm another one. So whoever takes one out that is not there yet leaves a void in its place, under its id: what is
put in later counts for nothing then. And whoever has put one in looks whether it is still the one.
"""

from __future__ import annotations

from abc import ABC

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

    def _arm(self, schedule: Document, firing: Firing, now: float) -> None:
        """Put in a firing that the schedule with this id names; may be done twice."""
        link = self._link
        self._list_routes([firing])
        self._put_in([firing], now)
        wanted = {"_id": schedule, "firing": firing.id, "paused": False}
        if link.run(link.schedules.find_one, wanted, {"_id": True}) is None:
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

    def _refire(self, settled: str, refire: Document, now: float) -> None:
        link = self._link
        id_ = {"queue": refire["queue"], "name": refire["name"]}
        own = {"_id": id_, "generation": refire["generation"], "firing": settled}
        if "firing" not in refire:
            link.run(link.schedules.delete_one, own)
            return
        firing = unstored(refire["firing"])
        run = refire["run"]
        late = {"id": run["id"], "late": refire.get("late", 0.0)}
        moved: Document = {
            "state": refire["state"],
            "last_run": run["began"],
            "took": run["took"],
            "verdict": run["verdict"],
            "interval": run["interval"],
            "next_run": None,
        }
        more: Document = {
            "$inc": {"runs": 1},
            "$push": {
                "history": {"$each": [run], "$slice": -HISTORY_LENGTH},
                "lates": {"$each": [late], "$slice": -HISTORY_LENGTH},
            },
        }
        due = now + firing.delay if firing.due is None else firing.due
        armed = {**moved, "firing": firing.id, "next_run": due}
        # The write that lets go of the settled firing happens once, whoever does it.
        done = link.run(link.schedules.update_one, {**own, "paused": False}, {"$set": armed, **more})
        if not done.matched_count:
            paused = {**own, "paused": True, "last_firing": {"$ne": settled}}
            moved["last_firing"] = settled
            link.run(link.schedules.update_one, paused, {"$set": moved, **more})
        # An earlier try may have armed it, and died.
        current = {"_id": id_, "generation": refire["generation"], "firing": firing.id, "paused": False}
        if link.run(link.schedules.find_one, current, {"_id": True}) is not None:
            self._arm(id_, firing, now)
