"""Lending firings out, and for how long.

A claim is three steps: read which are next (from the index alone), mark those that are still to be had with a
word of this call's own, and read what was marked. Whoever dies between them leaves leases that end.
"""

from __future__ import annotations

import random
from abc import ABC
from collections import Counter
from collections.abc import Sequence
from typing import Any

from pymongo import UpdateMany

from skunkqueue.persistence import rules
from skunkqueue.persistence.mongodb.documents import aim_of, claim_of, place_of, route_id
from skunkqueue.persistence.mongodb.link import Link
from skunkqueue.persistence.mongodb.putting import Putting
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.records import Claim, ClaimRef, Death

_RECLAIMED = 100
"""Firings whose leases ended that one step takes back at most."""
_ROUNDS = 10
"""How often one tries again where others are faster."""
_AHEAD = 0.25
"""Seconds by which the server's time may be reckoned wrong without costing a second look."""
_MANY = 100_000
_LEAP = 1 << 31
"""By how much a token grows at most: four thousand million claims of one firing fit into its 63 bits."""


class Claiming(Putting, ABC):
    """The verbs about leases."""

    def claim(self, queue: str, route: str, worker: str, limit: int, lease: float) -> list[Claim]:
        """Lend firings; see ``Backend.claim``."""
        link = self._link
        rounds = 0
        while limit > 0 and rounds < _ROUNDS:
            found = self._look_for(link, queue, route, worker, limit)
            if found is None:
                break
            now, ready, overdue = found
            if overdue:
                self._reclaim(link, overdue, now)
                continue
            batch = ready[: rules.batch_length([one["deaths"] for one in ready])]
            if not batch:
                break
            claims = self._lend(link, batch, worker, now, lease)
            if claims:
                return claims
            rounds += 1
        return []

    def _look_for(
        self, link: Link, queue: str, route: str, worker: str, limit: int
    ) -> tuple[float, list[Document], list[Document]] | None:
        """Tell the server's time, what is next in line, and whose lease is over; ``None`` where paused."""
        # The server reads an index alone only up to a moment that it is told, not up to its own time.
        until = link.about_now() + _AHEAD
        for told in (False, True):
            found = link.aggregate(link.routes, looking(link, queue, route, worker, limit=limit, until=until))
            if not found or found[0]["paused"]:
                return None
            (seen,) = found
            now: float = seen["now"]
            ready: list[Document] = seen["ready"]
            link.learn(now)
            if told or (now <= until and all(one["due"] <= now for one in ready)):
                break
            # What falls due in a moment stands in the way, or the time was reckoned badly.
            until = now
        return now, ready, seen["overdue"]

    def _lend(self, link: Link, batch: list[Document], worker: str, now: float, lease: float) -> list[Claim]:
        ids = [one["_id"] for one in batch]
        nonce = self._nonce()
        free = {"_id": {"$in": ids}, "state": "pending", "due": {"$lte": now}, "deaths": batch[0]["deaths"]}
        lent = {"state": "running", "worker": worker, "began": now, "lease": now + lease, "by": nonce}
        # A claim that is lost with its server (it waits for no other) leaves an old token. No two steps lead from there to one.
        mark = {"$set": lent, "$inc": {"token": random.randint(1, _LEAP)}}  # noqa: S311 - no secret
        mine = {"_id": {"$in": ids}, "by": nonce, "state": "running"}
        documents: dict[str, Document] = {}
        if len(ids) == 1:
            # One is marked and read in one go: this is how an idle worker begins.
            one: Any = link.run(link.lent.find_one_and_update, free, mark, hint="_id_", return_document=True)
            if one is not None:
                documents = {one["_id"]: one}
        else:
            link.run(link.lent.update_many, free, mark, hint="_id_")
        if not documents:
            documents = {one["_id"]: one for one in link.find(link.firings, mine, hint="_id_")}
        claims = [claim_of(documents[id_]) for id_ in ids if id_ in documents]
        held, ends = self._held, link.clock.monotonic() + lease
        if len(held) > _MANY:
            # Of claims that were lost long ago.
            held.clear()
        for claim in claims:
            held[claim.id] = (claim.queue, claim.route, ends)
        return claims

    def _reclaim(self, link: Link, overdue: list[Document], now: float) -> None:
        """Take back what leases ran out on; a death for each."""
        alike: dict[tuple[str, bool], list[str]] = {}
        begun_ids = set()
        for one in overdue:
            # By the token, so that it holds for one claim and no other.
            begun = one.get("begun") == one["token"]
            if begun:
                begun_ids.add(one["_id"])
            alike.setdefault((one["worker"], begun), []).append(one["_id"])
        nonce = self._nonce()
        writes = [
            UpdateMany(
                {"_id": {"$in": ids}, "state": "running", "lease": {"$lte": now}},
                given_back(rules.lease_ended(now, worker, begun=begun), nonce),
            )
            for (worker, begun), ids in alike.items()
        ]
        link.run(link.firings.bulk_write, writes, ordered=False)
        self._count_deaths(link, sorted(begun_ids), nonce)

    def _count_deaths(self, link: Link, ids: list[str], nonce: str) -> None:
        """Count the deaths of those among these firings that were given back under this word."""
        if not ids:
            return
        back = {"_id": {"$in": ids}, "back": nonce}
        found = link.find(link.firings, back, {"queue": True, "route": True, "job": True})
        places = Counter((one["queue"], one["route"], one.get("job", "")) for one in found)
        self._count({place: {"deaths": number} for place, number in places.items()})

    def extend(self, claims: Sequence[ClaimRef], lease: float) -> list[str]:
        """Make leases last longer; see ``Backend.extend``."""
        if not claims:
            return []
        link = self._link
        tokens: dict[tuple[int, bool], list[str]] = {}
        for claim in claims:
            tokens.setdefault((claim.token, claim.begun), []).append(claim.id)
        longer: list[Document] = [{"$set": {"lease": link.moment.after(lease)}}]
        places = self._end_sooner(claims, link.clock.monotonic() + lease)
        if places:
            # Whoever waits goes by the ends that it knew.
            longer[0]["$set"]["rung"] = rung()
        begun: Document = {"$set": {"begun": "$token"}}
        writes = [
            UpdateMany(
                {"_id": {"$in": ids}, "token": token, "state": "running"},
                [*longer, begun] if has_begun else longer,
                hint="_id_",
            )
            for (token, has_begun), ids in tokens.items()
        ]
        done = link.run(link.firings.bulk_write, writes, ordered=False)
        self._bells.ring(places)
        if done.matched_count == len(claims):
            return []
        wanted = {"_id": {"$in": [claim.id for claim in claims]}, "state": "running"}
        found = link.find(link.firings, wanted, {"token": True})
        kept = {(one["_id"], one["token"]) for one in found}
        lost = [claim.id for claim in claims if (claim.id, claim.token) not in kept]
        for id_ in lost:
            self._held.pop(id_, None)
        return lost

    def _end_sooner(self, claims: Sequence[ClaimRef], ends: float) -> set[str]:
        """Remember when leases end from now on; tell the places where one may end sooner than it was to."""
        held = self._held
        places: set[str] = set()
        strange = []
        for claim in claims:
            known = held.get(claim.id)
            if known is None:
                strange.append(claim.id)
                continue
            queue, route, before = known
            held[claim.id] = (queue, route, ends)
            if ends < before:
                places.add(place_of(queue, route))
        if strange:
            # Another handle has claimed them.
            mine = {"_id": {"$in": strange}, "state": "running"}
            found = self._link.find(self._link.firings, mine, {"queue": True, "route": True})
            places |= {place_of(one["queue"], one["route"]) for one in found}
        return places

    def progress(self, ref: ClaimRef, data: bytes) -> bool:
        """Save what a running job says of itself; see ``Backend.progress``."""
        link = self._link
        mine = {"_id": ref.id, "token": ref.token, "state": "running"}
        done = link.run(link.firings.update_one, mine, {"$set": {"progress": data}})
        return done.matched_count == 1


def past(link: Link, field: str) -> Document:
    """Ask for documents whose moment has come, by the clock that judges."""
    now = link.moment.now
    return {field: {"$lte": now}} if link.is_virtual else {"$expr": {"$lte": [f"${field}", now]}}


def ready_in(queue: str, route: str, worker: str, until: float) -> Document:
    """Say what may be claimed at that moment: all of it stands in the index ``claimable``."""
    aimed = {"$in": ["", aim_of(worker)]}
    return {"queue": queue, "route": route, "state": "pending", "aimed": aimed, "due": {"$lte": until}}


def looking(link: Link, queue: str, route: str, worker: str, *, limit: int, until: float) -> list[Document]:
    """Make the pipeline that finds what is next in a route at that moment, and whose leases are over."""
    ready: list[Document] = [
        {"$match": ready_in(queue, route, worker, until)},
        {"$sort": {"priority": -1, "due": 1, "_id": 1}},
        {"$limit": limit},
        {"$project": {"_id": True, "deaths": True, "due": True}},
    ]
    overdue: list[Document] = [
        {"$match": {"queue": queue, "route": route, "state": "running", **past(link, "lease")}},
        {"$sort": {"lease": 1}},
        {"$limit": _RECLAIMED},
        {"$project": {"_id": True, "worker": True, "token": True, "begun": True}},
    ]
    return asking(link, queue, route, ready=ready, overdue=overdue)


def asking(link: Link, queue: str, route: str, **questions: list[Document]) -> list[Document]:
    """Make the pipeline that asks for firings of a route, for whether it is paused, and for the time."""
    now = link.moment.now
    halted: list[Document] = [{"$match": {"_id": route_id(queue)}}, {"$project": {"_id": True}}]
    return [
        {"$match": {"_id": route_id(queue, route)}},
        {"$lookup": {"from": "routes", "pipeline": halted, "as": "halted"}},
        *(
            {"$lookup": {"from": "firings", "pipeline": question, "as": name}}
            for name, question in questions.items()
        ),
        {
            "$project": {
                "_id": False,
                "now": {"$literal": now} if link.is_virtual else now,
                "paused": {"$or": ["$paused", {"$gt": [{"$size": "$halted"}, 0]}]},
                **dict.fromkeys(questions, True),
            }
        },
    ]


def given_back(death: Death | None, nonce: str) -> list[Document]:
    """Make the update that takes a firing from its holder, with a line of evidence where that has died."""
    back: Document = {"state": "pending", "rung": rung(), "back": nonce}
    if death is not None:
        line = rules.evidence_line(death).rstrip("\n")
        before = {"$cond": [{"$eq": ["$evidence", ""]}, "", {"$concat": ["$evidence", "\n"]}]}
        back["deaths"] = {"$add": ["$deaths", 1]}
        back["evidence"] = {"$concat": [before, {"$literal": line}]}
    return [{"$set": back}, {"$unset": ["lease", "again"]}]


def rung() -> Any:
    """Make the word by which a change stream tells that a firing waits again, and where; new every time."""
    return {
        "$concat": [
            "$queue",
            "\n",
            "$route",
            "\n",
            {"$toString": "$token"},
            "-",
            {"$toString": {"$rand": {}}},
        ]
    }
