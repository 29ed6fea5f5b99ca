"""Moving schedules on whose firings are settled."""

from __future__ import annotations

from collections.abc import Sequence

from pymongo import DeleteOne, UpdateOne

from skunkqueue.persistence import rules
from skunkqueue.persistence.backend import HISTORY_LENGTH
from skunkqueue.persistence.mongodb import armed
from skunkqueue.persistence.mongodb.documents import unstored
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.store import Store
from skunkqueue.records import Firing


def refire_each(store: Store, refires: Sequence[tuple[str, Document]], now: float) -> None:
    """Move schedules on whose firings are settled, and arm what they name then; may be done twice.

    ``refires``: ids of firings, each with a stored ``Refire``. Many take as many requests as one.
    """
    moves = [_Move(settled, refire, now) for settled, refire in refires]
    # Each write matches only while the schedule names the settled firing, so it happens once, whichever process does it.
    store.run(store.schedules.bulk_write, [move.write() for move in moves], ordered=False)
    left = [move for move in moves if move.firing is not None]
    if not left:
        return
    # An earlier try may have moved them on without arming.
    shown = {"generation": True, "firing": True, "paused": True}
    ids = {"_id": {"$in": [move.id for move in left]}}
    found = {_key(one["_id"]): one for one in store.find(store.schedules, ids, shown)}
    to_arm: list[tuple[Document, Firing]] = []
    paused: list[UpdateOne] = []
    for move in left:
        one = found.get(_key(move.id))
        if one is None or one["generation"] != move.generation:
            continue
        if one.get("firing") == move.settled:
            paused.append(move.write_paused())
        elif move.firing is not None and one.get("firing") == move.firing.id and not one["paused"]:
            to_arm.append((move.id, move.firing))
    if paused:
        store.run(store.schedules.bulk_write, paused, ordered=False)
    if to_arm:
        armed.put(store, to_arm, now)


class _Move:
    """How one schedule moves on after its firing was settled."""

    def __init__(self, settled: str, refire: Document, now: float) -> None:
        self.settled = settled
        self.id: Document = {"queue": refire["queue"], "name": refire["name"]}
        self.generation: int = refire["generation"]
        self.firing = unstored(refire["firing"]) if "firing" in refire else None
        self._own = {"_id": self.id, "generation": self.generation, "firing": settled}
        self._refire = refire
        self._now = now

    def write(self) -> UpdateOne | DeleteOne:
        """Make the write that names the next firing, removes a schedule that has ended, or only notes the run."""
        firing = self.firing
        if "unplanned" in self._refire:
            return self._note({})
        if firing is None:
            return DeleteOne(self._own)
        named = {**self._moved(), "firing": firing.id, "next_run": rules.due_of(firing, self._now)}
        return UpdateOne({**self._own, "paused": False}, {"$set": named, **self._more()})

    def write_paused(self) -> UpdateOne:
        """Make the write for a schedule that is paused, so that it names no other firing."""
        return self._note({"paused": True})

    def _note(self, only: Document) -> UpdateOne:
        noted = {**self._own, **only, "last_firing": {"$ne": self.settled}}
        return UpdateOne(noted, {"$set": {**self._moved(), "last_firing": self.settled}, **self._more()})

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
