"""Settle: write outcomes into firings, and with them what follows.

An outcome is one write of one document, under its token. The write also puts what follows (the next firings, the next
run of a schedule) into the firing's *outbox*. Once that is written, all of it will happen: this process does it at once
and removes it from the outbox (``outbox``), and where it dies before that, another process does (``recovery``).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from skunkqueue.errors import BackendError, BackendUnavailableError
from skunkqueue.persistence import rules
from skunkqueue.persistence.mongodb import counting, outbox
from skunkqueue.persistence.mongodb.count_writer import Values
from skunkqueue.persistence.mongodb.documents import PLACED, place_of
from skunkqueue.persistence.mongodb.outbox import entry_of
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.settle_statements import grouped, statement
from skunkqueue.persistence.mongodb.store import Store
from skunkqueue.records import Outcome, Verdict

_AT_ONCE = 1_000
"""Firings that one request looks up."""
_MANY = 10_000
"""Outcomes of failed calls that one process remembers at most."""


def settle(store: Store, outcomes: Sequence[Outcome]) -> list[str]:
    """Hand in outcomes; return the ids of stale ones; see ``Backend.settle``."""
    stale: list[str] = []
    for batch in _without_repeats(outcomes):
        stale += _settle(store, batch)
    return stale


def _settle(store: Store, outcomes: list[Outcome]) -> list[str]:
    """Settle outcomes of different firings."""
    # Done, counted and reported by a call that another outcome made fail.
    outcomes = [outcome for outcome in outcomes if not store.settled.pop((outcome.id, outcome.token), False)]
    if not outcomes:
        return []
    outcomes = _completed(store, outcomes)
    nonce = store.nonce()
    writes = [statement(store.time.moment, group, nonce) for group in grouped(outcomes)]
    try:
        done = store.run(store.firings.bulk_write, writes, ordered=False)
    except BackendUnavailableError:
        raise
    except BackendError:
        # One is refused for good, such as one whose document would be too large; the server may have taken the others.
        taken = _taken(store, outcomes, nonce)
        if len(store.settled) > _MANY:
            store.settled.clear()
        store.settled.update(((outcome.id, outcome.token), True) for outcome in taken)
        _finish(store, taken, nonce)
        raise
    stale: list[str] = []
    if done.matched_count != len(outcomes):
        # Some are stale, or an earlier try has settled them.
        taken = _taken(store, outcomes, nonce)
        fresh = {outcome.id for outcome in taken}
        stale = [outcome.id for outcome in outcomes if outcome.id not in fresh]
        outcomes = taken
    _finish(store, outcomes, nonce)
    return stale


def _taken(store: Store, outcomes: list[Outcome], nonce: str) -> list[Outcome]:
    """Return those that the call with this nonce has settled."""
    marked = {"_id": {"$in": [outcome.id for outcome in outcomes]}, "settled": nonce}
    fresh = {one["_id"] for one in store.find(store.firings, marked, {"_id": True}, hint="_id_")}
    return [outcome for outcome in outcomes if outcome.id in fresh]


def _finish(store: Store, outcomes: list[Outcome], nonce: str) -> None:
    """Do what follows from outcomes that are settled, count them, and wake the calls that wait for them."""
    entries = [
        (outcome.id, entry_of(outcome, nonce))
        for outcome in outcomes
        if outcome.follow or outcome.refire is not None
    ]
    if entries:
        outbox.deliver(store, entries, store.time.about_now())
    _report(store, outcomes)


def _completed(store: Store, outcomes: list[Outcome]) -> list[Outcome]:
    """Add to outcomes what they do not say of their claims, and forget the leases that end with them."""
    missing = []
    for outcome in outcomes:
        if outcome.verdict is not Verdict.ADVANCE:
            store.leases.pop(outcome.id, None)
        if not _is_complete(outcome):
            missing.append(outcome.id)
    if not missing:
        return outcomes
    known: dict[str, Document] = {}
    for start in range(0, len(missing), _AT_ONCE):
        wanted = {"_id": {"$in": missing[start : start + _AT_ONCE]}, "state": "running"}
        known |= {one["_id"]: one for one in store.find(store.firings, wanted, {**PLACED, "due": True})}
    return [_with_claim(outcome, known.get(outcome.id)) for outcome in outcomes]


def _is_complete(outcome: Outcome) -> bool:
    return bool(outcome.queue) and outcome.was_due is not None


def _with_claim(outcome: Outcome, firing: Document | None) -> Outcome:
    if firing is None or _is_complete(outcome):
        return outcome
    return msgspec.structs.replace(
        outcome,
        queue=firing["queue"],
        route=firing["route"],
        job=firing.get("job", ""),
        was_due=firing["due"],
    )


def _report(store: Store, outcomes: Sequence[Outcome]) -> None:
    """Count what was settled, and wake the calls that wait for it."""
    numbers: dict[tuple[str, str, str], Values] = {}
    places: set[str] = set()
    ended: list[str] = []
    alike: dict[tuple[str, str, str, Verdict], list[Outcome]] = {}
    for outcome in outcomes:
        verdict = outcome.verdict
        if verdict.state.final:
            ended.append(outcome.id)
        if not _is_complete(outcome):
            # Settled by an earlier try, so nothing more is known of its claim.
            continue
        alike.setdefault((outcome.queue, outcome.route, outcome.job, verdict), []).append(outcome)
        if not verdict.state.final and verdict is not Verdict.ADVANCE:
            places.add(place_of(outcome.queue, outcome.route))
    for (queue, route, job, verdict), some in alike.items():
        rules.tally_outcomes(numbers.setdefault((queue, route, job), {}), verdict, some)
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
