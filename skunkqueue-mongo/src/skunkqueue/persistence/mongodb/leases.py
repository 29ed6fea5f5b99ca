"""Leases: made longer, and taken back when they end. Also the progress that their holders report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pymongo import UpdateMany

from skunkqueue.persistence import rules
from skunkqueue.persistence.mongodb import counting
from skunkqueue.persistence.mongodb.documents import PLACED, place_of, waits_again
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.store import Store
from skunkqueue.records import ClaimRef, Death


def extend(store: Store, claims: Sequence[ClaimRef], lease: float) -> list[str]:
    """Make leases last longer; see ``Backend.extend``."""
    if not claims:
        return []
    tokens: dict[tuple[int, bool], list[str]] = {}
    for claim in claims:
        tokens.setdefault((claim.token, claim.begun), []).append(claim.id)
    longer: list[Document] = [{"$set": {"lease": store.time.moment.after(lease)}}]
    places = _end_sooner(store, claims, store.clock.monotonic() + lease)
    if places:
        # Waits end with the leases that they have read, so they must read again.
        longer[0]["$set"]["rung"] = waits_again()
    begun: Document = {"$set": {"begun": "$token"}}
    writes = [
        UpdateMany(
            {"_id": {"$in": ids}, "token": token, "state": "running"},
            [*longer, begun] if has_begun else longer,
            hint="_id_",
        )
        for (token, has_begun), ids in tokens.items()
    ]
    done = store.run(store.firings.bulk_write, writes, ordered=False)
    store.wakeups.send(places)
    if done.matched_count == len(claims):
        return []
    wanted = {"_id": {"$in": [claim.id for claim in claims]}, "state": "running"}
    found = store.find(store.firings, wanted, {"token": True})
    kept = {(one["_id"], one["token"]) for one in found}
    lost = [claim.id for claim in claims if (claim.id, claim.token) not in kept]
    for id_ in lost:
        store.leases.pop(id_, None)
    return lost


def _end_sooner(store: Store, claims: Sequence[ClaimRef], ends: float) -> set[str]:
    """Remember when leases end from now on; return the routes where one may end earlier than before."""
    held = store.leases
    places: set[str] = set()
    unknown = []
    for claim in claims:
        known = held.get(claim.id)
        if known is None:
            unknown.append(claim.id)
            continue
        queue, route, before = known
        held[claim.id] = (queue, route, ends)
        if ends < before:
            places.add(place_of(queue, route))
    if unknown:
        # Claimed by another process.
        mine = {"_id": {"$in": unknown}, "state": "running"}
        found = store.find(store.firings, mine, {"queue": True, "route": True})
        places |= {place_of(one["queue"], one["route"]) for one in found}
    return places


def progress(store: Store, ref: ClaimRef, data: bytes) -> bool:
    """Save what a running job reports; see ``Backend.progress``."""
    mine = {"_id": ref.id, "token": ref.token, "state": "running"}
    done = store.run(store.firings.update_one, mine, {"$set": {"progress": data}})
    return done.matched_count == 1


def reclaim(store: Store, overdue: list[Document], now: float) -> None:
    """Take firings back whose leases ended; each counts as a death."""
    alike: dict[tuple[str, bool], list[str]] = {}
    begun_ids = set()
    for one in overdue:
        # ``begun`` is the token of the claim that began.
        begun = one.get("begun") == one["token"]
        if begun:
            begun_ids.add(one["_id"])
        alike.setdefault((one["worker"], begun), []).append(one["_id"])
    nonce = store.nonce()
    writes = [
        UpdateMany(
            {"_id": {"$in": ids}, "state": "running", "lease": {"$lte": now}},
            give_back(rules.lease_ended(now, worker, begun=begun), nonce),
        )
        for (worker, begun), ids in alike.items()
    ]
    store.run(store.firings.bulk_write, writes, ordered=False)
    count_deaths(store, sorted(begun_ids), nonce)


def count_deaths(store: Store, ids: list[str], nonce: str) -> None:
    """Count the deaths of those of these firings that the call with this nonce gave back."""
    if not ids:
        return
    back = {"_id": {"$in": ids}, "back": nonce}
    found = store.find(store.firings, back, PLACED)
    places = Counter((one["queue"], one["route"], one.get("job", "")) for one in found)
    counting.count(store, {place: {"deaths": number} for place, number in places.items()})


def give_back(death: Death | None, nonce: str) -> list[Document]:
    """Make the update that takes a firing from its holder, with a line of evidence where the holder died."""
    back: Document = {"state": "pending", "rung": waits_again(), "back": nonce}
    if death is not None:
        line = rules.evidence_line(death).rstrip("\n")
        before = {"$cond": [{"$eq": ["$evidence", ""]}, "", {"$concat": ["$evidence", "\n"]}]}
        back["deaths"] = {"$add": ["$deaths", 1]}
        back["evidence"] = {"$concat": [before, {"$literal": line}]}
    return [{"$set": back}, {"$unset": ["lease", "again"]}]
