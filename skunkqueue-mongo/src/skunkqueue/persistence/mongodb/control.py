"""Control by people: kill, requeue, purge, pause and resume, prune."""

from __future__ import annotations

from abc import ABC
from collections import Counter, defaultdict
from collections.abc import Sequence

from pymongo.errors import DuplicateKeyError

from skunkqueue.errors import BackendError
from skunkqueue.persistence import rules
from skunkqueue.persistence.mongodb.claiming import rung
from skunkqueue.persistence.mongodb.documents import (
    FINALS,
    LIVE_ONLY,
    REMEMBERED,
    aim_of,
    emptied,
    place_of,
    route_id,
)
from skunkqueue.persistence.mongodb.link import Link
from skunkqueue.persistence.mongodb.pools import Pools
from skunkqueue.persistence.mongodb.schema import CLAIMABLE, Document
from skunkqueue.records import Command, State

_CHUNK = 1_000
_KNOWN = {"state": {"$ne": "void"}}
# An outbox that is not empty yet goes before.
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
    "worker",
    "error",
    "error_type",
    "took",
    "tries",
    "again",
]
"""What a firing that starts over leaves behind."""
_PLACED: Document = {"queue": True, "route": True, "job": True}


class Control(Pools, ABC):
    """The verbs that people use."""

    def kill(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Kill firings; see ``Backend.kill``."""
        link = self._link
        before: dict[str, State | None] = dict.fromkeys(ids)
        left = list(before)
        while left:
            wanted = {"_id": {"$in": left}}
            found = link.find(link.firings, wanted, {"state": True})
            states = {one["_id"]: one["state"] for one in found if one["state"] != "void"}
            before.update({id_: State(state) for id_, state in states.items() if state in FINALS})
            pending = [id_ for id_, state in states.items() if state == "pending"]
            running = [id_ for id_, state in states.items() if state == "running"]
            killed = self._kill_where(link, {"_id": {"$in": pending}, "state": "pending"}, pending)
            marked = self._mark_killed(link, running)
            before.update(dict.fromkeys(killed, State.PENDING))
            before.update(dict.fromkeys(marked, State.RUNNING))
            # What was neither any more has changed in between: it is looked at again.
            left = [id_ for id_ in (*pending, *running) if before[id_] is None]
        return before

    def _kill_where(self, link: Link, query: Document, ids: Sequence[str]) -> list[str]:
        """Finish as killed what nobody runs; return which of these ids were."""
        if not ids:
            return []
        nonce = self._nonce()
        moment = link.moment
        ttl = rules.kept_for(State.KILLED, None)
        ended = {"state": "killed", "by": nonce, "finished": moment.now, "gone": moment.date_after(ttl)}
        update: list[Document] = [{"$set": {**ended, "began": None}}, {"$unset": list(LIVE_ONLY)}]
        link.run(link.firings.update_many, query, update)
        mine = {"_id": {"$in": list(ids)}, "by": nonce}
        found = link.find(link.firings, mine, {"queue": True, "route": True, "job": True})
        done = [one["_id"] for one in found]
        self._bells.ring(ids=done)
        places = Counter((one["queue"], one["route"], one.get("job", "")) for one in found)
        self._count({place: {"killed": number} for place, number in places.items()})
        return done

    def _mark_killed(self, link: Link, ids: list[str]) -> list[str]:
        """Note the wish to kill what runs, and tell those who run it; return which were marked."""
        if not ids:
            return []
        running = {"_id": {"$in": ids}, "state": "running"}
        link.run(link.firings.update_many, running, {"$set": {"kill": True}})
        marked = {**running, "kill": True}
        found = link.find(link.firings, marked, {"worker": True})
        for one in found:
            self._send(link, one["worker"], Command(verb="kill", firing=one["_id"]))
        return [one["_id"] for one in found]

    def _send(self, link: Link, worker: str, command: Command) -> bool:
        alive = {"_id": worker, "until": {"$gt": link.about_now()}}
        listed = (link.run(who.find_one, alive, {"_id": True}) for who in (link.workers, link.pools))
        if not any(found is not None for found in listed):
            return False
        self._put_mail(link, worker, command)
        return True

    def requeue(self, ids: Sequence[str]) -> list[str]:
        """Start finished firings over; see ``Backend.requeue``."""
        link = self._link
        wanted = list(dict.fromkeys(ids))
        shown = {"key": True, "target": True, "state": True}
        states: dict[str, str] = {}
        alike: defaultdict[str | None, list[str]] = defaultdict(list)
        keyed: list[Document] = []
        for one in link.find(link.firings, {"_id": {"$in": wanted}, **_ENDED}, shown):
            states[one["_id"]] = one["state"]
            if "key" in one:
                keyed.append(one)
            else:
                alike[one.get("target")].append(one["_id"])
        found = [one for target, group in alike.items() for one in self._requeue(group, target)]
        for one in keyed:
            # One by one: another may hold its key by now.
            try:
                found += self._requeue([one["_id"]], one.get("target"), {"held_key": "$key"})
            except BackendError as error:
                if not isinstance(error.__cause__, DuplicateKeyError):
                    raise
        self._bells.ring({place_of(one["queue"], one["route"]) for one in found})
        self._note_moves([(one, states[one["_id"]], "pending") for one in found])
        again = {one["_id"] for one in found}
        return [id_ for id_ in wanted if id_ in again]

    def _requeue(self, ids: list[str], target: str | None, also: Document | None = None) -> list[Document]:
        """Make those of these pending that have ended; return where they are."""
        link = self._link
        nonce = self._nonce()
        again: Document = {
            "state": "pending",
            "due": link.moment.now,
            "deaths": 0,
            "evidence": "",
            "aimed": aim_of(target),
            "requeued": nonce,
            "rung": rung(),
            **(also or {}),
        }
        update: list[Document] = [{"$set": again}, {"$unset": _CLEARED}]
        link.run(link.firings.update_many, {"_id": {"$in": ids}, **_ENDED}, update)
        return link.find(link.firings, {"_id": {"$in": ids}, "requeued": nonce}, _PLACED)

    def delete(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Remove what does not run; see ``Backend.delete``."""
        link = self._link
        before: dict[str, State | None] = dict.fromkeys(ids)
        nonce = self._nonce()
        # Their ids stay known for a while, lest a request that is sent again puts them in once more.
        emptying = emptied(link.moment) | {"was": "$state", "deleted": nonce}
        left, gone = list(before), list[str]()
        while left:
            found = link.find(link.firings, {"_id": {"$in": left}, **_KNOWN}, {**_PLACED, "state": True})
            running = [one["_id"] for one in found if one["state"] == "running"]
            before.update(dict.fromkeys(running, State.RUNNING))
            others = {one["_id"]: one for one in found if one["state"] != "running"}
            if not others:
                break
            still = {"_id": {"$in": list(others)}, "state": {"$in": ["pending", *FINALS]}}
            link.run(link.firings.update_many, still, [{"$replaceWith": emptying}])
            mine = {"_id": {"$in": list(others)}, "deleted": nonce}
            removed = link.find(link.firings, mine, {"was": True})
            before.update((one["_id"], State(one["was"])) for one in removed)
            self._note_moves((others[one["_id"]], one["was"], None) for one in removed)
            gone += [one["_id"] for one in removed]
            # What was neither has changed in between: it is looked at again.
            left = [id_ for id_ in others if before[id_] is None]
        self._bells.ring(ids=gone)
        return before

    def run_now(self, ids: Sequence[str]) -> dict[str, State | None]:
        """Make what waits due; see ``Backend.run_now``."""
        link = self._link
        before: dict[str, State | None] = dict.fromkeys(ids)
        found = link.find(link.firings, {"_id": {"$in": list(before)}, **_KNOWN}, {**_PLACED, "state": True})
        before.update((one["_id"], State(one["state"])) for one in found)
        pending = [one for one in found if one["state"] == "pending"]
        if pending:
            waiting = {"_id": {"$in": [one["_id"] for one in pending]}, "state": "pending"}
            # Which one is earlier, its own time or this, is decided where it lies.
            sooner: list[Document] = [
                {"$set": {"due": {"$min": ["$due", link.moment.now]}, "rung": rung()}},
                {"$unset": "again"},
            ]
            link.run(link.firings.update_many, waiting, sooner)
            self._bells.ring({place_of(one["queue"], one["route"]) for one in pending})
        return before

    def purge(self, queue: str, route: str | None = None) -> int:
        """Remove what waits; see ``Backend.purge``."""
        link = self._link
        here: Document = {"queue": queue, "state": "pending"}
        if route is not None:
            here["route"] = route
        here["enqueued"] = {"$lte": link.now()}
        purged = 0
        while True:
            found = link.find(link.firings, here, _PLACED, hint=CLAIMABLE, limit=_CHUNK)
            if not found:
                return purged
            doomed = [one["_id"] for one in found]
            waiting = {"_id": {"$in": doomed}, "state": "pending"}
            deleted, again = link.run_and_tell(link.firings.delete_many, waiting)
            if again:
                # The first try may have done it. What is there still was claimed in between.
                purged += len(doomed) - link.run(link.firings.count_documents, {"_id": {"$in": doomed}})
            else:
                purged += deleted.deleted_count
            self._note_moves((one, "pending", None) for one in found)
            self._bells.ring(ids=doomed)

    def pause(self, queue: str, route: str | None = None) -> None:
        """Let nothing more be claimed; see ``Backend.pause``."""
        link = self._link
        names: Document = {"queue": queue} if route is None else {"queue": queue, "route": route}
        names["paused"] = True
        link.run(link.routes.update_one, {"_id": route_id(queue, route)}, {"$set": names}, upsert=True)

    def resume(self, queue: str, route: str | None = None) -> None:
        """End a pause; see ``Backend.resume``."""
        link = self._link
        routes: Document = {"queue": queue, "paused": True, "route": {"$exists": True}}
        if route is not None:
            routes["route"] = route
        found = link.find(link.routes, {"queue": queue, "route": {"$exists": True}}, {"route": True})
        link.run(link.routes.update_many, routes, {"$set": {"paused": False}})
        if route is None:
            # Last, so that who is interrupted can resume the queue again.
            link.run(link.routes.delete_one, {"_id": route_id(queue)})
        self._bells.ring([place_of(queue, one["route"]) for one in found if route in (None, one["route"])])

    def prune(self, older: float | None = None, limit: int = 1_000) -> int:
        """Remove what was kept long enough; see ``Backend.prune``."""
        link = self._link
        self._drop_counters()
        if older is None:
            return self._prune(link, {"gone": {"$lte": link.date()}, "state": {"$in": list(FINALS)}}, limit)
        before = link.now() - older
        done = 0
        for one in link.find(link.routes, {"route": {"$exists": True}}):
            for final in FINALS:
                here = {"queue": one["queue"], "route": one["route"], "state": final}
                if done < limit:
                    done += self._prune(
                        link, {**here, "finished": {"$lt": before, "$gt": -1e300}}, limit - done
                    )
        return done

    def _prune(self, link: Link, query: Document, limit: int) -> int:
        """Empty documents of finished firings; their ids stay known for a while."""
        # One that still owes what follows from it is kept.
        query = {**query, "owed": {"$exists": False}}
        done = 0
        while done < limit:
            some = min(limit - done, _CHUNK)
            found = link.find(link.firings, query, {**_PLACED, "state": True}, limit=some)
            if not found:
                break
            ids = [one["_id"] for one in found]
            again = {"_id": {"$in": ids}, "state": {"$in": list(FINALS)}, "owed": {"$exists": False}}
            # Nobody asks for these any more.
            old = {**again, "finished": {"$lte": link.about_now() - REMEMBERED}}
            removed, twice = link.run_and_tell(link.firings.delete_many, old)
            void: list[Document] = [{"$replaceWith": emptied(link.moment)}]
            voided, again_twice = link.run_and_tell(link.firings.update_many, again, void)
            if twice or again_twice:
                # The first try may have done it.
                done += len(ids) - link.run(link.firings.count_documents, again)
            else:
                done += removed.deleted_count + voided.modified_count
            self._note_moves((one, one["state"], None) for one in found)
            self._bells.ring(ids=ids)
            if len(found) < some:
                break
        return done
