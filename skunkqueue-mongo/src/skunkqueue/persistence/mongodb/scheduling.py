"""Schedules: each is one document, which names the one firing that is armed for it.

Whoever arms a firing writes its id (and all of it) into the schedule first, and puts it among the firings then.
Where nobody gets that far, the schedule has no live firing, and is told of as idle.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import Any

from pymongo import ReturnDocument

from skunkqueue.errors import BackendError
from skunkqueue.persistence import rules
from skunkqueue.persistence.backend import MAX_PAGE
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.workers import Workers
from skunkqueue.records import DECLARED, Firing, Run, Schedule, Standing

_TRIES = 50
_FIELDS = tuple(field for field in Schedule.__struct_fields__ if field not in {"queue", "name"})


class Scheduling(Workers, ABC):
    """The verbs about schedules."""

    def declare(self, schedule: Schedule, firing: Firing, over: Standing | None = None) -> bool | None:
        """Declare a schedule; see ``Backend.declare``."""
        link = self._link
        id_ = _id(schedule.queue, schedule.name)
        for _ in range(_TRIES):
            old = link.run(link.schedules.find_one, {"_id": id_})
            if old is not None and all(old[name] == getattr(schedule, name) for name in DECLARED):
                if old.get("firing") == firing.id and not old["paused"]:
                    # An earlier call got as far as this, at least.
                    self._arm([(id_, firing)], link.now())
                return False
            if not self._makes_room(old, over):
                return None
            if old is not None and self._caught_up(old):
                continue
            new = _declared(schedule, firing, old, link.now()) | {"generation": self._next_generation()}
            if not self._replace(id_, old, new):
                # Somebody else changed it at the same moment.
                continue
            if old is not None:
                # It may have been running then, and given back.
                self._remove_pending(old.get("firing"))
            if not new["paused"]:
                self._arm([(id_, firing)], new["declared"])
            return True
        raise BackendError(_restless(schedule.queue, schedule.name))

    def _makes_room(self, old: Document | None, over: Standing | None) -> bool:
        """Take out what an old declaration has armed; False where it is not what the new one was planned over."""
        if old is None:
            return over is None
        stands = (old["generation"], old.get("firing"), old["runs"])
        if over is not None and stands != (over.generation, over.firing, over.runs):
            return False
        # First, so that who is interrupted can declare it again; until then it is idle.
        self._remove_pending(old.get("firing"))
        return over is None or over.running or self._firing_state(old) != "running"

    def _replace(self, id_: Document, old: Document | None, new: Document) -> bool:
        """Write a declaration down; False where it would not take the place of this old one."""
        link = self._link
        if old is None:
            new = {**new, "history": [], "lates": []}
            done = link.run(link.schedules.update_one, {"_id": id_}, {"$setOnInsert": new}, upsert=True)
        else:
            unchanged = {
                "_id": id_,
                "generation": old["generation"],
                "paused": old["paused"],
                "runs": old["runs"],
                "firing": old.get("firing"),
            }
            done = link.run(link.schedules.update_one, unchanged, {"$set": new})
        there = done.upserted_id is not None or (old is not None and done.matched_count > 0)
        return there or self._is_generation(id_, new["generation"])

    def _is_generation(self, id_: Document, generation: int) -> bool:
        """Say whether what was written is there, where the reply was lost."""
        link = self._link
        wanted = {"_id": id_, "generation": generation}
        return link.run(link.schedules.find_one, wanted, {"_id": True}) is not None

    def _next_generation(self) -> int:
        """Count generations for the whole store, so that none comes back when a name is removed."""
        link = self._link
        found: Any = link.run(
            link.db.meta.find_one_and_update,
            {"_id": "generation"},
            {"$inc": {"last": 1}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return int(found["last"])

    def schedules(self, queue: str | None = None) -> list[Schedule]:
        """List schedules; see ``Backend.schedules``."""
        link = self._link
        wanted = {} if queue is None else {"_id.queue": queue}
        found = link.find(link.schedules, wanted, {"history": False})
        return sorted((_schedule(one) for one in found), key=lambda one: (one.queue, one.name))

    def get_schedule(self, queue: str, name: str) -> Schedule | None:
        """Read a schedule; see ``Backend.get_schedule``."""
        found = self._find(queue, name)
        return None if found is None else _schedule(found)

    def get_schedules(self, queue: str, names: Sequence[str]) -> list[Schedule | None]:
        """Read schedules by name; see ``Backend.get_schedules``."""
        link = self._link
        wanted = {"_id": {"$in": [_id(queue, name) for name in names]}}
        found = map(_schedule, link.find(link.schedules, wanted, {"history": False}))
        known = {one.name: one for one in found}
        return [known.get(name) for name in names]

    def arm(
        self,
        queue: str,
        name: str,
        generation: int,
        firing: Firing,
        state: bytes | None = None,
        *,
        over: str | None = None,
    ) -> bool:
        """Let this firing be the next one; see ``Backend.arm``."""
        link = self._link
        for _ in range(_TRIES):
            old = self._find(queue, name)
            if old is None or old["generation"] != generation or old["paused"]:
                return False
            if old.get("firing") == firing.id:
                self._arm([(old["_id"], firing)], link.now())
                return True
            if over not in (None, old.get("firing")):
                return False
            # First, so that it cannot begin once another one is armed.
            self._remove_pending(old.get("firing"))
            if self._firing_state(old) == "running":
                return False
            if self._caught_up(old):
                continue
            now = link.now()
            next_one = _next_one(firing, now, state)
            unchanged = {
                "_id": old["_id"],
                "generation": generation,
                "paused": False,
                "firing": old.get("firing"),
            }
            done = link.run(link.schedules.update_one, unchanged, {"$set": next_one})
            if done.matched_count:
                self._arm([(old["_id"], firing)], now)
                return True
        raise BackendError(_restless(queue, name))

    def pause_schedule(self, queue: str, name: str) -> bool:
        """Arm no more; see ``Backend.pause_schedule``."""
        link = self._link
        old = self._find(queue, name)
        if old is None:
            return False
        # First, so that who is interrupted leaves a schedule that is idle, and no firing of one that is paused.
        self._remove_pending(old.get("firing"))
        found = link.run(
            link.schedules.find_one_and_update,
            {"_id": _id(queue, name)},
            {"$set": {"paused": True, "next_run": None}},
        )
        if found is None:
            return False
        # It may have been armed anew in between.
        self._remove_pending(found.get("firing"))
        return True

    def resume_schedule(
        self,
        queue: str,
        name: str,
        firing: Firing,
        generation: int | None = None,
        state: bytes | None = None,
    ) -> bool:
        """End a pause; see ``Backend.resume_schedule``."""
        link = self._link
        for _ in range(_TRIES):
            old = self._find(queue, name)
            if old is None:
                return False
            if not old["paused"]:
                return self._was_resumed(old, firing)
            if generation not in (None, old["generation"]):
                return False
            live = self._is_live(old)
            if not live and self._caught_up(old):
                continue
            now = link.now()
            change: Document = {"paused": False, "resumed": firing.id}
            if not live:
                change |= _next_one(firing, now, state)
            unchanged = {
                "_id": old["_id"],
                "generation": old["generation"],
                "paused": True,
                "runs": old["runs"],
                "firing": old.get("firing"),
            }
            done = link.run(link.schedules.update_one, unchanged, {"$set": change})
            if not done.matched_count:
                continue
            if not live:
                self._arm([(old["_id"], firing)], now)
            return True
        raise BackendError(_restless(queue, name))

    def _was_resumed(self, schedule: Document, firing: Firing) -> bool:
        """Say whether a schedule that is not paused was resumed with this firing by an earlier try."""
        if schedule.get("resumed") != firing.id:
            return False
        if schedule.get("firing") == firing.id:
            self._arm([(schedule["_id"], firing)], self._link.now())
        return True

    def _is_live(self, schedule: Document) -> bool:
        """Say whether a schedule's firing runs or waits; where it does neither, see that it never will."""
        if self._firing_state(schedule) is None:
            # Whoever paused it may have died before it was taken out, and it may be on its way in.
            self._remove_pending(schedule.get("firing"))
        return self._firing_state(schedule) is not None

    def remove_schedule(self, queue: str, name: str, generation: int | None = None) -> bool:
        """Forget a schedule; see ``Backend.remove_schedule``."""
        link = self._link
        gone = False
        for _ in range(_TRIES):
            old = self._find(queue, name)
            if old is None or generation not in (None, old["generation"]):
                return gone
            # First, so that who is interrupted can remove the schedule again; until then it is idle.
            self._remove_pending(old.get("firing"))
            same = {"_id": old["_id"], "generation": old["generation"], "firing": old.get("firing")}
            done, again = link.run_and_tell(link.schedules.delete_one, same)
            if done.deleted_count or again:
                # It may have been running then, and given back.
                self._remove_pending(old.get("firing"))
            if done.deleted_count:
                return True
            # Where the first try may have done it, the next look tells.
            gone = gone or again
        raise BackendError(_restless(queue, name))

    def history(self, queue: str, name: str) -> list[Run]:
        """Tell the last runs; see ``Backend.history``."""
        found = self._find(queue, name)
        return [] if found is None else _runs(found)

    def schedule_page(
        self, queue: str | None = None, limit: int = 50, after: tuple[str, str] | None = None
    ) -> list[Schedule]:
        """List schedules, some at a time; see ``Backend.schedule_page``."""
        link = self._link
        among: Document = {}
        if queue is not None:
            # What has one field less comes before, and no name of a queue has the character.
            among = {"$gte": {"queue": queue}, "$lt": {"queue": f"{queue}\x01"}}
        if after is not None:
            among["$gt"] = max(
                ({"queue": queue or ""}, _id(*after)), key=lambda id_: (id_["queue"], len(id_))
            )
            among.pop("$gte", None)
        wanted = {"_id": among} if among else {}
        limit = max(1, min(limit, MAX_PAGE))
        found = link.find(link.schedules, wanted, {"history": False}, sort=[("_id", 1)], limit=limit)
        return [_schedule(one) for one in found]

    def histories(self, names: Sequence[tuple[str, str]]) -> list[list[Run]]:
        """Tell the last runs of several schedules; see ``Backend.histories``."""
        link = self._link
        wanted = {"_id": {"$in": [_id(*name) for name in names]}}
        shown = {"history": True, "lates": True}
        found = {
            (one["_id"]["queue"], one["_id"]["name"]): _runs(one)
            for one in link.find(link.schedules, wanted, shown)
        }
        return [found.get(name, []) for name in names]

    def idle_schedules(self, queue: str, route: str) -> list[Schedule]:
        """List schedules that nothing moves on; see ``Backend.idle_schedules``."""
        link = self._link
        here = {"_id.queue": queue, "route": route, "paused": False}
        found = link.find(link.schedules, here, {"history": False})
        armed = {"_id": {"$in": [one.get("firing") for one in found]}}
        # Before: what somebody owes now may be live by then. After: what was live may have been settled meanwhile.
        moving = self._moving(queue) if found else set()
        here_live = {**armed, "state": {"$in": ["pending", "running"]}}
        live = {one["_id"] for one in link.find(link.firings, here_live, {"_id": True})}
        moving |= self._moving(queue) if len(live) < len(found) else set()
        idle = [one for one in found if one.get("firing") not in live and one["_id"]["name"] not in moving]
        # Those that moved on while one looked are not.
        same = {"$or": [{"_id": one["_id"], "firing": one.get("firing"), "paused": False} for one in idle]}
        still = {one["_id"]["name"] for one in link.find(link.schedules, same, {"_id": True})} if idle else ()
        chosen = (_schedule(one) for one in idle if one["_id"]["name"] in still)
        return sorted(chosen, key=lambda one: one.name)

    # --- inside -----------------------------------------------------------------------------------

    def _find(self, queue: str, name: str) -> Document | None:
        link = self._link
        return link.run(link.schedules.find_one, {"_id": _id(queue, name)})

    def _moving(self, queue: str) -> set[str]:
        """Name the schedules that a settled firing is about to move on."""
        link = self._link
        owing = {"owed": {"$exists": True}, "outbox.refire.queue": queue}
        owed = link.find(link.firings, owing, {"outbox.refire.name": True})
        return {debt["refire"]["name"] for one in owed for debt in one["outbox"] if "refire" in debt}

    def _caught_up(self, schedule: Document) -> bool:
        """Move a schedule on as its settled firing says, where that is not done yet; say whether it has changed.

        Else the run would be lost with what it told the strategy, since only the firing that a schedule names
        may refire it, and this one is about to name another.
        """
        link = self._link
        last = {"_id": schedule.get("firing"), "owed": {"$exists": True}}
        owing = link.run(link.firings.find_one, last, {"outbox": True})
        debts = [debt for debt in (owing or {}).get("outbox", ()) if "refire" in debt]
        for debt in debts:
            self._refire_each([(schedule["firing"], debt["refire"])], debt["at"])
        if not debts:
            return False
        now = link.run(link.schedules.find_one, {"_id": schedule["_id"]})
        return now is None or any(now.get(name) != schedule.get(name) for name in ("firing", "runs"))

    def _firing_state(self, schedule: Document) -> str | None:
        """Tell whether a schedule's firing is pending or running; ``None`` where it is neither."""
        link = self._link
        live = {"_id": schedule.get("firing"), "state": {"$in": ["pending", "running"]}}
        found = link.run(link.firings.find_one, live, {"state": True})
        return None if found is None else found["state"]


def _id(queue: str, name: str) -> Document:
    return {"queue": queue, "name": name}


def _declared(schedule: Schedule, firing: Firing, old: Document | None, now: float) -> Document:
    """Make what a declaration writes, all but its generation."""
    over = None if old is None else _schedule(old)
    said = rules.declared_over(schedule, over, generation=0, now=now)
    new = {name: getattr(said, name) for name in _FIELDS if name != "generation"}
    return new if said.paused else {**new, **_next_one(firing, now, None)}


def _runs(document: Document) -> list[Run]:
    """Read a history. How late its runs were stands beside it, since versions that do not know that read all that is in it."""
    lates = {one["id"]: one["late"] for one in document.get("lates", ())}
    return [Run(**{"late": lates.get(one["id"], 0.0), **one}) for one in document["history"]]


def _next_one(firing: Firing, now: float, state: bytes | None) -> Document:
    """Say what changes in a schedule that names this firing."""
    change: Document = {"firing": firing.id, "next_run": rules.due_of(firing, now)}
    return change if state is None else {**change, "state": state}


def _schedule(document: Document) -> Schedule:
    said = {name: document[name] for name in _FIELDS if name in document}
    return Schedule(**document["_id"], **said)


def _restless(queue: str, name: str) -> str:
    return f"the schedule {name!r} of queue {queue!r} is changed by others all the time: try again"
