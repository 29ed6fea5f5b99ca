"""Blocking until something happens: rings from the server, and under a virtual clock the clock itself."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Sequence
from typing import TypeVar

from skunkqueue.clock import monotonic
from skunkqueue.errors import BackendUnavailableError
from skunkqueue.ids import new_id
from skunkqueue.persistence.mongodb.bells import Ear
from skunkqueue.persistence.mongodb.claiming import asking
from skunkqueue.persistence.mongodb.documents import aim_of, place_of
from skunkqueue.persistence.mongodb.link import Link
from skunkqueue.persistence.mongodb.loose_ends import LooseEnds
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.standing import first_due
from skunkqueue.records import MAX_PRIORITY, MIN_PRIORITY, Claim, Command

T = TypeVar("T")

LONGEST = 15.0
"""Seconds of sleep after which one looks, though nobody rang: a ring may be lost."""
_GATHERING, _LONGEST_GATHERING = 20e-6, 0.02
"""Seconds for which more news is awaited by who has heard of one firing, for each that it waits for; and at most."""
_NEWS = 1_000
"""Ids that one look at what is settled asks for."""


class Waiting(LooseEnds, ABC):
    """The verbs that block."""

    def wait(self, queue: str, route: str, worker: str, timeout: float) -> bool:
        """Block until something may be claimable; see ``Backend.wait``."""
        link = self._link
        if timeout <= 0:
            return self._look(link, queue, route, worker)[0]
        with self._bells.ear([place_of(queue, route)], timeout=timeout) as ear:
            return self._wait(link, ear, (queue, route, worker), link.clock.monotonic() + timeout)

    def _wait(self, link: Link, ear: Ear, place: tuple[str, str, str], end: float) -> bool:
        while not link.closed.is_set():
            try:
                found, moment = self._look(link, *place)
            except BackendUnavailableError:
                if link.closed.is_set():
                    # By another thread, in the middle of the question: that ends a wait like any other.
                    return False
                raise
            if found:
                return True
            left = end - link.clock.monotonic()
            if left <= 0:
                break
            pause = left if moment is None else min(left, moment)
            if link.is_virtual:
                link.clock.wait(link.closed, max(pause, 0.0))
            elif ear.wait(min(pause, LONGEST)):
                return not link.closed.is_set()
        return False

    def claim_next(
        self, queue: str, route: str, worker: str, limit: int, lease: float, *, timeout: float
    ) -> list[Claim]:
        """Lend firings as soon as there are any; see ``Backend.claim_next``."""
        link = self._link
        if link.is_virtual:
            return super().claim_next(queue, route, worker, limit, lease, timeout=timeout)
        end = monotonic() + timeout
        with self._bells.ear([place_of(queue, route)], timeout=timeout) as ear:
            while self._wait(link, ear, (queue, route, worker), end):
                # Others may be faster.
                claims = self.claim(queue, route, worker, limit, lease)
                if claims:
                    return claims
        return []

    def _look(self, link: Link, queue: str, route: str, worker: str) -> tuple[bool, float | None]:
        """Say whether something may be claimed now, and otherwise in how many seconds, if that is known."""
        self._tie_up(link)
        pipeline = _looking_ahead(link, queue, route, worker)
        found = link.aggregate(link.routes, pipeline)
        if not found or found[0]["paused"]:
            return False, None
        (seen,) = found
        now = seen["now"]
        moments = [one["due"] for one in seen["dues"]] + [one["lease"] for one in seen["leases"]]
        if not moments:
            return False, None
        first = min(moments)
        return first <= now, max(first - now, 0.001)

    def wait_settled(self, ids: Sequence[str], timeout: float) -> list[str]:
        """Block until one of the firings is finished or unknown; see ``Backend.wait_settled``."""
        link = self._link
        if timeout <= 0 or not ids or link.is_virtual:
            found = self._settled(link, ids)
            if found or timeout <= 0 or not ids:
                return found
            link.clock.wait(link.closed, timeout)
            return self._settled(link, ids)
        with self._bells.ear(ids=ids, timeout=timeout) as ear:

            def look() -> list[str]:
                ear.heard.clear()
                return self._settled(link, ids)

            def heard() -> list[str]:
                if len(ids) > 1:
                    # A change stream tells of each by itself; of those settled together, most come within this.
                    link.closed.wait(min(_GATHERING * len(ids), _LONGEST_GATHERING))
                # There may be other news of them.
                return self._settled(link, [id_ for id_ in ids if id_ in ear.heard])

            return self._sleep(link, ear, look, timeout, heard)

    def _settled(self, link: Link, ids: Sequence[str]) -> list[str]:
        live: set[str] = set()
        for start in range(0, len(ids), _NEWS):
            wanted = {
                "_id": {"$in": list(ids[start : start + _NEWS])},
                "state": {"$in": ["pending", "running"]},
            }
            found = link.find(link.firings, wanted, {"_id": True})
            live |= {one["_id"] for one in found}
        return [id_ for id_ in ids if id_ not in live]

    def listen(self, worker: str, timeout: float) -> list[Command]:
        """Block until commands arrive; see ``Backend.listen``."""
        link = self._link
        if timeout <= 0 or link.is_virtual:
            found = self._take_mail(link, worker)
            if not found and timeout > 0:
                link.clock.wait(link.closed, timeout)
                found = self._take_mail(link, worker)
            return found
        with self._bells.ear([f"@{worker}"], timeout=timeout) as ear:
            return self._sleep(link, ear, lambda: self._take_mail(link, worker), timeout)

    def _take_mail(self, link: Link, worker: str) -> list[Command]:
        mine = {"worker": worker}
        found = link.find(link.commands, mine, sort=[("_id", 1)], limit=100)
        if found:
            # They are taken out only now that they are here.
            doomed = {"_id": {"$in": [one["_id"] for one in found]}}
            link.run(link.commands.delete_many, doomed)
        return [
            Command(verb=one["verb"], firing=one.get("firing"), worker=one.get("of"), id=one.get("entry"))
            for one in found
        ]

    def _put_mail(self, link: Link, worker: str, command: Command) -> None:
        # Ids sort by the time of making, so commands come in the order in which they were sent.
        id_ = new_id()
        letter: Document = {"worker": worker, "verb": command.verb}
        if command.firing is not None:
            letter["firing"] = command.firing
        if command.worker is not None:
            letter["of"] = command.worker
        if command.id is not None:
            letter["entry"] = command.id
        link.run(link.commands.update_one, {"_id": id_}, {"$setOnInsert": letter}, upsert=True)
        self._bells.ring([f"@{worker}"])

    def _sleep(
        self,
        link: Link,
        ear: Ear,
        look: Callable[[], list[T]],
        timeout: float,
        heard: Callable[[], list[T]] | None = None,
    ) -> list[T]:
        """Look, and again whenever the ear rings, until there is something or the time is over."""
        end = monotonic() + timeout
        while not link.closed.is_set():
            found = look()
            left = end - monotonic()
            if found or left <= 0:
                return found
            while left > 0 and ear.wait(min(left, LONGEST)) and heard is not None:
                found = heard()
                if found or link.closed.is_set():
                    return found
                break
        return []


def _looking_ahead(link: Link, queue: str, route: str, worker: str) -> list[Document]:
    """Make the pipeline that finds when something in a route falls due or comes back."""
    here = {"queue": queue, "route": route, "state": "pending", "aimed": {"$in": ["", aim_of(worker)]}}
    dues = first_due({**here, "priority": MIN_PRIORITY})
    # The index leads by priority, so the first of each is one step.
    for priority in range(MIN_PRIORITY + 1, MAX_PRIORITY + 1):
        first = first_due({**here, "priority": priority})
        dues.append({"$unionWith": {"coll": "firings", "pipeline": first}})
    leases: list[Document] = [
        {"$match": {"queue": queue, "route": route, "state": "running"}},
        {"$sort": {"lease": 1}},
        {"$limit": 1},
        {"$project": {"_id": False, "lease": True}},
    ]
    return asking(link, queue, route, dues=dues, leases=leases)
