"""Settle: what MongoDB does with outcomes.

An outcome is one write of one document, under its token. The write also puts what follows (the next firings, the next
run of a schedule) into the firing's *outbox*. Once that is written, all of it will happen: this process does it at once
and removes it from the outbox (``outbox``), and where it dies before that, another process does (``recovery``).
"""

from __future__ import annotations

from collections.abc import Sequence

from skunkqueue.counters import tally_batch
from skunkqueue.persistence.mongodb import counting, outbox
from skunkqueue.persistence.mongodb.documents import place_of
from skunkqueue.persistence.mongodb.outbox import entry_of
from skunkqueue.persistence.mongodb.settle_statements import alike, statement
from skunkqueue.persistence.mongodb.store import Store
from skunkqueue.records import Outcome, Verdict

_LONGEST = 1e9
"""Seconds; a longer wait or run counts as this, so that sums stay finite."""
Held = tuple[str, str, str, float]
"""Queue, route, job and due time of a firing."""


def settle(store: Store, outcomes: Sequence[Outcome]) -> list[str]:
    """Hand in outcomes; return the ids of stale ones; see ``Backend.settle``."""
    stale: list[str] = []
    for batch in _without_repeats(outcomes):
        stale += _settle(store, batch)
    return stale


def _settle(store: Store, outcomes: list[Outcome]) -> list[str]:
    """Settle outcomes of different firings."""
    known = _places_of(store, outcomes)
    nonce = store.nonce()
    writes = [statement(store.time.moment, group, nonce) for group in alike(outcomes)]
    done = store.run(store.firings.bulk_write, writes, ordered=False)
    stale: list[str] = []
    if done.matched_count != len(outcomes):
        # Some are stale, or an earlier try has settled them.
        marked = {"_id": {"$in": [outcome.id for outcome in outcomes]}, "settled": nonce}
        fresh = {one["_id"] for one in store.find(store.firings, marked, {"_id": True}, hint="_id_")}
        stale = [outcome.id for outcome in outcomes if outcome.id not in fresh]
        outcomes = [outcome for outcome in outcomes if outcome.id in fresh]
    entries = [
        (outcome.id, entry_of(outcome, nonce))
        for outcome in outcomes
        if outcome.follow or outcome.refire is not None
    ]
    if entries:
        outbox.deliver(store, entries, store.time.about_now())
    _report(store, outcomes, known)
    return stale


def _places_of(store: Store, outcomes: Sequence[Outcome]) -> dict[str, Held]:
    """Return the routes, jobs and due times of firings; ask for those whose outcomes lack them."""
    held, known, missing = store.leases, {}, []
    for outcome in outcomes:
        if outcome.verdict is not Verdict.ADVANCE:
            held.pop(outcome.id, None)
        if outcome.queue and outcome.was_due is not None:
            known[outcome.id] = (outcome.queue, outcome.route, outcome.job, outcome.was_due)
        else:
            missing.append(outcome.id)
    for start in range(0, len(missing), 1_000):
        wanted = {"_id": {"$in": missing[start : start + 1_000]}, "state": "running"}
        shown = {"queue": True, "route": True, "job": True, "due": True}
        for one in store.find(store.firings, wanted, shown):
            known[one["_id"]] = (one["queue"], one["route"], one.get("job", ""), one["due"])
    return known


def _report(store: Store, outcomes: Sequence[Outcome], known: dict[str, Held]) -> None:
    """Count what was settled, and wake those who wait for it."""
    numbers: dict[tuple[str, str, str], dict[str, float]] = {}
    places, ended = set(), []
    by: dict[tuple[str, str, str, Verdict], tuple[list[Outcome], list[float]]] = {}
    for outcome in outcomes:
        verdict = outcome.verdict
        if verdict.state.final:
            ended.append(outcome.id)
        if outcome.id not in known:
            # Settled by an earlier try, and its outcome does not name its route.
            continue
        queue, route, job, due = known[outcome.id]
        some, waits = by.setdefault((queue, route, job, verdict), ([], []))
        some.append(outcome)
        if outcome.began is not None:
            waits.append(min(max(outcome.began - due, 0.0), _LONGEST))
        if not verdict.state.final and verdict is not Verdict.ADVANCE:
            places.add(place_of(queue, route))
    for (queue, route, job, verdict), (some, waits) in by.items():
        tooks = [min(outcome.took, _LONGEST) for outcome in some if outcome.began is not None]
        tally_batch(numbers.setdefault((queue, route, job), {}), verdict, len(some), waits, tooks)
    store.wakeups.send(places, ended)
    counting.count(store, numbers)


def _without_repeats(outcomes: Sequence[Outcome]) -> list[list[Outcome]]:
    """Split where a firing comes again, since the steps of one firing are settled one after the other."""
    if len({outcome.id for outcome in outcomes}) == len(outcomes):
        return [list(outcomes)] if outcomes else []
    batches: list[list[Outcome]] = [[]]
    seen: set[str] = set()
    for outcome in outcomes:
        if outcome.id in seen:
            batches.append([])
            seen.clear()
        seen.add(outcome.id)
        batches[-1].append(outcome)
    return batches
