"""Claim: lend firings to a worker.

A claim is three steps: read what is next (from the index alone), mark what is still pending with a word of this call's
own, and read what was marked. A process that dies between two steps leaves leases, which end.
"""

from __future__ import annotations

import random
from typing import Any

from skunkqueue.clock import monotonic
from skunkqueue.persistence import rules
from skunkqueue.persistence.mongodb import leases
from skunkqueue.persistence.mongodb.documents import claim_of
from skunkqueue.persistence.mongodb.lines import next_in_line
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.store import Store
from skunkqueue.records import Claim

_ROUNDS = 10
"""How often to try again where other workers are faster."""
_AHEAD = 0.25
"""Seconds by which the estimate of the server's time may be wrong before it costs a second look."""
_MANY = 100_000
"""Leases that one process remembers at most."""
_LEAP = 1 << 31
"""By how much a token grows at most; so its 63 bits last for four thousand million claims of one firing."""


def claim(store: Store, place: tuple[str, str], worker: str, limit: int, lease: float) -> list[Claim]:
    """Lend firings; see ``Backend.claim``."""
    rounds = 0
    while limit > 0 and rounds < _ROUNDS:
        found = _look_for(store, place, worker, limit)
        if found is None:
            break
        now, ready, overdue = found
        if overdue:
            leases.reclaim(store, overdue, now)
            continue
        batch = ready[: rules.batch_length([one["deaths"] for one in ready])]
        if not batch:
            break
        claims = _lend(store, batch, worker, now, lease)
        if claims:
            return claims
        rounds += 1
    return []


def _look_for(
    store: Store, place: tuple[str, str], worker: str, limit: int
) -> tuple[float, list[Document], list[Document]] | None:
    """Return the server's time, what is next in line, and which leases are over; ``None``: the route is paused."""
    # The server answers from the index alone only up to a given time, not up to its own.
    until = store.time.about_now() + _AHEAD
    for asked in (False, True):
        sent = monotonic()
        found = store.aggregate(
            store.routes, next_in_line(store.time, *place, worker, limit=limit, until=until)
        )
        if not found or found[0]["paused"]:
            return None
        (seen,) = found
        now: float = seen["now"]
        ready: list[Document] = seen["ready"]
        store.time.learn(now, sent)
        if asked or (now <= until and all(one["due"] <= now for one in ready)):
            break
        # Something falls due within the next moments, or the estimate was wrong: look again with the server's own time.
        until = now
    return now, ready, seen["overdue"]


def _lend(store: Store, batch: list[Document], worker: str, now: float, lease: float) -> list[Claim]:
    """Mark firings as lent, and return the claims of those that no other worker took."""
    ids = [one["_id"] for one in batch]
    nonce = store.nonce()
    free = {"_id": {"$in": ids}, "state": "pending", "due": {"$lte": now}, "deaths": batch[0]["deaths"]}
    lent = {"state": "running", "worker": worker, "began": now, "lease": now + lease, "by": nonce}
    # At random: a claim that is lost with its server leaves the old token, and the next claim must not make the same one.
    mark = {"$set": lent, "$inc": {"token": random.randint(1, _LEAP)}}  # noqa: S311 - no secret
    mine = {"_id": {"$in": ids}, "by": nonce, "state": "running"}
    documents: dict[str, Document] = {}
    if len(ids) == 1:
        # A single firing is marked and read by one call, which is quicker for an idle worker.
        one: Any = store.run(
            store.firings_w1.find_one_and_update, free, mark, hint="_id_", return_document=True
        )
        if one is not None:
            documents = {one["_id"]: one}
    else:
        store.run(store.firings_w1.update_many, free, mark, hint="_id_")
    if not documents:
        documents = {one["_id"]: one for one in store.find(store.firings, mine, hint="_id_")}
    claims = [claim_of(documents[id_]) for id_ in ids if id_ in documents]
    held, ends = store.leases, store.clock.monotonic() + lease
    if len(held) > _MANY:
        # Most are of claims that were lost long ago.
        held.clear()
    for claim in claims:
        held[claim.id] = (claim.queue, claim.route, ends)
    return claims
